#include "tests/unit/control/rib_bed.h"

#include <criterion/criterion.h>
#include <stdio.h>

struct whole whole;
struct rib *rib;

static const char *text_of(bool third, uint32_t limit)
{
	static char text[1024];

	snprintf(text, sizeof text,
	        "appliance: {lanes: 1, buffers: 1024, ring_slots: 512}\n"
	        "ports:\n"
	        "  in: {driver: pcap, addresses: [192.0.2.1/24, \"2001:db8:a::1/64\"]}\n"
	        "  out: {driver: pcap, addresses: [198.51.100.1/24%s]}\n"
	        "routes:\n"
	        "  - {to: 10.0.0.0/24, metric: 1, type: blackhole}\n"
	        "dynamic_routes: {limit: %u, netlink: {tables: [main, 100]}, fpm: {}}\n",
	        third ? ", 172.31.0.1/24" : "", limit);
	return text;
}

static struct config *parse(bool third, uint32_t limit)
{
	struct config_errors errors = {0};
	const char *text = text_of(third, limit);
	struct config *config;

	cr_assert_eq(config_parse("c", text, strlen(text), &config, &errors), 0);
	return config;
}

static void make(const struct config *config)
{
	int err;

	cr_assert(whole_settle(&whole));
	do
		err = publish_make(&whole.publisher, config);
	while (err == -EAGAIN);
	cr_assert_eq(err, 0);
}

void bed_make(bool third, uint32_t limit)
{
	struct config *config = parse(third, limit);

	make(config);
	config_free(config);
}

void bed_configure(bool third, uint32_t limit)
{
	struct config *config = parse(third, limit);
	int more;

	make(config);
	cr_assert_eq(rib_fill_begin(rib), 0);
	while ((more = rib_fill(rib)) > 0)
		;
	cr_assert_eq(more, 0);
	publish_offer(&whole.publisher);
	publish_in_force(&whole.publisher);
	rib_configure(rib, config);
	config_free(config);
}

void bed_setup(void)
{
	whole_setup(&whole, text_of(false, 1000));
	cr_assert_eq(rib_open(&rib, &whole.publisher, 1), 0);
	bed_configure(false, 1000);
}

void bed_teardown(void)
{
	rib_close(rib);
	cr_expect_null(whole_judge(&whole));
	whole_teardown(&whole);
}

void bed_flush(void)
{
	for (uint32_t i = 0; rib_flush(rib); i++) {
		cr_assert_lt(i, 1000, "the FIBs are never in line");
		whole_round(&whole);
	}
}

struct ip6_addr addr4(uint32_t host)
{
	return ip6_addr_mapped(be32_from_host(host));
}

struct rtnl_route route_to(uint32_t net, uint32_t metric, uint32_t gateway)
{
	struct rtnl_route r = {.to = fib_prefix4(be32_from_host(net), 24),
	        .metric = metric,
	        .type = RTN_UNICAST,
	        .protocol = RTPROT_BGP,
	        .n_hops = 1};

	r.hop[0] = (struct rtnl_hop){.gateway = addr4(gateway), .weight = 1};
	return r;
}

bool bed_find(uint32_t net, uint32_t metric, struct fib_route *found, const struct fib_group **group)
{
	const struct epoch *epoch = publisher_epoch(&whole.publisher);
	struct fib_prefix to = fib_prefix4(be32_from_host(net), 24);
	struct fib_reader fib;

	cr_assert_eq(fib_attach(epoch->fib, epoch->fib_bytes, &fib), 0);
	if (!fib_route_find(&fib, &to, metric, found))
		return false;
	*group = &((const struct fib_group *)fib.groups)[found->group];
	return true;
}

uint32_t bed_gateway_of(uint32_t net, uint32_t *n_hops)
{
	const struct fib_group *group;
	struct fib_route found;

	*n_hops = 0;
	if (!bed_find(net, 0, &found, &group))
		return 0;
	*n_hops = group->n_hops;
	return be32_to_host(group->hop.gateway.w32[3]);
}

const struct fib_group *bed_group_of(uint32_t net)
{
	const struct fib_group *group = NULL;
	struct fib_route found;

	cr_assert(bed_find(net, 0, &found, &group), "no route");
	return group;
}
