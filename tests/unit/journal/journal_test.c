#include "common/journal/journal.h"
#include "tests/unit/journal/restless.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#define LINES 64u
#define STATE (32 * CACHE_LINE)

static struct journal_shared *shared;
static uint8_t *undo, *state;
static struct journal j;

static void attach(void)
{
	journal_attach(&j, shared, undo, LINES, state, STATE);
}

static void setup(void)
{
	shared = aligned_alloc(CACHE_LINE, sizeof *shared);
	undo = aligned_alloc(CACHE_LINE, journal_undo_bytes(LINES));
	state = aligned_alloc(CACHE_LINE, STATE);
	memset(shared, 0, sizeof *shared);
	memset(undo, 0, journal_undo_bytes(LINES));
	for (uint32_t i = 0; i < STATE; i++)
		state[i] = (uint8_t)i;
	attach();
}

static void teardown(void)
{
	free(shared);
	free(undo);
	free(state);
}

TestSuite(journal, .init = setup, .fini = teardown);

static bool state_untouched(void)
{
	for (uint32_t i = 0; i < STATE; i++)
		if (state[i] != (uint8_t)i)
			return false;
	return true;
}

Test(journal, finds_nothing_in_hand_where_nothing_ever_ran)
{
	struct journal_open_word open;

	cr_assert_not(journal_interrupted(&j, &open));
}

Test(journal, puts_back_each_line_that_an_interrupted_burst_changed)
{
	struct journal_open_word open;

	journal_open(&j, 3, 0, 17);
	for (uint32_t i = 0; i < STATE; i += 24)
		*(uint8_t *)journal_touch(&j, &state[i]) = 0xee;
	attach();
	cr_assert(journal_interrupted(&j, &open));
	cr_assert_eq(open.input, 3);
	cr_assert_eq(open.taken, 17);
	journal_undo(&j);
	cr_assert(state_untouched());
	journal_undo(&j);
	cr_assert(state_untouched(), "undoing is idempotent");
}

Test(journal, keeps_what_was_committed)
{
	struct journal_open_word open;

	journal_open(&j, 0, 0, 1);
	*(uint8_t *)journal_touch(&j, &state[5]) = 0xee;
	journal_commit(&j);
	attach();
	cr_assert_not(journal_interrupted(&j, &open));
	journal_undo(&j);
	cr_assert_eq(state[5], 0xee);
}

Test(journal, logs_a_line_once_a_burst_and_anew_in_the_next)
{
	journal_open(&j, 0, 0, 1);
	journal_touch(&j, &state[64]);
	journal_touch(&j, &state[127]);
	cr_assert_eq(j.undo, 1);
	state[64] = 1;
	journal_commit(&j);
	journal_open(&j, 0, 0, 1);
	journal_touch(&j, &state[64]);
	cr_assert_eq(j.undo, 1);
	state[64] = 2;
	attach();
	journal_undo(&j);
	cr_assert_eq(state[64], 1);
}

Test(journal, touches_every_line_of_a_range)
{
	journal_open(&j, 0, 0, 1);
	journal_touch_range(&j, &state[60], 70);
	cr_assert_eq(j.undo, 3);
}

Test(journal, restores_the_oldest_content_of_a_line_logged_twice)
{
	journal_open(&j, 0, 0, 1);
	*(uint8_t *)journal_touch(&j, &state[0]) = 1;
	memset(j.seen, 0xff,
	        sizeof j.seen); /* as if another line had taken its place in the table of seen ones */
	*(uint8_t *)journal_touch(&j, &state[0]) = 2;
	cr_assert_eq(j.undo, 2);
	attach();
	journal_undo(&j);
	cr_assert(state_untouched());
}

Test(journal, an_uncommitted_record_is_never_seen)
{
	struct record r;

	journal_open(&j, 0, 0, 1);
	record_add(&j, SUM_DELIVERED, 5);
	record_drop(&j, DROP_IP_CSUM, 2);
	cr_assert(journal_read(shared, &r));
	cr_assert_eq(r.sum[SUM_DELIVERED], 0);
	journal_commit(&j);
	cr_assert(journal_read(shared, &r));
	cr_assert_eq(r.sum[SUM_DELIVERED], 5);
	cr_assert_eq(r.dropped[DROP_IP_CSUM], 2);
	cr_assert_eq(r.sum[SUM_DROPPED], 2);
}

/* Lines of the record that change only now and then must be right in both records. */
Test(journal, both_records_stay_whole_over_many_commits)
{
	struct record want = {0}, got;
	uint64_t seed = 7;

	for (uint32_t burst = 0; burst < 2000; burst++) {
		journal_open(&j, 0, 0, 1);
		for (uint32_t k = random_next(&seed) % 4; k; k--) {
			uint32_t link = random_next(&seed) % RECORD_LINKS;

			want.packets[link] += link;
			record_add_packets(&j, link, link);
			want.index[link] = burst;
			record_set_index(&j, link, burst);
		}
		journal_commit(&j);
		if (burst % 7 == 0)
			attach();
		cr_assert(journal_read(shared, &got));
		cr_assert_arr_eq(&got, &want, sizeof got, "after burst %u", burst);
	}
}

Test(journal, tells_what_a_burst_had_in_hand_until_it_is_committed_or_another_begins)
{
	cr_assert_eq(journal_in_hand(&j), 0, "nothing ever ran");
	journal_open(&j, JOURNAL_NO_INPUT, 0, 0);
	cr_assert_eq(journal_in_hand(&j), 0);
	journal_hand(&j, 7);
	journal_hand(&j, 0xc0000009);
	attach();
	cr_assert_eq(journal_in_hand(&j), 0xc0000009);
	journal_open(&j, JOURNAL_NO_INPUT, 0, 0);
	attach();
	cr_assert_eq(journal_in_hand(&j), 0, "that of the one before");
	journal_hand(&j, 5);
	journal_commit(&j);
	cr_assert_eq(journal_in_hand(&j), 0);
}

Test(journal, tells_an_interrupted_burst_from_a_finished_one_when_the_epochs_low_bits_wrap)
{
	struct journal_open_word open;

	shared->epoch = 0x1ffff;
	attach();
	journal_open(&j, 1, 0, 9);
	cr_assert(journal_interrupted(&j, &open));
	journal_commit(&j);
	cr_assert_eq(shared->epoch, 0x20000);
	cr_assert_not(journal_interrupted(&j, &open));
}

/* Never done if it tried until it got one; and what it gives up is not half a record. */
Test(journal, a_worker_that_commits_all_the_time_does_not_hold_its_reader_up)
{
	static const struct record zero;
	struct record r;

	memset(shared->record, 0x11, sizeof shared->record);
	cr_assert(journal_read(shared, &r));
	cr_assert_eq(r.packets[3], 0x1111111111111111);
	restless = shared;
	cr_assert_not(journal_read(shared, &r));
	cr_assert_arr_eq(&r, &zero, sizeof r);
	restless = NULL;
	cr_assert(journal_read(shared, &r));
}
