/* guard: bytes that end where the memory ends, so that one byte too far is a fault in every build. */
#ifndef SLUICE_TESTS_UNIT_WIRE_GUARD_H
#define SLUICE_TESTS_UNIT_WIRE_GUARD_H

#include <stdint.h>

#define GUARD_MAX 65536u

/* A copy of `len` bytes (at most GUARD_MAX) that ends at an unmapped page.  It is overwritten by the next
 * call, which is why only one copy may be in use at a time. */
uint8_t *guard_copy(const void *bytes, uint32_t len);

/* The same without bytes: `len` zeros, to be filled. */
uint8_t *guard_zeros(uint32_t len);

#endif
