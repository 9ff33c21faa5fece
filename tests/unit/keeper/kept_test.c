#include "services/keeper/kept.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <unistd.h>

static int some_fd(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	cr_assert_geq(fd, 0);
	return fd;
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

Test(kept, replaces_and_forgets_by_key)
{
	struct kept k = {0};
	int a = some_fd(), b = some_fd(), c = some_fd();

	cr_assert_eq(kept_put(&k, 1, "one", 3, &a, 1), 0);
	cr_assert_eq(kept_put(&k, 2, "two", 3, &b, 1), 0);
	cr_assert_eq(kept_put(&k, 1, "uno", 3, &c, 1), 0);
	cr_assert_eq(k.n, 2);
	cr_assert(!is_open(a) && is_open(b) && is_open(c));
	cr_assert_eq(kept_put(&k, 2, NULL, 0, NULL, 0), 0);
	cr_assert_eq(k.n, 1);
	cr_assert(!is_open(b));
	kept_clear(&k);
	cr_assert(!is_open(c));
}

Test(kept, goes_over_a_socket_and_back)
{
	struct kept k = {0}, other = {0};
	struct handle h;
	int sock[2], err = handle_pair(sock);

	cr_assert_eq(err, 0);
	for (uint64_t key = 0; key < 100; key++) {
		int fd[2] = {some_fd(), some_fd()};

		cr_assert_eq(kept_put(&k, key << 40, &key, sizeof key, fd, 2), 0);
	}
	cr_assert_eq(kept_send_all(&k, sock[0], "keep"), 0);
	while (handle_receive(sock[1], &h, 0) == 1) {
		cr_assert_str_eq(h.name, "keep");
		cr_assert_eq(kept_receive(&other, &h), 0);
		handle_close(&h);
	}
	cr_assert_eq(other.n, 100);
	for (uint32_t i = 0; i < other.n; i++) {
		cr_assert_eq(load_u64(other.list[i].body) << 40, other.list[i].key);
		cr_assert_eq(other.list[i].n_fds, 2);
		cr_assert(is_open(other.list[i].fd[0]) && is_open(other.list[i].fd[1]));
	}
	kept_clear(&k);
	kept_clear(&other);
}

Test(kept, has_an_end_and_closes_what_finds_no_room)
{
	struct kept k = {0};
	int fd;

	for (uint64_t key = 0; key < KEPT_MAX; key++) {
		fd = some_fd();
		cr_assert_eq(kept_put(&k, key, NULL, 0, &fd, 1), 0);
	}
	fd = some_fd();
	cr_assert_eq(kept_put(&k, KEPT_MAX, NULL, 0, &fd, 1), -ENOSPC);
	cr_assert(!is_open(fd));
	kept_clear(&k);
}

Test(kept, refuses_a_message_without_a_key)
{
	struct handle h = {.name = "keep", .bytes = 7};
	struct kept k = {0};

	cr_assert_eq(kept_receive(&k, &h), -EPROTO);
}
