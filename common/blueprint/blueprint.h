/* blueprint: what the keeper must know of an appliance, made once by `sluice up` and never changed.
 *
 *     fd = blueprint_seal(&b)                  a memfd that nobody can change any more
 *     blueprint_read(fd, &b)                   any process that was handed it: checked and copied
 *     appliance_adopt(&a, &b->plan, b->bytes)  (common/stage/appliance.h)
 *
 * With it neither the keeper nor the attendants read YAML or know a stage's code, and every process sees the
 * same layout.
 */
#ifndef SLUICE_COMMON_BLUEPRINT_BLUEPRINT_H
#define SLUICE_COMMON_BLUEPRINT_BLUEPRINT_H

#include "common/stage/appliance.h"

#include <sys/types.h>

#define BLUEPRINT_MAGIC   0x50424c53u /* "SLBP" */
#define BLUEPRINT_VERSION 2u
#define BLUEPRINT_PATH    1024u

/* Control's own folder in the run folder: there it listens (read.sock, admin.sock).  All else there is the
 * keeper's: keeper.sock, the locks, an empty folder. */
#define BLUEPRINT_SOCKETS "control"

/* Shared layout is that of the binary that made it: processes of one appliance are of builds that declare
 * alike what they share, which `layout` tells. */
struct blueprint {
	uint32_t magic;
	uint32_t version;
	uint64_t layout; /* of the headers' text and of the sizes that came of it */
	uint64_t bytes[REGION_COUNT];
	char run_dir[BLUEPRINT_PATH];     /* terminated; absolute, exists */
	char sockets_dir[BLUEPRINT_PATH]; /* the same; control's own: BLUEPRINT_SOCKETS in the run folder */
	char state_dir[BLUEPRINT_PATH];   /* the same; control's own: what is to outlive the appliance */
	char config[BLUEPRINT_PATH];      /* the configuration's file, absolute */
	uint32_t n_cores;                 /* 0: no setting */
	uint32_t cores[LANES_MAX];        /* processor of each lane */
	uint32_t reserved;
	struct plan plan;
};

/* Begins a blueprint for an appliance that was laid out (appliance_layout): magic, version, plan and bytes;
 * the rest is zero and the caller's. */
void blueprint_init(struct blueprint *b, const struct appliance *a);

/* Writes it into a memfd, sealed against every change.  The descriptor (close-on-exec) or a negative errno.
 */
[[nodiscard]] int blueprint_seal(const struct blueprint *b);

/* Reads one.  0; -ESTALE where it is of a build of another layout (BLUEPRINT_STALE says what to do); -EINVAL
 * where it is not sealed, or contradicts itself (workers, rings or offsets outside their regions); or what
 * reading gave. */
[[nodiscard]] int blueprint_read(int fd, struct blueprint *b);

#define BLUEPRINT_STALE                                                                                      \
	"this program is of another build than the appliance that runs, and cannot share its memory: that "  \
	"has to be ended and started anew"

/* This build: its version, and a digest of all that it declares of what is shared. */
const char *blueprint_build(void);

/* Whether the plan holds together, so that a process that maps regions of these sizes finds everything inside
 * them. */
bool blueprint_sound(const struct blueprint *b);

/* Locks: FOLDER/NAME.lock, held as long as its process lives, which the keeper tells by it; its pid stands in
 * it.
 */

/* A descriptor of the file: to take it, made where there is none; or only to look at it.  -EPERM where it is
 * not a plain file, or one to take is not this user's; or another negative errno. */
[[nodiscard]] int lock_open(const char *folder, const char *name, bool take);

/* Takes it, until the process ends, and writes its pid.  0; -EWOULDBLOCK: it is held; other negative errno.
 */
[[nodiscard]] int lock_take(int fd);

/* Whether another holds it; if none does this descriptor does from now on. */
[[nodiscard]] bool lock_is_held(int fd);

/* The pid that stands in it; 0: none. */
pid_t lock_holder(int fd);

/* Whether the run folder is this user's and nobody else's to write.  0, -EPERM, or what asking gave. */
[[nodiscard]] int run_folder_check(const char *path);

#endif
