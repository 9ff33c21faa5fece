/* Fragments of a few senders in any order, and time that passes: as the naive reassembler says, and with
 * each burst undone and done again.
 *
 * Input: records of 6 bytes: what it is; offset (two bytes, in units of 8); length (two, of which 11 bits
 * count); how much time passes first.
 */
#include <stdlib.h>

#include "tests/fuzz/fuzz.h"
#include "tests/unit/router/reassembly/oracle.h"

#define RECORD   6u
#define BURSTS   96u
#define STEP_MAX 45000u

static struct bed bed;
static struct oracle oracle = {.bed = &bed};
static nanos_t now = T0;

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	bed_init(&bed);
	return 0;
}

static struct bed_piece piece_of(const uint8_t *d)
{
	return (struct bed_piece){
	        .family = d[0] & 1,
	        .id = d[0] >> 1 & 1,
	        .more = !(d[0] & 4),
	        .df = d[0] & 8,
	        .ecn = d[4] >> 6,
	        .on_link = d[0] & 16,
	        .port = d[0] >> 5 & 1,
	        .options = (d[0] >> 6) * 8u,
	        .proto = 17,
	        .salt = d[5],
	        .offset = 8 * ((d[1] | (uint32_t)d[2] << 8) & 0x1fff),
	        .len = MIN(d[3] | (uint32_t)(d[4] & 7) << 8, 1400u),
	        .cut = d[4] & 8 && d[3] ? 1 : 0,
	        .nested = (d[4] & 0x30) == 0x30,
	};
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	for (uint32_t bursts = 0; size >= RECORD && bursts < BURSTS; bursts++) {
		struct bed_piece piece[8];
		uint32_t n = 0;

		now += (data[5] & 0x80 ? (data[5] & 0x7f) * (STEP_MAX / 0x7f) : 0) * NANOS_PER_MS;
		oracle_until(&oracle, now);
		do {
			piece[n++] = piece_of(data);
			data += RECORD;
			size -= RECORD;
		} while (size >= RECORD && n < 8 && !(data[5] & 0x80));
		oracle_burst(&oracle, now, piece, n);
	}
	now += 100 * NANOS_PER_SEC;
	oracle_until(&oracle, now);
	if (bed_held(&bed))
		abort();
	return 0;
}
