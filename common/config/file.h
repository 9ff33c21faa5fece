/* file: a file as a whole; private to config. */
#ifndef SLUICE_COMMON_CONFIG_FILE_H
#define SLUICE_COMMON_CONFIG_FILE_H

#include "common/base/base.h"

#define FILE_BYTES_MAX (1u << 30)

/* Reads a file into memory that is malloc'ed and terminated: 0, or a negative errno (-EFBIG beyond
 * FILE_BYTES_MAX). */
[[nodiscard]] int file_read(const char *path, char **text, size_t *len);

#endif
