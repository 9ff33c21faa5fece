/* libsluice: sockets of a running Sluice for an application in a process of its own.
 *
 * SYNOPSIS
 *         #include <sluice.h>                                         cc ... -lsluice
 *
 *         struct sluice *s = sluice_open(NULL);
 *         struct sluice_socket *k = sluice_socket(s, AF_INET6, SOCK_DGRAM);
 *
 *         sluice_bind(k, (struct sockaddr *)&address, sizeof address);
 *         for (;;) {
 *                 n = sluice_recvfrom(k, buffer, sizeof buffer, 0, (struct sockaddr *)&peer, &len);
 *                 sluice_sendto(k, buffer, n, 0, (struct sockaddr *)&peer, len);
 *         }
 *
 * DESCRIPTION
 *         The calls are those of socket(7) and udp(7) with the same addresses, and fail as those do: -1 (or
 *         NULL) with errno.  Datagrams move through memory that this application shares with Sluice's session
 *         process alone; a call enters the kernel only to sleep, or to wake session where that sleeps.
 *
 *         An application with many sockets waits with sluice_wait, or adds sluice_descriptor to its own
 *         epoll: it is readable when sluice_wait with a timeout of 0 has something to say.  That is called
 *         until it returns 0 before the descriptor is waited for again.
 *
 *         Session may die and start again: sockets stay as they are, and calls wait for it meanwhile.  Where
 *         the appliance is gone every call fails with ENETDOWN.
 *
 *         One thread a struct sluice at a time; several threads open one each.  Not across fork(2).
 *
 * DIFFERENCES FROM THE KERNEL'S SOCKETS
 *         SOCK_DGRAM alone; SOCK_STREAM is refused with ESOCKTNOSUPPORT.  A socket bound to no address sends
 *         from the one that the router chooses for each datagram.  The receive buffer is the memory of the
 *         struct sluice; one socket may take half of it before its datagrams are dropped.  Of flags there are
 *         MSG_DONTWAIT, MSG_PEEK and MSG_TRUNC.  sin6_scope_id is 1 + the number of Sluice's port.
 */
#ifndef SLUICE_H
#define SLUICE_H

#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SLUICE_API __attribute__((visibility("default")))

struct sluice;
struct sluice_socket;

/* Joins the appliance whose run folder that is (NULL: $SLUICE_RUN_DIR, else /run/sluice).  Errors: ENOENT and
 * ECONNREFUSED: none runs there; EACCES: not for this user; EUSERS: too many applications; ENETDOWN: it has
 * gone away; EPROTONOSUPPORT: it is of another version; ENOMEM. */
SLUICE_API struct sluice *sluice_open(const char *run_dir);

/* The same with memory for so many datagrams of up to 1,984 bytes each way and lane (a longer one takes
 * several places); powers of two from 64 to 16,384.  sluice_open gives 1,024 and 512.  EINVAL; ENOBUFS: more
 * than one application may have. */
SLUICE_API struct sluice *sluice_open_sized(const char *run_dir, uint32_t receive, uint32_t send);

/* Gives everything back, sockets too. */
SLUICE_API void sluice_close(struct sluice *s);

/* A descriptor that is readable when there may be something for sluice_wait.  It stays the library's. */
SLUICE_API int sluice_descriptor(const struct sluice *s);

/* Sockets that have something to receive or an error, at most `max`: those not named for longest first. Waits
 * up to timeout_ms for the first one (-1: without end).  Returns how many, 0 after the time, or -1: ENETDOWN.
 */
SLUICE_API int sluice_wait(struct sluice *s, struct sluice_socket **ready, int max, int timeout_ms);

/* socket(2): AF_INET or AF_INET6 and SOCK_DGRAM.  One of AF_INET6 takes IPv4 too unless sluice_v6only said
 * otherwise before it was bound.  EAFNOSUPPORT, ESOCKTNOSUPPORT, ENOMEM. */
SLUICE_API struct sluice_socket *sluice_socket(struct sluice *s, int family, int type);
SLUICE_API int sluice_v6only(struct sluice_socket *k, int on);

/* close(2). */
SLUICE_API void sluice_socket_close(struct sluice_socket *k);

/* bind(2): on return datagrams arrive.  EADDRINUSE, EADDRNOTAVAIL: no address of the appliance; EACCES: a
 * port below 1024; EINVAL: it is bound; EMFILE, ENFILE: too many sockets. */
SLUICE_API int sluice_bind(struct sluice_socket *k, const struct sockaddr *address, socklen_t len);

/* connect(2): from now on only this peer's datagrams, and errors about what was sent to it; AF_UNSPEC: any
 * again.  Binds where that was not done. */
SLUICE_API int sluice_connect(struct sluice_socket *k, const struct sockaddr *address, socklen_t len);

/* getsockname(2), getpeername(2). */
SLUICE_API int sluice_getsockname(const struct sluice_socket *k, struct sockaddr *address, socklen_t *len);
SLUICE_API int sluice_getpeername(const struct sluice_socket *k, struct sockaddr *address, socklen_t *len);

/* sendto(2) and recvfrom(2); `address` may be NULL.  Both wait unless told not to (EAGAIN).  A connected
 * socket's fail once with what ICMP said of an earlier datagram: ECONNREFUSED, EHOSTUNREACH, EMSGSIZE, ... */
SLUICE_API ssize_t sluice_sendto(struct sluice_socket *k, const void *bytes, size_t n, int flags,
        const struct sockaddr *address, socklen_t len);
SLUICE_API ssize_t sluice_recvfrom(
        struct sluice_socket *k, void *bytes, size_t n, int flags, struct sockaddr *address, socklen_t *len);
SLUICE_API ssize_t sluice_send(struct sluice_socket *k, const void *bytes, size_t n, int flags);
SLUICE_API ssize_t sluice_recv(struct sluice_socket *k, void *bytes, size_t n, int flags);

/* What ICMP said last about a datagram of this socket, connected or not (as IP_RECVERR). */
struct sluice_error {
	int error; /* errno */
	uint8_t type, code;
	uint32_t mtu;                 /* of the path, with EMSGSIZE; else 0 */
	struct sockaddr_storage peer; /* whom it was sent to */
};

/* Takes it: 1 with *error, 0: there is none (any more). */
SLUICE_API int sluice_error(struct sluice_socket *k, struct sluice_error *error);

/* A pointer of the application's own, with the socket. */
SLUICE_API void sluice_set_user(struct sluice_socket *k, void *user);
SLUICE_API void *sluice_user(const struct sluice_socket *k);

/* Datagrams that arrived and were dropped for want of memory: of all sockets, and for this one alone. */
SLUICE_API uint64_t sluice_dropped(struct sluice *s);
SLUICE_API uint64_t sluice_socket_dropped(const struct sluice_socket *k);

#ifdef __cplusplus
}
#endif

#endif
