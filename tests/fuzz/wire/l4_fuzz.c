/* A UDP datagram over IPv4 or IPv6, or a TCP segment, by the first byte. */
#include "tests/fuzz/fuzz.h"
#include "tests/unit/wire/exercise.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (data[0] % 3 == 2)
		exercise_tcp(data + 1, (uint32_t)size - 1, CSUM_ZERO);
	else
		exercise_udp(data + 1, (uint32_t)size - 1, data[0] % 3, CSUM_ZERO);
	return 0;
}
