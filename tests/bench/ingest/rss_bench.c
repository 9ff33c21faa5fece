/* rss: hashing frames of random flows, from the header on. */
#include "services/ingest/nic/rss.h"

#include "common/wire/wire.h"
#include "tests/bench/ingest/rounds.h"

#define FRAMES 1024u
#define TIMES  4000u

static uint8_t frame[FRAMES][128];
static uint32_t len[FRAMES];
static volatile uint32_t kept;

static void hash_frames(void)
{
	uint32_t sum = 0;

	for (uint32_t t = 0; t < TIMES; t++)
		for (uint32_t i = 0; i < FRAMES; i++)
			sum ^= rss_frame(frame[i], len[i]);
	kept = sum;
}

static void hash_by_definition(void)
{
	uint32_t sum = 0;

	for (uint32_t i = 0; i < FRAMES; i++)
		sum ^= rss_toeplitz(rss_symmetric_key, frame[i] + 26, 12);
	kept = sum;
}

/* IPv4 (family 4) or IPv6 over UDP, perhaps with a VLAN tag. */
static void make(uint32_t family, bool tagged)
{
	uint64_t random = 1;

	for (uint32_t i = 0; i < FRAMES; i++) {
		uint8_t *ip = frame[i] + 14 + 4 * tagged;

		for (uint32_t k = 0; k < sizeof frame[i]; k++)
			frame[i][k] = (uint8_t)(random_next(&random) >> 24);
		wire_store_u16(frame[i] + 12, 0x8100);
		wire_store_u16(ip - 2, family == 4 ? 0x0800 : 0x86dd);
		len[i] = (uint32_t)(ip - frame[i]) + (family == 4 ? 46 : 66);
		ip[0] = family == 4 ? 0x45 : 0x60;
		wire_store_u16(ip + (family == 4 ? 2 : 4), family == 4 ? 46 : 26);
		wire_store_u16(ip + 6, family == 4 ? 0 : load_u32(ip + 6) & 0xffff);
		ip[family == 4 ? 9 : 6] = 17;
	}
}

int main(void)
{
	make(4, false);
	bench("rss", "symmetric, IPv4 UDP", (double)FRAMES * TIMES, hash_frames);
	bench("rss", "bit by bit, 12 bytes", FRAMES, hash_by_definition);
	make(6, false);
	bench("rss", "symmetric, IPv6 UDP", (double)FRAMES * TIMES, hash_frames);
	make(4, true);
	bench("rss", "symmetric, tagged IPv4 UDP", (double)FRAMES * TIMES, hash_frames);
	return 0;
}
