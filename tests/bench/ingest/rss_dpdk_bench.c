/* rss_dpdk: the same hashes by DPDK's library, of the tuple alone (finding it in the frame is not in it). */
#include "tests/bench/ingest/rounds.h"

#include <rte_thash.h>

#define FRAMES 1024u
#define TIMES  1000u

static uint8_t key[40];
static uint8_t tuple[FRAMES][36];
static uint64_t matrices[40 * 8];
static uint32_t bytes;
static volatile uint32_t kept;

static void by_table(void)
{
	uint32_t sum = 0;

	for (uint32_t t = 0; t < TIMES; t++)
		for (uint32_t i = 0; i < FRAMES; i++)
			sum ^= rte_softrss((uint32_t *)(void *)tuple[i], bytes / 4, key);
	kept = sum;
}

static void by_gfni(void)
{
	uint32_t sum = 0;

	for (uint32_t t = 0; t < TIMES; t++)
		for (uint32_t i = 0; i < FRAMES; i++)
			sum ^= rte_thash_gfni(matrices, tuple[i], (int)bytes);
	kept = sum;
}

int main(void)
{
	uint32_t random = 1;

	if (!__builtin_cpu_supports("gfni") || !__builtin_cpu_supports("avx512vbmi"))
		return 0;
	for (uint32_t i = 0; i < sizeof key; i++)
		key[i] = i % 2 ? 0x5a : 0x6d;
	for (uint32_t i = 0; i < FRAMES; i++)
		for (uint32_t k = 0; k < sizeof tuple[i]; k++)
			tuple[i][k] = (uint8_t)((random = random * 1664525 + 1013904223) >> 24);
	for (bytes = 12; bytes <= 36; bytes += 24) {
		bench("rss", bytes == 12 ? "rte_softrss, IPv4 tuple" : "rte_softrss, IPv6 tuple",
		        (double)FRAMES * TIMES, by_table);
		rte_thash_complete_matrix(matrices, key, (int)sizeof key);
		bench("rss", bytes == 12 ? "rte_thash_gfni, IPv4 tuple" : "rte_thash_gfni, IPv6 tuple",
		        (double)FRAMES * TIMES, by_gfni);
	}
	return 0;
}
