#include "services/keeper/internal.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

nanos_t keeper_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (nanos_t)ts.tv_sec * NANOS_PER_SEC + (nanos_t)ts.tv_nsec;
}

/* What a duty may ask. */

struct appliance *attendant_appliance(struct attendant *a)
{
	return &a->stock->taken.appliance;
}

const struct host_taken *attendant_taken(const struct attendant *a)
{
	return &a->stock->taken;
}

struct board *attendant_board(struct attendant *a)
{
	return stock_board(a->stock);
}

int attendant_send(
        struct attendant *a, const char *name, const void *body, size_t bytes, const int *fd, uint32_t n_fds)
{
	int err = a->sock < 0 ? -ENOTCONN : handle_send(a->sock, name, body, bytes, fd, n_fds);

	if (err != -EAGAIN)
		a->deaf_since = 0;
	else if (!a->deaf_since)
		a->deaf_since = keeper_now();
	return err;
}

/* All of them or none. */
static int duplicate(int *copy, const int *fd, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		copy[i] = fcntl(fd[i], F_DUPFD_CLOEXEC, 3);
		if (copy[i] < 0) {
			int err = -errno;

			while (i--)
				close(copy[i]);
			return err;
		}
	}
	return 0;
}

int attendant_keep(
        struct attendant *a, uint64_t key, const void *body, size_t bytes, const int *fd, uint32_t n_fds)
{
	struct kept_entry e = {
	        .key = key, .bytes = (uint32_t)bytes, .n_fds = n_fds, .body = (uint8_t *)(uintptr_t)body};
	int copy[HANDLE_FDS_MAX], err;

	if (n_fds > HANDLE_FDS_MAX || bytes > KEPT_BODY)
		return -EINVAL;
	err = duplicate(copy, fd, n_fds);
	if (err)
		return err;
	memcpy(e.fd, fd, n_fds * sizeof *fd);
	err = kept_put(&a->kept, key, body, bytes, copy, n_fds);
	if (!err && a->keeper >= 0)
		err = kept_send(&e, a->keeper, "keep");
	return err;
}

/* The loop. */

enum { ON_KEEPER, ON_ROLE, ON_WORDS, ON_DEATH, ON_DUTY, ON_SIGNAL, ON_COUNT };

static nanos_t next_time(const struct attendant *a, nanos_t now)
{
	nanos_t next = MIN(a->start_at, a->kill_at);

	if (a->child_fd >= 0)
		next = MIN(next, a->look_at);
	next = MIN(next, MIN(a->call_at, words_next(&a->words, now)));
	if (a->duty && a->duty->next)
		next = MIN(next, a->duty->next(a->context));
	return next;
}

static void wait_for_something(const struct attendant *a, struct pollfd on[ON_COUNT])
{
	nanos_t now = keeper_now(), next = next_time(a, now), wait = next > now ? next - now : 0;
	struct timespec ts = {(time_t)(wait / NANOS_PER_SEC), (long)(wait % NANOS_PER_SEC)};
	int duty = a->duty && a->duty->fd ? a->duty->fd(a->context) : -1;

	on[ON_KEEPER] = (struct pollfd){a->keeper, POLLIN, 0};
	on[ON_ROLE] = (struct pollfd){a->sock, POLLIN, 0};
	on[ON_WORDS] = (struct pollfd){words_fd(&a->words, now), POLLIN, 0};
	on[ON_DEATH] = (struct pollfd){a->child_fd, POLLIN, 0};
	on[ON_DUTY] = (struct pollfd){duty, POLLIN, 0};
	on[ON_SIGNAL] = (struct pollfd){a->apart ? a->apart->signals : -1, POLLIN, 0};
	if (ppoll(on, ON_COUNT, next == NANOS_NEVER ? NULL : &ts, NULL) < 0)
		memset(on, 0, ON_COUNT * sizeof *on);
}

static void finish(struct attendant *a)
{
	if (a->duty && a->duty->end)
		a->duty->end(a->context);
	if (a->keeper >= 0)
		(void)handle_send(a->keeper, "stopped", NULL, 0, NULL, 0); /* its death says it too */
	_exit(0);
}

/* Whoever started it ends it; the appliance goes on without the role until it comes back. */
static void hear_signal(struct attendant *a, nanos_t now)
{
	struct signalfd_siginfo info;

	if (read(a->apart->signals, &info, sizeof info) == (ssize_t)sizeof info && !a->stopping)
		child_stop(a, now);
}

static void turn(struct attendant *a)
{
	struct pollfd on[ON_COUNT];
	nanos_t now;

	wait_for_something(a, on);
	now = keeper_now();
	if (on[ON_WORDS].revents)
		words_read(&a->words, now, stderr);
	/* A death first: what it still had said is of no use. */
	if (on[ON_DEATH].revents)
		child_died(a, now);
	else if (on[ON_ROLE].revents)
		child_message(a, now);
	if (on[ON_KEEPER].revents)
		call_message(a, now);
	if (a->duty && a->duty->work &&
	        (on[ON_DUTY].revents || (a->duty->next && a->duty->next(a->context) <= now)))
		a->duty->work(a->context, now);
	if (a->start_at <= now)
		child_start(a, now);
	if (a->child_fd >= 0 && a->look_at <= now)
		child_look(a, now);
	if (a->kill_at <= now) {
		child_kill(a);
		a->kill_at = NANOS_NEVER;
	}
	if (a->call_at <= now)
		call_keeper(a, now);
	if (on[ON_SIGNAL].revents)
		hear_signal(a, now);
	if (a->apart)
		child_bury_others(a);
	if (a->stopping && a->child_fd < 0)
		finish(a);
}

/* The beginning. */

/* A new keeper sees by it that there is an attendant to wait for. */
static int hold_lock(struct attendant *a)
{
	const char *folder = a->apart ? a->apart->folder : a->stock->taken.run_dir;
	int fd = lock_open(folder, board_role_name(a->role), true);
	int err = fd < 0 ? fd : lock_take(fd);

	if (err && fd >= 0)
		close(fd);
	a->lock = err ? -1 : fd;
	return err;
}

/* What the keeper held for a predecessor, up to `begin`. */
static int receive_kept(struct attendant *a)
{
	struct handle h;
	int got;

	while ((got = handle_receive(a->keeper, &h, -1)) > 0) {
		bool begin = !strcmp(h.name, "begin");

		if (!strcmp(h.name, "kept") && h.bytes >= sizeof(uint64_t)) {
			uint64_t key = load_u64(h.body);

			h.bytes -= (uint32_t)sizeof key;
			memmove(h.body, h.body + sizeof key, h.bytes);
			(void)attendant_keep(a, key, h.body, h.bytes, h.fd, h.n_fds);
			if (a->duty && a->duty->kept)
				a->duty->kept(a->context, key, &h);
		}
		handle_close(&h);
		if (begin)
			return 0;
	}
	return got;
}

static int begin(struct attendant *a)
{
	int err;

	setsid(); /* Ctrl-C is for the keeper */
	err = hold_lock(a);
	if (err)
		return err;
	if (a->duty && a->duty->rights) {
		appliance_unmap(&a->stock->taken.appliance);
		err = appliance_map(&a->stock->taken.appliance, APPLIANCE_KEEPER | a->duty->rights);
	}
	if (!err && a->duty && a->duty->begin)
		err = a->duty->begin(a, &a->context);
	return err ? err : receive_kept(a);
}

static const struct duty *const duties[ROLE_COUNT] = {
        [ROLE_INGEST] = &opener_duty,
        [ROLE_SESSION] = &broker_duty,
};

void attendant_main(
        struct stock *stock, enum role role, const char *programs, int keeper, const struct apart *apart)
{
	static struct attendant a;
	int err;

	a = (struct attendant){.role = role,
	        .stock = stock,
	        .duty = duties[role],
	        .programs = programs,
	        .apart = apart,
	        .keeper = keeper,
	        .sock = -1,
	        .child_fd = -1,
	        .words = {.fd = -1},
	        .start_at = 0,
	        .kill_at = NANOS_NEVER,
	        .look_at = NANOS_NEVER,
	        .call_at = NANOS_NEVER};
	err = begin(&a);
	if (err) {
		fprintf(stderr, "sluice-keeper: the attendant of %s cannot begin: %s\n",
		        board_role_name(role), strerror(-err));
		_exit(1);
	}
	for (;;)
		turn(&a);
}
