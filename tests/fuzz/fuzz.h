/* fuzz: what every fuzz target declares, and how it says that something is wrong. */
#ifndef SLUICE_TESTS_FUZZ_FUZZ_H
#define SLUICE_TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/* As assert, and not to be switched off. */
#define REQUIRE(condition)                                                                                   \
	do {                                                                                                 \
		if (!(condition))                                                                            \
			abort();                                                                             \
	} while (0)

/* libFuzzer calls it with each input, which stays the caller's; always 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
