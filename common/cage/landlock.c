#include "common/cage/internal.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Rights that exist, by the version of the interface (Documentation/userspace-api/landlock.rst). */
static uint64_t known_rights(long version)
{
	if (version >= 5)
		return (1u << 16) - 1; /* and ioctl on devices */
	if (version >= 3)
		return (1u << 15) - 1; /* and truncate */
	return version == 2 ? (1u << 14) - 1 : (1u << 13) - 1;
}

static int allow_beneath(int rules, const char *folder, uint64_t rights)
{
	struct landlock_path_beneath_attr beneath = {.allowed_access = rights};
	int err = 0;

	beneath.parent_fd = open(folder, O_PATH | O_CLOEXEC);
	if (beneath.parent_fd < 0)
		return -errno;
	if (syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0))
		err = -errno;
	close(beneath.parent_fd);
	return err;
}

int cage_landlock(bool readable, const char *const *writable)
{
	const uint64_t reading = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
	struct landlock_ruleset_attr attr = {0};
	long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	int rules, err = 0;

	if (version < 1)
		return -EOPNOTSUPP;
	attr.handled_access_fs = known_rights(version);
	rules = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof attr, 0);
	if (rules < 0)
		return -errno;
	if (readable)
		err = allow_beneath(rules, "/", reading);
	for (uint32_t i = 0; i < CAGE_WRITABLE_MAX && writable[i] && !err; i++)
		err = allow_beneath(rules, writable[i], attr.handled_access_fs & ~LANDLOCK_ACCESS_FS_EXECUTE);
	if (!err && syscall(SYS_landlock_restrict_self, rules, 0))
		err = -errno;
	close(rules);
	return err;
}
