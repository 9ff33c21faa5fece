/* Messages made here attribute by attribute, as a kernel makes them, and what is read from them; cut
 * anywhere. */
#include "tests/unit/rtnl/made.h"

#include <criterion/criterion.h>
#include <linux/nexthop.h>
#include <stdlib.h>
#include <sys/socket.h>

static struct rtnl_message made_whole(struct made *m)
{
	struct rtnl_bytes left = {m->bytes, m->n};
	struct rtnl_message message;

	made_end(m);
	cr_assert(rtnl_next(&left, &message));
	cr_assert_eq(left.n, 0);
	return message;
}

static const uint8_t net4[4] = {10, 1, 2, 0}, gateway4[4] = {192, 0, 2, 9};
static const uint8_t gateway6[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 9};

Test(rtnl, reads_a_route)
{
	struct rtattr mtu[2] = {{RTA_LENGTH(4), RTAX_MTU}};
	struct rtnl_route r;
	struct made m;

	mtu[1] = (struct rtattr){1400, 0};
	made_route(&m, AF_INET, 24, RTN_UNICAST);
	made_attribute(&m, RTA_DST, net4, 4);
	made_attribute32(&m, RTA_PRIORITY, 20);
	made_attribute32(&m, RTA_TABLE, 1000);
	made_attribute(&m, RTA_METRICS | NLA_F_NESTED, mtu, sizeof mtu);
	made_attribute(&m, RTA_GATEWAY, gateway4, 4);
	made_attribute32(&m, RTA_OIF, 3);
	cr_assert_eq(rtnl_route(&(struct rtnl_message){0}, &r), -EINVAL);
	m.bytes[0] = 0;
	{
		struct rtnl_message message = made_whole(&m);

		cr_assert_eq(rtnl_route(&message, &r), 0);
	}
	cr_expect_eq(r.to.len, 24);
	cr_expect_eq(r.metric, 20);
	cr_expect_eq(r.table, 1000);
	cr_expect_eq(r.mtu, 1400);
	cr_expect_eq(r.protocol, RTPROT_BGP);
	cr_expect_eq(r.n_hops, 1);
	cr_expect_eq(r.hop[0].ifindex, 3);
	cr_expect_eq(r.hop[0].weight, 1);
	cr_expect(ip6_addr_is_mapped(&r.hop[0].gateway) && memcmp(r.hop[0].gateway.b + 12, gateway4, 4) == 0);
}

Test(rtnl, finds_the_first_attribute_of_a_type_before_what_is_none)
{
	struct rtnl_attribute a;
	struct ip6_addr addr;
	struct rtnl_bytes in;
	struct made m = {0};
	uint32_t value;

	made_attribute32(&m, RTA_OIF, 3);
	made_attribute(&m, RTA_DST | NLA_F_NESTED, net4, 4);
	made_attribute32(&m, RTA_OIF, 4);
	in = (struct rtnl_bytes){m.bytes, m.n};
	cr_expect(rtnl_attribute_find(in, RTA_OIF, &a) && rtnl_u32(&a, &value) && value == 3);
	cr_expect(rtnl_attribute_find(in, RTA_DST, &a) && rtnl_address(AF_INET, a.value, a.len, &addr));
	cr_expect(ip6_addr_is_mapped(&addr) && !memcmp(addr.b + 12, net4, 4));
	cr_expect_not(rtnl_address(AF_INET6, a.value, a.len, &addr));
	cr_expect_not(rtnl_address(AF_UNSPEC, gateway6, 16, &addr));
	cr_expect_not(rtnl_attribute_find(in, RTA_GATEWAY, &a));
	m.bytes[0] = 3; /* less than its header */
	cr_expect_not(rtnl_attribute_find(in, RTA_DST, &a));
	cr_expect_not(rtnl_attribute_find((struct rtnl_bytes){0}, RTA_OIF, &a));
}

static void add_way(struct made *m, uint8_t flags, uint8_t hops, const void *via, uint32_t via_bytes)
{
	struct rtnexthop way = {.rtnh_len = (uint16_t)(sizeof way + RTA_SPACE(via_bytes)),
	        .rtnh_flags = flags,
	        .rtnh_hops = hops,
	        .rtnh_ifindex = 5};

	made_put(m, &way, sizeof way);
	made_attribute(m, via_bytes == 4 ? RTA_GATEWAY : RTA_VIA, via, via_bytes);
}

Test(rtnl, reads_several_ways_without_the_dead)
{
	struct made ways = {0}, m;
	struct rtnl_message message;
	uint8_t via[18] = {AF_INET6};
	struct rtnl_route r;

	memcpy(via + 2, gateway6, 16);
	add_way(&ways, 0, 2, gateway4, 4);
	add_way(&ways, RTNH_F_DEAD, 0, gateway4, 4);
	add_way(&ways, RTNH_F_ONLINK, 255, via, sizeof via);
	made_route(&m, AF_INET, 0, RTN_UNICAST);
	made_attribute(&m, RTA_MULTIPATH, ways.bytes, ways.n);
	message = made_whole(&m);
	cr_assert_eq(rtnl_route(&message, &r), 0);
	cr_expect_eq(r.n_hops, 2);
	cr_expect_eq(r.hop[0].weight, 3);
	cr_expect_eq(r.hop[1].weight, 256);
	cr_expect(r.hop[1].onlink && memcmp(r.hop[1].gateway.b, gateway6, 16) == 0);
}

Test(rtnl, refuses_what_is_none_of_ours)
{
	struct rtmsg tos = {.rtm_family = AF_INET, .rtm_tos = 4}, mpls = {.rtm_family = 28},
	             long4 = {.rtm_family = AF_INET, .rtm_dst_len = 33};
	struct rtnl_message message;
	struct rtnl_route r;
	struct made m;

	made_begin(&m, RTM_NEWROUTE, &tos, sizeof tos);
	message = made_whole(&m);
	cr_expect_eq(rtnl_route(&message, &r), -EOPNOTSUPP);
	made_begin(&m, RTM_NEWROUTE, &mpls, sizeof mpls);
	message = made_whole(&m);
	cr_expect_eq(rtnl_route(&message, &r), -EOPNOTSUPP);
	made_begin(&m, RTM_NEWROUTE, &long4, sizeof long4);
	message = made_whole(&m);
	cr_expect_eq(rtnl_route(&message, &r), -EINVAL);
	made_route(&m, AF_INET, 24, RTN_UNICAST);
	made_attribute(&m, RTA_DST, gateway6, 16);
	message = made_whole(&m);
	cr_expect_eq(rtnl_route(&message, &r), -EINVAL);
}

Test(rtnl, reads_next_hops)
{
	struct nhmsg head = {.nh_family = AF_INET6};
	struct nexthop_grp group[2] = {{.id = 3, .weight = 1}, {.id = 4}};
	struct rtnl_message message;
	struct rtnl_nexthop h;
	struct made m;

	made_begin(&m, RTM_NEWNEXTHOP, &head, sizeof head);
	made_attribute32(&m, NHA_ID, 12);
	made_attribute(&m, NHA_GATEWAY, gateway6, 16);
	made_attribute32(&m, NHA_OIF, 8);
	message = made_whole(&m);
	cr_assert_eq(rtnl_nexthop(&message, &h), 0);
	cr_expect(h.id == 12 && h.hop.ifindex == 8 && memcmp(h.hop.gateway.b, gateway6, 16) == 0);
	head.nh_family = AF_UNSPEC;
	made_begin(&m, RTM_NEWNEXTHOP, &head, sizeof head);
	made_attribute32(&m, NHA_ID, 13);
	made_attribute(&m, NHA_GROUP, group, sizeof group);
	message = made_whole(&m);
	cr_assert_eq(rtnl_nexthop(&message, &h), 0);
	cr_expect(h.n_members == 2 && h.member[0].id == 3 && h.member[0].weight == 2);
	made_begin(&m, RTM_NEWNEXTHOP, &head, sizeof head);
	message = made_whole(&m);
	cr_expect_eq(rtnl_nexthop(&message, &h), -EINVAL, "one without a number");
}

/* Lengths that are cut or spoilt: whatever is read, it is within the bytes (the sanitizers look). */
Test(rtnl, stays_within_its_bytes)
{
	struct rtnl_route r;
	struct made ways = {0}, m;
	uint64_t state = 7;

	add_way(&ways, 0, 0, gateway4, 4);
	add_way(&ways, 0, 0, gateway4, 4);
	made_route(&m, AF_INET, 24, RTN_UNICAST);
	made_attribute(&m, RTA_DST, net4, 4);
	made_attribute(&m, RTA_MULTIPATH, ways.bytes, ways.n);
	made_end(&m);
	for (uint32_t i = 0; i < 100000; i++) {
		uint32_t n = (uint32_t)random_next(&state) % (m.n + 1);
		uint8_t *exact = malloc(n + 1u);
		struct rtnl_bytes left = {exact, n};
		struct rtnl_message message;

		memcpy(exact, m.bytes, n);
		for (uint32_t k = 0; n && k < random_next(&state) % 4; k++)
			exact[random_next(&state) % n] = (uint8_t)random_next(&state);
		while (rtnl_next(&left, &message))
			(void)!rtnl_route(&message, &r);
		free(exact);
	}
}

Test(rtnl, cuts_a_stream_into_frames)
{
	const uint8_t stream[] = {1, 1, 0, 6, 'a', 'b', 1, 0, 0, 4, 2};
	uint32_t bytes;
	uint8_t type;

	cr_expect_eq(fpm_frame(stream, 3, &bytes, &type), -EAGAIN);
	cr_expect_eq(fpm_frame(stream, 5, &bytes, &type), -EAGAIN);
	cr_expect(fpm_frame(stream, sizeof stream, &bytes, &type) == 0 && bytes == 6 && type == 1);
	cr_expect(fpm_frame(stream + 6, 5, &bytes, &type) == 0 && bytes == 4 && type == 0);
	cr_expect_eq(fpm_frame(stream + 10, 1, &bytes, &type), -EINVAL);
	cr_expect_eq(fpm_frame((const uint8_t[]){1, 1, 0, 3}, 4, &bytes, &type), -EINVAL);
}
