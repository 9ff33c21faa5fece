/* Events of session. */
#ifndef SLUICE_COMMON_TRACE_EVENTS_SESSION_H
#define SLUICE_COMMON_TRACE_EVENTS_SESSION_H

#define TRACE_EVENTS_SESSION(X) X(SOCKET, "socket {u} takes it")

#endif
