/* proc: the registry in files, for who reads a kernel's: `PROC_ROOT=RUN/control/proc nstat`, or node_exporter
 * with
 * --path.procfs=RUN/control/proc.  A file is whole whenever it is opened: it is written beside its name and
 * moved. */
#include "services/control/internal.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void write_file(const struct control *c, enum metric_file file, const struct metrics *m)
{
	char path[1100], fresh[1110];
	FILE *to;
	bool whole;

	snprintf(path, sizeof path, "%s/net/%s", c->proc_dir, metrics_proc_name(file));
	snprintf(fresh, sizeof fresh, "%s.new", path);
	to = fopen(fresh, "we");
	if (!to)
		return;
	metrics_proc(to, file, m);
	whole = !ferror(to);
	whole &= fclose(to) == 0;
	if (!whole || renameat(AT_FDCWD, fresh, AT_FDCWD, path))
		(void)unlinkat(AT_FDCWD, fresh, 0);
}

static void write_all(uv_timer_t *timer)
{
	struct control *c = timer->data;
	struct metrics *m = measure(c);

	if (!m)
		return;
	for (uint32_t f = 0; f < METRIC_FILES; f++)
		write_file(c, (enum metric_file)f, m);
	free(m);
}

static bool make_folder(const char *path)
{
	return mkdirat(AT_FDCWD, path, 0755) == 0 || errno == EEXIST;
}

void proc_begin(struct control *c, const char *dir)
{
	char net[1100];

	snprintf(c->proc_dir, sizeof c->proc_dir, "%s/proc", dir);
	snprintf(net, sizeof net, "%s/net", c->proc_dir);
	if (!make_folder(c->proc_dir) || !make_folder(net)) {
		fprintf(stderr,
		        "sluice-control: cannot make %s: %s; there will be no files as in /proc/net\n", net,
		        strerror(errno));
		c->proc_dir[0] = 0;
		return;
	}
	uv_timer_start(&c->proc_timer, write_all, 0, PROC_TICK_MS);
}

/* Who stops leaves no numbers that nobody counts on. */
void proc_end(struct control *c)
{
	char path[1100];

	if (!c->proc_dir[0])
		return;
	for (uint32_t f = 0; f < METRIC_FILES; f++) {
		snprintf(path, sizeof path, "%s/net/%s", c->proc_dir, metrics_proc_name((enum metric_file)f));
		(void)unlinkat(AT_FDCWD, path, 0);
	}
	snprintf(path, sizeof path, "%s/net", c->proc_dir);
	(void)unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
	(void)unlinkat(AT_FDCWD, c->proc_dir, AT_REMOVEDIR);
}
