/* errors: how the parts of config report; private to config. */
#ifndef SLUICE_COMMON_CONFIG_ERRORS_H
#define SLUICE_COMMON_CONFIG_ERRORS_H

#include "common/base/utf8.h"
#include "common/config/config.h"

/* A text under the reader's eyes. */
struct source {
	const char *name;
	const char *text;
	size_t len;
	struct config_errors *errors;
};

/* A word or sentence part, made in place: short-lived. */
struct phrase {
	char text[256];
};

struct phrase phrase(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Reports: what stands at line and column, what should, and what helps (may be NULL).  Line 0: the file as a
 * whole. */
void source_error(struct source *s, uint32_t line, uint32_t column, const char *found, const char *expected,
        const char *hint);

/* The names nearest to a word, by edit distance, for "did you mean"; NULL where none is near. */
const char *nearest_name(const char *word, const char *const *names, uint32_t n);

/* In the order of the file. */
void errors_sort(struct config_errors *e);

#endif
