#include "tests/bench/fib/routes.h"

#include <stdlib.h>

/* In 10,000 prefixes, how many of each length: as public collectors of BGP see them, with 1.5 % longer than
 * /24 added, as a network of its own has them. */
struct share {
	uint8_t len;
	uint16_t of_10000;
};

static const struct share shares4[] = {{24, 6175}, {23, 1000}, {22, 1100}, {21, 500}, {20, 430}, {19, 250},
        {18, 140}, {17, 80}, {16, 130}, {15, 20}, {14, 12}, {13, 6}, {12, 4}, {11, 2}, {10, 1}, {25, 40},
        {26, 40}, {27, 40}, {28, 40}, {29, 20}, {30, 20}, {32, 30}};

static const struct share shares6[] = {{48, 4700}, {32, 1200}, {44, 900}, {40, 900}, {36, 400}, {29, 350},
        {46, 300}, {47, 250}, {42, 200}, {34, 150}, {33, 150}, {38, 100}, {45, 100}, {56, 100}, {64, 100},
        {128, 100}};

/* Where registries allocate from. */
static const uint16_t tops6[] = {0x2001, 0x2400, 0x2401, 0x2402, 0x2403, 0x2404, 0x2405, 0x2406, 0x2407,
        0x2600, 0x2602, 0x2603, 0x2604, 0x2605, 0x2606, 0x2607, 0x2620, 0x2800, 0x2801, 0x2803, 0x2804,
        0x2806, 0x2a00, 0x2a01, 0x2a02, 0x2a03, 0x2a04, 0x2a05, 0x2a06, 0x2a07, 0x2a09, 0x2a0a, 0x2a0b,
        0x2a0c, 0x2a0d, 0x2a0e, 0x2a0f, 0x2a10, 0x2a12, 0x2c0f};

#define ALLOCATIONS6 30000u

static uint32_t random_below(uint64_t *random, uint32_t n)
{
	return (uint32_t)((random_next(random) >> 32) * n >> 32);
}

static uint8_t length_draw(uint64_t *random, const struct share *shares, size_t n)
{
	uint32_t at = random_below(random, 10000);

	for (size_t i = 0; i < n; i++) {
		if (at < shares[i].of_10000)
			return shares[i].len;
		at -= shares[i].of_10000;
	}
	return shares[0].len;
}

static int prefix_compare(const void *a, const void *b)
{
	const struct fib_route *x = a, *y = b;

	return memcmp(&x->prefix, &y->prefix, sizeof x->prefix);
}

/* Sorts and takes out what stands twice; gives how many are left. */
static uint32_t unique(struct fib_route *routes, uint32_t n)
{
	uint32_t kept = 0;

	qsort(routes, n, sizeof *routes, prefix_compare);
	for (uint32_t i = 0; i < n; i++) {
		if (i == 0 || prefix_compare(&routes[i], &routes[kept - 1]) != 0)
			routes[kept++] = routes[i];
	}
	return kept;
}

static void shuffle(struct fib_route *routes, uint32_t n, uint64_t *random)
{
	for (uint32_t i = n - 1; i > 0; i--) {
		uint32_t j = random_below(random, i + 1);
		struct fib_route route = routes[i];

		routes[i] = routes[j];
		routes[j] = route;
	}
}

void routes4_make(struct fib_route *routes, uint32_t n, uint32_t groups, uint64_t seed)
{
	for (uint32_t have = 0; have < n; have = unique(routes, n)) {
		for (uint32_t i = have; i < n; i++) {
			uint8_t len = length_draw(&seed, shares4, ARRAY_LEN(shares4));
			uint32_t addr = 0x01000000 +
			                random_below(&seed, 0xdf000000); /* 1.0.0.0 to 223.255.255.255 */

			addr &= ~UINT32_C(0) << (32 - len);
			routes[i] = (struct fib_route){.prefix = fib_prefix4(be32_from_host(addr), len),
			        .group = 1 + random_below(&seed, groups)};
		}
	}
	shuffle(routes, n, &seed);
}

static struct ip6_addr masked(struct ip6_addr addr, unsigned len)
{
	for (unsigned i = 0; i < 16; i++) {
		unsigned bits = len > 8 * i ? MIN(len - 8 * i, 8u) : 0;

		addr.b[i] &= (uint8_t)(0xff00 >> bits);
	}
	return addr;
}

void routes6_make(struct fib_route *routes, uint32_t n, uint32_t groups, uint64_t seed)
{
	uint32_t *allocation = calloc(ALLOCATIONS6, sizeof *allocation);

	assert(allocation);
	for (uint32_t i = 0; i < ALLOCATIONS6; i++)
		allocation[i] = (uint32_t)tops6[random_below(&seed, ARRAY_LEN(tops6))] << 16 |
		                random_below(&seed, 0x10000);
	for (uint32_t have = 0; have < n; have = unique(routes, n)) {
		for (uint32_t i = have; i < n; i++) {
			uint8_t len = length_draw(&seed, shares6, ARRAY_LEN(shares6));
			struct ip6_addr addr;

			for (unsigned w = 0; w < 4; w++)
				addr.w32[w] = be32_from_host((uint32_t)(random_next(&seed) >> 32));
			addr.w32[0] = be32_from_host(allocation[random_below(&seed, ALLOCATIONS6)]);
			routes[i] = (struct fib_route){.prefix = fib_prefix6(masked(addr, len), len),
			        .group = 1 + random_below(&seed, groups)};
		}
	}
	shuffle(routes, n, &seed);
	free(allocation);
}

void addrs4_uniform(uint32_t *addr, uint32_t n, uint64_t seed)
{
	for (uint32_t i = 0; i < n; i++)
		addr[i] = (uint32_t)(random_next(&seed) >> 32);
}

void addrs6_uniform(struct ip6_addr *addr, uint32_t n, uint64_t seed)
{
	for (uint32_t i = 0; i < n; i++) {
		for (unsigned w = 0; w < 4; w++)
			addr[i].w32[w] = be32_from_host((uint32_t)(random_next(&seed) >> 32));
		addr[i].b[0] = (uint8_t)(0x20 | (addr[i].b[0] & 0x1f));
	}
}

void addrs4_inside(
        uint32_t *addr, uint32_t n, const struct fib_route *routes, uint32_t n_routes, uint64_t seed)
{
	for (uint32_t i = 0; i < n; i++) {
		const struct fib_prefix *p = &routes[random_below(&seed, n_routes)].prefix;
		uint32_t host = (uint32_t)(random_next(&seed) >> 32);

		addr[i] = be32_to_host(p->addr.w32[3]) | (uint32_t)((uint64_t)host >> p->len);
	}
}

void addrs6_inside(
        struct ip6_addr *addr, uint32_t n, const struct fib_route *routes, uint32_t n_routes, uint64_t seed)
{
	addrs6_uniform(addr, n, seed);
	for (uint32_t i = 0; i < n; i++) {
		const struct fib_prefix *p = &routes[random_below(&seed, n_routes)].prefix;
		struct ip6_addr net = masked(addr[i], p->len);

		for (unsigned b = 0; b < 16; b++)
			addr[i].b[b] = (uint8_t)((addr[i].b[b] ^ net.b[b]) | p->addr.b[b]);
	}
}
