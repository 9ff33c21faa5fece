/* Any bytes as the journal of configurations: each line that can be read is written and read again to the
 * same; the changes stay in order; and a control that opens the folder finds what the lines say, as does the
 * next one after a note. */
#include "services/control/config/state.h"
#include "tests/fuzz/fuzz.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define INPUT_MAX 65536u

static char folder[64];

static void path_of(char path[128], const char *name)
{
	snprintf(path, 128, "%s/%s", folder, name);
}

static void remove_folder(void)
{
	static const char *const names[] = {"history.jsonl", "config", ""};
	char path[128];

	for (uint32_t i = 0; i < ARRAY_LEN(names); i++) {
		path_of(path, names[i]);
		(void)remove(path);
	}
}

static void make_folder(void)
{
	const char *dir = getenv("TMPDIR");

	if (*folder)
		return;
	snprintf(folder, sizeof folder, "%.40s/fuzz.XXXXXX", dir ? dir : "/tmp");
	REQUIRE(mkdtemp(folder) && !atexit(remove_folder));
}

static void again(const struct entry *r)
{
	char line[ENTRY_LINE], twin_line[ENTRY_LINE];
	size_t len = entry_write(r, line), twin_len;
	struct entry twin;

	REQUIRE(len > 0 && len <= ENTRY_LINE && line[len - 1] == '\n' && !memchr(line, '\n', len - 1));
	REQUIRE(entry_read(&twin, line, len - 1) == 0);
	twin_len = entry_write(&twin, twin_line);
	REQUIRE(twin_len == len && memcmp(line, twin_line, len) == 0);
}

static void check_order(const struct history *h)
{
	for (uint32_t i = 0; i < h->n; i++) {
		REQUIRE(h->list[i].r.number < h->next);
		REQUIRE(i == 0 || h->list[i - 1].r.number < h->list[i].r.number);
		REQUIRE(history_find(h, h->list[i].r.number) == &h->list[i]);
	}
}

/* The lines by themselves; how many were none of ours. */
static uint32_t fold(struct history *h, const char *text, size_t size)
{
	const char *at = text, *end;
	uint32_t unreadable = 0;
	struct entry r;

	h->next = 1;
	while ((end = memchr(at, '\n', size - (size_t)(at - text)))) {
		if (entry_read(&r, at, (size_t)(end - at))) {
			unreadable++;
		} else {
			again(&r);
			REQUIRE(history_take(h, &r) == 0);
		}
		at = end + 1;
	}
	return unreadable;
}

static void same(const struct history *a, const struct history *b)
{
	REQUIRE(a->n == b->n && a->next == b->next && a->in_force == b->in_force && a->begun == b->begun &&
	        a->waits == b->waits && a->started == b->started && a->in_force_epoch == b->in_force_epoch);
}

static void write_journal(const uint8_t *data, size_t size)
{
	char path[128];
	FILE *to;

	make_folder();
	path_of(path, "history.jsonl");
	to = fopen(path, "w");
	REQUIRE(to && fwrite(data, 1, size, to) == size && fclose(to) == 0);
}

/* Two controls, one after the other. */
static void open_twice(const struct history *told, uint32_t unreadable)
{
	struct entry note = {.number = told->in_force, .event = ENTRY_RESTORED, .uid = -1, .epoch = 7};
	struct state first, second;
	char why[512];

	REQUIRE(state_open(&first, folder, why, sizeof why) == 0);
	same(&first.history, told);
	REQUIRE(first.unreadable == unreadable);
	REQUIRE(!note.number || state_note(&first, &note) == 0);
	history_forget(&first.history, STATE_CHANGES);
	check_order(&first.history);
	REQUIRE(!note.number || first.history.in_force_epoch == 7);
	state_close(&first);
	REQUIRE(state_open(&second, folder, why, sizeof why) == 0);
	REQUIRE(second.history.in_force == told->in_force && second.unreadable <= unreadable);
	check_order(&second.history);
	state_close(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct history h = {0};
	uint32_t unreadable;

	size = MIN(size, (size_t)INPUT_MAX);
	unreadable = fold(&h, (const char *)data, size);
	check_order(&h);
	if (h.n || h.in_force) { /* files are slow, and the rest is told by the lines */
		write_journal(data, size);
		open_twice(&h, unreadable);
	}
	history_forget(&h, 1);
	check_order(&h);
	history_free(&h);
	return 0;
}
