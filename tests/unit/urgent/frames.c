#include "tests/unit/urgent/frames.h"

static uint32_t chance(uint64_t *random, uint32_t n)
{
	*random = *random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(*random >> 33) % n;
}

uint32_t frames_make(uint8_t frame[FRAMES_MAX], uint64_t *random)
{
	static const uint16_t types[] = {0x0800, 0x0800, 0x86dd, 0x86dd, 0x86dd, 0x0806, 0x8100, 0x1234};
	static const uint8_t nexts[] = {58, 58, 6, 0};
	uint32_t at = 12, tags = chance(random, 4), type = types[chance(random, ARRAY_LEN(types))];

	for (uint32_t i = 0; i < FRAMES_MAX; i++)
		frame[i] = (uint8_t)chance(random, 256);
	for (uint32_t t = 0; t < tags; t++, at += 4) {
		frame[at] = chance(random, 2) ? 0x81 : 0x88;
		frame[at + 1] = frame[at] == 0x81 ? 0x00 : 0xa8;
	}
	frame[at] = (uint8_t)(type >> 8);
	frame[at + 1] = (uint8_t)type;
	if (chance(random, 2))
		frame[at + 8] = nexts[chance(random, ARRAY_LEN(nexts))];
	if (chance(random, 2))
		frame[at + 42] = (uint8_t)(131 + chance(random, 9));
	return chance(random, 2) ? FRAMES_MAX : 14 + chance(random, FRAMES_MAX - 14);
}

bool frames_urgent(const uint8_t *frame, uint32_t len, uint32_t dscp)
{
	uint32_t at = 12, type = (uint32_t)frame[at] << 8 | frame[at + 1];

	if (len < 34)
		return false;
	for (uint32_t tags = 0; tags < 2 && (type == 0x8100 || type == 0x88a8); tags++) {
		at += 4;
		type = (uint32_t)frame[at] << 8 | frame[at + 1];
	}
	at += 2; /* the header behind */
	if (type == 0x0806)
		return true;
	if (type == 0x0800)
		return frame[at + 1] >> 2 >= (int)dscp;
	if (type != 0x86dd)
		return false;
	if ((uint32_t)((frame[at] & 15) << 4 | frame[at + 1] >> 4) >> 2 >= dscp)
		return true;
	return frame[at + 6] == 58 && len > at + 40 && frame[at + 40] >= 133 && frame[at + 40] <= 137;
}
