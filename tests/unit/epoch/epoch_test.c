/* epoch_attach: each thing that a region may say wrongly is refused by itself; and what readers get from it.
 * (tests/unit/config/attach_test.c spoils whole compiled regions at random.) */
#include "common/epoch/epoch.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <stddef.h>

enum { WAN, LAN, SUB, INNER, HOLE, LO, PORTS };

/* A region with one of everything. */
static struct region {
	struct epoch_header h;
	struct epoch_port port[PORTS];
	struct epoch_address address[2];
	struct epoch_neighbor neighbor[1];
	uint32_t neighbor_index[2];
	struct epoch_socket socket[1];
	struct ip6_addr group[1];
	uint16_t outer[4096];
	uint16_t inner[4096];
	uint32_t names[3];
	_Alignas(CACHE_LINE) char rules[CACHE_LINE];
	char text[32];
} good, bad;

static struct epoch epoch;

#define SPAN(field)                                                                                          \
	((struct epoch_span){offsetof(struct region, field), sizeof good.field / sizeof good.field[0]})

static struct epoch_port port(const char *name, enum epoch_port_kind kind, uint16_t phys)
{
	struct epoch_port p = {.kind = (uint8_t)kind, .phys = {phys}, .mtu = 1500};

	memcpy(p.name, name, strlen(name));
	return p;
}

static void setup(void)
{
	good = (struct region){
	        .h = {.magic = EPOCH_MAGIC,
	                .version = EPOCH_VERSION,
	                .bytes = sizeof good,
	                .number = 7,
	                .ports = SPAN(port),
	                .inner = SPAN(inner),
	                .addresses = SPAN(address),
	                .neighbors = SPAN(neighbor),
	                .neighbor_index = SPAN(neighbor_index),
	                .sockets = SPAN(socket),
	                .ingress = SPAN(rules),
	                .text = SPAN(text),
	                .ingress_names = SPAN(names)},
	        .port = {[WAN] = port("wan", EPOCH_PORT_PHYSICAL, WAN),
	                [LAN] = port("lan", EPOCH_PORT_PHYSICAL, LAN),
	                [SUB] = port("wan.5", EPOCH_PORT_VLAN, WAN),
	                [INNER] = port("wan.7.9", EPOCH_PORT_VLAN, WAN),
	                [HOLE] = {.kind = EPOCH_PORT_NONE},
	                [LO] = port("lo", EPOCH_PORT_LOOPBACK, PORT_NONE.v)},
	        .address = {{.family = 4, .prefix_len = 24, .port = {WAN}},
	                {.family = 6, .prefix_len = 128, .port = {WAN}, .scope = EPOCH_SCOPE_LINK}},
	        .neighbor = {{.port = {LAN}}},
	        .socket = {{.name = "dns", .family = 4, .port = {LAN}, .app = EPOCH_APP_HOLD}},
	        .names = {0, offsetof(struct region, text) + 1, offsetof(struct region, text) + 7},
	        .text = "\0first\0second",
	};
	good.address[0].addr.b[15] = 1;
	good.address[1].addr.b[15] = 2;
	good.port[WAN].addresses = SPAN(address);
	good.port[WAN].groups = SPAN(group);
	good.port[WAN].vlans = SPAN(outer);
	good.port[WAN].driver_text = good.names[2];
	good.outer[5] = EPOCH_VLAN_PORT | SUB;
	good.outer[7] = EPOCH_VLAN_INNER | 0;
	good.inner[9] = EPOCH_VLAN_PORT | INNER;
	good.inner[0] = EPOCH_VLAN_PORT | SUB;
	epoch_index_neighbors(good.neighbor_index, good.neighbor, 1);
	cr_assert_eq(epoch_attach(&good, sizeof good, &epoch), 0);
}

TestSuite(epoch, .init = setup);

/* The region with one thing changed. */
#define WITH(change)                                                                                         \
	({                                                                                                   \
		bad = good;                                                                                  \
		change;                                                                                      \
		epoch_attach(&bad, sizeof bad, &epoch);                                                      \
	})
#define REFUSED(change)  cr_expect_eq(WITH(change), -EINVAL, "%s", #change)
#define ACCEPTED(change) cr_expect_eq(WITH(change), 0, "%s", #change)

Test(epoch, a_header_that_is_none_is_refused)
{
	REFUSED(bad.h.magic++);
	REFUSED(bad.h.version++);
	REFUSED(bad.h.number = 0);
	REFUSED(bad.h.bytes = sizeof bad + 1);
	REFUSED(bad.h.bytes = sizeof bad.h - 1);
	REFUSED(bad.h.bytes = offsetof(struct region, text) + 3);
	cr_expect_eq(epoch_attach(&good, sizeof good.h - 1, &epoch), -EINVAL);
}

Test(epoch, a_part_that_goes_out_of_the_region_is_refused)
{
	struct epoch_span *const spans[] = {&bad.h.ports, &bad.h.inner, &bad.h.addresses, &bad.h.neighbors,
	        &bad.h.sockets, &bad.h.ingress, &bad.h.text, &bad.h.ingress_names, &bad.port[WAN].addresses,
	        &bad.port[WAN].groups, &bad.port[WAN].vlans};

	for (uint32_t i = 0; i < ARRAY_LEN(spans); i++) {
		REFUSED(spans[i]->count = UINT32_MAX);
		REFUSED(spans[i]->count = (uint32_t)sizeof bad + 1);
		REFUSED(spans[i]->off = (uint32_t)sizeof bad);
		REFUSED(spans[i]->off = UINT32_MAX);
		REFUSED(spans[i]->off = sizeof bad.h - CACHE_LINE);
	}
	REFUSED(bad.h.ports.off += 4);
	REFUSED(bad.h.neighbors.off += 4);
	REFUSED(bad.h.ingress.off -= 8);
	REFUSED(bad.h.ingress_names.off += 2);
	REFUSED(bad.port[WAN].vlans.off += 1);
	REFUSED((bad.h.egress = good.h.ingress, bad.h.egress.off++));
	REFUSED((bad.h.egress_names = good.h.ingress_names, bad.h.egress_names.count = 1 << 30));
}

Test(epoch, a_table_of_a_wrong_size_is_refused)
{
	REFUSED(bad.h.inner.count = 4095);
	REFUSED(bad.port[WAN].vlans.count = 4095);
	REFUSED(bad.port[WAN].n_tags = 3);
	ACCEPTED(bad.port[LAN].vlans.off = UINT32_MAX);
}

Test(epoch, a_reference_to_what_is_not_there_is_refused)
{
	REFUSED(bad.outer[4095] = EPOCH_VLAN_PORT | PORTS);
	REFUSED(bad.outer[4095] = EPOCH_VLAN_INNER | 1);
	REFUSED(bad.outer[4095] = EPOCH_VLAN_INNER | EPOCH_VLAN_PORT | 0);
	REFUSED(bad.inner[4095] = EPOCH_VLAN_PORT | PORTS);
	REFUSED(bad.inner[4095] = EPOCH_VLAN_INNER | 0);
	REFUSED(bad.address[1].port.v = PORTS);
	REFUSED(bad.neighbor[0].port.v = PORTS);
	REFUSED(bad.socket[0].port.v = PORTS);
	REFUSED(bad.port[SUB].phys.v = INNER);
	REFUSED(bad.port[SUB].phys.v = PORTS);
	REFUSED(bad.port[SUB].phys = PORT_NONE);
	REFUSED(bad.port[LO].phys.v = PORTS);
	ACCEPTED(bad.socket[0].port = PORT_NONE);
	ACCEPTED(bad.outer[4095] = EPOCH_VLAN_MASK);
}

Test(epoch, a_value_out_of_its_range_is_refused)
{
	REFUSED(bad.address[0].family = 5);
	REFUSED(bad.address[0].prefix_len = 33);
	REFUSED(bad.address[1].prefix_len = 129);
	REFUSED(bad.address[1].scope = EPOCH_SCOPE_HOST + 1);
	REFUSED(bad.socket[0].family = 5);
	REFUSED(bad.socket[0].app = EPOCH_APP_HOLD + 1);
	REFUSED(bad.port[LAN].kind = EPOCH_PORT_LOOPBACK + 1);
	ACCEPTED(bad.socket[0].family = 0);
}

Test(epoch, a_string_without_an_end_is_refused)
{
	REFUSED(bad.text[sizeof bad.text - 1] = 'x');
	REFUSED(memset(bad.port[LAN].name, 'x', sizeof bad.port[LAN].name));
	REFUSED(memset(bad.port[HOLE].name, 'x', sizeof bad.port[HOLE].name));
	REFUSED(memset(bad.socket[0].name, 'x', sizeof bad.socket[0].name));
	REFUSED(bad.names[1] = offsetof(struct region, text) - 1);
	REFUSED(bad.names[2] = sizeof bad);
	REFUSED(bad.port[WAN].driver_text = 4);
}

Test(epoch, the_view_is_that_of_the_region)
{
	cr_expect_eq(epoch.number, 7);
	cr_expect_eq(epoch.n_ports, PORTS);
	cr_expect_eq(epoch.n_inner, 1);
	cr_expect_eq(epoch_port(&epoch, (struct port_id){LAN}), &good.port[LAN]);
	cr_expect_null(epoch_port(&epoch, (struct port_id){HOLE}));
	cr_expect_null(epoch_port(&epoch, (struct port_id){PORTS}));
	cr_expect_null(epoch_port(&epoch, PORT_NONE));
	cr_expect_str_eq(epoch_text(&epoch, good.port[WAN].driver_text), "second");
	cr_expect_null(epoch_rule_name(&epoch, good.h.ingress_names, 0));
	cr_expect_str_eq(epoch_rule_name(&epoch, good.h.ingress_names, 1), "first");
	cr_expect_null(epoch_rule_name(&epoch, good.h.ingress_names, 3));
	cr_expect_null(epoch_rule_name(&epoch, good.h.egress_names, 1));
}

Test(epoch, a_port_has_its_own_addresses_only)
{
	struct ip6_addr two = good.address[1].addr, three = {.b[15] = 3};

	cr_expect_eq(epoch_port_address(&epoch, &good.port[WAN], &two), &good.address[1]);
	cr_expect_null(epoch_port_address(&epoch, &good.port[WAN], &three));
	cr_expect_null(epoch_port_address(&epoch, &good.port[LAN], &two));
}

static uint16_t vlan(uint16_t phys, uint32_t n, uint16_t outer, uint16_t inner)
{
	const uint16_t vid[2] = {outer, inner};

	return epoch_vlan_port(&epoch, (struct port_id){phys}, vid, n).v;
}

/* IEEE 802.1Q: a VID of 0 is a priority tag and no VLAN. */
Test(epoch, vlan_ids_lead_to_sub_ports)
{
	cr_expect_eq(vlan(WAN, 0, 0, 0), WAN);
	cr_expect_eq(vlan(WAN, 1, 0, 0), WAN);
	cr_expect_eq(vlan(WAN, 2, 0, 0), WAN);
	cr_expect_eq(vlan(WAN, 1, 5, 0), SUB);
	cr_expect_eq(vlan(WAN, 2, 0, 5), SUB);
	cr_expect_eq(vlan(WAN, 2, 5, 0), SUB, "the second tag is for a priority");
	cr_expect_eq(vlan(WAN, 1, 0xf005, 0), SUB, "priority bits are none of the id's");
	cr_expect_eq(vlan(WAN, 2, 7, 9), INNER);
	cr_expect_eq(vlan(WAN, 2, 7, 0xe009), INNER);
	cr_expect_eq(vlan(WAN, 1, 7, 0), SUB, "what the outer id alone leads to");
	cr_expect_eq(vlan(WAN, 2, 7, 10), PORT_NONE.v);
	cr_expect_eq(vlan(WAN, 2, 5, 9), PORT_NONE.v);
	cr_expect_eq(vlan(WAN, 1, 6, 0), PORT_NONE.v);
	cr_expect_eq(vlan(WAN, 3, 5, 9), PORT_NONE.v);
	cr_expect_eq(vlan(LAN, 0, 0, 0), LAN);
	cr_expect_eq(vlan(LAN, 1, 5, 0), PORT_NONE.v);
	cr_expect_eq(vlan(HOLE, 0, 0, 0), PORT_NONE.v);
	cr_expect_eq(vlan(PORTS, 0, 0, 0), PORT_NONE.v);
}

static bool is(const uint8_t *bytes, uint32_t n)
{
	struct ip6_addr want = {{{0}}}, got;

	memcpy(want.b, bytes, n);
	return epoch_anycast(&epoch, &good.address[1], &got) && ip6_addr_equal(&got, &want);
}

/* RFC 4291 2.6.1, RFC 6164. */
Test(epoch, a_network_of_a_router_has_an_anycast_address)
{
	static const uint8_t all[16] = {0x20, 0x01, 0xd, 0xb8, 1, 2, 3, 0xff, 0xff, 6, 7, 8, 9, 10, 11, 0xff};
	struct ip6_addr anycast;

	cr_expect_not(epoch_anycast(&epoch, &good.address[0], &anycast), "IPv4");
	memcpy(good.address[1].addr.b, all, 16);
	good.address[1].scope = EPOCH_SCOPE_GLOBAL;
	good.address[1].prefix_len = 64;
	cr_expect_not(epoch_anycast(&epoch, &good.address[1], &anycast), "a host's");
	good.port[WAN].flags = EPOCH_PORT_FORWARD6;
	cr_expect(is(all, 8));
	cr_expect(epoch_anycast(&epoch, &good.address[1], &anycast));
	cr_expect(epoch_is_anycast(&epoch, (struct port_id){WAN}, &anycast));
	cr_expect(epoch_is_anycast(&epoch, PORT_NONE, &anycast));
	cr_expect_not(epoch_is_anycast(&epoch, (struct port_id){LAN}, &anycast));
	cr_expect_not(epoch_is_anycast(&epoch, (struct port_id){WAN}, &good.address[1].addr));
	good.address[1].scope = EPOCH_SCOPE_LINK;
	cr_expect_not(epoch_is_anycast(&epoch, PORT_NONE, &anycast), "each link has its own");
	good.address[1].prefix_len = 57;
	cr_expect(is((const uint8_t[]){0x20, 0x01, 0xd, 0xb8, 1, 2, 3, 0x80}, 8));
	good.address[1].prefix_len = 126;
	cr_expect(is(
	        (const uint8_t[]){0x20, 0x01, 0xd, 0xb8, 1, 2, 3, 0xff, 0xff, 6, 7, 8, 9, 10, 11, 0xfc}, 16));
	good.address[1].prefix_len = 127;
	cr_expect_not(epoch_anycast(&epoch, &good.address[1], &anycast), "RFC 6164");
	good.address[1].prefix_len = 0;
	cr_expect_not(epoch_anycast(&epoch, &good.address[1], &anycast));
}

/* Whoever publishes writes on while the copy is used. */
Test(epoch, a_copy_stays_what_was_checked)
{
	struct region hostile = good;
	struct epoch copied;
	void *copy;

	cr_assert_eq(epoch_copy(&hostile, sizeof hostile, &copy, &copied), 0);
	memset(&hostile, 0xff, sizeof hostile);
	cr_expect_eq(copied.number, epoch.number);
	cr_expect_eq(copied.header->text.count, good.h.text.count);
	for (uint32_t i = 0; i < copied.n_ports; i++)
		cr_expect_str_eq(copied.ports[i].name, good.port[i].name);
	cr_expect_str_eq(epoch_text(&copied, copied.ports[WAN].driver_text), "second");
	free(copy);
}

Test(epoch, no_more_is_copied_than_the_region_has)
{
	const uint64_t wrong[] = {0, sizeof good.h - 1, sizeof good + 1, UINT64_MAX};
	struct region hostile = good;
	void *copy = &hostile;

	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		hostile.h.bytes = wrong[i];
		cr_expect_eq(epoch_copy(&hostile, sizeof hostile, &copy, &epoch), -EINVAL);
		cr_expect_null(copy);
	}
	cr_expect_eq(epoch_copy(&good, sizeof good.h - 1, &copy, &epoch), -EINVAL);
	hostile = good;
	hostile.h.ports.count = UINT32_MAX;
	cr_expect_eq(epoch_copy(&hostile, sizeof hostile, &copy, &epoch), -EINVAL);
	cr_expect_null(copy);
}
