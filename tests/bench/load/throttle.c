/* load_throttle: processes get no more than a part of one processor, all together, as on a slower machine.
 *
 *     load_throttle PERCENT PID...       until it is terminated, or one of them has ended; then they go on
 *
 * They are stopped (SIGSTOP) when their part is used up and go on when there is a slice of it again; what
 * they took too much, in a system call that had to end, is held against them.  Unlike a quota of a control
 * group it needs no right but to their signals, and counts for real-time priority too. */
#include "common/base/base.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define PIDS_MAX 16
#define LOOK_NS  200000ll  /* how often it looks */
#define SLICE_NS 500000ll  /* what they get at once */
#define SAVED_NS 1000000ll /* of what they leave unused, what they may have later */
#define OWED_NS  4000000ll /* of what they took too much, what is held against them */

struct throttle {
	int64_t percent;
	int n;
	pid_t pid[PIDS_MAX];
	clockid_t clock[PIDS_MAX];
	bool stopped;
};

static volatile sig_atomic_t over;

static void end(int signal)
{
	(void)signal;
	over = 1;
}

/* -1: whose clock it was has ended. */
static int64_t ns_of(clockid_t clock)
{
	struct timespec ts;

	return clock_gettime(clock, &ts) ? -1 : (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* By all of them so far; false: one has ended. */
static bool used(const struct throttle *t, int64_t *ns)
{
	*ns = 0;
	for (int i = 0; i < t->n; i++) {
		int64_t one = ns_of(t->clock[i]);

		if (one < 0)
			return false;
		*ns += one;
	}
	return true;
}

static void set_stopped(struct throttle *t, bool stopped)
{
	for (int i = 0; i < t->n && t->stopped != stopped; i++)
		(void)!kill(t->pid[i], stopped ? SIGSTOP : SIGCONT);
	t->stopped = stopped;
}

/* Until it is terminated; false: one of them has ended. */
static bool hold(struct throttle *t)
{
	const struct timespec pause = {.tv_nsec = LOOK_NS};
	int64_t before = ns_of(CLOCK_MONOTONIC), spent, credit = SLICE_NS;
	bool live = used(t, &spent);

	while (live && !over) {
		int64_t now, sum;

		nanosleep(&pause, NULL);
		now = ns_of(CLOCK_MONOTONIC);
		live = used(t, &sum);
		credit += (now - before) * t->percent / 100;
		credit = MAX(MIN(credit, SAVED_NS) - (sum - spent), -OWED_NS);
		before = now;
		spent = sum;
		set_stopped(t, t->stopped ? credit < SLICE_NS : credit < 0);
	}
	set_stopped(t, false);
	return live;
}

int main(int argc, char **argv)
{
	struct throttle t = {.n = argc - 2};

	if (argc < 3 || t.n > PIDS_MAX)
		return 2;
	t.percent = (int64_t)strtoul(argv[1], NULL, 10);
	for (int i = 0; i < t.n; i++) {
		t.pid[i] = (pid_t)strtol(argv[2 + i], NULL, 10);
		if (t.pid[i] <= 0 || clock_getcpuclockid(t.pid[i], &t.clock[i])) {
			fprintf(stderr, "load_throttle: no process %s\n", argv[2 + i]);
			return 1;
		}
	}
	signal(SIGTERM, end);
	signal(SIGINT, end);
	return hold(&t) ? 0 : 1;
}
