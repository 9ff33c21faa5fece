/* The taps against those who write what they read.
 *
 * Input: a byte, odd: a program and a packet: how many instructions (2 bytes), 8 bytes each, then the packet;
 * what the check lets pass is run, on exactly the bytes given, and must end.  Even: a ring that a hostile
 * stage writes while it is read: commands of 9 bytes: what (1), where (4), what is written (4):
 *
 *     0 WORD   into the ring's head     1 PROD  as much more is published     2 DATA  a word among the
 * records 3 RECORD a header that makes sense, at the reader's place     4 READ  with a budget
 */
#include <stdlib.h>

#include "common/tap/reader.h"
#include "tests/fuzz/fuzz.h"

static struct tap_ring *ring;

static void program_and_packet(const uint8_t *data, size_t size)
{
	struct tap_insn insn[TAP_INSNS_MAX];
	uint8_t *packet;
	uint32_t n;

	if (size < 2)
		return;
	n = data[0] | (uint32_t)data[1] << 8;
	n = MIN(n % (TAP_INSNS_MAX + 2), (uint32_t)(size - 2) / 8);
	if (n > TAP_INSNS_MAX)
		return;
	memcpy(insn, data + 2, n * 8);
	data += 2 + n * 8;
	size -= 2 + n * 8;
	if (!tap_program_check(insn, n))
		return;
	packet = malloc(size ? size : 1);
	memcpy(packet, data, size);
	tap_program_run(insn, packet, (uint32_t)size + 7, (uint32_t)size);
	free(packet);
}

static void read_some(struct tap_reader *r, uint32_t budget)
{
	static uint8_t bytes[TAP_SNAP_MAX];
	struct tap_record record;
	uint32_t left = budget % 1000;
	enum tap_got got;

	while ((got = tap_reader_next(r, &record, bytes, &left)) == TAP_GOT)
		if (record.have > TAP_SNAP_MAX || record.have > record.len)
			abort();
	if (got == TAP_LATER && left)
		abort();
}

static void command(struct tap_reader *r, uint8_t what, uint32_t where, uint32_t value)
{
	struct tap_record record = {
	        .bytes = (uint32_t)sizeof record + ALIGN_UP(value % 70000, 8u),
	        .have = value % 70000,
	        .len = where,
	        .taps = 1,
	        .number = {r->seen + 1},
	};
	uint32_t at = (uint32_t)r->at % TAP_RING_BYTES & ~7u;

	switch (what % 5) {
	case 0: ((uint32_t *)ring)[where % (offsetof(struct tap_ring, data) / 4)] = value; break;
	case 1: ring->prod += value % (2 * TAP_RING_BYTES); break;
	case 2: ((uint32_t *)ring->data)[where % (TAP_RING_BYTES / 4)] = value; break;
	case 3:
		if (at + sizeof record <= TAP_RING_BYTES)
			memcpy(ring->data + at, &record, sizeof record);
		break;
	default: read_some(r, value);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tap_reader r;

	if (!size)
		return 0;
	if (data[0] & 1) {
		program_and_packet(data + 1, size - 1);
		return 0;
	}
	if (!ring)
		ring = aligned_alloc(CACHE_LINE, sizeof *ring);
	memset(ring, 0, offsetof(struct tap_ring, data));
	ring->number[0] = 1;
	tap_reader_start(&r, ring, 0, 1);
	for (data++, size--; size >= 9; data += 9, size -= 9)
		command(&r, data[0], load_u32(data + 1), load_u32(data + 5));
	read_some(&r, 999);
	tap_reader_end(&r);
	return 0;
}
