#include "common/handle/handle.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* A message as it travels, to be spoilt. */
struct message {
	uint32_t magic, n_fds, bytes;
	char name[HANDLE_NAME_LEN];
	uint32_t reserved;
	uint8_t body[2 * HANDLE_BODY_MAX];
};

#define HEAD  offsetof(struct message, body)
#define MAGIC 0x4c444e48u

static uint32_t open_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	uint32_t n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static void send_raw(int sock, const void *bytes, size_t len, uint32_t n_fds)
{
	struct iovec part = {(void *)(uintptr_t)bytes, len};
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(64 * sizeof(int))];
	} control = {0};
	struct msghdr msg = {.msg_iov = &part, .msg_iovlen = 1};

	if (n_fds) {
		struct cmsghdr *c;
		int fd = open("/dev/null", O_RDONLY);

		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		for (uint32_t i = 0; i < n_fds; i++)
			memcpy(CMSG_DATA(c) + i * sizeof fd, &fd, sizeof fd);
		cr_assert_eq(sendmsg(sock, &msg, 0), (ssize_t)len);
		close(fd);
		return;
	}
	cr_assert_eq(sendmsg(sock, &msg, 0), (ssize_t)len);
}

static struct message valid(uint32_t n_fds, uint32_t bytes)
{
	return (struct message){.magic = MAGIC, .n_fds = n_fds, .bytes = bytes, .name = "pool"};
}

Test(handle, brings_name_bytes_and_descriptors)
{
	int sock[2], fd[3], err = handle_pair(sock);
	struct stat sent, got;
	struct handle h;

	cr_assert_eq(err, 0);
	for (int i = 0; i < 3; i++)
		fd[i] = open(i ? "/dev/null" : "/dev/zero", O_RDONLY);
	cr_assert_eq(handle_send(sock[0], "bell-7", "hello", 5, fd, 3), 0);
	cr_assert_eq(handle_receive(sock[1], &h, -1), 1);
	cr_assert_str_eq(h.name, "bell-7");
	cr_assert_eq(h.bytes, 5);
	cr_assert_eq(memcmp(h.body, "hello", 5), 0);
	cr_assert_eq(h.n_fds, 3);
	for (uint32_t i = 0; i < 3; i++) {
		cr_assert(fcntl(h.fd[i], F_GETFD) & FD_CLOEXEC);
		fstat(fd[i], &sent);
		fstat(h.fd[i], &got);
		cr_assert_eq(sent.st_rdev, got.st_rdev);
	}
	cr_assert_geq(handle_take(&h, 1), 0);
	cr_assert_eq(h.fd[1], -1);
	cr_assert_eq(handle_take(&h, 3), -1);
	handle_close(&h);
	cr_assert_eq(handle_receive(sock[1], &h, 0), 0);
	cr_assert_eq(handle_receive(sock[1], &h, 1), 0);
	close(sock[0]);
	cr_assert_eq(handle_receive(sock[1], &h, -1), -EPIPE);
	cr_assert_eq(handle_send(sock[1], "a", NULL, 0, NULL, 0), -EPIPE);
}

Test(handle, refuses_to_send_what_is_no_handle)
{
	const uint8_t body[HANDLE_BODY_MAX + 1] = {0};
	const int fd[HANDLE_FDS_MAX + 1] = {0};
	int sock[2];

	cr_assert_eq(handle_pair(sock), 0);
	cr_assert_eq(handle_send(sock[0], "", NULL, 0, NULL, 0), -EINVAL);
	cr_assert_eq(handle_send(sock[0], "Pool", NULL, 0, NULL, 0), -EINVAL);
	cr_assert_eq(handle_send(sock[0], "a/b", NULL, 0, NULL, 0), -EINVAL);
	cr_assert_eq(handle_send(sock[0], "abcdefghijklmnopqrstuvwxyz0123456", NULL, 0, NULL, 0), -EINVAL);
	cr_assert_eq(handle_send(sock[0], "a", body, sizeof body, NULL, 0), -EINVAL);
	cr_assert_eq(handle_send(sock[0], "a", NULL, 0, fd, HANDLE_FDS_MAX + 1), -EINVAL);
	cr_assert_eq(handle_send(sock[0], "a", body, HANDLE_BODY_MAX, fd, HANDLE_FDS_MAX), 0);
}

Test(handle, never_blocks_where_nobody_reads)
{
	const uint8_t body[HANDLE_BODY_MAX] = {0};
	int sock[2], err = 0;
	uint32_t n = 0;

	cr_assert_eq(handle_pair(sock), 0);
	while (!err && n < 1000000) {
		err = handle_send(sock[0], "a", body, sizeof body, NULL, 0);
		n++;
	}
	cr_assert_eq(err, -EAGAIN);
	cr_assert_gt(n, 200, "a start of an appliance fits: %u", n);
}

/* Each is refused, closes what came with it, and the next message is read as if nothing had been. */
Test(handle, refuses_garbled_messages_and_closes_their_descriptors)
{
	struct message bad[9];
	size_t len[9];
	uint32_t fds[9] = {0}, n = 0, before;
	int sock[2];
	struct handle h;

	cr_assert_eq(handle_pair(sock), 0);
	before = open_fds();
#define BAD(with_fds, bytes, length, spoil)                                                                  \
	do {                                                                                                 \
		bad[n] = valid(with_fds, bytes);                                                             \
		fds[n] = with_fds;                                                                           \
		len[n] = length;                                                                             \
		spoil;                                                                                       \
		n++;                                                                                         \
	} while (0)
	BAD(2, 0, HEAD, bad[n].magic++);
	BAD(2, 0, HEAD - 1, );
	BAD(2, 0, 1, );
	BAD(2, 0, HEAD, bad[n].n_fds = 1);
	BAD(2, 8, HEAD + 7, );
	BAD(2, 0, HEAD, memset(bad[n].name, 'a', sizeof bad[n].name));
	BAD(2, 0, HEAD, bad[n].name[0] = '\n');
	BAD(1, HANDLE_BODY_MAX + 1, HEAD + HANDLE_BODY_MAX + 1, );
	BAD(HANDLE_FDS_MAX + 1, 0, HEAD, );
	for (uint32_t i = 0; i < n; i++) {
		send_raw(sock[0], &bad[i], len[i], fds[i]);
		cr_assert_eq(handle_send(sock[0], "good", NULL, 0, NULL, 0), 0);
		cr_assert_eq(handle_receive(sock[1], &h, -1), -EPROTO, "message %u", i);
		cr_assert_eq(handle_receive(sock[1], &h, -1), 1);
		cr_assert_str_eq(h.name, "good");
		cr_assert_eq(open_fds(), before, "message %u left descriptors", i);
	}
}

Test(handle, takes_random_bytes_for_no_message)
{
	uint64_t seed = 42;
	uint32_t before, taken = 0;
	int sock[2];
	struct handle h;

	cr_assert_eq(handle_pair(sock), 0);
	before = open_fds();
	for (uint32_t i = 0; i < 20000; i++) {
		struct message m = valid(0, 0);
		size_t len = 1 + random_next(&seed) % (HEAD + 64);
		uint8_t *raw = (uint8_t *)&m;
		int got;

		for (uint64_t k = random_next(&seed) % 3; k; k--)
			raw[random_next(&seed) % HEAD] ^= (uint8_t)(1u << random_next(&seed) % 8);
		m.bytes = len > HEAD ? (uint32_t)(len - HEAD) : m.bytes;
		send_raw(sock[0], &m, len, random_next(&seed) % 3);
		got = handle_receive(sock[1], &h, -1);
		cr_assert(got == 1 || got == -EPROTO);
		if (got == 1) {
			cr_assert_lt(strnlen(h.name, HANDLE_NAME_LEN), HANDLE_NAME_LEN);
			cr_assert_leq(h.bytes, HANDLE_BODY_MAX);
			handle_close(&h);
			taken++;
		}
	}
	cr_assert_gt(taken, 100);
	cr_assert_eq(open_fds(), before);
}
