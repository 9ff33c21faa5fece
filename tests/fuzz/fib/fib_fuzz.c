/* fuzz_fib: the input is a list of changes and questions; a naive list of routes is the oracle. */
#include "tests/fuzz/fuzz.h"
#include "tests/unit/fib/oracle.h"

#include <stdlib.h>
#include <sys/mman.h>

#define GROUPS 8u

static const struct fib_limits limits = {.routes4 = 2000, .routes6 = 2000, .groups = 16, .hops = 64};

struct input {
	const uint8_t *at, *end;
};

static uint8_t take(struct input *in)
{
	return in->at < in->end ? *in->at++ : 0;
}

/* Bytes of few values, so that prefixes meet. */
static struct ip6_addr take_addr(struct input *in, enum fib_family family)
{
	struct ip6_addr addr = ip6_addr_mapped((struct be32){0});

	for (unsigned i = family == FIB_IPV4 ? 12 : 0; i < 16; i += 2) {
		uint8_t b = take(in);

		addr.b[i] = (uint8_t)((b >> 4) * 0x11);
		addr.b[i + 1] = (uint8_t)((b & 15) * 0x11);
	}
	return addr;
}

static struct fib_prefix take_prefix(struct input *in)
{
	enum fib_family family = take(in) & 1 ? FIB_IPV6 : FIB_IPV4;
	unsigned first = family == FIB_IPV4 ? 96 : 0;
	struct fib_prefix prefix = {.addr = take_addr(in, family), .family = (uint8_t)family};

	prefix.len = (uint8_t)(take(in) % (129 - first));
	/* The shortest cost the most time and show the least. */
	if (prefix.len > 0 && prefix.len < 7)
		prefix.len += 7;
	for (unsigned i = first + prefix.len; i < 128; i++)
		prefix.addr.b[i / 8] &= (uint8_t) ~(1u << (7 - i % 8));
	return prefix;
}

static void must(bool right)
{
	if (!right)
		abort();
}

static void ask(
        const struct fib *fib, const struct oracle *o, const struct ip6_addr *dst, enum fib_family family)
{
	const struct fib_route *want = oracle_get(o, family, dst);
	uint32_t four = be32_to_host(dst->w32[3]), expected = want ? want->group : 0, got;
	struct fib_reader reader = *fib_reader_of(fib);
	struct fib_route route;

	for (unsigned vector = 0; vector <= fib_reader_of(fib)->vector; vector++) {
		reader.vector = vector;
		if (family == FIB_IPV4)
			fib4_lookup_bulk(&reader, &four, &got, 1);
		else
			fib6_lookup_bulk(&reader, dst, &got, 1);
		must(got == expected);
	}
	must((family == FIB_IPV4 ? fib4_lookup(&reader, dst->w32[3]) : fib6_lookup(&reader, dst)) ==
	        expected);
	must(fib_route_get(&reader, family, dst, &route) == (want != NULL));
	must(!want || (prefix_equal(&route.prefix, &want->prefix) && route.group == expected &&
	                      route.metric == want->metric));
}

/* One change or question. */
static void step(struct fib *fib, struct oracle *o, struct input *in, const uint32_t group[GROUPS])
{
	uint8_t op = take(in);
	struct fib_route route = {.prefix = take_prefix(in)};
	struct ip6_addr last = route.prefix.addr;

	route.metric = op >> 6;
	route.group = group[op >> 3 & 7];
	if (op % 4 == 0)
		must(fib_route_add(fib, &route) == oracle_add(o, &route, false));
	else if (op % 4 == 1)
		must(fib_route_replace(fib, &route) == oracle_add(o, &route, true));
	else if (op % 4 == 2)
		must(fib_route_del(fib, &route.prefix, route.metric) ==
		        oracle_del(o, &route.prefix, route.metric));
	fib_reclaim(fib, fib_retired(fib));
	for (unsigned i = route.prefix.len + (route.prefix.family == FIB_IPV4 ? 96u : 0); i < 128; i++)
		last.b[i / 8] |= (uint8_t)(1u << (7 - i % 8));
	ask(fib, o, &route.prefix.addr, route.prefix.family);
	ask(fib, o, &last, route.prefix.family);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct oracle o;
	struct input in = {data, data + MIN(size, (size_t)4096)};
	size_t bytes = fib_region_size(&limits);
	void *region = mmap(
	        NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	uint32_t group[GROUPS];
	struct fib *fib;

	o.n = 0;
	must(region != MAP_FAILED && !fib_init(region, bytes, &limits) && !fib_open(region, bytes, &fib));
	for (uint32_t i = 0; i < GROUPS; i++) {
		struct fib_group_spec spec = {
		        .type = FIB_BLACKHOLE, .mtu = i, .n_hops = 1, .hops = {{.weight = 1}}};

		must(!fib_group_get(fib, &spec, &group[i]));
	}
	while (in.at < in.end)
		step(fib, &o, &in, group);
	fib_close(fib);
	munmap(region, bytes);
	return 0;
}
