#include "common/handle/handle.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define HANDLE_MAGIC 0x4c444e48u /* "HNDL" */

struct wire {
	uint32_t magic;
	uint32_t n_fds;
	uint32_t bytes;
	char name[HANDLE_NAME_LEN];
	uint32_t reserved;
};

static_assert(sizeof(struct wire) == 48, "what travels");

union control {
	struct cmsghdr align;
	char space[CMSG_SPACE(HANDLE_FDS_MAX * sizeof(int))];
};

int handle_pair(int sock[2])
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sock))
		return -errno;
	handle_widen(sock[0]);
	handle_widen(sock[1]);
	return 0;
}

void handle_widen(int sock)
{
	const int bytes = 4 << 20;

	/* The second is bounded by the system's limit; what there is already will do then. */
	if (setsockopt(sock, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes))
		(void)setsockopt(sock, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
}

static bool name_is_fine(const char *name)
{
	size_t n = strnlen(name, HANDLE_NAME_LEN);

	for (size_t i = 0; i < n; i++)
		if (!(name[i] >= 'a' && name[i] <= 'z') && !(name[i] >= '0' && name[i] <= '9') &&
		        name[i] != '-')
			return false;
	return n > 0 && n < HANDLE_NAME_LEN;
}

static void attach_fds(struct msghdr *msg, union control *control, const int *fd, uint32_t n)
{
	struct cmsghdr *c;

	if (!n)
		return;
	memset(control, 0, sizeof *control);
	msg->msg_control = control;
	msg->msg_controllen = CMSG_SPACE(n * sizeof *fd);
	c = CMSG_FIRSTHDR(msg);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(n * sizeof *fd);
	memcpy(CMSG_DATA(c), fd, n * sizeof *fd);
}

int handle_send(int sock, const char *name, const void *body, size_t bytes, const int *fd, uint32_t n_fds)
{
	struct wire wire = {.magic = HANDLE_MAGIC, .n_fds = n_fds, .bytes = (uint32_t)bytes};
	struct iovec part[2] = {{&wire, sizeof wire}, {(void *)(uintptr_t)body, bytes}};
	struct msghdr msg = {.msg_iov = part, .msg_iovlen = bytes ? 2 : 1};
	union control control;
	ssize_t sent;

	if (!name_is_fine(name) || bytes > HANDLE_BODY_MAX || n_fds > HANDLE_FDS_MAX)
		return -EINVAL;
	memcpy(wire.name, name, strlen(name));
	attach_fds(&msg, &control, fd, n_fds);
	do
		sent = sendmsg(sock, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (sent < 0 && errno == EINTR);
	if (sent >= 0)
		return 0;
	return errno == ECONNRESET ? -EPIPE : -errno;
}

/* Takes every descriptor that came, so that none is left open by a message that does not hold. */
static void collect_fds(struct msghdr *msg, struct handle *h)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
			if (h->n_fds < HANDLE_FDS_MAX)
				h->fd[h->n_fds++] = fd;
			else
				close(fd);
		}
	}
}

static bool message_holds(
        const struct msghdr *msg, const struct wire *wire, size_t got, const struct handle *h)
{
	return !(msg->msg_flags & (MSG_TRUNC | MSG_CTRUNC)) && got >= sizeof *wire &&
	       wire->magic == HANDLE_MAGIC && wire->n_fds == h->n_fds && wire->bytes == got - sizeof *wire &&
	       name_is_fine(wire->name);
}

/* What lies in the socket: as handle_receive, but never waits. */
static int take_message(int sock, struct handle *h)
{
	struct wire wire = {0};
	struct iovec part[2] = {{&wire, sizeof wire}, {h->body, sizeof h->body}};
	union control control;
	struct msghdr msg = {
	        .msg_iov = part, .msg_iovlen = 2, .msg_control = &control, .msg_controllen = sizeof control};
	ssize_t got = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);

	h->n_fds = 0;
	h->bytes = 0;
	if (got < 0) {
		if (errno == EAGAIN || errno == EINTR)
			return 0;
		return errno == ECONNRESET ? -EPIPE : -errno;
	}
	collect_fds(&msg, h);
	if (got == 0 && h->n_fds == 0)
		return -EPIPE;
	if (!message_holds(&msg, &wire, (size_t)got, h)) {
		handle_close(h);
		return -EPROTO;
	}
	memcpy(h->name, wire.name, sizeof h->name);
	h->bytes = wire.bytes;
	return 1;
}

int handle_receive(int sock, struct handle *h, int timeout_ms)
{
	for (;;) {
		int got = take_message(sock, h);
		struct pollfd wait = {.fd = sock, .events = POLLIN};

		if (got || timeout_ms == 0)
			return got;
		got = poll(&wait, 1, timeout_ms);
		if (got < 0 && errno != EINTR)
			return -errno;
		if (got == 0)
			timeout_ms = 0;
	}
}

int handle_take(struct handle *h, uint32_t k)
{
	int fd = k < h->n_fds ? h->fd[k] : -1;

	if (fd >= 0)
		h->fd[k] = -1;
	return fd;
}

void handle_close(struct handle *h)
{
	for (uint32_t k = 0; k < h->n_fds; k++)
		if (h->fd[k] >= 0)
			close(h->fd[k]);
	h->n_fds = 0;
}
