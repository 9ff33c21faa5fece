/* internal: what the parts of the cage share. */
#ifndef SLUICE_COMMON_CAGE_INTERNAL_H
#define SLUICE_COMMON_CAGE_INTERNAL_H

#include "common/cage/cage.h"

/* landlock.c: no file may be opened, made, changed or run any more; with `readable` reading stays, and
 * everything beneath `writable` (NULL: nothing).  0, -EOPNOTSUPP where the kernel has no Landlock. */
int cage_landlock(bool readable, const char *writable);

#endif
