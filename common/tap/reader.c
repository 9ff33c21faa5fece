#include "common/tap/reader.h"

#define CAPTURED_MAX UINT64_C(0x7fffffff) /* between two looks; more is no count */

void tap_reader_start(struct tap_reader *r, const struct tap_ring *ring, uint32_t slot, uint32_t number)
{
	assert(slot < TAPS_MAX);
	*r = (struct tap_reader){.ring = ring, .slot = slot, .number = number};
	r->at = __atomic_load_n(&ring->prod, __ATOMIC_ACQUIRE);
}

static void ring_read(const struct tap_ring *ring, uint64_t at, void *to, uint32_t len)
{
	uint32_t from = (uint32_t)at % TAP_RING_BYTES, first = MIN(len, TAP_RING_BYTES - from);

	memcpy(to, ring->data + from, first);
	memcpy((uint8_t *)to + first, ring->data, len - first);
}

/* Whether the bytes from `at` on, read before this call, had not been overwritten. */
static bool still_there(const struct tap_ring *ring, uint64_t at)
{
	__atomic_thread_fence(__ATOMIC_ACQUIRE); /* with claim's, in writer.c */
	return __atomic_load_n(&ring->claim, __ATOMIC_RELAXED) - at <= TAP_RING_BYTES;
}

/* The oldest start of a record that will stay readable for a while; `prod` where none is known. */
static uint64_t oldest(const struct tap_ring *ring, uint64_t prod)
{
	uint64_t part = prod / TAP_PART, first = part - MIN(part, (uint64_t)TAP_MARKS / 2);

	for (; first <= part; first++) {
		uint64_t start = __atomic_load_n(&ring->mark[first % TAP_MARKS], __ATOMIC_RELAXED);

		if (start / TAP_PART == first && start <= prod && start % 8 == 0)
			return start;
	}
	return prod;
}

static bool record_ok(const struct tap_record *r, uint64_t room)
{
	return r->bytes <= room && r->have <= TAP_SNAP_MAX && r->have <= r->len &&
	       r->bytes == sizeof *r + ALIGN_UP(r->have, 8u);
}

/* Copies the record at r->at, which lies before prod. */
static bool take(struct tap_reader *r, uint64_t prod, struct tap_record *record, uint8_t *bytes)
{
	bool sound;

	if (prod - r->at < sizeof *record)
		return false;
	ring_read(r->ring, r->at, record, sizeof *record);
	sound = record_ok(record, prod - r->at);
	if (sound)
		ring_read(r->ring, r->at + sizeof *record, bytes, record->have);
	if (!still_there(r->ring, r->at))
		return false;
	r->broken += !sound;
	return sound;
}

/* Whether the worker has taken up the tap, and the record at `at` is not of the slot's tap before it. */
static bool of_tap(const struct tap_reader *r, uint64_t at)
{
	return __atomic_load_n(&r->ring->number[r->slot], __ATOMIC_ACQUIRE) == r->number &&
	       at - __atomic_load_n(&r->ring->since[r->slot], __ATOMIC_RELAXED) < UINT64_MAX / 2;
}

/* Whether the packet is the tap's; what lies between the last one and it was missed. */
static bool mine(struct tap_reader *r, const struct tap_record *record)
{
	uint32_t number = record->number[r->slot], gap = number - r->seen - 1;

	if (!(record->taps >> r->slot & 1) || !of_tap(r, r->at) || gap > CAPTURED_MAX)
		return false;
	r->missed += gap;
	r->seen = number;
	r->delivered++;
	return true;
}

enum tap_got tap_reader_next(
        struct tap_reader *r, struct tap_record *record, uint8_t *bytes, uint32_t *budget)
{
	for (bool own;;) {
		uint64_t prod = __atomic_load_n(&r->ring->prod, __ATOMIC_ACQUIRE), end;

		if (prod == r->at)
			return TAP_EMPTY;
		if (!*budget)
			return TAP_LATER;
		--*budget;
		if (prod - r->at > TAP_RING_BYTES || !take(r, prod, record, bytes)) {
			/* Overrun, or nonsense: on from where records are known to start. */
			end = oldest(r->ring, prod);
			r->at = end - r->at - 1 < UINT64_MAX / 2 ? end : prod;
			continue;
		}
		end = r->at + record->bytes;
		own = mine(r, record);
		r->at = end;
		if (own)
			return TAP_GOT;
	}
}

void tap_reader_end(struct tap_reader *r)
{
	uint64_t captured = __atomic_load_n(&r->ring->captured[r->slot], __ATOMIC_RELAXED);
	uint32_t gap = (uint32_t)captured - r->seen;

	if (__atomic_load_n(&r->ring->number[r->slot], __ATOMIC_ACQUIRE) == r->number && gap <= CAPTURED_MAX)
		r->missed += gap;
	r->seen += gap;
}
