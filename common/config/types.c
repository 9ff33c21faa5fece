#include "common/config/types.h"

static bool parse_bool(struct loader *l, const struct schema_key *key, const char *text, void *to)
{
	(void)l, (void)key;
	return value_bool(text, to);
}

static void store(void *to, uint32_t size, uint64_t v)
{
	switch (size) {
	case 1: *(uint8_t *)to = (uint8_t)v; return;
	case 2: *(uint16_t *)to = (uint16_t)v; return;
	case 4: *(uint32_t *)to = (uint32_t)v; return;
	case 8: *(uint64_t *)to = v; return;
	}
	assert(!"an integer's size");
}

static bool parse_number(struct loader *l, const struct schema_key *key, const char *text, void *to)
{
	uint64_t v;

	if (!value_u64(text, &v)) {
		if (text[0] == '0' && text[1] >= '0' && text[1] <= '9')
			l->hint = "Leave the leading zeros out: they would be read as octal elsewhere.";
		return false;
	}
	if (v < key->min || v > key->max)
		return false;
	store(to, key->size, v);
	return true;
}

static bool parse_choice(struct loader *l, const struct schema_key *key, const char *text, void *to)
{
	(void)l;
	for (uint8_t i = 0; key->words[i]; i++) {
		if (strcmp(text, key->words[i]) == 0) {
			*(uint8_t *)to = i;
			return true;
		}
	}
	return false;
}

static bool parse_in_u32(struct loader *l, const struct schema_key *key, uint64_t v, void *to)
{
	if (v < key->min || v > key->max) {
		l->hint_text = phrase("It must be from %llu to %llu%s.", (unsigned long long)key->min,
		        (unsigned long long)key->max, key->type == &type_duration ? " ms" : " bytes");
		l->hint = l->hint_text.text;
		return false;
	}
	*(uint32_t *)to = (uint32_t)v;
	return true;
}

static bool parse_bytes(struct loader *l, const struct schema_key *key, const char *text, void *to)
{
	uint64_t v;

	return value_bytes(text, &v) && parse_in_u32(l, key, v, to);
}

static bool parse_duration(struct loader *l, const struct schema_key *key, const char *text, void *to)
{
	uint64_t v;

	if (!value_duration_ms(text, &v)) {
		if (value_u64(text, &v))
			l->hint = "Add the unit, ms or s.";
		return false;
	}
	return parse_in_u32(l, key, v, to);
}

static bool parse_rate(struct loader *l, const struct schema_key *key, const char *text, void *to)
{
	(void)l, (void)key;
	return value_rate(text, to);
}

static bool parse_share(struct loader *l, const struct schema_key *key, const char *text, void *to)
{
	(void)l, (void)key;
	return value_share_ppm(text, to);
}

static bool parse_text(struct loader *l, const struct schema_key *key, const char *text, void *to)
{
	char *copy = text[0] && strlen(text) <= key->max ? arena_text(l->arena, text, strlen(text)) : NULL;

	*(const char **)to = copy;
	return copy != NULL;
}

static bool parse_file(struct loader *l, const struct schema_key *key, const char *text, void *to)
{
	if (strchr(text, ';') || strchr(text, '\n')) {
		l->hint = "Settings of drivers are separated by ';': rename the file.";
		return false;
	}
	return parse_text(l, key, text, to);
}

/* What Linux takes as a name of an interface, and no ':' or '@' (dev_valid_name). */
static bool parse_name(struct loader *l, const struct schema_key *key, const char *text, void *to)
{
	struct config_name name = {0};
	size_t n = strlen(text);

	(void)key;
	if (n >= sizeof name.text)
		l->hint = "A name has 15 characters at most, as in Linux.";
	if (n == 0 || n >= sizeof name.text ||
	        strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") != n ||
	        text[0] == '.')
		return false;
	memcpy(name.text, text, n);
	*(struct config_name *)to = name;
	return true;
}

static bool parse_mac(struct loader *l, const struct schema_key *key, const char *text, void *to)
{
	struct mac_addr m;

	(void)key;
	if (!value_mac(text, &m))
		return false;
	if (m.b[0] & 1 || mac_is_zero(&m)) {
		l->hint = m.b[0] & 1 ? "This one is multicast: the first byte of a station's address is even."
		                     : "The address of zeros belongs to nobody.";
		return false;
	}
	*(struct mac_addr *)to = m;
	return true;
}

static bool parse_address(struct loader *l, const struct schema_key *key, const char *text, void *to)
{
	struct config_prefix p;

	(void)key;
	if (value_address(text, to))
		return true;
	if (value_prefix(text, &p)) {
		l->hint_text = phrase("Leave the length out: %s.", address_text(&p, false).text);
		l->hint = l->hint_text.text;
	}
	return false;
}

static bool parse_interface_address(
        struct loader *l, const struct schema_key *key, const char *text, void *to)
{
	struct config_prefix p;

	(void)key;
	if (!value_prefix(text, &p))
		return false;
	if (!strchr(text, '/')) {
		l->hint_text = phrase(
		        "Add the length of the network, as in %s/%u.", text, p.family == 4 ? 24 : 64);
		l->hint = l->hint_text.text;
		return false;
	}
	*(struct config_prefix *)to = p;
	return true;
}

static bool parse_prefix(struct loader *l, const struct schema_key *key, const char *text, void *to)
{
	struct config_prefix p, net;

	(void)key;
	if (strcmp(text, "any") == 0 || strcmp(text, "default") == 0) {
		l->hint = "Write 0.0.0.0/0 or \"::/0\".";
		return false;
	}
	if (!value_prefix(text, &p))
		return false;
	if (prefix_has_host_bits(&p)) {
		net = prefix_network(&p);
		l->hint_text = phrase("The network is %s: bits behind the length must be zero.",
		        address_text(&net, true).text);
		l->hint = l->hint_text.text;
		return false;
	}
	*(struct config_prefix *)to = p;
	return true;
}

static bool parse_group(struct loader *l, const struct schema_key *key, const char *text, void *to)
{
	struct config_prefix p;

	(void)key;
	if (!value_address(text, &p))
		return false;
	if (!address_is_multicast(&p)) {
		l->hint = "Groups are in 224.0.0.0/4 and ff00::/8.";
		return false;
	}
	*(struct config_prefix *)to = p;
	return true;
}

static bool parse_endpoint(struct loader *l, const struct schema_key *key, const char *text, void *to)
{
	struct config_prefix p;

	(void)key;
	if (value_address(text, &p) || strchr(text, ':') != strrchr(text, ':'))
		l->hint = "An IPv6 address stands in brackets and all of it in quotes: \"[2001:db8::1]:53\".";
	if (strlen(text) > 2 && strcmp(text + strlen(text) - 2, ":0") == 0)
		l->hint = "Port 0 is none: choose one.";
	return value_endpoint(text, to);
}

const struct value_type type_bool = {"true or false", parse_bool, NULL};
const struct value_type type_number = {"a number", parse_number, NULL};
const struct value_type type_choice = {"a word", parse_choice, NULL};
const struct value_type type_bytes = {"a size (4096, 64KiB, 4MiB)", parse_bytes, NULL};
const struct value_type type_duration = {"a time with its unit (500ms, 30s, 5m)", parse_duration, NULL};
const struct value_type type_rate = {"a rate (1000/s, 1000/s burst 50) or unlimited", parse_rate, NULL};
const struct value_type type_share = {"a share from 0 to 1 (0.01) or in percent (1%)", parse_share, NULL};
const struct value_type type_text = {"a text", parse_text, NULL};
const struct value_type type_file = {"a file's name", parse_file, NULL};
const struct value_type type_name = {
        "a name of up to 15 letters, digits, '.', '_' and '-'", parse_name, NULL};
const struct value_type type_mac = {"the MAC address of a station (02:00:00:00:00:01)", parse_mac, NULL};
const struct value_type type_address = {"an address (192.0.2.1, 2001:db8::1)", parse_address, NULL};
const struct value_type type_interface_address = {
        "an address with its length (192.0.2.1/24, 2001:db8::1/64)", parse_interface_address, NULL};
const struct value_type type_prefix = {"a prefix (192.0.2.0/24, 2001:db8::/32)", parse_prefix, NULL};
const struct value_type type_group = {"a multicast group (224.0.0.251, ff02::fb)", parse_group, NULL};
const struct value_type type_endpoint = {
        "an address and a port (192.0.2.1:53, \"[2001:db8::1]:53\")", parse_endpoint, NULL};
