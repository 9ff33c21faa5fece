/* handle: descriptors by name, over a SOCK_SEQPACKET pair.
 *
 *     handle_pair(socks)
 *     handle_send(sock, "pool", NULL, 0, &fd, 1)         the attendant
 *     while ((got = handle_receive(sock, &h, -1)) > 0)   the stage
 *             if (!strcmp(h.name, "pool")) fd = handle_take(&h, 0);
 *             handle_close(&h);
 *
 * A message is a name, some bytes, and some descriptors; its sender is who holds the other end, which is the
 * identity that counts.  What comes is checked before anyone sees it: size, magic, name, count of
 * descriptors; a message that does not hold is -EPROTO, and its descriptors are closed.  Several threads may
 * send over one socket, one may receive.
 */
#ifndef SLUICE_COMMON_HANDLE_HANDLE_H
#define SLUICE_COMMON_HANDLE_HANDLE_H

#include "common/base/base.h"

#define HANDLE_FDS_MAX  16u
#define HANDLE_BODY_MAX 1024u
#define HANDLE_NAME_LEN 32u
#define HANDLE_STAGE_FD 3 /* a stage's end of the socket to its attendant, at its birth */

struct handle {
	char name[HANDLE_NAME_LEN]; /* a-z, 0-9 and '-'; terminated, not empty */
	uint32_t n_fds;
	uint32_t bytes;
	int fd[HANDLE_FDS_MAX]; /* close-on-exec; -1: taken */
	_Alignas(8) uint8_t body[HANDLE_BODY_MAX];
};

/* Makes a pair, close-on-exec.  0 or a negative errno. */
[[nodiscard]] int handle_pair(int sock[2]);

/* Makes room in a socket for all the messages of a start; those of handle_pair have it. */
void handle_widen(int sock);

/* Sends a copy of n_fds descriptors and `bytes` of body.  Never blocks and raises no signal.  0; -EINVAL: the
 * name or the sizes are impossible; -EAGAIN: the other side does not read; -EPIPE: it is gone. */
[[nodiscard]] int handle_send(
        int sock, const char *name, const void *body, size_t bytes, const int *fd, uint32_t n_fds);

/* Waits up to timeout_ms (-1: without end, 0: not at all) for a message.  1 with *h, whose descriptors are
 * then the caller's; 0: none has come; -EPIPE: the other side is gone; -EPROTO: what came was no message (the
 * next may be one); other negative errno. */
[[nodiscard]] int handle_receive(int sock, struct handle *h, int timeout_ms);

/* Descriptor k, which handle_close will leave alone from now on; -1 where there is none. */
int handle_take(struct handle *h, uint32_t k);

/* Closes the descriptors that nobody has taken. */
void handle_close(struct handle *h);

#endif
