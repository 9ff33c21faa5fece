/* session: layer 4, between the router and the applications.
 *
 *     router --rx--> session    datagrams and segments for ourselves, ICMP errors about what we sent
 *     router <--tx-- session    ICMP port unreachable, RST, what applications send
 *
 * UDP goes up to the socket's receive queue as in Linux (__udp4_lib_rcv, __udp6_lib_rcv): length, checksum,
 * the best socket by its binding, every socket that wants it where the destination is a group, memory by
 * truesize.  Where no socket wants it the sender is told (port unreachable).  No TCP socket exists: each
 * segment is answered with a RST as RFC 9293 3.10.7.1 has it.  ICMP errors are counted at the socket that
 * they concern; one that tells how much the path takes goes back to the router then (PKT_F_VOUCHED), which
 * believes it only so: who does not know what is sent to whom lowers no path MTU.
 *
 * From the router: l3_off at the IP header, l4_off at the transport header and l4_proto set; a datagram
 * behind reassembly is several buffers, of which the later hold nothing but payload.  To the router: room for
 * an Ethernet header, l3_off at a complete IP header, checksums done; the source is unspecified where the
 * router is to choose it; `out` names the port where the destination is link-local.  PKT_F_ICMP_ERROR marks
 * ICMP errors: the router limits their rate and counts those that go out (Icmp OutMsgs, OutDestUnreachs).
 *
 * Sockets are those of the newest epoch.  One whose binding (family, addresses, ports, device) is still there
 * in the next epoch keeps its queue and its counters; one that is gone gives its buffers back.  Each lane has
 * a part of each socket, with a queue and a receive buffer of its own; the memory of all sockets (udp_mem) is
 * shared out evenly among the lanes, and never more than half of a lane's buffers wait for readers.
 *
 * The reader of a configured socket is this process: what the epoch calls its application.  It reads in
 * bursts of the timer, a bounded number of datagrams each, as long as there is any; each is copied once into
 * the application's memory; `wakeups` counts the datagrams that enter an empty queue.
 *
 * Sockets of applications in other processes (libsluice) are those of the table that the broker writes
 * (common/app).  Their datagrams go straight into the application's memory, and what it sends is taken from
 * there in bursts of the timer.  An application that leaves no room loses its datagrams; nobody waits for it.
 *
 * The stage is run by common/stage; session_socket_read may be called by whoever maps the worker's state.
 */
#ifndef SLUICE_SERVICES_SESSION_SESSION_H
#define SLUICE_SERVICES_SESSION_SESSION_H

#include "common/stage/stage.h"

extern const struct stage_ops session_stage;

/* The broker's word about an application (struct app_word) and its descriptors, which are session's from then
 * on, after a failure too.  Any thread; the workers are to be woken.  0, or -EPROTO: it makes no sense. */
[[nodiscard]] int session_word(const void *message, size_t bytes, const int *fd, uint32_t n);

#define SESSION_SOCKETS_MAX 65536u

/* What became of a socket's datagrams on one worker. */
struct session_socket_count {
	struct epoch_socket socket;
	uint64_t queued;      /* datagrams taken into the queue so far */
	uint64_t drops;       /* refused: no room in the receive buffer or in all of udp_mem (sk_drops) */
	uint64_t wakeups;     /* into an empty queue */
	uint64_t read;        /* datagrams read */
	uint64_t read_bytes;  /* of their payload */
	uint64_t digest;      /* over what was read, see session_digest */
	uint64_t sent;        /* datagrams sent (ECHO) */
	uint64_t send_failed; /* replies not made: no buffer, or nobody to send to */
	uint64_t errors;      /* ICMP errors about what it sent */
	uint32_t waiting;     /* datagrams in the queue now */
	uint32_t rmem;        /* bytes of buffers that they take (sk_rmem_alloc) */
};

/* The socket in slot `slot`, 0 to SESSION_SOCKETS_MAX - 1; false where there is none.  A snapshot that may be
 * torn where the worker runs meanwhile. */
bool session_socket_read(const void *state, uint32_t slot, struct session_socket_count *count);

/* The digest of a socket after it has read `len` bytes more, begun with 0: words of 8 bytes, the last one
 * filled up with zeros, then the length. */
uint64_t session_digest(uint64_t digest, const void *bytes, uint32_t len);

#endif
