/* names: a word that a person typed among the names that there are. */
#ifndef SLUICE_SERVICES_CLI_NAMES_H
#define SLUICE_SERVICES_CLI_NAMES_H

#include "common/base/base.h"

enum { NAMES_NONE = -1, NAMES_SEVERAL = -2 };

/* The place of the name that this is, whole or the beginning of no other; or NAMES_*. */
int names_find(const char *const *names, uint32_t n, const char *text);

/* The name that was likely meant, by as few letters that are wrong, missing, too many or exchanged as can be;
 * NULL: none is near. */
const char *names_nearest(const char *const *names, uint32_t n, const char *text);

/* Those that begin so, with commas between them, into out. */
void names_list(const char *const *names, uint32_t n, const char *beginning, char *out, size_t size);

#endif
