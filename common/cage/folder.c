/* folder: a folder of a caged process's own. */
#include "common/cage/cage.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_empty(int fd)
{
	int again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = again < 0 ? NULL : fdopendir(again);
	uint32_t n = 0;

	if (!dir) {
		if (again >= 0)
			close(again);
		return false;
	}
	while (readdir(dir))
		n++;
	closedir(dir);
	return n <= 2; /* itself and its parent */
}

/* The mode first, which the new owner alone could set then; without CAP_FOWNER it is set by the owner. */
static int give(int fd, uid_t uid, uint32_t mode)
{
	if (fchown(fd, geteuid(), getegid()) || fchmod(fd, mode))
		return -errno;
	if (!fchown(fd, uid, uid) || (errno == EINVAL && !fchown(fd, CAGE_UID_ELSE, CAGE_UID_ELSE)))
		return 0;
	return -errno;
}

/* Whether that user may pass through all folders above. */
static bool may_reach(const char *path, uid_t uid)
{
	int fd;

	setfsuid(uid);
	setfsgid(uid);
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	setfsgid(getegid());
	setfsuid(geteuid());
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

int cage_give_folder(const char *path, uid_t uid, uint32_t mode)
{
	struct stat st;
	int fd, err = 0;

	if (mkdir(path, 0700) && errno != EEXIST)
		return -errno;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st))
		err = -errno;
	else if (st.st_uid == uid && st.st_gid == uid && (st.st_mode & 07777) == mode)
		err = 0;
	else if (st.st_uid != uid && st.st_uid != CAGE_UID_ELSE && !is_empty(fd))
		err = -ENOTEMPTY;
	else
		err = give(fd, uid, mode);
	close(fd);
	return err ? err : may_reach(path, uid) ? 0 : -EACCES;
}
