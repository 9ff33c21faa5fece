/* naive: the Internet checksum as its definition has it, for tests to hold the fast one against. */
#ifndef SLUICE_TESTS_UNIT_WIRE_NAIVE_H
#define SLUICE_TESTS_UNIT_WIRE_NAIVE_H

#include "common/base/base.h"

/* RFC 1071 as written: 16-bit words in network order, the carries folded at the end. */
static inline uint16_t naive_sum(const uint8_t *b, uint32_t len)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < len; i++)
		sum += i % 2 ? b[i] : (uint64_t)b[i] << 8;
	while (sum >> 16)
		sum = (sum >> 16) + (sum & 0xffff);
	return (uint16_t)sum;
}

#endif
