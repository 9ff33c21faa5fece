#include "tests/unit/router/world.h"

#include "common/wire/arp.h"
#include "common/wire/udp.h"

#include <criterion/criterion.h>

/* What lane 1 handed over comes to lane 0: the same buffers, the same metadata. */
static void hand_over(struct world *w)
{
	struct burst *b = &w->f.burst;
	struct pkt pkt[BURST_MAX];
	struct pkt_index index[BURST_MAX];
	uint32_t n = 0;

	for (uint32_t i = 0; i < b->n; i++) {
		if (b->verdict[i].kind != VERDICT_PASS || b->verdict[i].out.v != out_id(OUT_PUNT, 0).v)
			continue;
		pkt[n] = b->pkt[i];
		index[n++] = b->index[i];
	}
	world_end(w);
	world_begin(w, INPUT_PUNT);
	b->n = n;
	for (uint32_t i = 0; i < n; i++) {
		b->pkt[i] = pkt[i];
		b->index[i] = index[i];
		b->frame[i] = pool_buffer(&w->f.pool, index[i]) + pkt[i].data_off;
		b->more[i] = 0;
		b->verdict[i] = (struct verdict){0};
	}
	world_run(w);
}

static struct verdict on_lane1(struct world *w, const struct frame4 *f)
{
	uint32_t i = world_add4(w, f);

	world_run1(w);
	return w->f.burst.verdict[i];
}

static bool punted(struct verdict v)
{
	return v.kind == VERDICT_PASS && v.out.v == out_id(OUT_PUNT, 0).v;
}

Test(router_lanes, forward_with_the_neighbors_of_lane_0)
{
	struct frame4 f = world_plain4();
	struct verdict v;
	struct world w;

	world_init(&w, 2);
	v = on_lane1(&w, &f);
	cr_assert_eq(v.kind, VERDICT_PASS);
	cr_assert_eq(v.out.v, out_id(OUT_TX, 1).v);
	world_end(&w);
	f.dst = HOST(0, 1);
	v = on_lane1(&w, &f);
	cr_assert(v.out.v == out_id(OUT_RX, 0).v || v.out.v == out_id(OUT_RX, 1).v);
	world_end(&w);
	world_free(&w);
}

Test(router_lanes, hand_over_what_waits_for_a_neighbor)
{
	struct frame4 f = world_plain4();
	struct world w;

	world_init(&w, 2);
	f.dst = HOST(1, 77);
	cr_assert(punted(on_lane1(&w, &f)));
	cr_assert_eq(w.f.burst.frame[0][w.f.burst.pkt[0].l3_off + 8], 63, "the hop is counted once");
	hand_over(&w);
	cr_assert_eq(w.f.burst.verdict[0].kind, VERDICT_HELD);
	cr_assert_eq(w.f.burst.n_out, 1, "an ARP request");
	world_end(&w);
	cr_assert_eq(world_stat(&w, STAT_IP_FORW_DATAGRAMS), 1);
	world_free(&w);
}

Test(router_lanes, hand_over_what_deserves_an_error)
{
	struct frame4 f = world_plain4();
	struct world w;

	world_init(&w, 2);
	f.ttl = 1;
	cr_assert(punted(on_lane1(&w, &f)));
	hand_over(&w);
	cr_assert_eq(w.f.burst.verdict[0].reason, DROP_TTL_EXPIRED);
	cr_assert_eq(w.f.burst.n_out, 1);
	cr_assert_eq(w.f.burst.out[0].frame[34], ICMP_TYPE_TIME_EXCEEDED);
	world_end(&w);
	cr_assert_eq(world_stat(&w, STAT_IP_IN_HDR_ERRORS), 1);
	world_free(&w);
}

/* As on one lane: a slot where it comes in, one where it goes out. */
Test(router_lanes, write_into_options_once)
{
	const uint8_t options[16] = {7, 15, 4}, full[4] = {68, 4, 5, 0};
	uint8_t icmp[64], body[8] = {};
	struct frame4 f = world_plain4();
	struct world w;

	world_init(&w, 2);
	f.dst = HOST(0, 1);
	f.proto = IP_PROTO_ICMP;
	f.payload = icmp;
	f.payload_len = world_icmp(icmp, ICMP_TYPE_ECHO, 0, 1, body, 8);
	f.options = options;
	f.options_len = sizeof options;
	cr_assert(punted(on_lane1(&w, &f)));
	hand_over(&w);
	cr_assert_eq(w.f.burst.verdict[0].out.v, out_id(OUT_TX, 0).v);
	cr_assert_eq(w.f.burst.frame[0][ETHER_HDR_LEN + IPV4_HDR_LEN + 2], 12, "two slots are taken");
	world_end(&w);
	f.options = full;
	f.options_len = sizeof full;
	cr_assert(punted(on_lane1(&w, &f)));
	hand_over(&w);
	cr_assert_eq(w.f.burst.verdict[0].out.v, out_id(OUT_TX, 0).v);
	cr_assert_eq(w.f.burst.frame[0][ETHER_HDR_LEN + IPV4_HDR_LEN + 3], 0x10, "no room is counted once");
	world_end(&w);
	world_free(&w);
}

Test(router_lanes, hand_over_what_the_session_vouches_for)
{
	struct ip6_addr dst = ip6_addr_mapped(IP4(192, 0, 2, 9));
	uint8_t ip[64], quote[28];
	uint32_t head = ipv4_write(ip, &(struct ipv4_fields){.src = HOST(0, 2),
	                                       .dst = HOST(0, 1),
	                                       .payload_len = 36,
	                                       .ttl = 64,
	                                       .proto = IP_PROTO_ICMP});
	struct router_call c;
	struct world w;

	world_init(&w, 2);
	c = (struct router_call){w.worker, &w.epoch, router_view_of(w.worker, &w.epoch), w.now, &w.f.burst};
	ipv4_write(quote, &(struct ipv4_fields){.src = HOST(0, 1),
	                          .dst = IP4(192, 0, 2, 9),
	                          .payload_len = 8,
	                          .ttl = 64,
	                          .proto = IP_PROTO_UDP});
	udp_write(quote + 20, 53, 1000, 0);
	world_icmp(ip + head, ICMP_TYPE_DEST_UNREACH, ICMP_UNREACH_FRAG_NEEDED, 1200, quote, sizeof quote);
	world_add_tx(&w, ip, head + 36, ETHER_TYPE_IPV4);
	w.f.burst.pkt[0].l4_off = (uint16_t)head;
	w.f.burst.pkt[0].flags = PKT_F_VOUCHED;
	world_run1(&w);
	cr_assert(punted(w.f.burst.verdict[0]));
	cr_assert_eq(pmtu_lookup(&c, PMTU_SOCKETS, &dst, 1500), 1500);
	hand_over(&w);
	cr_assert_eq(w.f.burst.verdict[0].kind, VERDICT_DELIVERED);
	cr_assert_eq(pmtu_lookup(&c, PMTU_SOCKETS, &dst, 1500), 1200);
	world_end(&w);
	world_free(&w);
}

Test(router_lanes, hand_over_icmp_and_arp_and_neighbor_discovery)
{
	uint8_t icmp[64], body[8] = {};
	struct ip6_addr src = IP6(0, 2), dst = IP6(0, 1);
	struct frame4 f = world_plain4();
	struct frame6 f6 = {
	        .port = P0, .src = src, .dst = dst, .next_header = IP_PROTO_ICMP6, .payload = icmp};
	struct world w;
	uint8_t arp[60] = {};
	uint32_t i;

	world_init(&w, 2);
	f.dst = HOST(0, 1);
	f.proto = IP_PROTO_ICMP;
	f.payload = icmp;
	f.payload_len = world_icmp(icmp, ICMP_TYPE_ECHO, 0, 1, body, 8);
	cr_assert(punted(on_lane1(&w, &f)));
	hand_over(&w);
	cr_assert_eq(w.f.burst.verdict[0].out.v, out_id(OUT_TX, 0).v);
	world_end(&w);
	f6.payload_len = world_icmp6(icmp, &src, &dst, ICMP6_TYPE_ECHO, 0, 1, body, 8);
	world_add6(&w, &f6);
	world_run1(&w);
	cr_assert(punted(w.f.burst.verdict[0]));
	hand_over(&w);
	cr_assert_eq(w.f.burst.verdict[0].out.v, out_id(OUT_TX, 0).v);
	world_end(&w);
	world_begin(&w, INPUT_RX);
	i = fixture_add(&w.f, arp, sizeof arp, P0);
	w.f.burst.pkt[i].l3_off = ETHER_HDR_LEN;
	w.f.burst.pkt[i].ethertype = ETHER_TYPE_ARP;
	world_run1(&w);
	cr_assert(punted(w.f.burst.verdict[0]));
	hand_over(&w);
	cr_assert_eq(w.f.burst.verdict[0].reason, DROP_ARP_MALFORMED);
	world_end(&w);
	cr_assert_eq(world_stat(&w, STAT_IP_IN_RECEIVES), 1);
	world_free(&w);
}

Test(router_lanes, hand_over_what_deserves_a_redirect)
{
	struct frame6 f6 = {.port = P1,
	        .src = IP6(1, 3),
	        .dst = IP6(0x10, 9),
	        .next_header = IP_PROTO_UDP,
	        .payload_len = 20};
	struct frame4 f = world_plain4();
	struct world w;

	world_init(&w, 2);
	w.region->port[1].flags |= EPOCH_PORT_REDIRECTS;
	world_publish(&w);
	f.port = P1;
	f.src = HOST(1, 3);
	cr_assert(punted(on_lane1(&w, &f)));
	hand_over(&w);
	cr_assert_eq(w.f.burst.verdict[0].out.v, out_id(OUT_TX, 0).v);
	cr_assert_eq(w.f.burst.out[0].frame[34], ICMP_TYPE_REDIRECT);
	world_end(&w);
	world_add6(&w, &f6);
	world_run1(&w);
	cr_assert(punted(w.f.burst.verdict[0]));
	hand_over(&w);
	cr_assert_eq(w.f.burst.verdict[0].out.v, out_id(OUT_TX, 0).v);
	cr_assert_eq(w.f.burst.out[0].frame[54], ICMP6_TYPE_REDIRECT);
	world_end(&w);
	cr_assert_eq(world_stat(&w, STAT_IP_FORW_DATAGRAMS), 1);
	cr_assert_eq(world_stat(&w, STAT_IP6_OUT_FORW_DATAGRAMS), 1);
	world_free(&w);
}

Test(router_lanes, hand_over_the_icmp_errors_of_the_session)
{
	uint8_t ip[60] = {};
	struct world w;

	world_init(&w, 2);
	ipv4_write(ip, &(struct ipv4_fields){.src = HOST(0, 1),
	                       .dst = HOST(0, 2),
	                       .payload_len = 40,
	                       .ttl = 64,
	                       .proto = IP_PROTO_ICMP});
	world_add_tx(&w, ip, sizeof ip, ETHER_TYPE_IPV4);
	w.f.burst.pkt[0].flags = PKT_F_ICMP_ERROR;
	world_run1(&w);
	cr_assert(punted(w.f.burst.verdict[0]));
	hand_over(&w);
	cr_assert_eq(w.f.burst.verdict[0].out.v, out_id(OUT_TX, 0).v);
	world_end(&w);
	world_free(&w);
}

/* The note may say anything, the packet too. */
Test(router_lanes, survive_notes_that_others_have_spoilt)
{
	uint64_t state = 99;
	struct world w;

	world_init(&w, 1);
	for (uint32_t round = 0; round < 2000; round++) {
		struct frame4 f = world_plain4();
		uint8_t *note;
		uint32_t i;

		world_begin(&w, INPUT_PUNT);
		f.payload_len = round % 100;
		i = world_add4(&w, &f);
		note = pool_buffer(&w.f.pool, w.f.burst.index[i]) + CACHE_LINE;
		for (uint32_t k = 0; k < CACHE_LINE; k++)
			note[k] = (uint8_t)(random_next(&state) >> 40);
		note[22] = (uint8_t)(random_next(&state) >> 40) % 4;
		w.f.burst.pkt[i].out.v = (uint16_t)(random_next(&state) >> 40) % 6;
		w.f.burst.pkt[i].port.v = (uint16_t)(random_next(&state) >> 40) % 6;
		w.f.burst.pkt[i].ethertype = (uint16_t[]){
		        ETHER_TYPE_IPV4, ETHER_TYPE_IPV6, ETHER_TYPE_ARP, 7}[round % 4];
		w.f.burst.pkt[i].type = (uint8_t)(round / 4 % 5);
		if (round % 3 == 0)
			w.f.burst.frame[i][14 + (random_next(&state) >> 40) % 30] ^= 0xff;
		world_run(&w);
		cr_assert_neq(w.f.burst.verdict[i].kind, VERDICT_NONE);
		world_end(&w);
		world_timers(&w, w.now + 100 * NANOS_PER_MS);
	}
	world_free(&w);
}

Test(router_lanes, share_rates_and_agree_on_flows)
{
	struct router_call c;
	struct ip6_addr a = IP6(0, 7), b = IP6(0, 9);
	struct world w;

	world_init(&w, 2);
	c = (struct router_call){w.worker, &w.epoch, router_view_of(w.worker, &w.epoch), w.now, &w.f.burst};
	for (uint32_t i = 0; i < 100; i++)
		cr_assert_eq(local_flow_hash(&c, &a, &b, (uint16_t)i, 53, 17),
		        local_flow_hash(&c, &b, &a, 53, (uint16_t)i, 17));
	cr_assert_neq(local_flow_hash(&c, &a, &b, 1, 2, 17), local_flow_hash(&c, &a, &b, 1, 3, 17));
	cr_assert_neq(local_flow_hash(&c, &a, &b, 1, 2, 17), local_flow_hash(&c, &a, &b, 1, 2, 6));
	cr_assert_eq(router_stage.next_timer(w.worker1), NANOS_NEVER);
	cr_assert_eq(router_stage.oldest_epoch(w.worker1), UINT32_MAX);
	cr_assert_null(router_stage.check(w.worker1));
	cr_assert(router_stage.adopt(w.worker1, &w.epoch, w.now, &w.f.burst));
	world_free(&w);
}
