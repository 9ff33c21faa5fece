#include "services/keeper/keeper.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PATIENCE (3 * NANOS_PER_SEC)
#define GREETING (3 * NANOS_PER_SEC)

int takeover_listen(struct keeper *k, const char *run_dir)
{
	struct sockaddr_un address = {0};
	int err = call_socket_path(run_dir, &address);

	if (err)
		return err;
	k->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (k->listener < 0)
		return -errno;
	(void)unlink(address.sun_path);
	if (bind(k->listener, (const struct sockaddr *)&address, sizeof address) ||
	        chmod(address.sun_path, 0600) || listen(k->listener, 8))
		return -errno;
	return 0;
}

/* Who is at the other end; 0 unless it is of our own user. */
static pid_t caller(int sock)
{
	struct ucred peer;
	socklen_t len = sizeof peer;

	if (getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &peer, &len) || peer.uid != geteuid())
		return 0;
	return peer.pid;
}

/* The next message of a greeting, which is to be over by then: who says nothing, or does not end, holds
 * nobody up.  As handle_receive, but never 0. */
static int hear_next(int sock, nanos_t until, struct handle *h)
{
	nanos_t now = keeper_now();
	int got = handle_receive(sock, h, now < until ? (int)((until - now) / NANOS_PER_MS) : 0);

	return got ? got : -ETIMEDOUT;
}

/* Its role, from the first thing it says; negative: it is no attendant, or that role has one. */
static int hear_hello(struct keeper *k, int sock, nanos_t until)
{
	struct hello hello = {.role = ROLE_COUNT};
	struct handle h;
	int got = hear_next(sock, until, &h);

	if (got < 0)
		return got;
	if (!strcmp(h.name, "hello") && h.bytes == sizeof hello)
		memcpy(&hello, h.body, sizeof hello);
	handle_close(&h);
	return hello.role < ROLE_COUNT && k->slot[hello.role].pidfd < 0 ? (int)hello.role : -EPROTO;
}

/* The rest of what an attendant tells at once. */
static int hear(struct keeper *k, enum role role, nanos_t until)
{
	struct slot *s = &k->slot[role];
	struct handle h;
	int got;

	while ((got = hear_next(s->sock, until, &h)) > 0) {
		bool told = !strcmp(h.name, "told");

		slot_told(s, &h);
		handle_close(&h);
		if (told)
			return 0;
	}
	return got;
}

/* That process, if it is the one that has called: as long as it is connected nobody else has its number. */
static int open_caller(int sock, pid_t pid)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd end = {.fd = sock};

	if (fd < 0)
		return -errno;
	if (poll(&end, 1, 0) >= 0 && !(end.revents & (POLLHUP | POLLERR)))
		return fd;
	close(fd);
	return -ESRCH;
}

static int take_slot(struct keeper *k, enum role role, int sock, pid_t pid, nanos_t until)
{
	struct slot *s = &k->slot[role];
	int err;

	s->pidfd = open_caller(sock, pid);
	if (s->pidfd < 0) {
		err = s->pidfd;
		s->pidfd = -1;
		close(sock);
		return err;
	}
	s->sock = sock;
	s->pid = pid;
	s->start_at = NANOS_NEVER;
	err = hear(k, role, until);
	if (err || k->stock.taken.appliance.plan.n_workers)
		return err;
	err = handle_send(sock, "want", NULL, 0, NULL, 0);
	return err ? err : stock_take(&k->stock, sock);
}

void takeover_accept(struct keeper *k)
{
	int sock = accept4(k->listener, NULL, NULL, SOCK_CLOEXEC), role;
	pid_t pid = sock < 0 ? 0 : caller(sock);
	nanos_t until = keeper_now() + GREETING;

	if (sock < 0)
		return;
	handle_widen(sock);
	role = pid ? hear_hello(k, sock, until) : -EPERM;
	if (role < 0) {
		close(sock);
		return;
	}
	/* What cannot be taken over is ended, and begun anew when it is dead. */
	if (take_slot(k, (enum role)role, sock, pid, until)) {
		fprintf(stderr, "sluice-keeper: cannot take over from the attendant of %s\n",
		        board_role_name((enum role)role));
		if (k->slot[role].pidfd >= 0)
			syscall(SYS_pidfd_send_signal, k->slot[role].pidfd, SIGKILL, NULL, 0);
	}
}

/* Whether an attendant of that role lives: it holds its lock. */
static bool lives(const char *run_dir, enum role role)
{
	int fd = lock_open(run_dir, board_role_name(role), false);
	bool held = fd >= 0 && lock_is_held(fd);

	if (fd >= 0)
		close(fd);
	return held;
}

/* Whether that process is still the role's, and not another that has got its number since. */
static bool is_role(pid_t pid, enum role role)
{
	char path[64], name[32] = "", wanted[32];
	int fd;
	ssize_t n;

	snprintf(path, sizeof path, "/proc/%d/comm", pid);
	snprintf(wanted, sizeof wanted, "sluice-%s\n", board_role_name(role));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, name, sizeof name - 1);
	close(fd);
	return n > 0 && !strcmp(name, wanted);
}

void takeover_left(struct keeper *k)
{
	for (enum role role = 0; role < ROLE_COUNT; role++) {
		struct slot *s = &k->slot[role];
		pid_t pid = stock_board(&k->stock)->role[role].pid;

		if (s->pidfd >= 0 || pid <= 0)
			continue;
		s->child_fd = (int)syscall(SYS_pidfd_open, pid, 0);
		s->child = pid;
		if (s->child_fd >= 0 && !is_role(pid, role)) {
			close(s->child_fd);
			s->child_fd = -1;
		}
		if (s->child_fd >= 0)
			syscall(SYS_pidfd_send_signal, s->child_fd, SIGKILL, NULL, 0);
	}
}

int takeover_wait(struct keeper *k, const char *run_dir)
{
	nanos_t until = keeper_now() + PATIENCE;
	int found = 0;

	for (enum role role = 0; role < ROLE_COUNT; role++) {
		struct pollfd wait = {.fd = k->listener, .events = POLLIN};

		while (k->slot[role].pidfd < 0 && lives(run_dir, role)) {
			if (keeper_now() > until) {
				fprintf(stderr,
				        "sluice-keeper: an attendant of %s runs in %s but does not answer; "
				        "end "
				        "it (its pid is in %s.lock) and start again\n",
				        board_role_name(role), run_dir, board_role_name(role));
				return -EBUSY;
			}
			if (poll(&wait, 1, 100) > 0)
				takeover_accept(k);
		}
		found += k->slot[role].pidfd >= 0;
	}
	return found;
}
