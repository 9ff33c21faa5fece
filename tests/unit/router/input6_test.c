#include "tests/unit/router/world.h"

#include <criterion/criterion.h>

struct expected {
	const char *name;
	struct frame6 frame;
	enum drop_reason reason;
	enum stat_id stat[4];
	uint32_t errors;
};

static struct frame6 plain(void)
{
	return (struct frame6){.port = P0,
	        .src = IP6(0, 2),
	        .dst = IP6(0x10, 9),
	        .next_header = IP_PROTO_UDP,
	        .payload_len = 32};
}

static void expect(struct world *w, const struct expected *e)
{
	uint64_t before[STAT_COUNT];
	struct verdict v;

	for (uint32_t s = 0; s < STAT_COUNT; s++)
		before[s] = world_stat(w, (enum stat_id)s);
	w->now += 60 * NANOS_PER_SEC;
	v = world_send6(w, &e->frame);
	cr_expect_eq(v.kind, e->reason ? VERDICT_DROP : VERDICT_PASS, "%s: verdict %u", e->name, v.kind);
	cr_expect_eq(v.reason, e->reason, "%s: %s", e->name, drop_reason_label((enum drop_reason)v.reason));
	cr_expect_eq(world_made(w), e->errors, "%s: %u made", e->name, world_made(w));
	for (uint32_t i = 0; i < 4; i++)
		if (e->stat[i])
			cr_expect_eq(world_stat(w, e->stat[i]) - before[e->stat[i]],
			        e->reason == DROP_OTHERHOST ? 0 : 1, "%s: %s%s", e->name,
			        stat_group(e->stat[i]), stat_name(e->stat[i]));
	world_end(w);
}

#define CASE(what, why, n_errors, ...)                                                                       \
	{                                                                                                    \
		struct expected e = {.name = #what,                                                          \
		        .frame = plain(),                                                                    \
		        .reason = (why),                                                                     \
		        .errors = (n_errors),                                                                \
		        .stat = {__VA_ARGS__}};                                                              \
		struct frame6 *f = &e.frame;                                                                 \
                                                                                                             \
		(void)f;                                                                                     \
		what;                                                                                        \
		expect(&w, &e);                                                                              \
	}

#define IN  STAT_IP6_IN_RECEIVES
#define OUT STAT_IP6_OUT_FORW_DATAGRAMS
#define BAD STAT_IP6_IN_HDR_ERRORS

#define GROUP(scope, id) ((struct ip6_addr){.b = {0xff, (scope), [15] = (id)}})

Test(router_input6, judges_headers_as_ip6_rcv)
{
	struct world w;

	world_init(&w, 1);
	CASE((void)0, DROP_NONE, 0, IN, OUT);
	CASE(f->padding = 9, DROP_NONE, 0, IN, OUT);
	CASE(f->type = PKT_OTHERHOST, DROP_OTHERHOST, 0, IN);
	CASE(f->version = 0x40, DROP_IP_INHDR, 0, IN, BAD);
	CASE(f->payload_field = 33, DROP_IP_TRUNCATED, 0, IN, STAT_IP6_IN_TRUNCATED_PKTS);
	CASE(f->src = GROUP(2, 1), DROP_IP_INVALID_SOURCE, 0, IN, BAD);
	CASE(f->src = ip6_addr_mapped(HOST(0, 2)), DROP_IP_INVALID_SOURCE, 0, IN, BAD);
	CASE(f->src = IP6_LOOPBACK, DROP_IP_LOCALNET, 0, IN, BAD);
	CASE(f->dst = IP6_LOOPBACK, DROP_IP_LOCALNET, 0, IN, BAD);
	CASE((f->dst = GROUP(1, 1), f->type = PKT_MULTICAST), DROP_IP_INVALID_DEST, 0, IN, BAD);
	CASE((f->dst = GROUP(0, 1), f->type = PKT_MULTICAST), DROP_IP_INVALID_DEST, 0, IN, BAD);
	CASE(f->type = PKT_MULTICAST, DROP_UNICAST_IN_L2_MULTICAST, 0, IN, BAD);
	CASE((f->type = PKT_BROADCAST, f->dst = IP6(0, 1)), DROP_UNICAST_IN_L2_MULTICAST, 0, IN, BAD);
	w.region->port[0].flags &= (uint16_t)~EPOCH_PORT_IPV6;
	world_publish(&w);
	CASE((void)0, DROP_IPV6DISABLED, 0, IN, STAT_IP6_IN_DISCARDS);
	world_free(&w);
}

Test(router_input6, drops_a_frame_shorter_than_a_header)
{
	struct frame6 f = plain();
	struct world w;
	uint32_t i;

	world_init(&w, 1);
	i = world_add6(&w, &f);
	w.f.burst.pkt[i].len = w.f.burst.pkt[i].total_len = ETHER_HDR_LEN + 39;
	world_run(&w);
	cr_assert_eq(w.f.burst.verdict[i].reason, DROP_HDR_TRUNC);
	world_end(&w);
	world_free(&w);
}

Test(router_input6, forwards_and_answers_as_ip6_forward)
{
	struct world w;

	world_init(&w, 1);
	CASE(f->hop_limit = 1, DROP_TTL_EXPIRED, 1, IN, BAD, STAT_ICMP6_OUT_TIME_EXCDS);
	CASE(f->hop_limit = 2, DROP_NONE, 0, IN, OUT);
	CASE(f->dst = IP6(0x77, 1), DROP_IP_INNOROUTES, 1, IN, STAT_IP6_IN_NO_ROUTES,
	        STAT_ICMP6_OUT_DEST_UNREACHS);
	CASE(f->dst = IP6_UNSPECIFIED, DROP_IP_INNOROUTES, 1, IN, STAT_IP6_IN_ADDR_ERRORS);
	CASE(f->dst = IP6(0x30, 1), DROP_ROUTE_BLACKHOLE, 0, IN);
	CASE(f->dst = IP6(0x31, 1), DROP_ROUTE_UNREACHABLE, 1, IN, STAT_IP6_IN_NO_ROUTES);
	CASE(f->dst = IP6(0x32, 1), DROP_ROUTE_PROHIBIT, 1, IN, STAT_IP6_IN_NO_ROUTES);
	CASE(f->dst = IP6(1, 2), DROP_NONE, 0, IN, OUT);
	CASE(f->dst = IP6(0x20, 2), DROP_NONE, 0, IN, OUT);
	CASE(f->src = LL6(2), DROP_LINK_LOCAL_SCOPE, 1, IN, STAT_IP6_IN_ADDR_ERRORS);
	CASE(f->src = IP6_UNSPECIFIED, DROP_IP_INVALID_SOURCE, 0, IN, STAT_IP6_IN_ADDR_ERRORS);
	CASE((f->src = LL6(9), f->dst = LL6(2)), DROP_NONE, 0, IN, OUT);
	CASE((f->dst = IP6(0x40, 1), f->payload_len = 1241), DROP_PKT_TOO_BIG, 1, IN,
	        STAT_IP6_IN_TOO_BIG_ERRORS, STAT_IP6_FRAG_FAILS, STAT_ICMP6_OUT_PKT_TOO_BIGS);
	CASE((f->dst = IP6(0x40, 1), f->payload_len = 1240), DROP_NONE, 0, IN, OUT);
	w.region->port[0].flags &= (uint16_t)~EPOCH_PORT_FORWARD6;
	world_publish(&w);
	CASE((void)0, DROP_IP_FORWARDING_OFF, 0, IN, STAT_IP6_IN_ADDR_ERRORS);
	w.region->port[0].flags |= EPOCH_PORT_FORWARD6;
	w.region->port[0].rp_filter = 1;
	world_publish(&w);
	CASE(f->src = IP6(1, 2), DROP_IP_RPFILTER, 0, IN);
	CASE((void)0, DROP_NONE, 0, IN, OUT);
	world_free(&w);
}

Test(router_input6, delivers_what_is_for_us)
{
	struct world w;

	world_init(&w, 1);
	CASE(f->dst = IP6(0, 1), DROP_NONE, 0, IN, STAT_IP6_IN_DELIVERS);
	cr_expect_eq(w.f.burst.verdict[0].out.v, out_id(OUT_RX, 0).v);
	cr_expect_eq(w.f.burst.pkt[0].l4_off, ETHER_HDR_LEN + IPV6_HDR_LEN);
	CASE(f->dst = LL6(1), DROP_NONE, 0, IN, STAT_IP6_IN_DELIVERS);
	CASE((f->dst = GROUP(2, 1), f->type = PKT_MULTICAST), DROP_NONE, 0, IN, STAT_IP6_IN_DELIVERS,
	        STAT_IP6_IN_MCAST_PKTS);
	CASE((f->dst = GROUP(5, 0x77), f->type = PKT_MULTICAST), DROP_NONE, 0, IN, STAT_IP6_IN_MCAST_PKTS);
	CASE((f->dst = GROUP(5, 0x78), f->type = PKT_MULTICAST), DROP_IP_MULTICAST, 0, IN,
	        STAT_IP6_IN_MCAST_PKTS);
	CASE((f->dst = IP6(0, 1), f->next_header = 200), DROP_IP_NOPROTO, 1, IN, STAT_IP6_IN_UNKNOWN_PROTOS,
	        STAT_ICMP6_OUT_PARM_PROBLEMS);
	CASE((f->dst = IP6(0, 1), f->next_header = IP_PROTO_NONE), DROP_IP_NOPROTO, 0, IN,
	        STAT_IP6_IN_DELIVERS);
	world_free(&w);
}

/* --- extension headers --- */

#define BYTES(...)                                                                                           \
	f->payload = (const uint8_t[64]){__VA_ARGS__};                                                       \
	f->payload_len = 32;                                                                                 \
	f->next_header = header
#define UDP IP_PROTO_UDP

Test(router_input6, judges_hop_by_hop_options_of_all_packets)
{
	const uint8_t header = IP_PROTO_HOP_BY_HOP;
	struct world w;

	world_init(&w, 1);
	CASE(BYTES(UDP, 0, 1, 4), DROP_NONE, 0, IN, OUT);
	CASE(BYTES(UDP, 0, 5, 2, 0, 0, 1, 0), DROP_NONE, 0, IN, OUT);
	CASE(BYTES(UDP, 0, 0x3e, 4), DROP_NONE, 0, IN, OUT);
	CASE(BYTES(UDP, 0, 0x7e, 4), DROP_IPV6_BAD_EXTHDR, 0, IN, BAD);
	CASE(BYTES(UDP, 0, 0xbe, 4), DROP_IPV6_BAD_EXTHDR, 1, IN, BAD, STAT_ICMP6_OUT_PARM_PROBLEMS);
	cr_expect_eq(w.f.burst.out[0].frame[54 + 1], IPV6_PROBLEM_OPTION);
	cr_expect_eq(wire_load_u32(w.f.burst.out[0].frame + 58), 42);
	CASE(BYTES(UDP, 0, 0xfe, 4), DROP_IPV6_BAD_EXTHDR, 1, IN, BAD);
	CASE(BYTES(UDP, 0, 1, 5), DROP_IPV6_BAD_EXTHDR, 0, IN, BAD);
	CASE(BYTES(UDP, 9), DROP_IPV6_BAD_EXTHDR, 0, IN, BAD);
	CASE(BYTES(UDP, 0, 0xc2, 4, 0, 0, 0, 9), DROP_IPV6_BAD_EXTHDR, 1, IN, BAD);
	/* To a group only the option that says so is answered. */
	CASE(BYTES(UDP, 0, 0xbe, 4); f->dst = GROUP(2, 1);
	        f->type = PKT_MULTICAST, DROP_IPV6_BAD_EXTHDR, 1, IN, BAD);
	CASE(BYTES(UDP, 0, 0xfe, 4); f->dst = GROUP(2, 1);
	        f->type = PKT_MULTICAST, DROP_IPV6_BAD_EXTHDR, 0, IN, BAD);
	world_free(&w);
}

Test(router_input6, walks_the_headers_of_packets_for_us)
{
	uint8_t header = IP_PROTO_DST_OPTIONS;
	struct world w;

	world_init(&w, 1);
	CASE(BYTES(UDP, 0, 1, 4); f->dst = IP6(0, 1), DROP_NONE, 0, IN, STAT_IP6_IN_DELIVERS);
	cr_expect_eq(w.f.burst.pkt[0].l4_off, ETHER_HDR_LEN + IPV6_HDR_LEN + 8);
	CASE(BYTES(UDP, 0, 0x7e, 4), DROP_NONE, 0, IN, OUT);
	CASE(BYTES(UDP, 0, 0x7e, 4); f->dst = IP6(0, 1), DROP_IPV6_BAD_EXTHDR, 0, IN, BAD);
	CASE(BYTES(UDP, 0, 0x80, 4); f->dst = IP6(0, 1), DROP_IPV6_BAD_EXTHDR, 1, IN, BAD);
	CASE(BYTES(UDP, 77); f->dst = IP6(0, 1), DROP_IPV6_BAD_EXTHDR, 0, IN, BAD);
	CASE(BYTES(0, 0, 1, 4); f->dst = IP6(0, 1), DROP_IPV6_BAD_EXTHDR, 1, IN, BAD);
	w.region->h.limits.exthdr_max = 1;
	world_publish(&w);
	CASE(BYTES(header, 0, 1, 4, 0, 0, 0, 0, UDP, 0, 1, 4);
	        f->dst = IP6(0, 1), DROP_IPV6_EXTHDR_LIMIT, 0, IN, BAD);
	header = IP_PROTO_ROUTING;
	CASE(BYTES(UDP, 0, 0, 0); f->dst = IP6(0, 1), DROP_NONE, 0, IN, STAT_IP6_IN_DELIVERS);
	CASE(BYTES(UDP, 0, 0, 1); f->dst = IP6(0, 1), DROP_IPV6_BAD_EXTHDR, 1, IN, BAD);
	CASE(BYTES(UDP, 0, 0, 1), DROP_NONE, 0, IN, OUT);
	header = IP_PROTO_AH;
	CASE(BYTES(UDP, 1); f->dst = IP6(0, 1), DROP_IP_NOPROTO, 1, IN, STAT_IP6_IN_UNKNOWN_PROTOS);
	/* Who does not know a header does not judge it, nor what is behind it. */
	CASE(BYTES(UDP, 77); f->dst = IP6(0, 1), DROP_IP_NOPROTO, 1, IN, STAT_IP6_IN_UNKNOWN_PROTOS);
	CASE(BYTES(0, 1); f->dst = IP6(0, 1), DROP_IP_NOPROTO, 1, IN, STAT_IP6_IN_UNKNOWN_PROTOS);
	header = IP_PROTO_FRAGMENT;
	CASE(BYTES(UDP, 0, 0, 0);
	        f->dst = IP6(0, 1), DROP_NONE, 0, IN, STAT_IP6_IN_DELIVERS, STAT_IP6_REASM_OKS);
	CASE(BYTES(UDP, 0, 0, 1); f->dst = IP6(0, 1); f->payload_len = 31, DROP_FRAG_MALFORMED, 1, IN, BAD);
	world_free(&w);
}

/* Options behind a piece's fragment header are the whole's (RFC 8200 4.5). */
Test(router_input6, leaves_what_is_behind_the_fragment_header_to_the_whole)
{
	const uint8_t header = IP_PROTO_FRAGMENT;
	struct frame6 frame = plain(), *f = &frame;
	struct world w;

	world_init(&w, 1);
	f->dst = IP6(0, 1);
	BYTES(IP_PROTO_DST_OPTIONS, 0, 0, 1, 0, 0, 0, 0, UDP, 0, 0x80, 4);
	cr_assert_eq(world_send6(&w, f).kind, VERDICT_HELD);
	cr_assert_eq(world_made(&w), 0);
	world_end(&w);
	BYTES(IP_PROTO_DST_OPTIONS, 0, 0, 0, 0, 0, 0, 0, UDP, 0, 0x80, 4);
	cr_assert_eq(world_send6(&w, f).reason, DROP_IPV6_BAD_EXTHDR);
	cr_assert_eq(world_made(&w), 1);
	world_end(&w);
	world_free(&w);
}

Test(router_input6, redirects_a_neighbor_that_need_not_come_by_us)
{
	struct frame6 f = plain();
	struct world w;
	const uint8_t *icmp;

	world_init(&w, 1);
	w.region->port[1].flags |= EPOCH_PORT_REDIRECTS;
	world_publish(&w);
	f.port = P1;
	f.src = IP6(1, 3);
	cr_assert_eq(world_send6(&w, &f).kind, VERDICT_PASS);
	cr_assert_eq(w.f.burst.n_out, 1);
	icmp = w.f.burst.out[0].frame + 54;
	cr_assert_eq(icmp[0], ICMP6_TYPE_REDIRECT);
	cr_assert(ip6_addr_equal((const void *)(icmp + 8), &LL6(2)));
	cr_assert(ip6_addr_equal((const void *)(icmp + 24), &IP6(0x10, 9)));
	cr_assert_eq(icmp[40], 2, "the target's MAC");
	cr_assert_eq(icmp[41], 1);
	cr_assert_eq(icmp[47], 2);
	cr_assert_eq(icmp[48], 4, "and the packet");
	cr_assert_eq(icmp[49], (8 + 72) / 8);
	cr_assert_eq(w.f.burst.out[0].frame[14 + 7], 255);
	cr_assert_eq(world_stat(&w, STAT_ICMP6_OUT_REDIRECTS), 1);
	world_end(&w);
	f.src = IP6(0, 2);
	cr_assert_eq(world_send6(&w, &f).kind, VERDICT_PASS);
	cr_assert_eq(w.f.burst.n_out, 0);
	world_end(&w);
	world_free(&w);
}
