/* What a process costs: seen while it lives, kept when it is dead, added up over those that follow. */
#include "services/keeper/usage.h"

#include <criterion/criterion.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct board_usage entry;
static struct usage usage;

/* A process that takes all of a processor that it can get. */
static pid_t spin(void)
{
	pid_t pid = fork();

	if (!pid)
		for (;;)
			sched_yield();
	cr_assert_gt(pid, 0);
	return pid;
}

/* Until it has taken so much of a processor by itself. */
static void wait_until(pid_t pid, uint64_t cpu_ns)
{
	struct timespec time = {0};
	clockid_t clock;

	cr_assert_eq(clock_getcpuclockid(pid, &clock), 0);
	while ((uint64_t)time.tv_sec * NANOS_PER_SEC + (uint64_t)time.tv_nsec < cpu_ns) {
		cr_assert_eq(clock_gettime(clock, &time), 0);
		sched_yield();
	}
}

/* Until it has cost that much. */
static void look_until(pid_t pid, uint64_t cpu_ns, uint64_t switches)
{
	nanos_t now = entry.at;

	do
		usage_look(&usage, pid, ++now, &entry);
	while (entry.cpu_ns < cpu_ns || entry.switches < switches);
	cr_expect_eq(entry.at, now);
}

static void end(pid_t pid)
{
	siginfo_t info;

	kill(pid, SIGKILL);
	cr_assert_eq(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	usage_look(&usage, pid, entry.at + 1, &entry);
	waitpid(pid, NULL, 0);
}

Test(usage, of_a_dead_process_is_kept_and_the_next_ones_added)
{
	struct board_usage first;
	pid_t pid = spin();

	usage_begin(&usage, &entry);
	look_until(pid, 10 * NANOS_PER_MS, 1);
	cr_expect_eq(entry.threads, 1);
	cr_expect_gt(entry.rss_bytes, 0);
	first = entry;
	end(pid);
	cr_expect_geq(entry.cpu_ns, first.cpu_ns, "what it took before it was waited for counts");
	cr_expect_geq(entry.switches, first.switches);
	cr_expect_eq(entry.rss_bytes, 0, "a dead process has no memory");

	first = entry;
	pid = spin();
	usage_begin(&usage, &entry);
	wait_until(pid, 2 * NANOS_PER_MS);
	usage_look(&usage, pid, entry.at + 1, &entry);
	cr_expect_geq(entry.cpu_ns, first.cpu_ns + 2 * NANOS_PER_MS);
	cr_expect_gt(entry.switches, first.switches);
	end(pid);
}

Test(usage, of_shared_memory_is_told_now_and_then)
{
	pid_t pid = spin();
	uint32_t with = 0;

	entry = (struct board_usage){0};
	usage_begin(&usage, &entry);
	for (uint32_t look = 1; look <= 2 * USAGE_SHARE_EVERY; look++) {
		entry.pss_bytes = 0;
		usage_look(&usage, pid, look, &entry);
		with += entry.pss_bytes > 0;
	}
	cr_expect_eq(with, 2);
	end(pid);
	cr_expect_eq(entry.pss_bytes, 0);
}
