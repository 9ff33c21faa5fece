/* What control keeps in its folder, cut short at every byte. */
#include "services/control/config/state.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char dir[64], why[512];
static struct state state;

static void open_state(void)
{
	cr_assert_eq(state_open(&state, dir, why, sizeof why), 0, "%s", why);
}

static void setup(void)
{
	snprintf(dir, sizeof dir, "/tmp/sluice-state-XXXXXX");
	cr_assert_not_null(mkdtemp(dir));
	open_state();
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st, (void)type, (void)at;
	return remove(path);
}

static void teardown(void)
{
	state_close(&state);
	cr_expect_eq(nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

TestSuite(state, .init = setup, .fini = teardown, .timeout = 250);

static void note(enum entry_event event, uint32_t number, uint32_t epoch)
{
	struct entry e = {.number = number, .event = (uint8_t)event, .uid = -1, .epoch = epoch};

	cr_assert_eq(state_note(&state, &e), 0);
}

static uint32_t begin(enum entry_act act, uint32_t confirm_s)
{
	struct entry e = {.number = state.history.next,
	        .event = ENTRY_BEGUN,
	        .act = (uint8_t)act,
	        .uid = 1000,
	        .base = state.history.in_force,
	        .epoch = state.history.next + 100,
	        .confirm_s = confirm_s,
	        .file = "/etc/\"sluice\"\n\x01.yaml"};
	char text[32];

	snprintf(text, sizeof text, "text %u", e.number);
	cr_assert_eq(state_keep(&state, e.number, text, strlen(text)), 0);
	cr_assert_eq(state_note(&state, &e), 0);
	return e.number;
}

static uint32_t apply(void)
{
	uint32_t n = begin(ENTRY_APPLY, 0);

	note(ENTRY_APPLIED, n, n + 100);
	return n;
}

static bool same(const struct history *a, const struct history *b)
{
	if (a->n != b->n || a->next != b->next || a->in_force != b->in_force || a->since_ms != b->since_ms ||
	        a->in_force_epoch != b->in_force_epoch || a->begun != b->begun || a->waits != b->waits ||
	        a->started != b->started)
		return false;
	for (uint32_t i = 0; i < a->n; i++) {
		char x[ENTRY_LINE], y[ENTRY_LINE];
		size_t n = entry_write(&a->list[i].r, x), m = entry_write(&b->list[i].r, y);

		if (n != m || memcmp(x, y, n) != 0 || a->list[i].ended_ms != b->list[i].ended_ms)
			return false;
	}
	return true;
}

static void reopen_unchanged(void)
{
	struct history before = state.history;

	before.list = malloc(before.n * sizeof *before.list);
	memcpy(before.list, state.history.list, before.n * sizeof *before.list);
	state_close(&state);
	open_state();
	cr_expect(same(&before, &state.history));
	history_free(&before);
}

Test(state, tells_who_did_what_and_what_became_of_it)
{
	uint32_t start = begin(ENTRY_START, 0);
	uint64_t since_ms;

	cr_expect_eq(state.history.begun, start);
	note(ENTRY_APPLIED, start, 1);
	cr_expect_eq(state.history.started, start);
	begin(ENTRY_APPLY, 60);
	note(ENTRY_APPLIED, 2, 2);
	cr_expect_eq(state.history.waits, 2);
	cr_expect_eq(state.history.in_force, 2);
	note(ENTRY_UNCONFIRMED, 2, 0);
	cr_expect_eq(state.history.waits, 0);
	cr_expect_eq(state.history.in_force, 1);
	cr_expect_eq(state.history.in_force_epoch, 0, "it is to be put in force yet");
	note(ENTRY_RESTORED, 1, 3);
	cr_expect_eq(state.history.in_force_epoch, 3);
	since_ms = state.history.since_ms;
	note(ENTRY_ADOPTED, 1, 4);
	cr_expect_eq(state.history.in_force_epoch, 4);
	cr_expect_eq(state.history.since_ms, since_ms, "it was in force all the time");
	cr_expect_str_eq(entry_event_word(history_find(&state.history, 1)->r.event), "applied");
	cr_expect_str_eq(entry_event_word(history_find(&state.history, 2)->r.event), "unconfirmed");
	cr_expect_str_eq(history_find(&state.history, 2)->r.file, "/etc/\"sluice\"\n\x01.yaml");
	cr_expect_eq(history_find(&state.history, 2)->r.uid, 1000);
	reopen_unchanged();
}

Test(state, belongs_to_one_process)
{
	struct state other;

	cr_expect_eq(state_open(&other, dir, why, sizeof why), -EBUSY);
	cr_expect(strstr(why, "another control has it"), "%s", why);
}

Test(state, refuses_a_folder_that_cannot_be)
{
	struct state other;

	cr_expect_eq(state_open(&other, "/proc/none/state", why, sizeof why), -ENOENT);
	cr_expect(strstr(why, "/proc/none/state cannot be used: No such file"), "%s", why);
}

static size_t read_journal(char *to, size_t size)
{
	int fd = openat(state.folder, "history.jsonl", O_RDONLY);
	ssize_t n = read(fd, to, size);

	close(fd);
	cr_assert(n > 0 && (size_t)n < size);
	return (size_t)n;
}

static void write_journal(const char *text, size_t len)
{
	int fd = openat(state.folder, "history.jsonl", O_WRONLY | O_TRUNC);

	cr_assert_eq(write(fd, text, len), (ssize_t)len);
	close(fd);
}

/* Whatever length of the journal is on the disk: it opens, and stands where its whole lines say. */
Test(state, cut_short_at_any_byte_stands_where_its_whole_lines_say)
{
	static char text[65536];
	struct history expected = {.next = 1};
	size_t len, line = 0;

	apply();
	begin(ENTRY_APPLY, 30);
	note(ENTRY_APPLIED, 2, 5);
	note(ENTRY_CONFIRMED, 2, 0);
	begin(ENTRY_ROLLBACK, 0);
	note(ENTRY_UNDONE, 3, 0);
	note(ENTRY_RESTORED, 2, 7);
	begin(ENTRY_APPLY, 0);
	note(ENTRY_INTERRUPTED, 4, 0);
	len = read_journal(text, sizeof text);
	for (size_t cut = 0; cut <= len; cut++) {
		struct entry e;

		if (cut && text[cut - 1] == '\n') {
			cr_assert_eq(entry_read(&e, text + line, cut - 1 - line), 0);
			cr_assert_eq(history_take(&expected, &e), 0);
			line = cut;
		}
		write_journal(text, cut);
		state_close(&state);
		open_state();
		cr_assert(same(&expected, &state.history), "cut at %zu", cut);
		cr_assert_eq(state.len, line);
		cr_assert_eq(state.unreadable, 0);
	}
	cr_expect_eq(expected.in_force, 2);
	history_free(&expected);
}

Test(state, what_is_written_behind_a_line_cut_short_can_be_read)
{
	static char text[65536];
	size_t len;

	apply();
	len = read_journal(text, sizeof text);
	write_journal(text, len - 3);
	state_close(&state);
	open_state();
	cr_expect_eq(state.history.begun, 1);
	note(ENTRY_APPLIED, 1, 9);
	reopen_unchanged();
	cr_expect_eq(state.history.in_force_epoch, 9);
}

Test(state, passes_over_lines_that_are_none_of_ours_and_counts_them)
{
	static const char *const lines[] = {"", "{}", "{\"number\":1}",
	        "{\"number\":0,\"event\":\"applied\"}", "{\"number\":1,\"event\":\"eaten\"}",
	        "{\"number\":99999999999,\"event\":\"begun\"}", "{\"number\":1,\"event\":\"begun\"",
	        "{\"number\":1,\"event\":\"begun\"}x", "{\"number\":1,\"event\":\"begun\",\"file\":\"\\q\"}",
	        "{\"number\":1,\"event\":\"begun\",\"at\":\"today\"}", "[1]", "\xff\xff"};
	char text[2048] = "";
	size_t at = 0;

	for (size_t i = 0; i < ARRAY_LEN(lines); i++)
		at += (size_t)snprintf(text + at, sizeof text - at, "%s\n", lines[i]);
	at += (size_t)snprintf(text + at, sizeof text - at,
	        "{\"number\":7,\"event\":\"refused\",\"at\":\"2026-01-02T03:04:05.006Z\",\"new\":\"key\","
	        "\"n\":1}\n");
	write_journal(text, at);
	state_close(&state);
	open_state();
	cr_expect_eq(state.unreadable, ARRAY_LEN(lines));
	cr_assert_eq(state.history.n, 1);
	cr_expect_eq(state.history.list[0].r.at_ms, UINT64_C(1767323045006));
	cr_expect_eq(state.history.next, 8);
}

Test(state, keeps_texts_byte_for_byte_and_not_for_ever)
{
	char *text;
	size_t len;
	uint32_t n;

	cr_assert_eq(state_keep(&state, 1, "a\0b", 3), 0);
	cr_assert_eq(state_text(&state, 1, &text, &len), 0);
	cr_expect(len == 3 && !memcmp(text, "a\0b", 4));
	free(text);
	note(ENTRY_APPLIED, begin(ENTRY_START, 0), 1);
	for (uint32_t i = 0; i < STATE_TEXTS + 20; i++)
		n = apply();
	cr_assert_eq(state_text(&state, n - STATE_TEXTS + 1, &text, &len), 0);
	free(text);
	cr_expect_eq(state_text(&state, n - STATE_TEXTS, &text, &len), -ENOENT);
	cr_assert_eq(state_text(&state, 1, &text, &len), 0, "the start's is needed");
	free(text);
}

/* However many changes: what is in force, and from what file the appliance was started, is not forgotten. */
Test(state, forgets_the_oldest_changes_and_nothing_that_counts)
{
	struct entry refused = {.event = ENTRY_REFUSED, .act = ENTRY_APPLY, .uid = 7, .why = "bad"};
	char *text;
	size_t len;

	note(ENTRY_APPLIED, begin(ENTRY_START, 0), 1);
	apply();
	apply();
	for (uint32_t i = 0; i < STATE_CHANGES + 7; i++) {
		refused.number = state.history.next;
		refused.base = state.history.in_force;
		cr_assert_eq(state_note(&state, &refused), 0);
	}
	cr_expect_leq(state.history.n, STATE_CHANGES);
	cr_expect_geq(state.history.n, STATE_CHANGES / 2);
	cr_expect_eq(state.history.in_force, 3);
	cr_expect_eq(state.history.in_force_epoch, 103);
	cr_expect_eq(state.history.started, 1);
	cr_expect_not_null(history_find(&state.history, 2), "a rollback goes there");
	cr_assert_eq(state_text(&state, 2, &text, &len), 0);
	free(text);
	reopen_unchanged();
}

/* A full disk, say: what is said to have failed has not happened. */
Test(state, that_cannot_be_written_stays_as_it_was)
{
	struct entry e = {.number = 2, .event = ENTRY_BEGUN, .uid = -1};
	int fd;

	apply();
	fd = state.journal;
	state.journal = open("/dev/full", O_WRONLY);
	cr_expect_lt(state_note(&state, &e), 0);
	close(state.journal);
	state.journal = fd;
	cr_expect_eq(state.history.n, 1);
	cr_expect_eq(state.history.begun, 0);
	reopen_unchanged();
}
