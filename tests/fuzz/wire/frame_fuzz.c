/* A frame as it came, through every layer. */
#include "tests/fuzz/fuzz.h"
#include "tests/unit/wire/exercise.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	exercise_frame(data, (uint32_t)size);
	return 0;
}
