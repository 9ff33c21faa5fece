#include "services/ingest/settings.h"

#include <stdio.h>

#define FOR_PCAP 1u
#define FOR_LOOP 2u

enum value_kind { VALUE_FILE, VALUE_NAME, VALUE_PACE, VALUE_U32, VALUE_U64 };

struct key {
	const char *name;
	enum value_kind kind;
	uint32_t drivers;
	size_t at;
	uint64_t min;
	uint64_t max;
};

#define AT(field) offsetof(struct nic_settings, field)
#define SHARE(name, at)                                                                                      \
	{                                                                                                    \
		name, VALUE_U32, FOR_PCAP | FOR_LOOP, AT(at), 0, SETTINGS_PPM                                \
	}

static const struct key keys[] = {
        {"in", VALUE_FILE, FOR_PCAP, AT(in)},
        {"out", VALUE_FILE, FOR_PCAP, AT(out)},
        {"pace", VALUE_PACE, FOR_PCAP, AT(pace), 1, NANOS_PER_SEC},
        {"loop", VALUE_U64, FOR_PCAP, AT(loop), 0, UINT32_MAX},
        {"peer", VALUE_NAME, FOR_LOOP, AT(peer)},
        {"capacity", VALUE_U32, FOR_LOOP, AT(capacity), 1, LOOP_CAPACITY_MAX},
        {"fault.seed", VALUE_U64, FOR_PCAP | FOR_LOOP, AT(fault.seed), 1, UINT64_MAX},
        SHARE("fault.drop", fault.drop),
        SHARE("fault.repeat", fault.repeat),
        SHARE("fault.reorder", fault.reorder),
        SHARE("fault.corrupt", fault.corrupt),
        SHARE("fault.truncate", fault.truncate),
        {"fault.delay_ms", VALUE_U32, FOR_PCAP | FOR_LOOP, AT(fault.delay_ms), 0, SETTINGS_DELAY_MAX},
};

struct piece {
	const char *text;
	size_t len;
};

static bool piece_is(struct piece p, const char *word)
{
	return strlen(word) == p.len && !memcmp(p.text, word, p.len);
}

static bool take_text(struct piece value, char *to, size_t room)
{
	if (!value.len || value.len >= room)
		return false;
	memcpy(to, value.text, value.len);
	to[value.len] = 0;
	return true;
}

static bool take_number(struct piece value, uint64_t min, uint64_t max, uint64_t *to)
{
	uint64_t x = 0;

	for (size_t i = 0; i < value.len; i++) {
		uint32_t digit = (uint32_t)(value.text[i] - '0');

		if (digit > 9 || __builtin_mul_overflow(x, 10u, &x) || __builtin_add_overflow(x, digit, &x))
			return false;
	}
	*to = x;
	return value.len && x >= min && x <= max;
}

static bool take_pace(struct nic_settings *s, const struct key *key, struct piece value)
{
	if (piece_is(value, "capture"))
		s->pace = PACE_CAPTURE;
	else if (piece_is(value, "max"))
		s->pace = PACE_MAX;
	else
		s->pace = PACE_RATE;
	return s->pace != PACE_RATE || take_number(value, key->min, key->max, &s->rate);
}

static bool take_value(struct nic_settings *s, const struct key *key, struct piece value)
{
	void *to = (uint8_t *)s + key->at;
	uint64_t x = 0;

	switch (key->kind) {
	case VALUE_FILE: return take_text(value, to, SETTINGS_FILE_BYTES);
	case VALUE_NAME: return !value.len || take_text(value, to, EPOCH_NAME_LEN);
	case VALUE_PACE: return take_pace(s, key, value);
	case VALUE_U32:
		if (!take_number(value, key->min, key->max, &x))
			return false;
		*(uint32_t *)to = (uint32_t)x;
		return true;
	case VALUE_U64:
		if (!take_number(value, key->min, key->max, &x))
			return false;
		*(uint64_t *)to = x;
		return true;
	}
	return false;
}

static void say_wanted(const struct key *key, struct piece value, char *error, size_t size)
{
	int n = snprintf(error, size, "driver setting `%s`: `%.*s` is not ", key->name,
	        (int)MIN(value.len, (size_t)64), value.text);
	char *end = error + MIN((size_t)n, size - 1);
	size_t left = size - (size_t)(end - error);

	switch (key->kind) {
	case VALUE_FILE: snprintf(end, left, "a file name"); break;
	case VALUE_NAME: snprintf(end, left, "a port's name"); break;
	case VALUE_PACE: snprintf(end, left, "capture, max, or a number of frames a second"); break;
	case VALUE_U32:
	case VALUE_U64:
		snprintf(end, left, "a number from %llu to %llu", (unsigned long long)key->min,
		        (unsigned long long)key->max);
		break;
	}
}

static const struct key *find_key(struct piece name, uint32_t driver)
{
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		if (piece_is(name, keys[i].name) && keys[i].drivers & driver)
			return &keys[i];
	return NULL;
}

/* One `key=value`; `seen` has a bit a key. */
static int take_setting(struct nic_settings *s, uint32_t driver, struct piece setting, uint32_t *seen,
        char *error, size_t size)
{
	const char *equals = memchr(setting.text, '=', setting.len);
	struct piece name = {setting.text, equals ? (size_t)(equals - setting.text) : setting.len}, value;
	const struct key *key = find_key(name, driver);
	int shown = (int)MIN(name.len, (size_t)64);

	if (!key) {
		snprintf(error, size, "driver setting `%.*s` is not known to the %s driver", shown, name.text,
		        driver == FOR_PCAP ? "pcap" : "loop");
		return -EINVAL;
	}
	if (!equals || *seen & 1u << (key - keys)) {
		snprintf(error, size, "driver setting `%s` %s", key->name,
		        equals ? "is given twice" : "has no value");
		return -EINVAL;
	}
	*seen |= 1u << (key - keys);
	value = (struct piece){equals + 1, setting.len - name.len - 1};
	if (!take_value(s, key, value)) {
		say_wanted(key, value, error, size);
		return -EINVAL;
	}
	return 0;
}

int settings_parse(
        struct nic_settings *settings, enum epoch_driver driver, const char *text, char *error, size_t size)
{
	uint32_t which = driver == EPOCH_DRIVER_LOOP ? FOR_LOOP : FOR_PCAP, seen = 0;
	int err = 0;

	memset(settings, 0, sizeof *settings);
	settings->loop = 1;
	settings->capacity = 256;
	settings->fault.seed = 1;
	while (*text && !err) {
		size_t len = strcspn(text, ";");

		err = take_setting(settings, which, (struct piece){text, len}, &seen, error, size);
		text += len + (text[len] == ';');
	}
	return err;
}

bool settings_faulty(const struct nic_settings *settings)
{
	const struct fault_settings *f = &settings->fault;

	return f->drop || f->repeat || f->reorder || f->corrupt || f->truncate || f->delay_ms;
}
