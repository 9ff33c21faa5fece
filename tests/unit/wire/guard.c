#include <assert.h>
#include <string.h>
#include <sys/mman.h>

#include "tests/unit/wire/guard.h"

#define PAGE 4096u

static uint8_t *area_end(void)
{
	static uint8_t *area;

	if (!area) {
		area = mmap(
		        NULL, GUARD_MAX + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		assert(area != MAP_FAILED);
		int error = mprotect(area + GUARD_MAX, PAGE, PROT_NONE);

		assert(error == 0);
	}
	return area + GUARD_MAX;
}

uint8_t *guard_zeros(uint32_t len)
{
	assert(len <= GUARD_MAX);
	return memset(area_end() - len, 0, len);
}

uint8_t *guard_copy(const void *bytes, uint32_t len)
{
	uint8_t *copy = guard_zeros(len);

	if (len > 0)
		memcpy(copy, bytes, len);
	return copy;
}
