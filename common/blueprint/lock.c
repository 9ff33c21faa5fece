/* lock: a file in the run folder that a process holds as long as it lives. */
#include "common/blueprint/blueprint.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* What was put there by somebody else, or leads elsewhere, is not to be written as root. */
static bool is_plain(int fd, bool own)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1 &&
	       (!own || st.st_uid == geteuid());
}

int lock_open(const char *folder, const char *name, bool take)
{
	char path[BLUEPRINT_PATH + 32];
	int fd;

	if ((size_t)snprintf(path, sizeof path, "%s/%s.lock", folder, name) >= sizeof path)
		return -ENAMETOOLONG;
	fd = open(path, (take ? O_RDWR | O_CREAT : O_RDONLY) | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0640);
	if (fd < 0)
		return -errno;
	if (is_plain(fd, take))
		return fd;
	close(fd);
	return -EPERM;
}

int lock_take(int fd)
{
	if (flock(fd, LOCK_EX | LOCK_NB) || ftruncate(fd, 0) || dprintf(fd, "%d\n", getpid()) < 0)
		return -errno;
	return 0;
}

bool lock_is_held(int fd)
{
	return flock(fd, LOCK_EX | LOCK_NB) != 0;
}

pid_t lock_holder(int fd)
{
	char text[16] = "";

	return pread(fd, text, sizeof text - 1, 0) > 0 ? (pid_t)strtol(text, NULL, 10) : 0;
}

int run_folder_check(const char *path)
{
	struct stat st;

	if (stat(path, &st))
		return -errno;
	return st.st_uid == geteuid() && !(st.st_mode & (S_IWGRP | S_IWOTH)) ? 0 : -EPERM;
}
