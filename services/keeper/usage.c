#include "services/keeper/usage.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define SHARE_FIRST 4u /* look: a start is not to be slower by it */

/* One look; what cannot be seen is 0. */
struct seen {
	uint64_t cpu_ns, waited_ns, switches, rss_bytes;
	uint32_t threads;
};

/* The beginning of a file, at most size - 1 bytes; empty where it cannot be read. */
static void read_text(int folder, const char *path, char *text, size_t size)
{
	int fd = openat(folder, path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, text, size - 1);

	text[n > 0 ? n : 0] = 0;
	if (fd >= 0)
		close(fd);
}

/* "time on a processor, time waiting for one, how often it got one" of a thread (Linux sched-stats). */
static void look_at_thread(int folder, const char *tid, struct seen *to)
{
	char path[300], text[128], *at = text;

	snprintf(path, sizeof path, "%s/schedstat", tid);
	read_text(folder, path, text, sizeof text);
	(void)strtoull(at, &at, 10);
	to->waited_ns += strtoull(at, &at, 10);
	to->switches += strtoull(at, &at, 10);
	to->threads++;
}

static void look_at_threads(int process, struct seen *to)
{
	int fd = openat(process, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *folder = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	while (folder && (entry = readdir(folder)))
		if (entry->d_name[0] != '.')
			look_at_thread(fd, entry->d_name, to);
	if (folder)
		(void)closedir(folder);
	else if (fd >= 0)
		close(fd);
}

/* The threads that ended are among it, and of a dead process all. */
static uint64_t processor_time(pid_t pid)
{
	struct timespec time;
	clockid_t clock;

	if (clock_getcpuclockid(pid, &clock) || clock_gettime(clock, &time))
		return 0;
	return (uint64_t)time.tv_sec * NANOS_PER_SEC + (uint64_t)time.tv_nsec;
}

/* "size resident shared ...", in pages. */
static uint64_t resident(int process)
{
	char text[128], *at = text;

	read_text(process, "statm", text, sizeof text);
	(void)strtoull(at, &at, 10);
	return strtoull(at, &at, 10) * (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint64_t share(int process)
{
	char text[256];
	const char *pss;

	read_text(process, "smaps_rollup", text, sizeof text);
	pss = strstr(text, "\nPss:");
	return pss ? strtoull(pss + 5, NULL, 10) * 1024 : 0;
}

void usage_begin(struct usage *u, const struct board_usage *entry)
{
	*u = (struct usage){
	        .cpu_ns = entry->cpu_ns, .waited_ns = entry->waited_ns, .switches = entry->switches};
}

/* What threads had that have ended since is seen no more: no count falls. */
static void note(const struct usage *u, const struct seen *seen, nanos_t now, struct board_usage *entry)
{
	board_usage_begin(entry);
	entry->at = now;
	entry->threads = seen->threads;
	entry->cpu_ns = MAX(entry->cpu_ns, u->cpu_ns + seen->cpu_ns);
	entry->waited_ns = MAX(entry->waited_ns, u->waited_ns + seen->waited_ns);
	entry->switches = MAX(entry->switches, u->switches + seen->switches);
	entry->rss_bytes = seen->rss_bytes;
	if (!seen->rss_bytes)
		entry->pss_bytes = 0;
	board_usage_end(entry);
}

static void note_share(uint64_t bytes, struct board_usage *entry)
{
	board_usage_begin(entry);
	entry->pss_bytes = bytes;
	board_usage_end(entry);
}

void usage_look(struct usage *u, pid_t pid, nanos_t now, struct board_usage *entry)
{
	struct seen seen = {.cpu_ns = processor_time(pid)};
	char path[32];
	int process;

	snprintf(path, sizeof path, "/proc/%d", pid);
	process = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (process >= 0) {
		look_at_threads(process, &seen);
		seen.rss_bytes = resident(process);
	}
	note(u, &seen, now, entry);
	if (process >= 0 && u->looks++ % USAGE_SHARE_EVERY == SHARE_FIRST)
		note_share(share(process), entry);
	if (process >= 0)
		close(process);
}
