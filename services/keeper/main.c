/* sluice-keeper BLUEPRINT LOCK: both are numbers of descriptors that `sluice up` has opened. */
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

int main(int argc, char **argv)
{
	static struct keeper keeper;
	char folder[2048];
	int blueprint = argc == 3 ? descriptor(argv[1]) : -1, lock = argc == 3 ? descriptor(argv[2]) : -1;

	if (blueprint < 0 || lock < 0 || !own_folder(folder, sizeof folder)) {
		fprintf(stderr, "sluice-keeper is started by `sluice up --config FILE`\n");
		return 2;
	}
	memory_rank(MEMORY_RANK_KEEPER);
	if (keeper_open(&keeper, blueprint, lock, folder))
		return 3;
	return keeper_run(&keeper) ? 3 : 0;
}
