#include "common/settings/settings.h"

#include <stdio.h>

/* A bit a driver. */
#define FOR(driver) (1u << (driver))
#define FOR_PCAP    FOR(EPOCH_DRIVER_PCAP)
#define FOR_LOOP    FOR(EPOCH_DRIVER_LOOP)
#define FOR_XDP     FOR(EPOCH_DRIVER_AF_XDP)
#define FOR_PACKET  FOR(EPOCH_DRIVER_AF_PACKET)
#define FOR_LIVE    (FOR_XDP | FOR_PACKET | FOR(EPOCH_DRIVER_TAP))
#define FOR_ANY     (FOR_PCAP | FOR_LOOP | FOR_LIVE)

static const char *const driver_names[] = {"none", "pcap", "loop", "af_xdp", "af_packet", "tap"};

static_assert(ARRAY_LEN(driver_names) == EPOCH_DRIVER_TAP + 1, "a name each");

enum value_kind { VALUE_FILE, VALUE_NAME, VALUE_PACE, VALUE_MODE, VALUE_U32, VALUE_RING, VALUE_U64 };

struct mode {
	const char *word;
	uint32_t drivers;
};

static const struct mode modes[] = {
        [MODE_AUTO] = {"auto", FOR_XDP | FOR_PACKET},
        [MODE_NATIVE] = {"native", FOR_XDP},
        [MODE_GENERIC] = {"generic", FOR_XDP},
        [MODE_ZEROCOPY] = {"zerocopy", FOR_XDP},
        [MODE_V2] = {"v2", FOR_PACKET},
        [MODE_V3] = {"v3", FOR_PACKET},
};

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
		name, VALUE_U32, FOR_ANY, AT(at), 0, SETTINGS_PPM                                            \
	}

static const struct key keys[] = {
        {"in", VALUE_FILE, FOR_PCAP, AT(in)},
        {"out", VALUE_FILE, FOR_PCAP, AT(out)},
        {"pace", VALUE_PACE, FOR_PCAP, AT(pace), 1, NANOS_PER_SEC},
        {"loop", VALUE_U64, FOR_PCAP, AT(loop), 0, UINT32_MAX},
        {"peer", VALUE_NAME, FOR_LOOP, AT(peer)},
        {"capacity", VALUE_U32, FOR_LOOP, AT(capacity), 1, LOOP_CAPACITY_MAX},
        {"interface", VALUE_NAME, FOR_LIVE, AT(live.interface)},
        {"mode", VALUE_MODE, FOR_XDP | FOR_PACKET, AT(live.mode)},
        {"rx_ring", VALUE_RING, FOR_LIVE, AT(live.rx_ring), SETTINGS_RING_MIN, SETTINGS_RING_MAX},
        {"tx_ring", VALUE_RING, FOR_LIVE, AT(live.tx_ring), SETTINGS_RING_MIN, SETTINGS_RING_MAX},
        {"adopt", VALUE_U32, FOR_LIVE, AT(live.adopt), 0, 1},
        {"control_dscp", VALUE_U32, FOR_XDP | FOR_PACKET, AT(live.control_dscp), 0, SETTINGS_DSCP_MAX},
        {"poll.weight", VALUE_U32, FOR_ANY, AT(poll.weight), 1, SETTINGS_WEIGHT_MAX},
        {"poll.budget", VALUE_U32, FOR_ANY, AT(poll.budget), 1, SETTINGS_BUDGET_MAX},
        {"poll.budget_us", VALUE_U32, FOR_ANY, AT(poll.budget_us), 1, SETTINGS_POLL_US_MAX},
        {"poll.defer_hard_irqs", VALUE_U32, FOR_ANY, AT(poll.defer_hard_irqs), 0, SETTINGS_BUDGET_MAX},
        {"poll.gro_flush_timeout_us", VALUE_U32, FOR_ANY, AT(poll.gro_flush_timeout_us), 0,
                SETTINGS_POLL_US_MAX},
        {"poll.busy_poll_us", VALUE_U32, FOR_ANY, AT(poll.busy_poll_us), 0, SETTINGS_POLL_US_MAX},
        {"fault.seed", VALUE_U64, FOR_ANY, AT(fault.seed), 1, UINT64_MAX},
        SHARE("fault.drop", fault.drop),
        SHARE("fault.repeat", fault.repeat),
        SHARE("fault.reorder", fault.reorder),
        SHARE("fault.corrupt", fault.corrupt),
        SHARE("fault.truncate", fault.truncate),
        {"fault.delay_ms", VALUE_U32, FOR_ANY, AT(fault.delay_ms), 0, SETTINGS_DELAY_MAX},
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

static bool take_mode(struct nic_settings *s, uint32_t driver, struct piece value)
{
	for (size_t i = 0; i < ARRAY_LEN(modes); i++)
		if (piece_is(value, modes[i].word) && modes[i].drivers & driver) {
			s->live.mode = (enum settings_mode)i;
			return true;
		}
	return false;
}

static bool take_value(struct nic_settings *s, uint32_t driver, const struct key *key, struct piece value)
{
	void *to = (uint8_t *)s + key->at;
	uint64_t x = 0;

	switch (key->kind) {
	case VALUE_FILE: return take_text(value, to, SETTINGS_FILE_BYTES);
	case VALUE_NAME: return !value.len || take_text(value, to, EPOCH_NAME_LEN);
	case VALUE_PACE: return take_pace(s, key, value);
	case VALUE_MODE: return take_mode(s, driver, value);
	case VALUE_U32:
	case VALUE_RING:
		if (!take_number(value, key->min, key->max, &x) || (key->kind == VALUE_RING && x & (x - 1)))
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

static void say_wanted(const struct key *key, uint32_t driver, struct piece value, char *error, size_t size)
{
	int n = snprintf(error, size, "driver setting `%s`: `%.*s` is not ", key->name,
	        (int)MIN(value.len, (size_t)64), value.text);
	char *end = error + MIN((size_t)n, size - 1);
	size_t left = size - (size_t)(end - error);

	switch (key->kind) {
	case VALUE_FILE: snprintf(end, left, "a file name"); break;
	case VALUE_NAME: snprintf(end, left, "a port's name"); break;
	case VALUE_PACE: snprintf(end, left, "capture, max, or a number of frames a second"); break;
	case VALUE_MODE:
		snprintf(end, left,
		        driver == FOR_XDP ? "auto, native, generic or zerocopy" : "auto, v2 or v3");
		break;
	case VALUE_RING:
		snprintf(end, left, "a power of two from %llu to %llu", (unsigned long long)key->min,
		        (unsigned long long)key->max);
		break;
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
		        driver_names[__builtin_ctz(driver)]);
		return -EINVAL;
	}
	if (!equals || *seen & 1u << (key - keys)) {
		snprintf(error, size, "driver setting `%s` %s", key->name,
		        equals ? "is given twice" : "has no value");
		return -EINVAL;
	}
	*seen |= 1u << (key - keys);
	value = (struct piece){equals + 1, setting.len - name.len - 1};
	if (!take_value(s, driver, key, value)) {
		say_wanted(key, driver, value, error, size);
		return -EINVAL;
	}
	return 0;
}

int settings_parse(
        struct nic_settings *settings, enum epoch_driver driver, const char *text, char *error, size_t size)
{
	uint32_t which = FOR(driver), seen = 0;
	int err = 0;

	*settings = (struct nic_settings){
	        .loop = 1,
	        .capacity = 256,
	        .live = {.rx_ring = 2048, .tx_ring = 2048, .control_dscp = 48},
	        .poll = {.weight = 64, .budget = 300, .budget_us = 2000},
	        .fault = {.seed = 1},
	};
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

static uint64_t hash_byte(uint64_t h, char byte)
{
	return (h ^ (uint8_t)byte) * UINT64_C(0x100000001b3);
}

/* FNV-1a, which needs no key: whoever writes the configuration may as well break it openly. */
uint64_t settings_identity(const char *text)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	while (*text) {
		size_t len = strcspn(text, ";");
		bool counts = strncmp(text, "poll.", 5) != 0;

		for (size_t i = 0; i < len && counts; i++)
			h = hash_byte(h, text[i]);
		h = counts ? hash_byte(h, ';') : h;
		text += len + (text[len] == ';');
	}
	return h;
}
