/* The black box: what is written is what is read, in bounded room, whole as far as it goes; and rubbish in it
 * harms no reader. */
#include "common/box/box.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static struct black_box *box;
static uint8_t bytes[BOX_SNAP];

static void setup(void)
{
	box = aligned_alloc(CACHE_LINE, sizeof *box);
	cr_assert_not_null(box);
	memset(box, 0, sizeof *box);
}

static void teardown(void)
{
	free(box);
}

TestSuite(box, .init = setup, .fini = teardown);

/* Bytes that belong to packet k of that crash and no other. */
static void pattern(uint8_t *to, uint32_t n, uint32_t crash, uint32_t k)
{
	for (uint32_t i = 0; i < n; i++)
		to[i] = (uint8_t)(crash * 31 + k * 7 + i);
}

static struct box_writer begin(uint32_t crash, uint32_t n)
{
	struct box_head head = {.death = {.crash = crash}, .n = n, .step = BOX_STEP_RX};
	struct box_writer w;

	box_begin(&w, box, &head);
	return w;
}

static void add(struct box_writer *w, uint32_t crash, uint32_t k, uint32_t len)
{
	static uint8_t frame[BOX_SNAP];
	struct box_packet p = {.desc = k, .have = len, .pkt = {.len = (uint16_t)len}};

	pattern(frame, len, crash, k);
	box_add(w, &p, frame);
}

static void write_record(uint32_t crash, uint32_t n, uint32_t len)
{
	struct box_writer w = begin(crash, n);

	for (uint32_t k = 0; k < n; k++)
		add(&w, crash, k, len);
	box_end(&w);
}

/* The slot of a crash's record; BOX_RECORDS: there is none. */
static uint32_t slot_of(uint32_t crash, struct box_head *head)
{
	uint32_t slot = 0;

	while (slot < BOX_RECORDS && !(box_read(box, slot, head) && head->death.crash == crash))
		slot++;
	return slot;
}

static void expect_packet(uint32_t slot, const struct box_head *head, uint32_t k, uint32_t have)
{
	static uint8_t wanted[BOX_SNAP];
	struct box_packet p;

	cr_assert(box_packet(box, slot, head, k, &p, bytes));
	cr_assert_eq(p.desc, k);
	cr_assert_eq(p.have, have, "%u", p.have);
	pattern(wanted, have, head->death.crash, k);
	cr_assert_eq(memcmp(bytes, wanted, have), 0);
}

Test(box, is_empty_at_first)
{
	struct box_head head;

	for (uint32_t slot = 0; slot < BOX_RECORDS; slot++)
		cr_assert_not(box_read(box, slot, &head));
}

Test(box, keeps_the_last_records_and_no_more)
{
	struct box_head head;

	for (uint32_t crash = 1; crash <= 3 * BOX_RECORDS + 1; crash++) {
		write_record(crash, crash % 5, 60 + crash);
		for (uint32_t c = 1; c <= crash; c++) {
			uint32_t slot = slot_of(c, &head);

			cr_assert_eq(slot<BOX_RECORDS, c + BOX_RECORDS> crash, "%u of %u", c, crash);
			if (slot == BOX_RECORDS)
				continue;
			cr_assert_eq(head.number, c);
			cr_assert_eq(head.have, c % 5);
			cr_assert(head.ended);
			for (uint32_t k = 0; k < head.have; k++)
				expect_packet(slot, &head, k, 60 + c);
		}
	}
}

/* However many and long they are, they stay within their record, whose neighbours keep what they have. */
Test(box, gives_each_packet_its_share_of_the_room)
{
	static const uint32_t n[] = {1, 2, 3, 63, 64, 65, 255, BURST_MAX};
	struct box_head head;

	for (size_t i = 0; i < ARRAY_LEN(n); i++) {
		uint32_t most = box_stride(n[i]) - (uint32_t)sizeof(struct box_packet), slot;

		write_record(1000, 2, 100);
		write_record((uint32_t)i, n[i], MIN(BOX_SNAP, most + 100));
		cr_assert_leq((uint64_t)box_stride(n[i]) * n[i], BOX_BYTES);
		slot = slot_of((uint32_t)i, &head);
		cr_assert_eq(head.have, n[i]);
		for (uint32_t k = 0; k < n[i]; k++)
			expect_packet(slot, &head, k, MIN(BOX_SNAP, most));
		slot = slot_of(1000, &head);
		for (uint32_t k = 0; k < 2; k++)
			expect_packet(slot, &head, k, 100);
	}
	cr_assert_geq(box_stride(64), 1514 + sizeof(struct box_packet), "a burst of frames is kept whole");
}

Test(box, takes_no_more_packets_than_it_was_told_of)
{
	struct box_writer w = begin(1, 2);
	struct box_head head;

	for (uint32_t k = 0; k < 5; k++)
		add(&w, 1, k, 60);
	cr_assert_neq(slot_of(1, &head), BOX_RECORDS);
	cr_assert_eq(head.have, 2);
}

/* Its writer dies behind any packet, or before the head is there: what is read is whole as far as it goes. */
Test(box, tells_how_far_its_writer_came)
{
	struct box_head head;

	for (uint32_t have = 0; have <= 3; have++) {
		struct box_writer w = begin(have + 1, 3);
		uint32_t slot;

		for (uint32_t k = 0; k < have; k++)
			add(&w, have + 1, k, 90);
		slot = slot_of(have + 1, &head);
		cr_assert_neq(slot, BOX_RECORDS);
		cr_assert_eq(head.have, have);
		cr_assert_eq(head.n, 3);
		cr_assert_not(head.ended);
		for (uint32_t k = 0; k < have; k++)
			expect_packet(slot, &head, k, 90);
	}
}

Test(box, goes_on_behind_a_record_that_was_never_begun_whole)
{
	struct box_head head;

	for (uint32_t crash = 1; crash <= BOX_RECORDS; crash++)
		write_record(crash, 1, 60);
	box->head[(BOX_RECORDS + 1) % BOX_RECORDS].number = 0; /* as box_begin begins */
	cr_assert_eq(slot_of(1, &head), BOX_RECORDS);
	write_record(77, 1, 60);
	cr_assert_neq(slot_of(77, &head), BOX_RECORDS);
	cr_assert_eq(head.number, BOX_RECORDS + 1);
	for (uint32_t crash = 2; crash <= BOX_RECORDS; crash++)
		cr_assert_neq(slot_of(crash, &head), BOX_RECORDS);
}

Test(box, what_is_replaced_meanwhile_is_not_shown)
{
	struct box_head head;
	struct box_packet p;
	uint32_t slot;

	write_record(1, 2, 60);
	slot = slot_of(1, &head);
	for (uint32_t crash = 2; crash <= 1 + BOX_RECORDS; crash++)
		write_record(crash, 2, 60);
	cr_assert_not(box_packet(box, slot, &head, 1, &p, bytes));
}

/* A stage's region may hold anything: the sanitizers see a reader that is led astray. */
Test(box, rubbish_harms_no_reader)
{
	uint64_t seed = 0x5eed, *word = (uint64_t *)box;
	struct box_head head;
	struct box_packet p;

	for (uint32_t round = 0; round < 2000; round++) {
		for (uint32_t i = 0; i < sizeof box->head / 8; i++)
			if (random_next(&seed) % 4 == 0)
				word[i] = random_next(&seed) >> random_next(&seed) % 64;
		for (uint32_t i = 0; i < 64; i++)
			word[random_next(&seed) % (sizeof *box / 8)] = random_next(&seed);
		for (uint32_t slot = 0; slot < BOX_RECORDS; slot++) {
			if (!box_read(box, slot, &head))
				continue;
			cr_assert(head.n <= BURST_MAX && head.have <= head.n && head.step < BOX_STEP_COUNT &&
			          head.culprit.kind < BOX_CULPRIT_COUNT && head.culprit.bytes <= BOX_DUMP);
			for (uint32_t k = 0; k < head.have; k++)
				(void)box_packet(box, slot, &head, k, &p, bytes);
		}
	}
}

Test(box, has_words_for_all)
{
	for (uint32_t s = 0; s < BOX_STEP_COUNT; s++)
		cr_assert(*box_step_name(s) && *box_step_text(s));
	cr_assert_str_eq(box_step_name(BOX_STEP_RECOVERY), "recovery");
	cr_assert_str_eq(box_step_name(BOX_STEP_COUNT), "?");
	cr_assert_str_eq(box_culprit_name(BOX_CULPRIT_FRAGMENTS), "fragments");
	cr_assert_str_eq(box_culprit_name(99), "?");
}
