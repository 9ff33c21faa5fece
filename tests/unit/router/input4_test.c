#include "tests/unit/router/world.h"

#include <criterion/criterion.h>

/* What one packet must come to: a reason (DROP_NONE: it passes), and what it counts. */
struct expected {
	const char *name;
	struct frame4 frame;
	enum drop_reason reason;
	enum stat_id stat[4]; /* each by one; 0 (Ip InReceives) only in front */
	uint32_t errors;      /* ICMP errors made */
};

static void expect(struct world *w, const struct expected *e)
{
	uint64_t before[STAT_COUNT];
	struct verdict v;

	for (uint32_t s = 0; s < STAT_COUNT; s++)
		before[s] = world_stat(w, (enum stat_id)s);
	w->now += 60 * NANOS_PER_SEC;
	v = world_send4(w, &e->frame);
	cr_expect_eq(v.kind, e->reason ? VERDICT_DROP : VERDICT_PASS, "%s: verdict %u", e->name, v.kind);
	cr_expect_eq(v.reason, e->reason, "%s: %s", e->name, drop_reason_label((enum drop_reason)v.reason));
	cr_expect_eq(world_made(w), e->errors, "%s: %u made", e->name, world_made(w));
	for (uint32_t i = 0; i < 4; i++)
		if (e->stat[i] || !i)
			cr_expect_eq(world_stat(w, e->stat[i]) - before[e->stat[i]],
			        e->reason == DROP_OTHERHOST ? 0 : 1, "%s: %s%s", e->name,
			        stat_group(e->stat[i]), stat_name(e->stat[i]));
	world_end(w);
}

#define CASE(what, why, n_errors, ...)                                                                       \
	{                                                                                                    \
		struct expected e = {.name = #what,                                                          \
		        .frame = world_plain4(),                                                             \
		        .reason = (why),                                                                     \
		        .errors = (n_errors),                                                                \
		        .stat = {__VA_ARGS__}};                                                              \
		struct frame4 *f = &e.frame;                                                                 \
                                                                                                             \
		(void)f;                                                                                     \
		what;                                                                                        \
		expect(&w, &e);                                                                              \
	}

#define IN STAT_IP_IN_RECEIVES

Test(router_input4, judges_headers_as_ip_rcv)
{
	struct world w;

	world_init(&w, 1);
	CASE(f->id = 1, DROP_NONE, 0, IN, STAT_IP_FORW_DATAGRAMS);
	CASE(f->padding = 20, DROP_NONE, 0, IN, STAT_IP_FORW_DATAGRAMS);
	CASE(f->tags = 8, DROP_NONE, 0, IN, STAT_IP_FORW_DATAGRAMS);
	CASE(f->type = PKT_OTHERHOST, DROP_OTHERHOST, 0, IN);
	CASE(f->first = 0x65, DROP_IP_INHDR, 0, IN, STAT_IP_IN_HDR_ERRORS);
	CASE(f->first = 0x44, DROP_IP_INHDR, 0, IN, STAT_IP_IN_HDR_ERRORS);
	CASE(f->first = 0x4f, DROP_HDR_TRUNC, 0, IN, STAT_IP_IN_HDR_ERRORS);
	CASE(f->bad_csum = true, DROP_IP_CSUM, 0, IN, STAT_IP_IN_HDR_ERRORS, STAT_IP_EXT_IN_CSUM_ERRORS);
	CASE(f->total_len = 51, DROP_IP_TRUNCATED, 0, IN, STAT_IP_EXT_IN_TRUNCATED_PKTS);
	CASE(f->total_len = 19, DROP_IP_INHDR, 0, IN, STAT_IP_IN_HDR_ERRORS);
	world_free(&w);
}

Test(router_input4, drops_a_frame_shorter_than_a_header)
{
	struct world w;
	struct frame4 f = world_plain4();
	uint32_t i;

	world_init(&w, 1);
	i = world_add4(&w, &f);
	w.f.burst.pkt[i].len = w.f.burst.pkt[i].total_len = ETHER_HDR_LEN + 19;
	world_run(&w);
	cr_assert_eq(w.f.burst.verdict[i].reason, DROP_HDR_TRUNC);
	cr_assert_eq(world_stat(&w, STAT_IP_IN_HDR_ERRORS), 1);
	world_end(&w);
	world_free(&w);
}

Test(router_input4, refuses_martians)
{
	struct world w;

	world_init(&w, 1);
	CASE(f->src = IP4(224, 0, 0, 5), DROP_IP_INVALID_SOURCE, 0, IN);
	CASE(f->src = IP4(255, 255, 255, 255), DROP_IP_INVALID_SOURCE, 0, IN);
	CASE(f->src = IP4(0, 0, 0, 0), DROP_IP_INVALID_SOURCE, 0, IN);
	CASE(f->src = IP4(127, 0, 0, 1), DROP_IP_LOCALNET, 0, IN);
	CASE(f->dst = IP4(127, 0, 0, 1), DROP_IP_LOCALNET, 0, IN);
	CASE(f->dst = IP4(0, 0, 0, 0), DROP_IP_INVALID_DEST, 0, IN);
	CASE(f->src = HOST(1, 1), DROP_IP_LOCAL_SOURCE, 0, IN);
	CASE((f->src = HOST(1, 1), f->dst = HOST(0, 1)), DROP_IP_LOCAL_SOURCE, 0, IN);
	CASE(f->type = PKT_BROADCAST, DROP_UNICAST_IN_L2_MULTICAST, 0, IN);
	CASE((f->type = PKT_MULTICAST, f->dst = HOST(0, 1)), DROP_UNICAST_IN_L2_MULTICAST, 0, IN);
	w.region->port[0].flags |= EPOCH_PORT_ACCEPT_LOCAL | EPOCH_PORT_ROUTE_LOCALNET;
	world_publish(&w);
	CASE(f->src = HOST(1, 1), DROP_NONE, 0, IN);
	CASE(f->src = IP4(127, 0, 0, 1), DROP_NONE, 0, IN);
	world_free(&w);
}

Test(router_input4, answers_for_routes_that_lead_nowhere)
{
	struct world w;

	world_init(&w, 1);
	CASE(f->dst = IP4(8, 8, 8, 8), DROP_IP_INNOROUTES, 1, IN, STAT_IP_EXT_IN_NO_ROUTES,
	        STAT_ICMP_OUT_DEST_UNREACHS);
	CASE(f->dst = IP4(203, 0, 113, 1), DROP_ROUTE_BLACKHOLE, 0, IN);
	CASE(f->dst = IP4(203, 0, 113, 65), DROP_ROUTE_UNREACHABLE, 1, IN, STAT_ICMP_OUT_DEST_UNREACHS);
	CASE(f->dst = IP4(203, 0, 113, 129), DROP_ROUTE_PROHIBIT, 1, IN, STAT_ICMP_OUT_DEST_UNREACHS);
	CASE(f->ttl = 1, DROP_TTL_EXPIRED, 1, IN, STAT_IP_IN_HDR_ERRORS, STAT_ICMP_OUT_TIME_EXCDS);
	CASE((f->ttl = 1, f->dst = HOST(0, 1)), DROP_NONE, 0, IN, STAT_IP_IN_DELIVERS);
	w.region->port[0].flags &= (uint16_t)~EPOCH_PORT_FORWARD4;
	world_publish(&w);
	CASE(f->id = 1, DROP_IP_FORWARDING_OFF, 0, IN, STAT_IP_IN_ADDR_ERRORS);
	CASE(f->dst = IP4(8, 8, 8, 8), DROP_IP_FORWARDING_OFF, 0, IN, STAT_IP_IN_ADDR_ERRORS);
	CASE(f->dst = HOST(0, 1), DROP_NONE, 0, IN, STAT_IP_IN_DELIVERS);
	world_free(&w);
}

Test(router_input4, delivers_what_is_for_us)
{
	struct world w;

	world_init(&w, 1);
	CASE(f->dst = HOST(0, 1), DROP_NONE, 0, IN, STAT_IP_IN_DELIVERS);
	cr_expect_eq(w.f.burst.verdict[0].out.v, out_id(OUT_RX, 0).v);
	cr_expect_eq(w.f.burst.pkt[0].l4_off, ETHER_HDR_LEN + IPV4_HDR_LEN);
	cr_expect_eq(w.f.burst.pkt[0].l4_proto, IP_PROTO_UDP);
	CASE(f->dst = HOST(1, 1), DROP_NONE, 0, IN, STAT_IP_IN_DELIVERS);
	CASE((f->dst = HOST(0, 1), f->proto = IP_PROTO_TCP), DROP_NONE, 0, IN, STAT_IP_IN_DELIVERS);
	CASE((f->dst = HOST(0, 255), f->type = PKT_BROADCAST), DROP_NONE, 0, IN, STAT_IP_IN_DELIVERS,
	        STAT_IP_EXT_IN_BCAST_PKTS);
	CASE((f->dst = IP4(255, 255, 255, 255), f->type = PKT_BROADCAST), DROP_NONE, 0, IN,
	        STAT_IP_IN_DELIVERS, STAT_IP_EXT_IN_BCAST_PKTS);
	CASE((f->src = IP4(0, 0, 0, 0), f->dst = IP4(255, 255, 255, 255), f->type = PKT_BROADCAST), DROP_NONE,
	        0, IN, STAT_IP_IN_DELIVERS, STAT_IP_EXT_IN_BCAST_PKTS);
	CASE((f->dst = IP4(224, 0, 0, 1), f->type = PKT_MULTICAST), DROP_NONE, 0, IN, STAT_IP_IN_DELIVERS,
	        STAT_IP_EXT_IN_MCAST_PKTS);
	CASE((f->dst = IP4(239, 1, 2, 3), f->type = PKT_MULTICAST), DROP_NONE, 0, IN,
	        STAT_IP_EXT_IN_MCAST_PKTS);
	CASE((f->dst = IP4(239, 1, 2, 4), f->type = PKT_MULTICAST), DROP_IP_MULTICAST, 0, IN);
	CASE((f->dst = IP4(239, 1, 2, 3), f->port = P1, f->src = HOST(1, 2), f->type = PKT_MULTICAST),
	        DROP_IP_MULTICAST, 0, IN);
	CASE((f->src = IP4(0, 0, 0, 0), f->dst = IP4(239, 1, 2, 3), f->type = PKT_MULTICAST),
	        DROP_IP_INVALID_SOURCE, 0, IN);
	CASE((f->src = IP4(0, 0, 0, 0), f->dst = IP4(224, 0, 0, 1), f->type = PKT_MULTICAST), DROP_NONE, 0,
	        IN);
	CASE((f->src = HOST(1, 1), f->dst = IP4(224, 0, 0, 1), f->type = PKT_MULTICAST), DROP_IP_LOCAL_SOURCE,
	        0, IN);
	CASE((f->dst = HOST(0, 1), f->proto = 200), DROP_IP_NOPROTO, 1, IN, STAT_IP_IN_UNKNOWN_PROTOS,
	        STAT_ICMP_OUT_DEST_UNREACHS);
	CASE((f->dst = HOST(0, 255), f->proto = 200, f->type = PKT_BROADCAST), DROP_IP_NOPROTO, 0, IN,
	        STAT_IP_IN_UNKNOWN_PROTOS);
	CASE((f->dst = HOST(0, 1), f->fragment = IPV4_MORE_FRAGMENTS, f->payload_len = 33),
	        DROP_FRAG_MALFORMED, 0, IN, STAT_IP_REASM_REQDS, STAT_IP_REASM_FAILS);
	world_free(&w);
}

Test(router_input4, filters_by_the_way_back)
{
	struct world w;

	world_init(&w, 1);
	w.region->port[0].rp_filter = 1;
	world_publish(&w);
	CASE(f->id = 1, DROP_NONE, 0, IN);
	CASE(f->src = HOST(1, 2), DROP_IP_RPFILTER, 0, IN, STAT_IP_EXT_IP_REVERSE_PATH_FILTER);
	CASE(f->src = IP4(8, 8, 8, 8), DROP_IP_RPFILTER, 0, IN, STAT_IP_EXT_IP_REVERSE_PATH_FILTER);
	CASE(f->src = IP4(203, 0, 113, 1), DROP_IP_RPFILTER, 0, IN, STAT_IP_EXT_IP_REVERSE_PATH_FILTER);
	CASE(f->src = HOST(0, 255), DROP_IP_INVALID_SOURCE, 0, IN);
	CASE(f->src = HOST(0, 1), DROP_IP_LOCAL_SOURCE, 0, IN);
	CASE((f->src = IP4(198, 51, 100, 7), f->dst = HOST(0, 1)), DROP_IP_RPFILTER, 0, IN);
	CASE((f->src = HOST(1, 2), f->dst = HOST(0, 255), f->type = PKT_BROADCAST), DROP_IP_RPFILTER, 0, IN);
	w.region->port[0].rp_filter = 2;
	world_publish(&w);
	CASE(f->src = HOST(1, 2), DROP_NONE, 0, IN);
	CASE(f->src = IP4(8, 8, 8, 8), DROP_IP_RPFILTER, 0, IN, STAT_IP_EXT_IP_REVERSE_PATH_FILTER);
	w.region->port[1].rp_filter = 1;
	world_publish(&w);
	CASE((f->src = IP4(198, 51, 100, 7), f->dst = HOST(0, 2), f->port = P1), DROP_NONE, 0, IN);
	world_free(&w);
}

Test(router_input4, bounds_what_is_for_us_by_class)
{
	struct world w;
	struct frame4 f = world_plain4();
	uint32_t passed = 0, refused = 0;

	world_init(&w, 1);
	w.region->h.limits.local[EPOCH_CLASS_UDP] = (struct epoch_rate){10, 5};
	world_publish(&w);
	f.dst = HOST(0, 1);
	for (uint32_t i = 0; i < 20; i++) {
		struct verdict v = world_send4(&w, &f);

		passed += v.kind == VERDICT_PASS;
		refused += v.reason == DROP_LOCAL_RATELIMIT;
		world_end(&w);
	}
	cr_assert_eq(passed, 5);
	cr_assert_eq(refused, 15);
	w.now += NANOS_PER_SEC / 5;
	for (uint32_t i = 0; i < 20; i++) {
		passed += world_send4(&w, &f).kind == VERDICT_PASS;
		world_end(&w);
	}
	cr_assert_eq(passed, 7);
	f.proto = IP_PROTO_TCP;
	cr_assert_eq(world_send4(&w, &f).kind, VERDICT_PASS);
	world_end(&w);
	world_free(&w);
}

/* Options */

Test(router_input4, acts_upon_options)
{
	static const uint8_t nops[4] = {1, 1, 1, 0}, broken[4] = {7, 9, 4, 0},
	                     source_route[8] = {131, 7, 4, 192, 0, 2, 7, 0};
	static const uint8_t twice[8] = {7, 3, 4, 7, 3, 4, 0, 0};
	struct world w;

	world_init(&w, 1);
	CASE((f->options = nops, f->options_len = 4), DROP_NONE, 0, IN, STAT_IP_FORW_DATAGRAMS);
	CASE((f->options = broken, f->options_len = 4), DROP_IP_OPTIONS, 1, IN, STAT_IP_IN_HDR_ERRORS,
	        STAT_ICMP_OUT_PARM_PROBS);
	CASE((f->options = twice, f->options_len = 8), DROP_IP_OPTIONS, 1, IN, STAT_IP_IN_HDR_ERRORS);
	CASE((f->options = source_route, f->options_len = 8), DROP_IP_SOURCE_ROUTE, 0, IN);
	CASE((f->options = broken, f->options_len = 4, f->dst = IP4(224, 0, 0, 1), f->type = PKT_MULTICAST),
	        DROP_IP_OPTIONS, 0, IN, STAT_IP_IN_HDR_ERRORS);
	CASE((f->options = broken, f->options_len = 4, f->dst = HOST(0, 255), f->type = PKT_BROADCAST),
	        DROP_IP_OPTIONS, 0, IN, STAT_IP_IN_HDR_ERRORS);
	world_free(&w);
}

Test(router_input4, follows_a_source_route_where_the_port_accepts_it)
{
	/* To us, from here over 192.0.2.7. */
	static const uint8_t loose[8] = {131, 7, 4, 192, 0, 2, 7, 0}, used[8] = {131, 7, 8, 192, 0, 2, 7, 0};
	static const uint8_t strict_far[8] = {137, 7, 4, 192, 0, 2, 7, 0},
	                     strict_near[8] = {137, 7, 4, 10, 0, 1, 2, 0};
	static const uint8_t nowhere[8] = {131, 7, 4, 8, 8, 8, 8, 0}, cut[8] = {131, 5, 4, 8, 8, 0, 0, 0};
	struct world w;
	struct ipv4_hdr *h;

	world_init(&w, 1);
	w.region->port[0].flags |= EPOCH_PORT_SOURCE_ROUTE;
	world_publish(&w);
	CASE((f->options = loose, f->options_len = 8, f->dst = HOST(0, 1)), DROP_NONE, 0, IN,
	        STAT_IP_FORW_DATAGRAMS);
	h = (void *)(w.f.burst.frame[0] + ETHER_HDR_LEN);
	cr_expect_eq(h->dst.raw, IP4(192, 0, 2, 7).raw);
	cr_expect_eq(((uint8_t *)h)[22], 8);
	cr_expect_eq(load_u32((uint8_t *)h + 23), HOST(1, 1).raw);
	cr_expect(csum_is_good(csum_bytes(CSUM_ZERO, h, 28)));
	CASE((f->options = used, f->options_len = 8, f->dst = HOST(0, 1)), DROP_NONE, 0, IN,
	        STAT_IP_IN_DELIVERS);
	CASE((f->options = loose, f->options_len = 8), DROP_NONE, 0, IN, STAT_IP_FORW_DATAGRAMS);
	CASE((f->options = strict_near, f->options_len = 8), DROP_IP_SOURCE_ROUTE, 1, IN);
	CASE((f->options = strict_far, f->options_len = 8, f->dst = HOST(0, 1)), DROP_IP_SOURCE_ROUTE, 1, IN);
	CASE((f->options = strict_near, f->options_len = 8, f->dst = HOST(0, 1)), DROP_NONE, 0, IN);
	CASE((f->options = nowhere, f->options_len = 8, f->dst = HOST(0, 1)), DROP_IP_SOURCE_ROUTE, 0, IN);
	CASE((f->options = cut, f->options_len = 8, f->dst = HOST(0, 1)), DROP_IP_SOURCE_ROUTE, 1, IN);
	CASE((f->options = loose, f->options_len = 8, f->dst = HOST(0, 255), f->type = PKT_BROADCAST),
	        DROP_IP_SOURCE_ROUTE, 0, IN);
	world_free(&w);
}

Test(router_input4, records_route_and_time)
{
	static const uint8_t rr[12] = {7, 11, 4}, ts[12] = {68, 12, 5, 1}, full[12] = {68, 12, 13, 0};
	static const uint8_t asked[12] = {68, 12, 5, 3, 10, 0, 1, 1};
	struct world w;
	uint8_t *ip;

	world_init(&w, 1);
	CASE((f->options = rr, f->options_len = 12), DROP_NONE, 0, IN, STAT_IP_FORW_DATAGRAMS);
	ip = w.f.burst.frame[0] + ETHER_HDR_LEN;
	cr_expect_eq(ip[22], 8);
	cr_expect_eq(load_u32(ip + 23), HOST(1, 1).raw);
	cr_expect(csum_is_good(csum_bytes(CSUM_ZERO, ip, 32)));
	CASE((f->options = ts, f->options_len = 12), DROP_NONE, 0, IN, STAT_IP_FORW_DATAGRAMS);
	ip = w.f.burst.frame[0] + ETHER_HDR_LEN;
	cr_expect_eq(ip[22], 13);
	cr_expect_eq(load_u32(ip + 24), HOST(1, 1).raw);
	cr_expect(ip[28] & 0x80);
	CASE((f->options = asked, f->options_len = 12, f->dst = HOST(0, 1)), DROP_NONE, 0, IN,
	        STAT_IP_IN_DELIVERS);
	cr_expect_eq((w.f.burst.frame[0] + ETHER_HDR_LEN)[22], 13);
	CASE((f->options = full, f->options_len = 12), DROP_NONE, 0, IN, STAT_IP_FORW_DATAGRAMS);
	cr_expect_eq((w.f.burst.frame[0] + ETHER_HDR_LEN)[23], 0x10);
	world_free(&w);
}
