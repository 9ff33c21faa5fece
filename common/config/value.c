#include "common/config/value.h"

#include <arpa/inet.h>

static int digit(char c, uint32_t base)
{
	int d = c >= '0' && c <= '9'                     ? c - '0'
	        : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10
	                                                 : 99;

	return d < (int)base ? d : -1;
}

bool value_part(const char *text, size_t n, uint64_t max, uint64_t *to)
{
	uint32_t base = n > 2 && text[0] == '0' && (text[1] | 0x20) == 'x' ? 16 : 10;
	uint64_t v = 0;

	if (n == 0 || (base == 10 && n > 1 && text[0] == '0'))
		return false;
	for (size_t i = base == 16 ? 2 : 0; i < n; i++) {
		int d = digit(text[i], base);

		if (d < 0 || v > (UINT64_MAX - (uint64_t)d) / base)
			return false;
		v = v * base + (uint64_t)d;
	}
	if (v > max)
		return false;
	*to = v;
	return true;
}

bool value_u64(const char *text, uint64_t *to)
{
	return value_part(text, strlen(text), UINT64_MAX, to);
}

bool value_bool(const char *text, bool *to)
{
	static const char *const yes[] = {"true", "yes", "on"}, *const no[] = {"false", "no", "off"};

	for (uint32_t i = 0; i < ARRAY_LEN(yes); i++) {
		if (strcmp(text, yes[i]) == 0 || strcmp(text, no[i]) == 0) {
			*to = strcmp(text, yes[i]) == 0;
			return true;
		}
	}
	return false;
}

struct unit {
	const char *name;
	uint64_t factor;
};

/* A number and one of the units. */
static bool value_with_unit(const char *text, const struct unit *units, uint32_t n, uint64_t *to)
{
	size_t digits = strspn(text, "0123456789"), unit = digits;
	uint64_t v;

	while (text[unit] == ' ')
		unit++;
	for (uint32_t i = 0; i < n; i++) {
		if (strcmp(text + unit, units[i].name) != 0)
			continue;
		if (!value_part(text, digits, UINT64_MAX / units[i].factor, &v))
			return false;
		*to = v * units[i].factor;
		return true;
	}
	return false;
}

bool value_bytes(const char *text, uint64_t *to)
{
	static const struct unit units[] = {
	        {"", 1},
	        {"B", 1},
	        {"k", 1 << 10},
	        {"KiB", 1 << 10},
	        {"M", 1 << 20},
	        {"MiB", 1 << 20},
	        {"G", 1 << 30},
	        {"GiB", 1 << 30},
	};

	return value_with_unit(text, units, ARRAY_LEN(units), to);
}

bool value_duration_ms(const char *text, uint64_t *to)
{
	static const struct unit units[] = {
	        {"ms", 1}, {"s", 1000}, {"m", 60000}, {"min", 60000}, {"h", 3600000}};

	if (strcmp(text, "0") == 0) {
		*to = 0;
		return true;
	}
	return value_with_unit(text, units, ARRAY_LEN(units), to);
}

bool value_share_ppm(const char *text, uint32_t *to)
{
	uint64_t whole, rest = 0, scale = 1000000;
	size_t digits = strspn(text, "0123456789");
	const char *at = text + digits;
	bool percent = text[0] && text[strlen(text) - 1] == '%';

	if (!value_part(text, digits, 100, &whole))
		return false;
	if (*at == '.') {
		for (at++; *at >= '0' && *at <= '9' && scale > 1; at++, scale /= 10)
			rest += (uint64_t)(*at - '0') * (scale / 10);
	}
	if (strcmp(at, percent ? "%" : "") != 0 || at[-1] == '.')
		return false;
	whole = (whole * 1000000 + rest) / (percent ? 100 : 1);
	if (whole > 1000000)
		return false;
	*to = (uint32_t)whole;
	return true;
}

bool value_rate(const char *text, struct epoch_rate *to)
{
	const char *slash = strchr(text, '/');
	uint64_t rate, burst;

	if (strcmp(text, "unlimited") == 0) {
		*to = (struct epoch_rate){0};
		return true;
	}
	if (!slash || !value_part(text, (size_t)(slash - text), UINT32_MAX, &rate) || rate == 0)
		return false;
	burst = rate;
	if (strncmp(slash, "/s burst ", 9) == 0) {
		if (!value_part(slash + 9, strlen(slash + 9), UINT32_MAX, &burst) || burst == 0)
			return false;
	} else if (strcmp(slash, "/s") != 0) {
		return false;
	}
	*to = (struct epoch_rate){(uint32_t)rate, (uint32_t)burst};
	return true;
}

bool value_mac(const char *text, struct mac_addr *to)
{
	struct mac_addr m;

	if (strlen(text) != 17)
		return false;
	for (uint32_t i = 0; i < 6; i++) {
		int high = digit(text[i * 3], 16), low = digit(text[i * 3 + 1], 16);

		if (high < 0 || low < 0 || (i < 5 && text[i * 3 + 2] != ':'))
			return false;
		m.b[i] = (uint8_t)(high << 4 | low);
	}
	*to = m;
	return true;
}

bool value_address(const char *text, struct config_prefix *to)
{
	struct config_prefix p = {.family = 4, .len = 32};
	struct be32 v4;

	if (inet_pton(AF_INET, text, &v4) == 1) {
		p.addr = ip6_addr_mapped(v4);
	} else {
		if (inet_pton(AF_INET6, text, &p.addr) != 1 || ip6_addr_is_mapped(&p.addr))
			return false;
		p.family = 6;
		p.len = 128;
	}
	*to = p;
	return true;
}

bool value_prefix(const char *text, struct config_prefix *to)
{
	const char *slash = strchr(text, '/');
	struct config_prefix p;
	char address[64];
	uint64_t len;

	if (!slash)
		return value_address(text, to);
	if ((size_t)(slash - text) >= sizeof address)
		return false;
	memcpy(address, text, (size_t)(slash - text));
	address[slash - text] = 0;
	if (!value_address(address, &p) || strchr(slash, 'x') ||
	        !value_part(slash + 1, strlen(slash + 1), p.len, &len))
		return false;
	p.len = (uint8_t)len;
	*to = p;
	return true;
}

bool value_endpoint(const char *text, struct config_endpoint *to)
{
	const char *colon = strrchr(text, ':');
	bool bracket = text[0] == '[';
	struct config_prefix p;
	char address[64];
	uint64_t l4_port;
	size_t n;

	if (!colon || !value_part(colon + 1, strlen(colon + 1), UINT16_MAX, &l4_port) || l4_port == 0)
		return false;
	n = (size_t)(colon - text);
	if (n < 3 || n >= sizeof address || (bracket && text[n - 1] != ']'))
		return false;
	n -= bracket ? 2 : 0;
	memcpy(address, text + bracket, n);
	address[n] = 0;
	if (!value_address(address, &p) || (p.family == 6) != bracket)
		return false;
	*to = (struct config_endpoint){.addr = p.addr, .family = p.family, .l4_port = (uint16_t)l4_port};
	return true;
}

bool value_bits32(const char *text, struct classify_bits32 *to)
{
	const char *slash = strchr(text, '/');
	size_t n = slash ? (size_t)(slash - text) : strlen(text);
	uint64_t value, mask = UINT32_MAX;

	if (!value_part(text, n, UINT32_MAX, &value))
		return false;
	if (slash && !value_part(slash + 1, strlen(slash + 1), UINT32_MAX, &mask))
		return false;
	*to = (struct classify_bits32){(uint32_t)value, (uint32_t)mask};
	return true;
}

struct config_prefix prefix_network(const struct config_prefix *p)
{
	struct config_prefix net = *p;
	uint32_t bits = prefix_bits(p);

	for (uint32_t i = 0; i < 16; i++) {
		uint32_t keep = bits >= i * 8 + 8 ? 8 : bits > i * 8 ? bits - i * 8 : 0;

		net.addr.b[i] &= (uint8_t)(0xff00u >> keep);
	}
	return net;
}

bool prefix_has_host_bits(const struct config_prefix *p)
{
	struct config_prefix net = prefix_network(p);

	return !ip6_addr_equal(&net.addr, &p->addr);
}

bool prefix_holds(const struct config_prefix *prefix, const struct config_prefix *address)
{
	struct config_prefix a = *address, b = prefix_network(prefix);

	if (a.family != b.family)
		return false;
	a.len = prefix->len;
	a = prefix_network(&a);
	return ip6_addr_equal(&a.addr, &b.addr);
}

struct address_text address_text(const struct config_prefix *p, bool with_len)
{
	struct address_text t = {0};
	size_t n;

	if (p->family == 4)
		inet_ntop(AF_INET, p->addr.b + 12, t.text, sizeof t.text);
	else
		inet_ntop(AF_INET6, p->addr.b, t.text, sizeof t.text);
	n = strlen(t.text);
	if (with_len)
		snprintf(t.text + n, sizeof t.text - n, "/%u", p->len);
	return t;
}
