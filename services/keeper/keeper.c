#include "services/keeper/keeper.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define STOP_PATIENCE (5 * NANOS_PER_SEC)

static int fail(int err, const char *what)
{
	fprintf(stderr, "sluice-keeper: %s: %s\n", what, strerror(-err));
	return err;
}

/* The beginning. */

static int catch_signals(struct keeper *k)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	(void)signal(SIGPIPE, SIG_IGN);
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return -errno;
	k->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return k->signals < 0 ? -errno : 0;
}

static int find_programs(const struct keeper *k)
{
	char path[4096];

	for (enum role r = 0; r < ROLE_COUNT; r++) {
		snprintf(path, sizeof path, "%s/sluice-%s", k->programs, board_role_name(r));
		if (access(path, X_OK)) {
			fprintf(stderr, "sluice-keeper: %s: %s; all programs must be in one folder\n", path,
			        strerror(errno));
			return -ENOENT;
		}
	}
	return 0;
}

static void note_keeper(struct keeper *k)
{
	struct board *b = stock_board(&k->stock);

	if (b->magic != BOARD_MAGIC)
		b->started_at = k->opened_at;
	b->keeper = getpid();
	b->keeper_starts++;
	__atomic_store_n(&b->magic, BOARD_MAGIC, __ATOMIC_RELEASE);
}

static int own_or_make(struct keeper *k, int blueprint)
{
	struct host_taken wanted;
	int found, err = host_take_blueprint(&wanted, blueprint);

	if (err)
		return fail(err, "the blueprint cannot be read; `sluice up` makes it");
	err = takeover_listen(k, wanted.run_dir);
	if (err)
		return fail(err, "cannot listen in the run folder");
	found = takeover_wait(k, wanted.run_dir);
	if (found < 0)
		return found;
	if (found && k->stock.taken.appliance.plan.n_workers) {
		takeover_left(k);
		fprintf(stderr,
		        "sluice-keeper: took over an appliance that was running; its configuration is as it "
		        "was\n");
		close(blueprint);
		return 0;
	}
	err = stock_make(&k->stock, blueprint);
	return err ? fail(err, "no memory for the appliance: lower appliance.buffers, ring_slots or limits")
	           : 0;
}

int keeper_open(struct keeper *k, int blueprint, int lock, const char *programs, bool apart)
{
	int err;

	*k = (struct keeper){.programs = programs,
	        .apart = apart,
	        .signals = -1,
	        .lock = lock,
	        .kill_at = NANOS_NEVER,
	        .opened_at = keeper_now()};
	for (enum role r = 0; r < ROLE_COUNT; r++)
		k->slot[r] = (struct slot){
		        .sock = -1, .pidfd = -1, .child_fd = -1, .start_at = apart ? NANOS_NEVER : 0};
	err = find_programs(k);
	if (err)
		return err;
	err = catch_signals(k);
	if (err)
		return fail(err, "cannot catch signals");
	err = own_or_make(k, blueprint);
	if (err)
		return err;
	note_keeper(k);
	for (enum role r = 0; r < ROLE_COUNT; r++)
		if (k->slot[r].bare)
			slot_supply(k, r);
	return 0;
}

/* The end. */

static void stop(struct keeper *k, nanos_t now)
{
	struct appliance *a = &k->stock.taken.appliance;

	if (k->stopping)
		return;
	k->stopping = true;
	k->kill_at = now + STOP_PATIENCE;
	__atomic_store_n(&appliance_control(a)->stop, 1, __ATOMIC_RELEASE);
	for (uint32_t w = 0; w < a->plan.n_workers; w++)
		bell_ring(&a->bell[w]);
	for (enum role r = 0; r < ROLE_COUNT; r++) {
		struct slot *s = &k->slot[r];

		s->start_at = NANOS_NEVER;
		if (s->sock >= 0 && handle_send(s->sock, "stop", NULL, 0, NULL, 0) && s->pidfd >= 0)
			syscall(SYS_pidfd_send_signal, s->pidfd, SIGKILL, NULL, 0);
	}
}

static void kill_all(struct keeper *k)
{
	for (enum role r = 0; r < ROLE_COUNT; r++) {
		if (k->slot[r].pidfd >= 0)
			syscall(SYS_pidfd_send_signal, k->slot[r].pidfd, SIGKILL, NULL, 0);
		if (k->apart)
			slot_leave(&k->slot[r]); /* whoever started it may have to end it */
	}
	k->kill_at = NANOS_NEVER;
}

static bool all_gone(const struct keeper *k)
{
	for (enum role r = 0; r < ROLE_COUNT; r++)
		if (k->slot[r].pidfd >= 0 || (k->slot[r].child_fd >= 0 && !k->apart))
			return false;
	return true;
}

static void tidy_up(const struct keeper *k)
{
	const char *run_dir = k->stock.taken.run_dir;
	char path[BLUEPRINT_PATH + 32];

	for (enum role r = 0; r < ROLE_COUNT && !k->apart; r++) {
		snprintf(path, sizeof path, "%s/%s.lock", run_dir, board_role_name(r));
		(void)unlink(path);
	}
	takeover_deaf(k, run_dir);
	snprintf(path, sizeof path, "%s/empty", run_dir);
	(void)rmdir(path);
	(void)rmdir(k->stock.taken.sockets_dir);
}

/* The loop. */

/* For who waits for it: a person, and systemd (sd_notify(3)). */
static void tell_ready(struct keeper *k)
{
	const char *to = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int sock;

	k->told = true;
	fprintf(stderr, "sluice-keeper: all processes run, %llu ms after the start; run folder %s\n",
	        (unsigned long long)((keeper_now() - k->opened_at) / NANOS_PER_MS), k->stock.taken.run_dir);
	if (!to || strlen(to) >= sizeof address.sun_path)
		return;
	memcpy(address.sun_path, to, strlen(to));
	if (to[0] == '@')
		address.sun_path[0] = 0;
	sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (sock < 0)
		return;
	(void)sendto(sock, "READY=1", 7, MSG_NOSIGNAL, (const struct sockaddr *)&address,
	        (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(to)));
	close(sock);
}

enum { ON_SIGNAL, ON_CALL, ON_SLOTS = ON_CALL + ROLE_COUNT, ON_COUNT = ON_SLOTS + 3 * ROLE_COUNT };

/* Three descriptors a role: its messages, its death, and once it is dead that of its process. */
static void wait_for_something(const struct keeper *k, struct pollfd on[ON_COUNT])
{
	nanos_t now = keeper_now(), next = k->kill_at;
	struct timespec ts;

	on[ON_SIGNAL] = (struct pollfd){k->signals, POLLIN, 0};
	for (uint32_t i = 0; i < ROLE_COUNT; i++)
		on[ON_CALL + i] = (struct pollfd){i < k->n_listeners ? k->listener[i] : -1, POLLIN, 0};
	for (uint32_t r = 0; r < ROLE_COUNT; r++) {
		const struct slot *s = &k->slot[r];

		on[ON_SLOTS + 3 * r] = (struct pollfd){s->sock, POLLIN, 0};
		on[ON_SLOTS + 3 * r + 1] = (struct pollfd){s->pidfd, POLLIN, 0};
		on[ON_SLOTS + 3 * r + 2] = (struct pollfd){s->pidfd < 0 ? s->child_fd : -1, POLLIN, 0};
		if (s->pidfd < 0 && s->child_fd < 0)
			next = MIN(next, s->start_at);
	}
	now = next > now ? next - now : 0;
	ts = (struct timespec){(time_t)(now / NANOS_PER_SEC), (long)(now % NANOS_PER_SEC)};
	if (ppoll(on, ON_COUNT, next == NANOS_NEVER ? NULL : &ts, NULL) < 0)
		memset(on, 0, ON_COUNT * sizeof *on);
}

static bool serve_slots(struct keeper *k, const struct pollfd on[ON_COUNT], nanos_t now)
{
	bool all_ready = true;

	for (enum role r = 0; r < ROLE_COUNT; r++) {
		struct slot *s = &k->slot[r];
		const struct pollfd *own = &on[ON_SLOTS + 3 * r];

		if (own[1].revents)
			slot_died(k, r, now);
		else if (own[0].revents)
			slot_message(k, r);
		else if (own[2].revents)
			slot_child_died(k, r, now);
		if (s->pidfd < 0 && s->child_fd < 0 && s->start_at <= now)
			slot_start(k, r, now);
		all_ready &= s->ready;
	}
	return all_ready;
}

static bool told_to_stop(struct keeper *k)
{
	struct signalfd_siginfo info;

	return read(k->signals, &info, sizeof info) == (ssize_t)sizeof info;
}

int keeper_run(struct keeper *k)
{
	struct pollfd on[ON_COUNT] = {0};

	for (;;) {
		nanos_t now = keeper_now();

		if (on[ON_SIGNAL].revents && told_to_stop(k))
			stop(k, now);
		for (uint32_t i = 0; i < k->n_listeners; i++)
			if (on[ON_CALL + i].revents)
				takeover_accept(k, i);
		if (serve_slots(k, on, now) && !k->told)
			tell_ready(k);
		if (k->kill_at <= now)
			kill_all(k);
		if (k->stopping && all_gone(k))
			break;
		wait_for_something(k, on);
	}
	tidy_up(k);
	return 0;
}
