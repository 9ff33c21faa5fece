#include "common/cage/internal.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A limit that is not above the one there is, which only CAP_SYS_RESOURCE may raise. */
static int limit_to(int resource, uint64_t most)
{
	struct rlimit limit;

	if (getrlimit((__rlimit_resource_t)resource, &limit))
		return -errno;
	limit.rlim_max = MIN(limit.rlim_max, (rlim_t)most);
	limit.rlim_cur = limit.rlim_max;
	return setrlimit((__rlimit_resource_t)resource, &limit) ? -errno : 0;
}

/* What RLIMIT_DATA counts, as it is now: private writable memory (Linux 4.7), the sixth number of statm. */
static int own_memory(uint64_t *bytes)
{
	int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	char text[128] = "", *at = text;
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);

	if (fd >= 0)
		close(fd);
	for (uint32_t i = 0; i < 6; i++)
		*bytes = strtoull(at, &at, 10) * (uint64_t)sysconf(_SC_PAGESIZE);
	return n > 0 ? 0 : -ENOENT;
}

/* A dump of the pool would take seconds, in which nobody forwards, and would hold what others sent.  Memory
 * without end would have the kernel end others for want of it. */
static int limit(const struct cage *cage)
{
	uint64_t memory;
	int err = own_memory(&memory);

	if (!err)
		err = limit_to(RLIMIT_DATA, memory + cage->memory);
	if (!err)
		err = limit_to(RLIMIT_STACK, CAGE_STACK);
	if (!err)
		err = limit_to(RLIMIT_CORE, 0);
	if (!err)
		err = limit_to(RLIMIT_NOFILE, cage->n_files ? cage->n_files : CAGE_FILES);
	return !err && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) ? -errno : err;
}

/* An empty folder as root, with no descriptor of a folder left, cannot be left without CAP_SYS_CHROOT. */
static bool enter_root(int root)
{
	return root >= 0 && fchdir(root) == 0 && chroot(".") == 0 && chdir("/") == 0;
}

static void leave_files(const struct cage *cage, uint32_t *missed)
{
	bool keep = cage->flags & CAGE_KEEP_FILES;

	if (!keep && !enter_root(cage->root))
		*missed |= CAGE_MISSED_ROOT;
	if (cage_landlock(keep, cage->writable))
		*missed |= CAGE_MISSED_LANDLOCK;
}

/* The bounding set, and that root's number means anything: both need CAP_SETPCAP, which is about to go.  In a
 * container without it no_new_privs, which is set, holds alone: no program that is run gives capabilities. */
static int leave_bounds(void)
{
	int err = 0;

	for (unsigned long cap = 0; !err && prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0))
			err = -errno;
	if (!err && prctl(PR_SET_SECUREBITS,
	                    SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP_LOCKED |
	                            SECBIT_KEEP_CAPS_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE |
	                            SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED,
	                    0, 0, 0))
		err = -errno;
	return err == -EPERM ? 0 : err;
}

static int become(uid_t uid)
{
	if (setgroups(0, NULL) || setresgid(uid, uid, uid) || setresuid(uid, uid, uid))
		return -errno;
	return 0;
}

/* Without CAP_SETUID and CAP_SETGID it stays who it is: a container's user, that of its role perhaps. */
static int leave_user(const struct cage *cage, uint32_t *missed)
{
	int err = become(cage->uid);

	if (err == -EINVAL)
		err = become(CAGE_UID_ELSE);
	if (err != -EPERM)
		return err;
	if (geteuid() == 0)
		*missed |= CAGE_MISSED_USER;
	return 0;
}

static int leave_capabilities(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {0};

	if (syscall(SYS_capset, &header, none) || prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) ||
	        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -errno;
	return 0;
}

int cage_leave(const struct cage *cage, uint32_t *missed)
{
	int err = limit(cage);

	*missed = 0;
	if (cage->net >= 0 && setns(cage->net, CLONE_NEWNET))
		*missed |= CAGE_MISSED_NET;
	/* Landlock asks for no_new_privs or CAP_SYS_ADMIN. */
	if (!err && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		err = -errno;
	if (!err) {
		leave_files(cage, missed);
		err = leave_bounds();
	}
	if (!err)
		err = leave_user(cage, missed);
	if (!err)
		err = leave_capabilities();
	/* Both are forgotten when the user changes. */
	if (!err && (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) ||
	                    (cage->pdeath_signal && prctl(PR_SET_PDEATHSIG, cage->pdeath_signal, 0, 0, 0))))
		err = -errno;
	return err;
}

void cage_tell_missed(const char *name, uint32_t missed)
{
	static const char *const what[] = {
	        "an empty root", "an empty network", "Landlock", "a user of its own"};
	const char *before = " ";

	if (!missed)
		return;
	fprintf(stderr, "sluice-%s: this machine does not give it", name);
	for (uint32_t i = 0; i < ARRAY_LEN(what); i++)
		if (missed & 1u << i) {
			fprintf(stderr, "%s%s", before, what[i]);
			before = ", ";
		}
	fprintf(stderr, "; its capabilities and its system calls are limited all the same\n");
}

static bool kept(int fd, const int *keep, uint32_t n)
{
	for (uint32_t k = 0; k < n; k++)
		if (keep[k] == fd)
			return true;
	return false;
}

void cage_close_all_but(const int *keep, uint32_t n)
{
	uint32_t from = 3;

	for (uint32_t fd = 3; n && fd < 1024; fd++) {
		if (!kept((int)fd, keep, n))
			continue;
		if (fd > from)
			close_range(from, fd - 1, 0);
		from = fd + 1;
	}
	close_range(from, UINT32_MAX, 0);
}
