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

#define FOLDER_BYTES (BLUEPRINT_PATH + 32u)

#define PATIENCE (3 * NANOS_PER_SEC)
#define GREETING (3 * NANOS_PER_SEC)

/* Where the attendants of that listener call, and have their locks. */
static int folder_of(const struct keeper *k, const char *run_dir, enum role role, char path[FOLDER_BYTES])
{
	if (k->apart)
		return call_folder(run_dir, role, path, FOLDER_BYTES);
	return (size_t)snprintf(path, FOLDER_BYTES, "%s", run_dir) < FOLDER_BYTES ? 0 : -ENAMETOOLONG;
}

/* The folders are there where they come from outside, a container's volumes. */
static int make_folder(const char *run_dir, const char *folder)
{
	char path[FOLDER_BYTES];

	snprintf(path, sizeof path, "%s/" CALL_APART, run_dir);
	if ((mkdir(path, 0711) && errno != EEXIST) || (mkdir(folder, 0700) && errno != EEXIST))
		return -errno;
	return 0;
}

/* Who may enter the folder may call, where it is one role's alone. */
static int listen_in(struct keeper *k, const char *folder)
{
	struct sockaddr_un address = {0};
	int fd, err = call_socket_path(folder, &address);

	if (err)
		return err;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	(void)unlink(address.sun_path);
	if (bind(fd, (const struct sockaddr *)&address, sizeof address) ||
	        chmod(address.sun_path, k->apart ? 0660 : 0600) || listen(fd, 8)) {
		err = -errno;
		close(fd);
		return err;
	}
	k->listener[k->n_listeners++] = fd;
	return 0;
}

int takeover_listen(struct keeper *k, const char *run_dir)
{
	char folder[FOLDER_BYTES];
	int err = 0;

	for (enum role r = 0; r < (k->apart ? ROLE_COUNT : 1) && !err; r++) {
		err = folder_of(k, run_dir, r, folder);
		if (!err && k->apart)
			err = make_folder(run_dir, folder);
		if (!err)
			err = listen_in(k, folder);
	}
	return err;
}

void takeover_deaf(const struct keeper *k, const char *run_dir)
{
	struct sockaddr_un address;
	char folder[FOLDER_BYTES];

	for (uint32_t i = 0; i < k->n_listeners; i++)
		if (!folder_of(k, run_dir, (enum role)i, folder) && !call_socket_path(folder, &address))
			(void)unlink(address.sun_path);
}

/* Whether who is at the other end may call: where the folder does not say it, our own user. */
static bool may_call(const struct keeper *k, int sock, pid_t *pid)
{
	struct ucred peer;
	socklen_t len = sizeof peer;

	if (getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &peer, &len))
		return false;
	*pid = peer.pid;
	return k->apart || peer.uid == geteuid();
}

/* The next message of a greeting, which is to be over by then: who says nothing, or does not end, holds
 * nobody up.  As handle_receive, but never 0. */
static int hear_next(int sock, nanos_t until, struct handle *h)
{
	nanos_t now = keeper_now();
	int got = handle_receive(sock, h, now < until ? (int)((until - now) / NANOS_PER_MS) : 0);

	return got ? got : -ETIMEDOUT;
}

/* Its role and its pidfd, from the first thing it says; negative: it is no attendant, that role has one, or
 * the process of the one before is not proven dead. */
static int hear_hello(
        struct keeper *k, uint32_t listener, int sock, nanos_t until, struct hello *hello, int *pidfd)
{
	struct handle h;
	const struct slot *s;
	int got = hear_next(sock, until, &h);

	hello->role = ROLE_COUNT;
	if (got < 0)
		return got;
	if (!strcmp(h.name, "hello") && h.bytes == sizeof *hello && h.n_fds == 1) {
		memcpy(hello, h.body, sizeof *hello);
		*pidfd = handle_take(&h, 0);
	}
	handle_close(&h);
	if (hello->role >= ROLE_COUNT || (k->apart ? hello->role != listener : hello->bare))
		return -EPROTO;
	s = &k->slot[hello->role];
	return s->pidfd < 0 && (!hello->bare || s->child_fd < 0) ? 0 : -EBUSY;
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

/* Hears what it has, or gives it what it needs, at once where there is something to give. */
static int take_slot(struct keeper *k, enum role role, bool bare, nanos_t until)
{
	struct slot *s = &k->slot[role];
	bool own = k->stock.taken.appliance.plan.n_workers != 0;
	int err;

	s->start_at = NANOS_NEVER;
	s->bare = bare;
	if (bare) {
		if (own)
			slot_supply(k, role);
		return 0;
	}
	err = hear(k, role, until);
	if (err || own)
		return err;
	err = handle_send(s->sock, "want", NULL, 0, NULL, 0);
	return err ? err : stock_take(&k->stock, s->sock);
}

/* What cannot be taken over is ended, and begun anew when it is dead; who is apart may not be ours to end,
 * and may call again. */
static void refuse(struct keeper *k, enum role role)
{
	struct slot *s = &k->slot[role];

	fprintf(stderr, "sluice-keeper: cannot take over from the attendant of %s\n", board_role_name(role));
	syscall(SYS_pidfd_send_signal, s->pidfd, SIGKILL, NULL, 0);
	if (k->apart)
		slot_leave(s);
}

void takeover_accept(struct keeper *k, uint32_t listener)
{
	int sock = accept4(k->listener[listener], NULL, NULL, SOCK_CLOEXEC), pidfd = -1;
	nanos_t until = keeper_now() + GREETING;
	struct hello hello;
	struct slot *s;
	pid_t pid;

	if (sock < 0)
		return;
	handle_widen(sock);
	if (!may_call(k, sock, &pid) || hear_hello(k, listener, sock, until, &hello, &pidfd)) {
		if (pidfd >= 0)
			close(pidfd);
		close(sock);
		return;
	}
	s = &k->slot[hello.role];
	s->sock = sock;
	s->pidfd = pidfd;
	s->pid = pid;
	if (take_slot(k, (enum role)hello.role, hello.bare, until))
		refuse(k, (enum role)hello.role);
}

/* Whether an attendant of that role lives: it holds its lock. */
static bool lives(const struct keeper *k, const char *run_dir, enum role role)
{
	char folder[FOLDER_BYTES];
	int fd = folder_of(k, run_dir, role, folder) ? -1 : lock_open(folder, board_role_name(role), false);
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
	if (k->slot[ROLE_INGEST].pidfd < 0)
		board_opener_gone(&stock_board(&k->stock)->opener);
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
		uint32_t listener = k->apart ? role : 0;
		struct pollfd wait = {.fd = k->listener[listener], .events = POLLIN};

		while (k->slot[role].pidfd < 0 && lives(k, run_dir, role)) {
			if (keeper_now() > until) {
				fprintf(stderr,
				        "sluice-keeper: an attendant of %s runs in %s but does not answer; "
				        "end it (its pid is in %s.lock) and start again\n",
				        board_role_name(role), run_dir, board_role_name(role));
				return -EBUSY;
			}
			if (poll(&wait, 1, 100) > 0)
				takeover_accept(k, listener);
		}
		found += k->slot[role].pidfd >= 0 && !k->slot[role].bare;
	}
	return found;
}
