/* Events of session. */
#ifndef SLUICE_COMMON_TRACE_EVENTS_SESSION_H
#define SLUICE_COMMON_TRACE_EVENTS_SESSION_H

#define TRACE_EVENTS_SESSION(X)                                                                              \
	X(SOCKET, "socket {u} takes it, {u} datagrams wait there")                                           \
	X(SOCKET_FULL, "socket {u} is full, {u} buffers wait there")                                         \
	X(SOCKET_ERROR, "an error about what socket {u} sent")                                               \
	X(NO_SOCKET, "nobody listens on port {u}")                                                           \
	X(PORT_UNREACHABLE, "the sender is told: port unreachable, {u} bytes quoted")                        \
	X(RESET, "the sender is told: RST, sequence {u}, acknowledgment {u}")                                \
	X(READ, "socket {u} reads {u} bytes")

#endif
