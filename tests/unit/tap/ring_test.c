#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>

#include "common/tap/reader.h"
#include "common/tap/writer.h"

static struct tap_control *control;
static struct tap_ring *ring;
static struct tap_writer writer;
static uint8_t bytes[TAP_SNAP_MAX], frame[TAP_SNAP_MAX];
static uint64_t seed = 77;

static void setup(void)
{
	control = calloc(1, sizeof *control);
	ring = aligned_alloc(CACHE_LINE, sizeof *ring);
	memset(ring, 0, sizeof *ring);
	tap_attach(&writer, control, ring, 2, 1);
}

static void teardown(void)
{
	free(control);
	free(ring);
}

TestSuite(tap, .init = setup, .fini = teardown);

static uint32_t below(uint32_t n)
{
	return (uint32_t)(random_next(&seed) >> 32) % n;
}

static struct tap all(void)
{
	return (struct tap){.points = 7, .snap_bytes = TAP_SNAP_MAX, .port = PORT_NONE};
}

static uint32_t open_tap(const struct tap *wish, struct tap_reader *r)
{
	uint32_t slot, number;

	cr_assert_eq(tap_open(control, wish, &slot, &number), 0);
	tap_reader_start(r, ring, slot, number);
	return slot;
}

/* Bytes that follow from a packet's number, so that a torn one shows. */
static void fill(uint32_t id, uint32_t len)
{
	for (uint32_t k = 0; k < len; k++)
		frame[k] = (uint8_t)(id * 31 + k * 7 + (k >> 8));
}

static uint32_t len_of(uint32_t id)
{
	return id % 11 == 0 ? 9000 + id % 3000 : id * 37 % 1515;
}

static void add(uint32_t id, enum tap_point point, uint16_t port, uint16_t reason)
{
	struct tap_packet p = {.time = id, .point = point, .len = len_of(id), .reason = reason};
	uint32_t cut = p.len / 3;

	p.port = p.phys = p.out = p.out_phys = (struct port_id){port};
	fill(id, p.len);
	tap_add(&writer, &p, (struct tap_part[]){{frame, cut}, {frame + cut, p.len - cut}}, 2);
}

static bool whole(const struct tap_record *r)
{
	uint32_t id = (uint32_t)r->time;

	fill(id, r->have);
	return r->have == len_of(id) && r->len == r->have && memcmp(bytes, frame, r->have) == 0;
}

static enum tap_got next(struct tap_reader *r, struct tap_record *record)
{
	uint32_t budget = 1000000;

	return tap_reader_next(r, record, bytes, &budget);
}

Test(tap, gives_what_was_captured_as_it_was_over_many_wraps)
{
	struct tap wish = all();
	struct tap_record record;
	struct tap_reader r;
	uint32_t id = 0, expected = 0;

	open_tap(&wish, &r);
	while (ring->prod < 9u * TAP_RING_BYTES) {
		cr_assert_eq(tap_look(&writer), 7);
		for (uint32_t n = below(40); n; n--)
			add(id, (enum tap_point)(id % 3), 3, 9), id++;
		cr_assert_eq(next(&r, &record), TAP_EMPTY, "shown before it was published");
		tap_publish(&writer);
		while (next(&r, &record) == TAP_GOT) {
			cr_assert(whole(&record));
			cr_assert_eq(record.time, expected++);
			cr_assert_eq(record.stage, 2);
			cr_assert_eq(record.lane, 1);
		}
		cr_assert_eq(expected, id);
	}
	tap_reader_end(&r);
	cr_assert_eq(r.delivered, id);
	cr_assert_eq(r.missed, 0);
	cr_assert_eq(r.broken, 0);
}

Test(tap, counts_what_a_slow_reader_missed)
{
	struct tap wish = all();
	struct tap_record record;
	struct tap_reader r;
	uint32_t id = 0, last = 0, rounds = 0;

	open_tap(&wish, &r);
	for (; rounds < 50; rounds++) {
		uint64_t until = ring->prod + below(4 * TAP_RING_BYTES);

		while (ring->prod < until) {
			tap_look(&writer);
			for (uint32_t n = below(64); n; n--)
				add(++id, TAP_INGRESS, 0, 0);
			tap_publish(&writer);
		}
		while (next(&r, &record) == TAP_GOT) {
			cr_assert(whole(&record));
			cr_assert_gt(record.time, last);
			last = (uint32_t)record.time;
		}
		cr_assert_eq(last, id, "the newest are there");
		cr_assert_eq(r.delivered + r.missed, id);
	}
	cr_assert_gt(r.missed, 0);
	cr_assert_gt(r.delivered, 50u * 256, "after an overrun much of the ring is still read");
	cr_assert_eq(r.broken, 0);
}

Test(tap, counts_what_found_no_room_in_one_burst)
{
	struct tap wish = all();
	struct tap_record record;
	struct tap_reader r;

	open_tap(&wish, &r);
	tap_look(&writer);
	add(1, TAP_DROP, 0, 1);
	tap_publish(&writer);
	tap_look(&writer);
	for (uint32_t id = 1; id < 1000; id++)
		add(id * 11, TAP_DROP, 0, 1);
	tap_publish(&writer);
	cr_assert_eq(next(&r, &record), TAP_GOT);
	cr_assert(whole(&record) && record.time == 1, "a burst overwrote what came just before it");
	while (next(&r, &record) == TAP_GOT)
		cr_assert(whole(&record));
	tap_reader_end(&r);
	cr_assert_eq(r.delivered + r.missed, 1000);
	cr_assert_gt(r.missed, 800);
}

Test(tap, shows_nothing_of_a_burst_that_died_nor_what_it_overwrote)
{
	struct tap wish = all();
	struct tap_record record;
	struct tap_reader r;
	uint32_t id = 0;

	open_tap(&wish, &r);
	while (ring->prod < TAP_RING_BYTES - 20000) {
		tap_look(&writer);
		add(id++, TAP_INGRESS, 0, 0);
		tap_publish(&writer);
	}
	for (uint32_t k = 0; k < 60; k++) /* over the end, into what was not read yet */
		add(1000000 + 11 * k, TAP_INGRESS, 0, 0);
	memset(&writer, 0xa5, sizeof writer);
	tap_attach(&writer, control, ring, 2, 1);
	tap_look(&writer);
	add(id++, TAP_INGRESS, 0, 0);
	tap_publish(&writer);
	while (next(&r, &record) == TAP_GOT) {
		cr_assert(whole(&record));
		cr_assert_lt(record.time, id);
	}
	tap_reader_end(&r);
	cr_assert_eq(record.time, id - 1);
	cr_assert_eq(r.delivered + r.missed, id);
	cr_assert_gt(r.missed, 0);
	cr_assert_eq(r.broken, 0);
}

Test(tap, gives_each_tap_its_own)
{
	struct tap on_three = all(), drops = all(), arp = all();
	struct tap_record record;
	struct tap_reader three, nine, filtered;

	on_three.port = (struct port_id){3};
	on_three.points = 1u << TAP_EGRESS;
	drops.points = 1u << TAP_DROP;
	drops.reason = 9;
	arp.n_insns = 4; /* accept where byte 5 is 42: ldb [5]; jeq #42, 0, 1; ret #20; ret #0 */
	memcpy(arp.insn,
	        (struct tap_insn[]){{0x30, 0, 0, 5}, {0x15, 0, 1, 42}, {0x06, 0, 0, 20}, {0x06, 0, 0, 0}},
	        32);
	open_tap(&on_three, &three);
	open_tap(&drops, &nine);
	open_tap(&arp, &filtered);
	for (uint32_t id = 0; id < 3000; id++) {
		tap_look(&writer);
		add(id, (enum tap_point)(id % 3), (uint16_t)(id % 5), (uint16_t)(id % 13));
		tap_publish(&writer);
		if (id % 50)
			continue;
		while (next(&three, &record) == TAP_GOT)
			cr_assert(record.time % 3 == TAP_EGRESS && record.time % 5 == 3 && whole(&record));
		while (next(&nine, &record) == TAP_GOT)
			cr_assert(record.time % 3 == TAP_DROP && record.time % 13 == 9 && whole(&record));
		while (next(&filtered, &record) == TAP_GOT)
			cr_assert(bytes[5] == 42 && record.have >= 20 &&
			          record.len == len_of((uint32_t)record.time));
	}
	cr_assert_gt(three.delivered, 150);
	cr_assert_gt(nine.delivered, 50);
	cr_assert_gt(filtered.delivered, 5);
	cr_assert_eq(three.missed + nine.missed + filtered.missed, 0);
}

Test(tap, keeps_a_slots_next_tap_apart_from_the_one_before)
{
	struct tap wish = all(), drops = all();
	struct tap_record record;
	struct tap_reader before, after;
	uint32_t slot = open_tap(&wish, &before);

	drops.points = 1u << TAP_DROP;
	for (uint32_t id = 0; id < 100; id++) {
		tap_look(&writer);
		add(id, TAP_INGRESS, 0, 0);
		tap_publish(&writer);
	}
	tap_look(&writer);
	tap_close(control, slot);
	cr_assert_eq(open_tap(&drops, &after), slot);
	add(100, TAP_INGRESS, 0, 0); /* a burst that began before */
	tap_publish(&writer);
	tap_look(&writer);
	add(101, TAP_INGRESS, 0, 0);
	add(102, TAP_DROP, 0, 4);
	tap_publish(&writer);
	cr_assert_eq(next(&after, &record), TAP_GOT);
	cr_assert_eq(record.time, 102);
	cr_assert_eq(next(&after, &record), TAP_EMPTY);
	tap_reader_end(&after);
	cr_assert_eq(after.missed, 0);
	cr_assert_eq(next(&before, &record), TAP_EMPTY, "its tap is closed");
	tap_close(control, slot);
	cr_assert_eq(open_tap(&drops, &after), slot);
	tap_look(&writer);
	tap_reader_end(&after);
	cr_assert_eq(after.missed, 0, "it misses what the one before captured");
}

Test(tap, opens_no_more_than_there_are_slots_and_nothing_senseless)
{
	struct tap wish = all();
	uint32_t slot, number, last = 0;

	wish.points = 0;
	cr_assert_eq(tap_open(control, &wish, &slot, &number), -EINVAL);
	wish.points = 8;
	cr_assert_eq(tap_open(control, &wish, &slot, &number), -EINVAL);
	wish = all();
	wish.n_insns = 1;
	cr_assert_eq(tap_open(control, &wish, &slot, &number), -EINVAL);
	wish = all();
	for (uint32_t k = 0; k < TAPS_MAX; k++) {
		cr_assert_eq(tap_open(control, &wish, &slot, &number), 0);
		cr_assert_eq(slot, k);
		cr_assert_gt(number, last);
		last = number;
	}
	cr_assert_eq(tap_open(control, &wish, &slot, &number), -EBUSY);
	tap_close(control, 2);
	cr_assert_eq(tap_open(control, &wish, &slot, &number), 0);
	cr_assert_eq(slot, 2);
	cr_assert_eq(tap_look(&writer), 7);
	tap_reset(control);
	cr_assert_eq(tap_look(&writer), 0);
}

Test(tap, believes_control_only_what_makes_sense)
{
	struct tap wish = all();
	uint32_t slot, number;

	cr_assert_eq(tap_open(control, &wish, &slot, &number), 0);
	control->seq++; /* dies in a change */
	control->tap[0].points = 0;
	cr_assert_eq(tap_look(&writer), 0, "half a change was taken up");
	tap_reset(control);
	cr_assert_eq(tap_look(&writer), 0);
	cr_assert_eq(tap_open(control, &wish, &slot, &number), 0);
	cr_assert_eq(tap_look(&writer), 7);
	control->tap[slot].n_insns = UINT32_MAX;
	control->seq += 2;
	cr_assert_eq(tap_look(&writer), 0);
	control->tap[slot].n_insns = 1; /* ld [0]: no return */
	control->tap[slot].insn[0] = (struct tap_insn){0x20, 0, 0, 0};
	control->seq += 2;
	cr_assert_eq(tap_look(&writer), 0);
	control->tap[slot].n_insns = 0;
	control->tap[slot].snap_bytes = UINT32_MAX;
	control->seq += 2;
	cr_assert_eq(tap_look(&writer), 0);
}

Test(tap, survives_a_ring_full_of_anything)
{
	struct tap wish = all();
	struct tap_reader r;
	struct tap_record record;

	open_tap(&wish, &r);
	for (uint32_t round = 0; round < 3000; round++) {
		uint32_t budget = 500, at = below(TAP_RING_BYTES - 64) & ~7u;
		uint64_t *word = (uint64_t *)ring;

		for (uint32_t k = 0; k < 16; k++)
			word[below(sizeof *ring / 8)] = random_next(&seed);
		for (uint32_t k = 0; k < 4; k++)
			word[below(offsetof(struct tap_ring, data) / 8)] = random_next(&seed);
		ring->prod = r.at + below(3 * TAP_RING_BYTES);
		ring->claim = below(2) ? ring->prod : random_next(&seed);
		ring->number[r.slot] = r.number;
		memset(ring->data + at, (int)below(3) * 8, 64);
		while (tap_reader_next(&r, &record, bytes, &budget) == TAP_GOT)
			cr_assert_leq(record.have, TAP_SNAP_MAX);
		cr_assert_leq(budget, 500);
	}
	cr_assert_gt(r.broken, 0);
}

/* A reader beside a writer that overwrites what it reads. */

static uint32_t stop, written;

static void *write_on(void *arg)
{
	(void)arg;
	for (uint32_t id = 1; id <= 60000; id++) {
		tap_look(&writer);
		add(id, TAP_INGRESS, 0, 0);
		tap_publish(&writer);
		written = id;
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
	return NULL;
}

Test(tap, gives_nothing_torn_beside_a_writer_that_overtakes)
{
	static uint8_t expected[TAP_SNAP_MAX];
	struct tap wish = all();
	struct tap_record record;
	struct tap_reader r;
	pthread_t thread;
	bool end;

	open_tap(&wish, &r);
	cr_assert_eq(pthread_create(&thread, NULL, write_on, NULL), 0);
	do {
		uint32_t budget = 1000;

		end = __atomic_load_n(&stop, __ATOMIC_ACQUIRE);
		while (tap_reader_next(&r, &record, bytes, &budget) == TAP_GOT) {
			uint32_t id = (uint32_t)record.time, len = len_of(id);

			cr_assert_eq(record.have, len);
			for (uint32_t k = 0; k < len; k++)
				expected[k] = (uint8_t)(id * 31 + k * 7 + (k >> 8));
			cr_assert_eq(memcmp(bytes, expected, len), 0, "packet %u is torn", id);
		}
		end &= budget > 0;
	} while (!end);
	pthread_join(thread, NULL);
	tap_reader_end(&r);
	cr_assert_eq(r.delivered + r.missed, written);
	cr_assert_eq(r.broken, 0);
}
