#include "services/control/config/entry.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static const char *const event_words[] = {
#define X(name, word) word,
        ENTRY_EVENTS(X)
#undef X
};
static const char *const act_words[ENTRY_ACTS_N] = {"start", "apply", "rollback"};

enum kind { NUMBER, EVENT, ACT, TIME, UID, U32, U64, TEXT };

/* In the order of a line. */
static const struct field {
	const char *key;
	enum kind kind;
	size_t at, size;
} fields[] = {
#define MEMBER(name) offsetof(struct entry, name), sizeof(((struct entry *)0)->name)
        {"number", NUMBER, MEMBER(number)},
        {"event", EVENT, MEMBER(event)},
        {"at", TIME, MEMBER(at_ms)},
        {"act", ACT, MEMBER(act)},
        {"uid", UID, MEMBER(uid)},
        {"pid", U32, MEMBER(pid)},
        {"key", TEXT, MEMBER(key)},
        {"from", TEXT, MEMBER(from)},
        {"file", TEXT, MEMBER(file)},
        {"base", U32, MEMBER(base)},
        {"of", U32, MEMBER(of)},
        {"epoch", U32, MEMBER(epoch)},
        {"confirm_s", U32, MEMBER(confirm_s)},
        {"took_us", U64, MEMBER(took_us)},
        {"change", TEXT, MEMBER(change)},
        {"why", TEXT, MEMBER(why)},
#undef MEMBER
};

const char *entry_event_word(enum entry_event event)
{
	return event_words[event];
}

const char *entry_act_word(enum entry_act act)
{
	return act_words[act];
}

/* ---- writing ---- */

struct line {
	char *text;
	size_t at;
};

/* Six characters of a line for each of a text is the most. */
static_assert(sizeof(struct entry) * 6 + 1024 < ENTRY_LINE, "every line fits");

#define ADD(l, ...) ((l)->at += (size_t)snprintf((l)->text + (l)->at, ENTRY_LINE - (l)->at, __VA_ARGS__))

/* A text may have been cut within a character: bytes that are none are left out. */
static uint32_t character_bytes(const char *c)
{
	const uint8_t first = (uint8_t)*c;
	uint32_t n = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 0;

	for (uint32_t i = 1; i < n; i++)
		if (((uint8_t)c[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

static void add_text(struct line *l, const char *text)
{
	ADD(l, "\"");
	for (const char *c = text; *c;) {
		uint32_t n = character_bytes(c);

		if (*c == '"' || *c == '\\')
			ADD(l, "\\%c", *c);
		else if (n == 1 && (uint8_t)*c < 0x20)
			ADD(l, "\\u%04x", (unsigned)*c);
		else
			ADD(l, "%.*s", (int)n, c);
		c += MAX(n, 1u);
	}
	ADD(l, "\"");
}

static void add_time(struct line *l, uint64_t ms)
{
	time_t s = (time_t)(ms / 1000);
	struct tm t;
	char text[32];

	gmtime_r(&s, &t);
	strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &t);
	ADD(l, "\"%s.%03uZ\"", text, (unsigned)(ms % 1000));
}

static uint32_t get_u32(const void *from)
{
	uint32_t v;

	memcpy(&v, from, sizeof v);
	return v;
}

static uint64_t get_u64(const void *from)
{
	uint64_t v;

	memcpy(&v, from, sizeof v);
	return v;
}

static bool is_said(const struct entry *r, const struct field *f)
{
	const void *from = (const char *)r + f->at;

	switch (f->kind) {
	case NUMBER:
	case EVENT:
	case TIME: return true;
	case ACT: return r->event == ENTRY_BEGUN || r->event == ENTRY_REFUSED;
	case UID: return r->uid >= 0;
	case U32: return get_u32(from) != 0;
	case U64: return get_u64(from) != 0;
	case TEXT: return *(const char *)from != 0;
	}
	return false;
}

static void add_value(struct line *l, const struct entry *r, const struct field *f)
{
	const void *from = (const char *)r + f->at;

	switch (f->kind) {
	case EVENT: add_text(l, event_words[r->event]); break;
	case ACT: add_text(l, act_words[r->act]); break;
	case TIME: add_time(l, r->at_ms); break;
	case NUMBER:
	case U32: ADD(l, "%" PRIu32, get_u32(from)); break;
	case UID:
	case U64: ADD(l, "%" PRIu64, get_u64(from)); break;
	case TEXT: add_text(l, from); break;
	}
}

size_t entry_write(const struct entry *r, char line[ENTRY_LINE])
{
	struct line l = {.text = line};

	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		if (!is_said(r, &fields[i]))
			continue;
		ADD(&l, "%s\"%s\":", l.at ? "," : "{", fields[i].key);
		add_value(&l, r, &fields[i]);
	}
	ADD(&l, "}\n");
	return l.at;
}

/* ---- reading ---- */

struct reader {
	const char *at, *end;
};

static bool take(struct reader *in, char c)
{
	while (in->at < in->end && *in->at == ' ')
		in->at++;
	if (in->at == in->end || *in->at != c)
		return false;
	in->at++;
	return true;
}

/* What stands behind a backslash; 0: nothing that we write. */
static char take_escape(struct reader *in)
{
	char hex[5] = "";

	if (in->at == in->end)
		return 0;
	if (*in->at == '"' || *in->at == '\\')
		return *in->at++;
	if (*in->at != 'u' || in->end - in->at < 5)
		return 0;
	memcpy(hex, in->at + 1, 4);
	in->at += 5;
	return (char)(strspn(hex, "0123456789abcdef") == 4 && !strncmp(hex, "00", 2) ? strtoul(hex, NULL, 16)
	                                                                             : 0);
}

/* A string in quotes; what does not fit into `to` is left out. */
static bool take_text(struct reader *in, char *to, size_t size)
{
	size_t n = 0;

	if (!take(in, '"'))
		return false;
	while (in->at < in->end && *in->at != '"') {
		char c = *in->at++;

		if (c == '\\')
			c = take_escape(in);
		if (!c)
			return false;
		if (n + 1 < size)
			to[n++] = c;
	}
	to[n] = 0;
	return take(in, '"');
}

static bool take_number(struct reader *in, uint64_t most, uint64_t *to)
{
	const char *from = in->at;

	*to = 0;
	while (in->at < in->end && *in->at >= '0' && *in->at <= '9') {
		uint64_t digit = (uint64_t)(*in->at++ - '0');

		if (*to > (most - digit) / 10)
			return false;
		*to = *to * 10 + digit;
	}
	return in->at > from;
}

static bool take_word(struct reader *in, const char *const *words, uint8_t n, uint8_t *to)
{
	char word[32];

	if (!take_text(in, word, sizeof word))
		return false;
	for (*to = 0; *to < n; ++*to)
		if (!strcmp(word, words[*to]))
			return true;
	return false;
}

static bool take_time(struct reader *in, uint64_t *ms)
{
	char text[40];
	struct tm t = {0};
	const char *rest = take_text(in, text, sizeof text) ? strptime(text, "%Y-%m-%dT%H:%M:%S", &t) : NULL;
	time_t s = rest ? timegm(&t) : -1;

	if (s < 0 || *rest != '.')
		return false;
	*ms = (uint64_t)s * 1000 + MIN(strtoul(rest + 1, NULL, 10), 999ul);
	return true;
}

static bool take_value(struct reader *in, struct entry *r, const struct field *f)
{
	void *to = (char *)r + f->at;
	uint64_t v = 0;

	switch (f->kind) {
	case EVENT: return take_word(in, event_words, ENTRY_EVENTS_N, &r->event);
	case ACT: return take_word(in, act_words, ENTRY_ACTS_N, &r->act);
	case TIME: return take_time(in, &r->at_ms);
	case TEXT: return take_text(in, to, f->size);
	case NUMBER:
	case U32:
		if (!take_number(in, UINT32_MAX, &v))
			return false;
		memcpy(to, &(uint32_t){(uint32_t)v}, 4);
		return true;
	case UID:
	case U64:
		if (!take_number(in, INT64_MAX, &v))
			return false;
		memcpy(to, &v, 8);
		return true;
	}
	return false;
}

static bool take_pair(struct reader *in, struct entry *r)
{
	char key[32], unknown[2];
	uint64_t v;

	if (!take_text(in, key, sizeof key) || !take(in, ':'))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		if (!strcmp(key, fields[i].key))
			return take_value(in, r, &fields[i]);
	return take_text(in, unknown, sizeof unknown) || take_number(in, UINT64_MAX, &v);
}

int entry_read(struct entry *r, const char *line, size_t len)
{
	struct reader in = {line, line + len};
	bool good;

	*r = (struct entry){.uid = -1, .event = ENTRY_EVENTS_N};
	good = take(&in, '{');
	do
		good = good && take_pair(&in, r);
	while (good && take(&in, ','));
	return good && take(&in, '}') && in.at == in.end && r->number && r->event < ENTRY_EVENTS_N ? 0
	                                                                                           : -EBADMSG;
}
