#include "tests/unit/fib/oracle.h"

/* Bits of a mapped address that stand before an IPv4 prefix. */
static unsigned first_bit(unsigned family)
{
	return family == FIB_IPV4 ? 96 : 0;
}

static unsigned bit_of(const struct ip6_addr *addr, unsigned bit)
{
	return addr->b[bit / 8] >> (7 - bit % 8) & 1;
}

static void bit_put(struct ip6_addr *addr, unsigned bit, unsigned value)
{
	uint8_t mask = (uint8_t)(1u << (7 - bit % 8));

	addr->b[bit / 8] = (uint8_t)(value ? addr->b[bit / 8] | mask : addr->b[bit / 8] & ~mask);
}

bool prefix_holds(const struct fib_prefix *prefix, const struct ip6_addr *addr)
{
	unsigned bits = first_bit(prefix->family) + prefix->len, bytes = bits / 8;

	if (memcmp(&prefix->addr, addr, bytes) != 0)
		return false;
	return bits % 8 == 0 || (prefix->addr.b[bytes] ^ addr->b[bytes]) >> (8 - bits % 8) == 0;
}

bool prefix_equal(const struct fib_prefix *a, const struct fib_prefix *b)
{
	return a->family == b->family && a->len == b->len && ip6_addr_equal(&a->addr, &b->addr);
}

int oracle_add(struct oracle *o, const struct fib_route *route, bool replace)
{
	for (uint32_t i = 0; i < o->n; i++) {
		if (!prefix_equal(&o->route[i].prefix, &route->prefix) || o->route[i].metric != route->metric)
			continue;
		if (!replace)
			return -EEXIST;
		o->route[i] = *route;
		return 0;
	}
	assert(o->n < ORACLE_MAX);
	o->route[o->n++] = *route;
	return 0;
}

int oracle_del(struct oracle *o, const struct fib_prefix *prefix, uint32_t metric)
{
	for (uint32_t i = 0; i < o->n; i++) {
		if (prefix_equal(&o->route[i].prefix, prefix) && o->route[i].metric == metric) {
			o->route[i] = o->route[--o->n];
			return 0;
		}
	}
	return -ENOENT;
}

/* Whether of two routes that hold an address this one goes before the other. */
static bool goes_before(const struct fib_route *r, const struct fib_route *other)
{
	return r->prefix.len > other->prefix.len ||
	       (r->prefix.len == other->prefix.len && r->metric < other->metric);
}

/* The first of those that hold an address behind a route, or, where it is NULL, of all. */
static const struct fib_route *best_behind(const struct oracle *o, enum fib_family family,
        const struct ip6_addr *dst, const struct fib_route *route)
{
	const struct fib_route *best = NULL;

	for (uint32_t i = 0; i < o->n; i++) {
		const struct fib_route *r = &o->route[i];

		if (r->prefix.family != family || !prefix_holds(&r->prefix, dst))
			continue;
		if ((!route || goes_before(route, r)) && (!best || goes_before(r, best)))
			best = r;
	}
	return best;
}

const struct fib_route *oracle_get(const struct oracle *o, enum fib_family family, const struct ip6_addr *dst)
{
	return best_behind(o, family, dst, NULL);
}

const struct fib_route *oracle_wider(const struct oracle *o, const struct fib_route *route)
{
	return best_behind(o, route->prefix.family, &route->prefix.addr, route);
}

int route_compare(const void *a, const void *b)
{
	const struct fib_route *x = a, *y = b;
	int order = memcmp(&x->prefix.addr, &y->prefix.addr, sizeof x->prefix.addr);

	if (order)
		return order;
	if (x->prefix.len != y->prefix.len)
		return x->prefix.len < y->prefix.len ? -1 : 1;
	return x->metric < y->metric ? -1 : x->metric > y->metric;
}

struct ip6_addr random_addr(uint64_t *random, enum fib_family family)
{
	struct ip6_addr addr = ip6_addr_mapped((struct be32){0});
	unsigned first = first_bit(family);

	/* Bytes out of few, save that one in eight addresses is anything. */
	bool any = random_next(random) >> 61 == 0;
	for (unsigned i = first / 8; i < 16; i++) {
		uint64_t r = random_next(random) >> 32;

		addr.b[i] = (uint8_t)(any || r % 5 == 0 ? r >> 8 : (r >> 8) % 3 * 0x7f);
	}
	return addr;
}

struct fib_prefix random_prefix(uint64_t *random, enum fib_family family)
{
	unsigned first = first_bit(family);
	struct fib_prefix prefix = {.addr = random_addr(random, family), .family = (uint8_t)family};

	prefix.len = (uint8_t)((random_next(random) >> 32) % (129 - first));
	/* The shortest cost the most time and show the least: few of them. */
	if (prefix.len > 0 && prefix.len < 9 && random_next(random) >> 60)
		prefix.len += 8;
	for (unsigned i = first + prefix.len; i < 128; i++)
		bit_put(&prefix.addr, i, 0);
	return prefix;
}

struct ip6_addr random_addr_near(uint64_t *random, const struct fib_prefix *prefix)
{
	unsigned kind = (unsigned)(random_next(random) >> 32) % 5, first = first_bit(prefix->family);
	struct ip6_addr addr = prefix->addr, any = random_addr(random, prefix->family);

	/* The first, the last, one within, and the one before the first or after the last. */
	for (unsigned i = first + prefix->len; i < 128; i++)
		bit_put(&addr, i, kind == 0 || kind == 3 ? 0 : kind == 2 ? bit_of(&any, i) : 1);
	if (kind < 3)
		return addr;
	for (unsigned i = 128; i-- > first;) {
		bit_put(&addr, i, !bit_of(&addr, i));
		if (bit_of(&addr, i) == (kind == 4))
			break;
	}
	return addr;
}
