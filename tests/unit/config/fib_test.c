#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdlib.h>

#include "common/config/config.h"

#define ROUTES_MAX 4096u

/* All routes of a configuration, to be searched one by one. */
struct naive {
	struct fib_route route[ROUTES_MAX];
	struct fib_group_spec spec[ROUTES_MAX];
	uint32_t n;
};

struct text {
	char *at;
	size_t n;
};

static void add(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(struct text *t, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	t->n += (size_t)vsnprintf(t->at + t->n, (1 << 20) - t->n, format, args);
	va_end(args);
	cr_assert_lt(t->n, 1 << 20);
}

static int visit(void *context, const struct fib_route *route, const struct fib_group_spec *spec)
{
	struct naive *all = context;

	cr_assert_lt(all->n, ROUTES_MAX);
	all->route[all->n] = *route;
	all->spec[all->n++] = *spec;
	return 0;
}

static bool holds(const struct fib_prefix *p, const struct ip6_addr *a)
{
	uint32_t bits = p->len + (p->family == FIB_IPV4 ? 96u : 0);

	for (uint32_t i = 0; i < bits; i++)
		if ((p->addr.b[i / 8] ^ a->b[i / 8]) >> (7 - i % 8) & 1)
			return false;
	return true;
}

/* The longest prefix and of it the lowest metric; NULL: none. */
static const struct fib_group_spec *search(const struct naive *all, uint8_t family, const struct ip6_addr *a)
{
	const struct fib_group_spec *found = NULL;
	const struct fib_route *best = NULL;

	for (uint32_t i = 0; i < all->n; i++) {
		const struct fib_route *r = &all->route[i];

		if (r->prefix.family != family || !holds(&r->prefix, a))
			continue;
		if (best && (best->prefix.len > r->prefix.len ||
		                    (best->prefix.len == r->prefix.len && best->metric < r->metric)))
			continue;
		best = r;
		found = &all->spec[i];
	}
	return found;
}

/* Random routes, many of them nested, in both families. */
static void write_routes(struct text *t, uint64_t *random)
{
	add(t, "ports: {wan: {addresses: [192.0.2.1/24, 2001:db8::1/64]}, lan: {addresses: "
	       "[198.51.100.1/24]}}\n"
	       "routes:\n- {to: default, via: 192.0.2.2}\n- {to: default, via: 192.0.2.3, metric: 7}\n");
	for (uint32_t i = 0; i < 1500; i++) {
		uint32_t len = 9 + (uint32_t)(random_next(random) % 24), a = 10u << 24 | i << 12;

		a &= UINT32_MAX << (32 - len);
		add(t, "- {to: %u.%u.%u.%u/%u, metric: %u, ", a >> 24, a >> 16 & 255, a >> 8 & 255, a & 255,
		        len, i);
		if (i % 7 == 0)
			add(t, "type: %s}\n", i % 2 ? "blackhole" : "prohibit");
		else if (i % 5 == 0)
			add(t, "nexthops: [{via: 192.0.2.%u, weight: %u}, {via: 198.51.100.%u}]}\n",
			        2 + i % 50, 1 + i % 9, 2 + i % 90);
		else
			add(t, "via: 198.51.100.%u, mtu: %u}\n", 2 + i % 200, 1300 + i % 3);
	}
	for (uint32_t i = 0; i < 300; i++)
		add(t, "- {to: \"2001:db8:%x::/%u\", via: \"2001:db8::%x\", metric: %u}\n", (i % 100) << 8,
		        40 + (uint32_t)(random_next(random) % 9), 2 + i % 30, i);
}

static void compare(
        const struct fib_reader *reader, const struct naive *all, uint8_t family, const struct ip6_addr *a)
{
	const struct fib_group_spec *want = search(all, family, a);
	uint32_t id = family == FIB_IPV4 ? fib4_lookup(reader, a->w32[3]) : fib6_lookup(reader, a);
	const struct fib_group *got = fib_group(reader, id);
	const struct fib_hop *hops;
	uint32_t n;

	cr_assert_eq(got->type, want ? want->type : FIB_NONE);
	if (!want)
		return;
	hops = fib_group_hops(reader, got, &n);
	cr_assert_eq(n, want->n_hops);
	cr_assert_eq(got->mtu, want->mtu);
	for (uint32_t i = 0; i < n; i++) {
		cr_assert(ip6_addr_equal(&hops[i].gateway, &want->hops[i].gateway));
		cr_assert_eq(hops[i].port.v, want->hops[i].port.v);
		cr_assert_eq(hops[i].weight, want->hops[i].weight);
	}
}

static struct ip6_addr random_address(uint64_t *random, uint8_t family)
{
	struct ip6_addr a = {.b = {0x20, 0x01, 0x0d, 0xb8}};
	uint64_t r = random_next(random);

	if (family == FIB_IPV4) {
		uint32_t v4 = (uint32_t)(r >> 20);

		return ip6_addr_mapped(be32_from_host(r & 3 ? 10u << 24 | v4 >> 9 : v4));
	}
	memcpy(a.b + (r & 1 ? 4 : 8), &r, 4 + 4 * (r & 2 ? 1 : 0));
	return a;
}

Test(config_fib, holds_what_a_search_of_all_routes_finds)
{
	static struct naive all;
	struct text t = {.at = malloc(1 << 20)};
	struct config_errors errors = {0};
	uint64_t random = 7;
	struct fib_limits limits;
	struct config *config;
	struct epoch epoch;
	struct fib *fib;
	void *region, *table;
	uint64_t needed;
	size_t used;

	write_routes(&t, &random);
	if (config_parse("t.yaml", t.at, t.n, &config, &errors))
		config_errors_print(stderr, &errors);
	cr_assert_not_null(config);
	cr_assert_eq(config_compile(config, 1, NULL, NULL, 0, &used), -ENOSPC);
	region = aligned_alloc(CACHE_LINE, ALIGN_UP(used, (size_t)CACHE_LINE));
	cr_assert_eq(config_compile(config, 1, NULL, region, used, &used), 0);
	cr_assert_eq(epoch_attach(region, used, &epoch), 0);
	cr_assert_eq(config_routes(config, &epoch, visit, &all), 0);
	cr_assert_gt(all.n, 1500);

	cr_assert_eq(config_fib_limits(config, config_fib_bytes(config), &limits, &needed), 0);
	cr_expect_geq(limits.routes4, 1000000);
	limits = (struct fib_limits){4096, 4096, 4096, 4096};
	table = calloc(1, fib_region_size(&limits) + CACHE_LINE);
	cr_assert_eq(fib_init((void *)ALIGN_UP((uintptr_t)table, (uintptr_t)CACHE_LINE),
	                     fib_region_size(&limits), &limits),
	        0);
	cr_assert_eq(fib_open((void *)ALIGN_UP((uintptr_t)table, (uintptr_t)CACHE_LINE),
	                     fib_region_size(&limits), &fib),
	        0);
	cr_assert_eq(config_fib(config, &epoch, fib), 0);
	cr_assert_eq(fib_route_count(fib, FIB_IPV4) + fib_route_count(fib, FIB_IPV6), all.n);
	for (uint32_t i = 0; i < 20000; i++) {
		struct ip6_addr a = random_address(&random, i & 1 ? FIB_IPV4 : FIB_IPV6);

		compare(fib_reader_of(fib), &all, i & 1 ? FIB_IPV4 : FIB_IPV6, &a);
	}
	for (uint32_t i = 0; i < all.n; i++)
		compare(fib_reader_of(fib), &all, all.route[i].prefix.family, &all.route[i].prefix.addr);
	fib_close(fib);
	config_free(config);
	free(region);
	free(table);
	free(t.at);
}

static struct config *with_dynamic(uint32_t limit)
{
	struct config *config;
	struct config_errors errors = {0};
	char text[256];

	snprintf(text, sizeof text,
	        "ports: {wan: {addresses: [192.0.2.1/24]}}\ndynamic_routes: {limit: %u, netlink: {}}\n",
	        limit);
	cr_assert_eq(config_parse("t.yaml", text, strlen(text), &config, &errors), 0);
	return config;
}

Test(config_fib, of_an_appliance_has_room_for_the_dynamic_routes_of_a_later_configuration)
{
	struct config *none = with_dynamic(1), *usual = with_dynamic(CONFIG_DYNAMIC_ROOM),
	              *many = with_dynamic(1900000);
	uint64_t bytes = config_fib_bytes(none), needed;
	struct fib_limits limits;

	cr_expect_eq(config_fib_limits(usual, bytes, &limits, &needed), 0);
	cr_expect_gt(limits.routes4, CONFIG_DYNAMIC_ROOM);
	cr_expect_gt(limits.routes6, CONFIG_DYNAMIC_ROOM);
	cr_expect_eq(config_fib_limits(many, bytes, &limits, &needed), -ENOSPC);
	cr_expect_gt(needed, bytes);
	cr_expect_eq(config_fib_limits(many, needed, &limits, &needed), 0, "that is exact");
	cr_expect_gt(limits.routes4, 1900000);
	cr_expect_eq(config_fib_limits(many, config_fib_bytes(many), &limits, &needed), 0);
	config_free(none);
	config_free(usual);
	config_free(many);
}

Test(config_fib, takes_what_it_can_do_with_where_there_is_no_room_to_grow)
{
	struct config *config = with_dynamic(400000);
	struct fib_limits roomy, least;
	uint64_t needed;

	cr_expect_eq(config_fib_limits(config, UINT64_MAX, &roomy, &needed), 0);
	cr_expect_eq(config_fib_limits(config, 0, &least, &needed), -ENOSPC);
	cr_expect_eq(config_fib_limits(config, needed - 1, &least, &needed), -ENOSPC);
	cr_expect_eq(config_fib_limits(config, needed, &least, &needed), 0);
	cr_expect_lt(least.routes4, roomy.routes4);
	cr_expect_geq(least.routes4, 400000);
	cr_expect_geq(least.routes6, 400000);
	config_free(config);
}
