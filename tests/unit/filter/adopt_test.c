/* Epochs, starts and deaths: what becomes of the counters. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "common/wire/ether.h"
#include "tests/unit/filter/bed.h"

static struct bed bed;
static const struct bed_rules none;

static void setup(void)
{
	bed_init(&bed);
}

static void teardown(void)
{
	cr_assert_null(filter_stage.check(bed.worker));
	bed_free(&bed);
}

TestSuite(filter_adopt, .init = setup, .fini = teardown);

static const struct classify_rule counting[] = {{.verdict = CLASSIFY_CONTINUE}, {.verdict = CLASSIFY_PASS}};
static const struct bed_rules first = {counting, 1, CLASSIFY_PASS}, second = {counting, 2, CLASSIFY_PASS};

static void receive(uint32_t n)
{
	fixture_begin(&bed.f, INPUT_RX, 1);
	for (uint32_t i = 0; i < n; i++)
		bed_add(&bed, &bed_mac, BED_ETH0);
	bed_run(&bed);
	fixture_end(&bed.f);
}

static uint64_t matched(uint32_t rule)
{
	uint64_t count[2];

	filter_rule_counts(bed.f.state, &bed.epoch, FILTER_INGRESS, count, 2);
	return count[rule];
}

Test(filter_adopt, counts_live_as_long_as_their_ruleset)
{
	struct epoch old;

	bed_epoch(&bed, 1, first, none);
	receive(3);
	cr_expect_eq(matched(0), 3);
	bed_epoch(&bed, 2, first, none);
	receive(2);
	cr_expect_eq(matched(0), 5, "the same rules in a new epoch");
	old = bed.epoch;
	bed_epoch(&bed, 3, second, none);
	cr_expect_eq(matched(0), 0, "other rules");
	receive(7);
	cr_expect_eq(matched(0), 7);
	cr_expect_eq(matched(1), 7);
	bed.epoch = old;
	receive(1);
	cr_expect_eq(matched(0), 6, "a packet of the epoch before counts there");
	bed_epoch(&bed, 4, first, none);
	cr_expect_eq(matched(0), 6);
	bed_epoch(&bed, 5, none, none);
	receive(1);
	bed_epoch(&bed, 6, (struct bed_rules){counting, 2, CLASSIFY_DROP}, none);
	cr_expect_eq(matched(0), 0, "the bank of the older epoch is taken, cleared");
	bed_epoch(&bed, 7, first, none);
	cr_expect_eq(matched(0), 6);
}

Test(filter_adopt, a_start_changes_nothing_that_is_in_line)
{
	uint64_t bytes = filter_stage.state_bytes(&bed.f.params);
	void *before = malloc(bytes);

	bed_epoch(&bed, 1, first, second);
	receive(3);
	memcpy(before, bed.f.state, bytes);
	bed_restart(&bed);
	bed_epoch(&bed, 1, first, second);
	cr_expect_arr_eq(before, bed.f.state, bytes);
	receive(1);
	cr_expect_eq(matched(0), 4);
	free(before);
}

Test(filter_adopt, many_counters_are_cleared_in_steps)
{
	static struct classify_rule rules[8000];
	uint32_t steps;

	for (uint32_t i = 0; i < ARRAY_LEN(rules); i++)
		rules[i] = (struct classify_rule){.verdict = CLASSIFY_CONTINUE};
	bed_epoch(&bed, 1, (struct bed_rules){rules, ARRAY_LEN(rules), CLASSIFY_PASS}, none);
	receive(1);
	bed_epoch(&bed, 2, first, none);
	steps = bed_epoch(&bed, 3, second, none);
	cr_expect_geq(steps, 1000 / 128);
	cr_expect_eq(matched(0), 0);
	receive(1);
	cr_expect_eq(matched(0), 1);
}

Test(filter_adopt, packets_of_an_epoch_not_yet_taken_up_are_judged_but_not_counted)
{
	struct epoch newer;

	bed_epoch(&bed, 1, first, none);
	bed_epoch(&bed, 2, second, none);
	newer = bed.epoch;
	fixture_free(&bed.f);
	fixture_init(&bed.f, filter_stage.state_bytes(&bed.f.params));
	filter_stage.init(bed.f.state, &bed.f.params, 0);
	bed_restart(&bed);
	bed.epoch = newer;
	receive(1);
	cr_expect_eq(matched(0), 0);
	cr_expect_eq(filter_rules_uncounted(bed.f.state), 2);
}

Test(filter_adopt, memory_of_another_kind_is_refused)
{
	void *worker;

	*(uint32_t *)bed.f.state ^= 1;
	cr_expect_eq(filter_stage.attach(&bed.f.env, &worker), -EINVAL);
}

Test(filter_adopt, nothing_is_ever_due_or_held)
{
	uint32_t packets = 1;

	fixture_begin(&bed.f, INPUT_TIMER, 1);
	filter_stage.timer(bed.worker, &bed.epoch, 1, &bed.f.burst);
	cr_expect_eq(filter_stage.next_timer(bed.worker), NANOS_NEVER);
	cr_expect_eq(filter_stage.held(bed.worker, NULL, &packets), 0);
	cr_expect_eq(packets, 0);
	cr_expect_eq(bed.f.journal.undo, 0);
}

static void random_frame(uint64_t *random)
{
	static const uint16_t types[] = {0x8100, 0x88a8, 0x0800, 0x86dd, 0x0806, 40, 0x8100};
	static const uint16_t ports[] = {0, 1, 3, BED_SUB, BED_SUB + 5, 0};
	uint8_t frame[200];
	uint32_t i;

	for (uint32_t k = 0; k < sizeof frame; k++)
		frame[k] = (uint8_t)random_next(random);
	ether_write(frame, random_next(random) % 4 ? &bed_mac : &bed_other, &bed_peer,
	        types[random_next(random) % ARRAY_LEN(types)]);
	frame[14] &= 0x0f;
	frame[15] %= 16;
	i = fixture_add(&bed.f, frame, (uint32_t)(random_next(random) % sizeof frame),
	        (struct port_id){ports[random_next(random) % ARRAY_LEN(ports)]});
	bed.f.burst.pkt[i].out.v = ports[random_next(random) % ARRAY_LEN(ports)];
}

Test(filter_adopt, a_death_leaves_state_as_before_the_burst)
{
	uint64_t bytes = filter_stage.state_bytes(&bed.f.params) + sizeof(struct stat_block), random = 5;
	void *before = malloc(bytes);
	uint32_t dropped = 0;

	bed_epoch(&bed, 1, second, first);
	for (uint32_t round = 0; round < 400; round++) {
		fixture_begin(&bed.f, round % 2 ? INPUT_RX : INPUT_TX, round);
		for (uint32_t i = 0; i < 32; i++)
			random_frame(&random);
		memcpy(before, bed.f.state, bytes);
		bed_run(&bed);
		for (uint32_t i = 0; i < 32; i++)
			dropped += bed.f.burst.verdict[i].kind == VERDICT_DROP;
		if (random_next(&random) % 2) {
			fixture_end(&bed.f);
			continue;
		}
		fixture_cut(&bed.f);
		cr_assert_arr_eq(before, bed.f.state, bytes);
		bed_restart(&bed);
	}
	cr_expect_gt(dropped, 1000);
	cr_expect_lt(dropped, 400 * 32);
	free(before);
}
