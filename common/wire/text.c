#include "common/wire/text.h"

static const char hex_digits[] = "0123456789abcdef";

/* --- Writing: each put gives the place behind what it wrote. --- */

static char *put_decimal(char *p, uint32_t x)
{
	if (x >= 10)
		p = put_decimal(p, x / 10);
	*p++ = (char)('0' + x % 10);
	return p;
}

static char *put_dotted(char *p, const uint8_t b[4])
{
	for (uint32_t i = 0; i < 4; i++) {
		if (i > 0)
			*p++ = '.';
		p = put_decimal(p, b[i]);
	}
	return p;
}

static char *put_group(char *p, uint16_t x)
{
	for (uint32_t shift = 12; shift > 0; shift -= 4) {
		if (x >> shift)
			*p++ = hex_digits[x >> shift & 15];
	}
	*p++ = hex_digits[x & 15];
	return p;
}

static char *put_length(char *p, uint32_t len)
{
	*p++ = '/';
	p = put_decimal(p, len);
	*p = 0;
	return p;
}

/* The zero groups that :: stands for. */
struct run {
	uint32_t at;
	uint32_t len;
};

/* The first longest run of at least two zero groups (RFC 5952 4.2); of length 0 where there is none. */
static struct run longest_zero_run(const struct ip6_addr *a, uint32_t groups)
{
	struct run best = {0, 1}, run = {0, 0};

	for (uint32_t i = 0; i < groups; i++) {
		if (a->w16[i].raw != 0) {
			run.len = 0;
			continue;
		}
		if (run.len++ == 0)
			run.at = i;
		if (run.len > best.len)
			best = run;
	}
	return best.len > 1 ? best : (struct run){0, 0};
}

static char *put_ip6(char *p, const struct ip6_addr *a)
{
	bool mapped = ip6_addr_is_mapped(a);
	uint32_t groups = mapped ? 6 : 8;
	struct run run = longest_zero_run(a, groups);

	for (uint32_t i = 0; i < groups;) {
		if (run.len > 0 && i == run.at) {
			*p++ = ':';
			i += run.len;
			if (i == 8)
				*p++ = ':';
			continue;
		}
		if (i > 0)
			*p++ = ':';
		p = put_group(p, be16_to_host(a->w16[i++]));
	}
	if (mapped) {
		*p++ = ':';
		p = put_dotted(p, a->b + 12);
	}
	return p;
}

char *text_mac(char out[TEXT_MAC_SIZE], const struct mac_addr *mac)
{
	for (uint32_t i = 0; i < 6; i++) {
		out[3 * i] = hex_digits[mac->b[i] >> 4];
		out[3 * i + 1] = hex_digits[mac->b[i] & 15];
		out[3 * i + 2] = i < 5 ? ':' : 0;
	}
	return out;
}

char *text_ipv4(char out[TEXT_IPV4_SIZE], struct be32 addr)
{
	uint8_t b[4];

	memcpy(b, &addr, sizeof b);
	*put_dotted(out, b) = 0;
	return out;
}

char *text_ipv4_prefix(char out[TEXT_IPV4_PREFIX_SIZE], const struct ipv4_prefix *prefix)
{
	text_ipv4(out, prefix->addr);
	put_length(out + strlen(out), prefix->len);
	return out;
}

char *text_ip6(char out[TEXT_IP6_SIZE], const struct ip6_addr *addr)
{
	*put_ip6(out, addr) = 0;
	return out;
}

char *text_ip6_prefix(char out[TEXT_IP6_PREFIX_SIZE], const struct ip6_prefix *prefix)
{
	put_length(put_ip6(out, &prefix->addr), prefix->len);
	return out;
}

bool ipv4_prefix_has_host_bits(const struct ipv4_prefix *p)
{
	return p->addr.raw & ~ipv4_mask(p->len).raw;
}

bool ip6_prefix_has_host_bits(const struct ip6_prefix *p)
{
	for (uint32_t bit = p->len; bit < 128; bit++) {
		if (p->addr.b[bit / 8] >> (7 - bit % 8) & 1)
			return true;
	}
	return false;
}

/* --- Reading: a cursor that stands at the first byte not yet taken, which on failure is the one at fault.
 * --- */

struct cursor {
	const char *s;
	size_t len;
	size_t at;
};

static bool at_end(const struct cursor *c)
{
	return c->at == c->len;
}

static bool next_is(const struct cursor *c, char x)
{
	return c->at < c->len && c->s[c->at] == x;
}

static bool take(struct cursor *c, char x)
{
	if (!next_is(c, x))
		return false;
	c->at++;
	return true;
}

/* The value of the digit that stands next, or -1. */
static int peek_digit(const struct cursor *c, int base)
{
	char x = at_end(c) ? 0 : c->s[c->at];
	int value = -1;

	if (x >= '0' && x <= '9')
		value = x - '0';
	else if (x >= 'a' && x <= 'f')
		value = x - 'a' + 10;
	else if (x >= 'A' && x <= 'F')
		value = x - 'A' + 10;
	return value < base ? value : -1;
}

static bool take_decimal(struct cursor *c, uint32_t max, uint8_t *out)
{
	int digit = peek_digit(c, 10);
	uint32_t x;

	if (digit < 0)
		return false;
	x = (uint32_t)digit;
	c->at++;
	/* After a leading zero no digit can be right. */
	while ((digit = peek_digit(c, 10)) >= 0) {
		if (x == 0 || x * 10 + (uint32_t)digit > max)
			return false;
		x = x * 10 + (uint32_t)digit;
		c->at++;
	}
	*out = (uint8_t)x;
	return true;
}

static bool take_ipv4(struct cursor *c, uint8_t out[4])
{
	for (uint32_t i = 0; i < 4; i++) {
		if ((i > 0 && !take(c, '.')) || !take_decimal(c, 255, &out[i]))
			return false;
	}
	return true;
}

/* One to four hexadecimal digits. */
static bool take_group(struct cursor *c, uint16_t *out)
{
	size_t start = c->at;
	int digit;

	*out = 0;
	while (c->at - start < 4 && (digit = peek_digit(c, 16)) >= 0) {
		*out = (uint16_t)(*out << 4 | digit);
		c->at++;
	}
	return c->at > start;
}

/* An IPv6 address being read: its groups so far, and before which of them :: stood. */
struct groups {
	struct ip6_addr a;
	uint32_t count;
	uint32_t gap;
	bool has_gap;
};

static uint32_t groups_max(const struct groups *g)
{
	return g->has_gap ? 7 : 8;
}

/* A group, or in its place the last four bytes in dots. */
static bool take_piece(struct cursor *c, struct groups *g)
{
	size_t start = c->at;
	uint16_t group;

	if (g->count == groups_max(g) || !take_group(c, &group))
		return false;
	if (next_is(c, '.') && g->count + 2 <= groups_max(g)) {
		size_t dot = c->at;

		c->at = start;
		if (!take_ipv4(c, g->a.b + 2 * g->count)) {
			/* What stands before the first dot could have been a group: then the dot is at fault.
			 */
			c->at = MAX(c->at, dot);
			return false;
		}
		g->count += 2;
		return at_end(c);
	}
	g->a.w16[g->count++] = be16_from_host(group);
	return true;
}

/* What stands between two pieces: a colon, or the one :: of an address. */
static bool take_separator(struct cursor *c, struct groups *g)
{
	if (g->count == groups_max(g) || !take(c, ':'))
		return false;
	if (!next_is(c, ':'))
		return true;
	if (g->has_gap)
		return false;
	c->at++;
	g->has_gap = true;
	g->gap = g->count;
	return true;
}

/* Move the groups behind :: to the end. */
static void spread(struct groups *g)
{
	uint32_t behind = g->count - g->gap;
	struct ip6_addr whole = {};

	memcpy(whole.b, g->a.b, 2 * g->gap);
	memcpy(whole.b + 16 - 2 * behind, g->a.b + 2 * g->gap, 2 * behind);
	g->a = whole;
}

static bool take_ip6(struct cursor *c, struct ip6_addr *out)
{
	struct groups g = {};

	if (next_is(c, ':')) {
		c->at++;
		if (!take(c, ':'))
			return false;
		g.has_gap = true;
	}
	while (!(g.has_gap && g.gap == g.count && at_end(c))) {
		if (!take_piece(c, &g))
			return false;
		if (at_end(c))
			break;
		if (!take_separator(c, &g))
			return false;
	}
	if (!g.has_gap && g.count < 8)
		return false;
	if (g.has_gap)
		spread(&g);
	*out = g.a;
	return true;
}

/* The end of every parser: all must have been taken. */
static int finish(const struct cursor *c, bool ok, size_t *error_at)
{
	if (ok && at_end(c))
		return 0;
	if (error_at)
		*error_at = c->at;
	return -EINVAL;
}

static bool take_byte(struct cursor *c, uint8_t *out)
{
	int high = peek_digit(c, 16), low;

	if (high < 0)
		return false;
	c->at++;
	low = peek_digit(c, 16);
	if (low < 0)
		return false;
	c->at++;
	*out = (uint8_t)(high << 4 | low);
	return true;
}

int text_parse_mac(const char *s, size_t len, struct mac_addr *out, size_t *error_at)
{
	struct cursor c = {s, len, 0};
	char separator = len > 2 && s[2] == '-' ? '-' : ':';
	struct mac_addr mac;
	bool ok = true;

	for (uint32_t i = 0; ok && i < 6; i++)
		ok = (i == 0 || take(&c, separator)) && take_byte(&c, &mac.b[i]);
	int error = finish(&c, ok, error_at);

	if (!error)
		*out = mac;
	return error;
}

int text_parse_ipv4(const char *s, size_t len, struct be32 *out, size_t *error_at)
{
	struct cursor c = {s, len, 0};
	uint8_t b[4];
	int error = finish(&c, take_ipv4(&c, b), error_at);

	if (!error)
		memcpy(out, b, sizeof b);
	return error;
}

int text_parse_ip6(const char *s, size_t len, struct ip6_addr *out, size_t *error_at)
{
	struct cursor c = {s, len, 0};
	struct ip6_addr a;
	int error = finish(&c, take_ip6(&c, &a), error_at);

	if (!error)
		*out = a;
	return error;
}

/* The address is what stands before the slash, so that the end of one is the end of the text that its reader
 * sees. */
static bool take_prefix_len(struct cursor *c, uint32_t max, uint8_t *out)
{
	return take(c, '/') && take_decimal(c, max, out);
}

static size_t slash_at(const char *s, size_t len)
{
	const char *slash = memchr(s, '/', len);

	return slash ? (size_t)(slash - s) : len;
}

int text_parse_ipv4_prefix(const char *s, size_t len, struct ipv4_prefix *out, size_t *error_at)
{
	struct cursor c = {s, len, slash_at(s, len)};
	struct ipv4_prefix p;
	int error = text_parse_ipv4(s, c.at, &p.addr, error_at);

	if (!error)
		error = finish(&c, take_prefix_len(&c, 32, &p.len), error_at);
	if (!error)
		*out = p;
	return error;
}

int text_parse_ip6_prefix(const char *s, size_t len, struct ip6_prefix *out, size_t *error_at)
{
	struct cursor c = {s, len, slash_at(s, len)};
	struct ip6_prefix p;
	int error = text_parse_ip6(s, c.at, &p.addr, error_at);

	if (!error)
		error = finish(&c, take_prefix_len(&c, 128, &p.len), error_at);
	if (!error)
		*out = p;
	return error;
}
