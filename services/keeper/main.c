/* sluice-keeper BLUEPRINT LOCK [apart]: both are numbers of descriptors that `sluice up` has opened; `apart`:
 * attendants call by themselves.
 * sluice-keeper attend ROLE [RUN]: such an attendant, which calls in RUN/attend/ROLE (/run/sluice). */
#include "services/keeper/keeper.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int descriptor(const char *text)
{
	char *end;
	long fd = strtol(text, &end, 10);

	return end == text || *end || fd < 3 || fd > INT32_MAX || fcntl((int)fd, F_SETFD, FD_CLOEXEC)
	               ? -1
	               : (int)fd;
}

/* The folder of this program, where its siblings are; $SLUICE_LIBEXEC goes before it. */
static bool own_folder(char *path, size_t size)
{
	const char *given = getenv("SLUICE_LIBEXEC");
	ssize_t n;

	if (given)
		return (size_t)snprintf(path, size, "%s", given) < size;
	n = readlink("/proc/self/exe", path, size - 1);
	if (n <= 0)
		return false;
	path[n] = 0;
	*strrchr(path, '/') = 0;
	return true;
}

static int usage(void)
{
	fprintf(stderr,
	        "sluice-keeper is started by `sluice up --config FILE`; with --apart its attendants are\n"
	        "started by `sluice-keeper attend ingest|filter|router|session|control [RUN]`\n");
	return 2;
}

static int keep(int blueprint, int lock, const char *programs, bool apart)
{
	static struct keeper keeper;

	memory_rank(MEMORY_RANK_KEEPER);
	if (keeper_open(&keeper, blueprint, lock, programs, apart))
		return 3;
	return keeper_run(&keeper) ? 3 : 0;
}

static int attend_role(const char *name, const char *run_dir, const char *programs)
{
	char folder[BLUEPRINT_PATH];
	enum role role = 0;
	int err;

	while (role < ROLE_COUNT && strcmp(name, board_role_name(role)) != 0)
		role++;
	if (role == ROLE_COUNT || call_folder(run_dir, role, folder, sizeof folder))
		return usage();
	err = attend(role, folder, programs);
	if (!err)
		return 0;
	fprintf(stderr, "sluice-keeper: the attendant of %s cannot begin: %s\n", name, strerror(-err));
	return 3;
}

int main(int argc, char **argv)
{
	char programs[2048];
	bool apart = argc == 4 && !strcmp(argv[3], "apart");
	int blueprint, lock;

	if (!own_folder(programs, sizeof programs))
		return usage();
	if ((argc == 3 || argc == 4) && !strcmp(argv[1], "attend"))
		return attend_role(argv[2], argc == 4 ? argv[3] : "/run/sluice", programs);
	blueprint = argc == 3 || apart ? descriptor(argv[1]) : -1;
	lock = argc == 3 || apart ? descriptor(argv[2]) : -1;
	return blueprint < 0 || lock < 0 ? usage() : keep(blueprint, lock, programs, apart);
}
