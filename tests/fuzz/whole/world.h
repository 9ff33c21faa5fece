/* world: the configuration of the fuzz targets of the whole appliance: a little of everything, and limits so
 * low that a few packets reach them. */
#ifndef SLUICE_TESTS_FUZZ_WHOLE_WORLD_H
#define SLUICE_TESTS_FUZZ_WHOLE_WORLD_H

#include "tests/unit/whole/whole.h"

/* The text, with one lane or two. */
const char *world_config(uint32_t lanes);

/* Takes frames from an input (two bytes of length, high bits of the second: port and lane; and the bytes) and
 * pushes them; returns the bytes used. */
size_t world_push(struct whole *whole, const uint8_t *data, size_t size, uint32_t frames_max);

#endif
