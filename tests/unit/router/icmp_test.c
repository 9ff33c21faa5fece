#include "tests/unit/router/world.h"

#include "common/wire/udp.h"

#include <criterion/criterion.h>

static struct frame4 plain(void)
{
	return (struct frame4){.port = P0,
	        .src = HOST(0, 2),
	        .dst = IP4(192, 0, 2, 9),
	        .proto = IP_PROTO_UDP,
	        .payload_len = 30,
	        .ttl = 1,
	        .tos = 0x0b};
}

/* The error about packet 0 of the burst, byte for byte as RFC 792 and Linux have it. */
static void is_error4(const struct world *w, const uint8_t *was, uint32_t was_len, struct be32 src)
{
	const struct outbox_entry *e = &w->f.burst.out[0];
	const uint8_t *ip = e->frame + ETHER_HDR_LEN;
	uint32_t quote = MIN(was_len, 548u);
	struct icmp_view m;
	struct ipv4_view v;

	cr_assert_eq(e->verdict.kind, VERDICT_PASS);
	cr_assert_eq(e->pkt.len, ETHER_HDR_LEN + 28 + quote);
	cr_assert_eq(ipv4_check(ip, e->pkt.len - ETHER_HDR_LEN, &v), IPV4_OK);
	cr_assert_eq(v.src.raw, src.raw);
	cr_assert_eq(v.dst.raw, HOST(0, 2).raw);
	cr_assert_eq(v.ttl, 64);
	cr_assert_eq(v.tos, 0xc0 | (0x0b & 0x1e));
	cr_assert_eq(v.fragment, 0);
	cr_assert_eq(v.proto, IP_PROTO_ICMP);
	cr_assert_eq(icmp_check(ip + 20, 8 + quote, &m), ICMP_OK);
	cr_assert_arr_eq(ip + 28, was, quote);
	cr_assert(e->pkt.flags & PKT_F_ICMP_ERROR);
}

Test(router_icmp, quotes_the_packet_up_to_576_bytes)
{
	static const uint32_t sizes[] = {0, 8, 30, 527, 528, 529, 1400};
	struct world w;

	world_init(&w, 1);
	for (uint32_t i = 0; i < ARRAY_LEN(sizes); i++) {
		struct frame4 f = plain();
		uint8_t was[1500];

		f.payload_len = sizes[i];
		f.padding = 10;
		world_add4(&w, &f);
		memcpy(was, w.f.burst.frame[0] + ETHER_HDR_LEN, 20 + sizes[i]);
		world_run(&w);
		cr_assert_eq(world_made(&w), 1);
		is_error4(&w, was, 20 + sizes[i], HOST(0, 1));
		world_end(&w);
		w.now += 10 * NANOS_PER_SEC;
	}
	world_free(&w);
}

Test(router_icmp, answers_from_the_address_that_was_asked_where_it_is_ours)
{
	struct frame4 f = plain();
	struct world w;
	uint8_t was[50];

	world_init(&w, 1);
	f.dst = HOST(2, 1);
	f.proto = 77;
	world_add4(&w, &f);
	memcpy(was, w.f.burst.frame[0] + ETHER_HDR_LEN, 50);
	world_run(&w);
	is_error4(&w, was, 50, HOST(2, 1));
	world_end(&w);
	world_free(&w);
}

static uint32_t errors_about(struct world *w, const struct frame4 *f)
{
	uint32_t n;

	w->now += 60 * NANOS_PER_SEC;
	world_send4(w, f);
	n = world_made(w);
	world_end(w);
	return n;
}

Test(router_icmp, is_silent_where_rfc_1812_says_so)
{
	uint8_t icmp[64], body[40] = {};
	struct frame4 f = plain();
	struct world w;

	world_init(&w, 1);
	cr_assert_eq(errors_about(&w, &f), 1);
	f.fragment = IPV4_MORE_FRAGMENTS;
	f.payload_len = 32;
	cr_assert_eq(errors_about(&w, &f), 1, "a first fragment");
	f.fragment = 1;
	cr_assert_eq(errors_about(&w, &f), 0, "a later fragment");
	f.fragment = 0;
	f.proto = IP_PROTO_ICMP;
	f.payload = icmp;
	for (uint32_t type = 0; type < 20; type++) {
		bool error = type == 3 || type == 4 || type == 5 || type == 11 || type == 12 || type > 18;

		f.payload_len = world_icmp(icmp, (uint8_t)type, 0, 0, body, 28);
		cr_assert_eq(errors_about(&w, &f), !error, "type %u", type);
	}
	f.payload_len = 0;
	cr_assert_eq(errors_about(&w, &f), 0, "no type");
	f = plain();
	f.src = IP4(240, 0, 0, 1);
	cr_assert_eq(errors_about(&w, &f), 0, "class E");
	f.src = IP4(9, 9, 9, 9);
	cr_assert_eq(errors_about(&w, &f), 0, "no way back");
	world_free(&w);
}

Test(router_icmp, is_bounded_for_each_peer_and_in_all)
{
	struct frame4 f = plain();
	struct world w;
	uint32_t sent = 0;

	world_init(&w, 1);
	for (uint32_t i = 0; i < 20; i++) {
		world_send4(&w, &f);
		sent += world_made(&w);
		world_end(&w);
	}
	cr_assert_eq(sent, 6, "the peer's burst");
	cr_assert_eq(world_stat(&w, STAT_ICMP_OUT_RATE_LIMIT_HOST), 14);
	w.now += NANOS_PER_SEC;
	world_send4(&w, &f);
	cr_assert_eq(world_made(&w), 1, "one a second");
	world_end(&w);
	w.now += 100 * NANOS_PER_SEC;
	sent = 0;
	for (uint32_t i = 0; i < 200; i++) {
		f.src = IP4(192, 0, 2, i);
		f.dst = HOST(0, 2);
		f.port = P1;
		world_send4(&w, &f);
		sent += world_made(&w);
		world_end(&w);
	}
	cr_assert_eq(sent, 50, "the burst of all");
	cr_assert_eq(world_stat(&w, STAT_ICMP_OUT_RATE_LIMIT_GLOBAL), 150);
	world_free(&w);
}

Test(router_icmp, does_without_a_buffer)
{
	struct frame4 f = plain();
	struct world w;

	world_init(&w, 1);
	world_begin(&w, INPUT_RX);
	w.f.spare.n = 0;
	cr_assert_eq(world_send4(&w, &f).reason, DROP_TTL_EXPIRED);
	cr_assert_eq(world_made(&w), 0);
	cr_assert_eq(w.f.burst.no_buffer, 1);
	world_end(&w);
	world_free(&w);
}

/* --- messages for us --- */

static struct frame4 icmp_frame(
        uint8_t *at, uint8_t type, uint8_t code, uint32_t rest, const void *body, uint32_t len)
{
	return (struct frame4){.port = P0,
	        .src = HOST(0, 2),
	        .dst = HOST(0, 1),
	        .proto = IP_PROTO_ICMP,
	        .tos = 0x20,
	        .payload = at,
	        .payload_len = world_icmp(at, type, code, rest, body, len)};
}

Test(router_icmp, answers_echo)
{
	uint8_t icmp[600], body[500];
	struct icmp_view m;
	struct ipv4_view v;
	struct frame4 f;
	struct world w;
	const uint8_t *ip;

	memset(body, 0x5a, sizeof body);
	world_init(&w, 1);
	for (uint32_t len = 0; len < 500; len += 83) {
		f = icmp_frame(icmp, ICMP_TYPE_ECHO, 0, 0x12345678, body, len);
		f.padding = 12;
		cr_assert_eq(world_send4(&w, &f).kind, VERDICT_PASS);
		ip = w.f.burst.frame[0] + ETHER_HDR_LEN;
		cr_assert_eq(w.f.burst.verdict[0].out.v, out_id(OUT_TX, 0).v);
		cr_assert_eq(ipv4_check(ip, w.f.burst.pkt[0].len - 14u, &v), IPV4_OK);
		cr_assert_eq(v.src.raw, HOST(0, 1).raw);
		cr_assert_eq(v.dst.raw, HOST(0, 2).raw);
		cr_assert_eq(v.tos, 0x20);
		cr_assert_eq(v.ttl, 64);
		cr_assert_eq(v.total_len, 28 + len);
		cr_assert_eq(icmp_check(ip + 20, v.total_len - 20u, &m), ICMP_OK);
		cr_assert_eq(m.type, ICMP_TYPE_ECHO_REPLY);
		cr_assert_eq(m.rest, 0x12345678);
		cr_assert_arr_eq(ip + 28, body, len);
		world_end(&w);
	}
	cr_assert_eq(world_stat(&w, STAT_ICMP_OUT_ECHO_REPS), 7);
	cr_assert_eq(world_stat(&w, STAT_ICMP_IN_ECHOS), 7);
	f.dst = HOST(0, 255);
	f.type = PKT_BROADCAST;
	cr_assert_eq(world_send4(&w, &f).reason, DROP_ICMP_IGNORED);
	world_end(&w);
	world_free(&w);
}

Test(router_icmp, records_its_route_in_an_echo_reply_too)
{
	static const uint8_t rr[16] = {7, 15, 4};
	uint8_t icmp[64], body[8] = {};
	struct frame4 f = icmp_frame(icmp, ICMP_TYPE_ECHO, 0, 1, body, 8);
	struct world w;
	const uint8_t *ip;

	world_init(&w, 1);
	f.options = rr;
	f.options_len = 16;
	cr_assert_eq(world_send4(&w, &f).kind, VERDICT_PASS);
	ip = w.f.burst.frame[0] + ETHER_HDR_LEN;
	cr_assert_eq(ip[22], 12);
	cr_assert_eq(load_u32(ip + 23), HOST(0, 1).raw);
	cr_assert_eq(load_u32(ip + 27), HOST(0, 1).raw);
	cr_assert(csum_is_good(csum_bytes(CSUM_ZERO, ip, 36)));
	world_end(&w);
	world_free(&w);
}

Test(router_icmp, answers_timestamp_with_a_time_that_says_what_it_is)
{
	uint8_t icmp[64], body[12] = {1, 2, 3, 4};
	struct frame4 f = icmp_frame(icmp, ICMP_TYPE_TIMESTAMP, 0, 7, body, 12);
	struct icmp_view m;
	struct world w;
	const uint8_t *at;

	world_init(&w, 1);
	cr_assert_eq(world_send4(&w, &f).kind, VERDICT_PASS);
	at = w.f.burst.frame[0] + 34;
	cr_assert_eq(icmp_check(at, 20, &m), ICMP_OK);
	cr_assert_eq(m.type, ICMP_TYPE_TIMESTAMP_REPLY);
	cr_assert_eq(load_u32(at + 8), load_u32(body));
	cr_assert_eq(wire_load_u32(at + 12), 0x80000000u | (uint32_t)(w.now / NANOS_PER_MS % 86400000));
	cr_assert_eq(load_u32(at + 12), load_u32(at + 16));
	world_end(&w);
	f = icmp_frame(icmp, ICMP_TYPE_TIMESTAMP, 9, 7, body, 12);
	cr_assert_eq(world_send4(&w, &f).kind, VERDICT_PASS);
	cr_assert_eq(w.f.burst.frame[0][35], 0, "whatever the request's code");
	world_end(&w);
	f = icmp_frame(icmp, ICMP_TYPE_TIMESTAMP, 0, 7, body, 11);
	cr_assert_eq(world_send4(&w, &f).reason, DROP_ICMP_MALFORMED);
	world_end(&w);
	world_free(&w);
}

static struct verdict send_icmp(struct world *w, uint8_t type, const void *body, uint32_t len)
{
	uint8_t icmp[600];
	struct frame4 f = icmp_frame(icmp, type, 0, 0, body, len);
	struct verdict v = world_send4(w, &f);

	world_end(w);
	return v;
}

Test(router_icmp, counts_and_ignores_the_rest)
{
	static const struct {
		uint8_t type;
		enum stat_id stat;
	} types[] = {{ICMP_TYPE_ECHO_REPLY, STAT_ICMP_IN_ECHO_REPS},
	        {ICMP_TYPE_REDIRECT, STAT_ICMP_IN_REDIRECTS}, {ICMP_TYPE_TIMESTAMP_REPLY, STAT_ICMP_IN_MSGS},
	        {ICMP_TYPE_ADDRESS_MASK, STAT_ICMP_IN_MSGS}, {40, STAT_ICMP_IN_ERRORS}};
	uint8_t body[64] = {}, icmp[64];
	struct frame4 f;
	struct world w;

	world_init(&w, 1);
	for (uint32_t i = 0; i < ARRAY_LEN(types); i++) {
		uint64_t before = world_stat(&w, types[i].stat);

		cr_assert_eq(send_icmp(&w, types[i].type, body, 40).reason, DROP_ICMP_IGNORED);
		cr_assert_eq(world_stat(&w, types[i].stat), before + 1);
	}
	f = icmp_frame(icmp, ICMP_TYPE_ECHO, 0, 0, body, 8);
	icmp[9] ^= 1;
	cr_assert_eq(world_send4(&w, &f).reason, DROP_ICMP_CSUM);
	world_end(&w);
	cr_assert_eq(world_stat(&w, STAT_ICMP_IN_CSUM_ERRORS), 1);
	f.payload_len = 7;
	cr_assert_eq(world_send4(&w, &f).reason, DROP_ICMP_MALFORMED);
	world_end(&w);
	world_free(&w);
}

/* An error quotes what we are said to have sent. */
static uint32_t quote_of(uint8_t *at, struct be32 src, struct be32 dst, uint8_t proto)
{
	ipv4_write(at, &(struct ipv4_fields){
	                       .src = src, .dst = dst, .payload_len = 1400, .ttl = 60, .proto = proto});
	memset(at + 20, 0, 8);
	wire_store_u16(at + 20, 1000);
	wire_store_u16(at + 22, 53);
	return 28;
}

static struct router_call call_of(struct world *w)
{
	return (struct router_call){
	        w->worker, &w->epoch, router_view_of(w->worker, &w->epoch), w->now, &w->f.burst};
}

/* The session knows a socket for the error at place 0: it comes back. */
static struct verdict vouch(struct world *w, uint16_t ethertype)
{
	const struct pkt *p = &w->f.burst.pkt[0];
	uint32_t l4 = (uint32_t)p->l4_off - p->l3_off, len = (uint32_t)p->len - p->l3_off;
	uint8_t l3[256];

	cr_assert_eq(w->f.burst.verdict[0].kind, VERDICT_PASS);
	cr_assert_eq(w->f.burst.verdict[0].out.v, out_id(OUT_RX, 0).v);
	cr_assert_leq(len, sizeof l3);
	memcpy(l3, w->f.burst.frame[0] + p->l3_off, len);
	world_end(w);
	world_add_tx(w, l3, len, ethertype);
	w->f.burst.pkt[0].l4_off = (uint16_t)l4;
	w->f.burst.pkt[0].flags = PKT_F_VOUCHED;
	world_run(w);
	return w->f.burst.verdict[0];
}

Test(router_icmp, hands_errors_up_to_the_socket_and_learns_path_mtus_that_it_vouches_for)
{
	static const struct {
		uint32_t told, mtu;
		uint8_t proto, to;
		const char *why;
	} cases[] = {{1200, 1200, IP_PROTO_UDP, 9, "as told"},
	        {100, 552, IP_PROTO_UDP, 9, "Linux's min_pmtu"}, {1300, 552, IP_PROTO_UDP, 9, "never raised"},
	        {0, 1006, IP_PROTO_TCP, 10, "the plateau below 1420"}};
	uint8_t quote[64], icmp[100];
	struct router_call c;
	struct frame4 f;
	struct world w;

	world_init(&w, 1);
	for (uint32_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct be32 to = IP4(192, 0, 2, cases[i].to);
		struct ip6_addr dst = ip6_addr_mapped(to);
		uint32_t before;

		c = call_of(&w);
		before = pmtu_lookup(&c, PMTU_SOCKETS, &dst, 1500);
		f = icmp_frame(icmp, ICMP_TYPE_DEST_UNREACH, ICMP_UNREACH_FRAG_NEEDED, cases[i].told, quote,
		        quote_of(quote, HOST(0, 1), to, cases[i].proto));
		cr_assert_eq(world_send4(&w, &f).kind, VERDICT_PASS);
		cr_assert_eq(w.f.burst.pkt[0].l4_proto, IP_PROTO_ICMP);
		cr_assert_eq(w.f.burst.pkt[0].l4_off, 34);
		cr_assert_eq(pmtu_lookup(&c, PMTU_SOCKETS, &dst, 1500), before, "nobody vouches for it yet");
		cr_assert_eq(vouch(&w, ETHER_TYPE_IPV4).kind, VERDICT_DELIVERED);
		world_end(&w);
		cr_assert_eq(pmtu_lookup(&c, PMTU_SOCKETS, &dst, 1500), cases[i].mtu, "%s", cases[i].why);
		cr_assert_eq(pmtu_lookup(&c, PMTU_ANSWERS, &dst, 1500), 1500);
		c.now += 601 * NANOS_PER_SEC;
		cr_assert_eq(pmtu_lookup(&c, PMTU_SOCKETS, &dst, 1500), 1500, "expired");
	}
	world_free(&w);
}

Test(router_icmp, believes_what_is_said_of_an_answer_for_answers_alone)
{
	struct ip6_addr dst = ip6_addr_mapped(IP4(192, 0, 2, 11));
	uint8_t quote[64], icmp[100];
	struct router_call c;
	struct frame4 f;
	struct world w;

	world_init(&w, 1);
	c = call_of(&w);
	for (uint32_t i = 0; i < 2; i++) {
		uint32_t len = quote_of(quote, HOST(0, 1), IP4(192, 0, 2, 11), IP_PROTO_ICMP);

		quote[IPV4_HDR_LEN] = i ? ICMP_TYPE_ECHO_REPLY : ICMP_TYPE_ECHO;
		f = icmp_frame(icmp, ICMP_TYPE_DEST_UNREACH, ICMP_UNREACH_FRAG_NEEDED, 1100, quote, len);
		cr_assert_eq(world_send4(&w, &f).reason, DROP_ICMP_IGNORED);
		world_end(&w);
		cr_assert_eq(
		        pmtu_lookup(&c, PMTU_ANSWERS, &dst, 1500), i ? 1100 : 1500, "requests are nobody's");
		cr_assert_eq(pmtu_lookup(&c, PMTU_SOCKETS, &dst, 1500), 1500);
	}
	world_free(&w);
}

Test(router_icmp, leaves_errors_alone_that_are_not_about_a_socket)
{
	uint8_t quote[64], icmp[100];
	struct frame4 f;
	struct world w;

	world_init(&w, 1);
	f = icmp_frame(icmp, ICMP_TYPE_TIME_EXCEEDED, 0, 0, quote,
	        quote_of(quote, HOST(0, 2), IP4(192, 0, 2, 9), IP_PROTO_UDP));
	cr_assert_eq(world_send4(&w, &f).reason, DROP_ICMP_IGNORED, "not from us");
	world_end(&w);
	f = icmp_frame(icmp, ICMP_TYPE_PARAM_PROBLEM, 0, 0, quote,
	        quote_of(quote, HOST(0, 1), IP4(192, 0, 2, 9), 99));
	cr_assert_eq(world_send4(&w, &f).reason, DROP_ICMP_IGNORED, "not a socket's protocol");
	world_end(&w);
	f = icmp_frame(icmp, ICMP_TYPE_DEST_UNREACH, 0, 0, quote, 12);
	cr_assert_eq(world_send4(&w, &f).reason, DROP_ICMP_MALFORMED, "not a packet");
	world_end(&w);
	world_free(&w);
}

/* Between the router and the session and back anybody may write. */
Test(router_icmp, reads_what_is_vouched_for_as_if_nobody_had_looked)
{
	struct ip6_addr dst = ip6_addr_mapped(IP4(192, 0, 2, 9));
	uint8_t quote[64], icmp[100], ip[128];
	uint32_t len = world_icmp(icmp, ICMP_TYPE_DEST_UNREACH, ICMP_UNREACH_FRAG_NEEDED, 1200, quote,
	        quote_of(quote, HOST(0, 1), IP4(192, 0, 2, 9), IP_PROTO_UDP));
	struct router_call c;
	struct world w;

	world_init(&w, 1);
	c = call_of(&w);
	for (uint32_t cut = 0; cut <= len + 1; cut++) {
		bool whole = cut == len, other = cut > len;
		uint32_t head = ipv4_write(ip, &(struct ipv4_fields){.src = HOST(0, 2),
		                                       .dst = HOST(0, 1),
		                                       .payload_len = (uint16_t)len,
		                                       .ttl = 64,
		                                       .proto = IP_PROTO_ICMP});

		memcpy(ip + head, icmp, len);
		ip[head + 1] = other ? ICMP_UNREACH_HOST : ICMP_UNREACH_FRAG_NEEDED;
		world_add_tx(&w, ip, head + MIN(cut, len), ETHER_TYPE_IPV4);
		w.f.burst.pkt[0].l4_off = (uint16_t)head;
		w.f.burst.pkt[0].flags = PKT_F_VOUCHED;
		world_run(&w);
		cr_assert_eq(w.f.burst.verdict[0].reason, whole ? DROP_NONE : DROP_BAD_DESC, "%u bytes", cut);
		cr_assert_eq(pmtu_lookup(&c, PMTU_SOCKETS, &dst, 1500), cut < len ? 1500 : 1200);
		world_end(&w);
	}
	world_free(&w);
}

Test(router_icmp, keeps_the_path_mtus_of_many)
{
	struct router_call c;
	struct world w;

	world_init(&w, 1);
	world_begin(&w, INPUT_RX);
	c = (struct router_call){w.worker, &w.epoch, router_view_of(w.worker, &w.epoch), w.now, &w.f.burst};
	for (uint32_t i = 0; i < 3000; i++) {
		struct ip6_addr a = ip6_addr_mapped(IP4(10, 9, i >> 8, i));

		c.now = w.now + i;
		pmtu_update(&c, PMTU_SOCKETS, &a, 600 + i % 800);
		cr_assert_eq(pmtu_lookup(&c, PMTU_SOCKETS, &a, 1500), 600 + i % 800);
		pmtu_update(&c, PMTU_SOCKETS, &a, 1400);
		cr_assert_eq(pmtu_lookup(&c, PMTU_SOCKETS, &a, 1500), 600 + i % 800, "never raised");
	}
	world_run(&w);
	world_end(&w);
	world_free(&w);
}

/* --- ICMPv6 --- */

static struct frame6 icmp6_frame(
        uint8_t *at, struct ip6_addr dst, uint8_t type, uint32_t rest, const void *body, uint32_t len)
{
	struct ip6_addr src = IP6(0, 2);

	return (struct frame6){.port = P0,
	        .src = src,
	        .dst = dst,
	        .next_header = IP_PROTO_ICMP6,
	        .traffic_class = 0x48,
	        .type = ip6_is_multicast(&dst) ? PKT_MULTICAST : PKT_HOST,
	        .payload = at,
	        .payload_len = world_icmp6(at, &src, &dst, type, 0, rest, body, len)};
}

static void is_echo_reply6(struct world *w, struct ip6_addr src, const uint8_t *body, uint32_t len)
{
	const uint8_t *ip = w->f.burst.frame[0] + ETHER_HDR_LEN;
	struct icmp6_view m;
	struct ipv6_view v;

	cr_assert_eq(w->f.burst.verdict[0].kind, VERDICT_PASS);
	cr_assert_eq(ipv6_check(ip, w->f.burst.pkt[0].len - 14u, &v), IPV6_OK);
	cr_assert(ip6_addr_equal(&v.src, &src));
	cr_assert(ip6_addr_equal(&v.dst, &IP6(0, 2)));
	cr_assert_eq(v.hop_limit, 64);
	cr_assert_eq(v.traffic_class, 0x48);
	cr_assert_eq(v.payload_len, 8 + len);
	cr_assert_eq(v.next_header, IP_PROTO_ICMP6);
	cr_assert_eq(
	        icmp6_check(ip + 40, v.payload_len, csum_pseudo_ipv6(&v.src, &v.dst, 58, v.payload_len), &m),
	        ICMP6_OK);
	cr_assert_eq(m.type, ICMP6_TYPE_ECHO_REPLY);
	cr_assert_eq(m.rest, 0xabcd0001);
	cr_assert_arr_eq(ip + 48, body, len);
}

/* RFC 4291 2.6.1: asked as one of the routers of a network, from an address of our own. */
Test(router_icmp6, answers_echo_to_the_anycast_address_of_a_network)
{
	struct fib_group_spec local = {.type = FIB_LOCAL, .n_hops = 1, .hops = {{.port = P0, .weight = 1}}};
	struct ip6_addr anycast;
	uint8_t body[64], icmp[400];
	struct frame6 f;
	struct world w;

	memset(body, 0x77, sizeof body);
	world_init(&w, 1);
	cr_assert(epoch_anycast(&w.epoch, address_find6(&w.epoch, &IP6(0, 1), P0), &anycast));
	cr_assert(ip6_addr_equal(&anycast, &IP6(0, 0)));
	world_route6(&w, anycast, 128, &local);
	f = icmp6_frame(icmp, anycast, ICMP6_TYPE_ECHO, 0xabcd0001, body, 60);
	world_send6(&w, &f);
	is_echo_reply6(&w, IP6(0, 1), body, 60);
	world_end(&w);
	f = icmp6_frame(icmp, LL6(0), ICMP6_TYPE_ECHO, 0xabcd0001, body, 60);
	cr_assert_eq(world_send6(&w, &f).kind, VERDICT_PASS, "fe80:: of the link");
	cr_expect(w.f.burst.pkt[0].out.v == P0.v);
	world_end(&w);
	world_free(&w);
}

Test(router_icmp6, answers_echo)
{
	uint8_t icmp[600], body[300];
	struct frame6 f;
	struct world w;

	memset(body, 0x77, sizeof body);
	world_init(&w, 1);
	for (uint32_t len = 0; len < 300; len += 99) {
		f = icmp6_frame(icmp, IP6(0, 1), ICMP6_TYPE_ECHO, 0xabcd0001, body, len);
		world_send6(&w, &f);
		is_echo_reply6(&w, IP6(0, 1), body, len);
		world_end(&w);
	}
	f = icmp6_frame(icmp, IP6_ALL_NODES, ICMP6_TYPE_ECHO, 0xabcd0001, body, 10);
	world_send6(&w, &f);
	is_echo_reply6(&w, IP6(0, 1), body, 10);
	world_end(&w);
	/* Behind destination options, which the answer leaves out. */
	memcpy(icmp, (const uint8_t[8]){IP_PROTO_ICMP6, 0, 1, 4}, 8);
	f = icmp6_frame(icmp + 8, IP6(0, 1), ICMP6_TYPE_ECHO, 0xabcd0001, body, 20);
	f.payload = icmp;
	f.payload_len += 8;
	f.next_header = IP_PROTO_DST_OPTIONS;
	world_send6(&w, &f);
	is_echo_reply6(&w, IP6(0, 1), body, 20);
	world_end(&w);
	world_free(&w);
}

Test(router_icmp6, counts_and_ignores_the_rest)
{
	uint8_t icmp[200], body[100] = {};
	struct frame6 f;
	struct world w;

	world_init(&w, 1);
	f = icmp6_frame(icmp, IP6(0, 1), ICMP6_TYPE_ECHO_REPLY, 0, body, 8);
	cr_assert_eq(world_send6(&w, &f).reason, DROP_ICMP_IGNORED);
	world_end(&w);
	cr_assert_eq(world_stat(&w, STAT_ICMP6_IN_ECHO_REPLIES), 1);
	icmp[9] ^= 1;
	cr_assert_eq(world_send6(&w, &f).reason, DROP_ICMP_CSUM);
	world_end(&w);
	f.payload_len = 7;
	cr_assert_eq(world_send6(&w, &f).reason, DROP_ICMP_MALFORMED);
	world_end(&w);
	f = icmp6_frame(icmp, IP6(0, 1), ICMP6_TYPE_TIME_EXCEEDED, 0, body, 20);
	cr_assert_eq(world_send6(&w, &f).reason, DROP_ICMP_MALFORMED);
	world_end(&w);
	f = icmp6_frame(icmp, IP6(0, 1), 200, 0, body, 20);
	cr_assert_eq(world_send6(&w, &f).reason, DROP_ICMP_IGNORED);
	world_end(&w);
	world_free(&w);
}

static void write_quote6(uint8_t *at, struct ip6_addr src, struct ip6_addr dst, uint8_t proto)
{
	ipv6_write(
	        at, &(struct ipv6_fields){.src = src, .dst = dst, .payload_len = 1400, .next_header = proto});
}

Test(router_icmp6, hands_errors_up_to_the_socket)
{
	uint8_t quote[64] = {}, icmp[200];
	struct frame6 f;
	struct world w;
	const uint8_t types[] = {ICMP6_TYPE_DEST_UNREACH, ICMP6_TYPE_PACKET_TOO_BIG, ICMP6_TYPE_TIME_EXCEEDED,
	        ICMP6_TYPE_PARAM_PROBLEM};

	world_init(&w, 1);
	for (uint32_t i = 0; i < 8; i++) {
		write_quote6(quote, i < 4 ? IP6(0, 1) : IP6(9, 9), IP6(0x10, 9), IP_PROTO_UDP);
		f = icmp6_frame(icmp, IP6(0, 1), types[i % 4], 1300, quote, 48);
		cr_assert_eq(world_send6(&w, &f).kind, i < 4 ? VERDICT_PASS : VERDICT_DROP);
		world_end(&w);
	}
	world_free(&w);
}

Test(router_icmp6, learns_path_mtus_that_the_session_vouches_for)
{
	uint8_t quote[64] = {}, icmp[200];
	struct ip6_addr dst = IP6(0x10, 9);
	struct router_call c;
	struct frame6 f;
	struct world w;

	world_init(&w, 1);
	c = call_of(&w);
	write_quote6(quote, IP6(0, 1), dst, IP_PROTO_UDP);
	f = icmp6_frame(icmp, IP6(0, 1), ICMP6_TYPE_PACKET_TOO_BIG, 1300, quote, 48);
	cr_assert_eq(world_send6(&w, &f).kind, VERDICT_PASS);
	cr_assert_eq(pmtu_lookup(&c, PMTU_SOCKETS, &dst, 1500), 1500);
	cr_assert_eq(vouch(&w, ETHER_TYPE_IPV6).kind, VERDICT_DELIVERED);
	world_end(&w);
	cr_assert_eq(pmtu_lookup(&c, PMTU_SOCKETS, &dst, 1500), 1300);
	cr_assert_eq(pmtu_lookup(&c, PMTU_ANSWERS, &dst, 1500), 1500);
	dst = IP6(0x10, 10);
	write_quote6(quote, IP6(0, 1), dst, IP_PROTO_ICMP6);
	f = icmp6_frame(icmp, IP6(0, 1), ICMP6_TYPE_PACKET_TOO_BIG, 1300, quote, 48);
	cr_assert_eq(world_send6(&w, &f).reason, DROP_ICMP_IGNORED);
	world_end(&w);
	cr_assert_eq(pmtu_lookup(&c, PMTU_ANSWERS, &dst, 1500), 1300, "our own answers have to fit too");
	cr_assert_eq(pmtu_lookup(&c, PMTU_SOCKETS, &dst, 1500), 1500);
	world_free(&w);
}

Test(router_icmp6, quotes_up_to_1280_bytes)
{
	struct frame6 f = {.port = P0,
	        .src = IP6(0, 2),
	        .dst = IP6(0x10, 1),
	        .next_header = IP_PROTO_UDP,
	        .hop_limit = 1};
	struct world w;

	world_init(&w, 1);
	for (uint32_t len = 100; len < 1460; len += 151) {
		const struct outbox_entry *e = &w.f.burst.out[0];
		uint8_t was[1500];
		struct icmp6_view m;
		struct ipv6_view v;
		uint32_t quote = MIN(40 + len, 1232u);

		f.payload_len = len;
		world_add6(&w, &f);
		memcpy(was, w.f.burst.frame[0] + 14, 40 + len);
		world_run(&w);
		cr_assert_eq(world_made(&w), 1);
		cr_assert_eq(ipv6_check(e->frame + 14, e->pkt.len - 14u, &v), IPV6_OK);
		cr_assert(ip6_addr_equal(&v.src, &IP6(0, 1)));
		cr_assert_eq(v.payload_len, 8 + quote);
		cr_assert_eq(icmp6_check(e->frame + 54, v.payload_len,
		                     csum_pseudo_ipv6(&v.src, &v.dst, 58, v.payload_len), &m),
		        ICMP6_OK);
		cr_assert_eq(m.type, ICMP6_TYPE_TIME_EXCEEDED);
		cr_assert_arr_eq(e->frame + 62, was, quote);
		world_end(&w);
		w.now += 10 * NANOS_PER_SEC;
	}
	world_free(&w);
}

Test(router_icmp6, is_silent_where_rfc_4443_says_so)
{
	uint8_t icmp[100], body[64] = {};
	struct frame6 f;
	struct world w;

	world_init(&w, 1);
	f = icmp6_frame(icmp, IP6(0x10, 1), ICMP6_TYPE_DEST_UNREACH, 0, body, 48);
	f.hop_limit = 1;
	world_send6(&w, &f);
	cr_assert_eq(world_made(&w), 0, "an error");
	world_end(&w);
	f = icmp6_frame(icmp, IP6(0x10, 1), ICMP6_TYPE_REDIRECT, 0, body, 48);
	f.hop_limit = 1;
	world_send6(&w, &f);
	cr_assert_eq(world_made(&w), 0, "a redirect");
	world_end(&w);
	f = icmp6_frame(icmp, IP6(0x10, 1), ICMP6_TYPE_ECHO, 0, body, 48);
	f.hop_limit = 1;
	for (uint32_t i = 0; i < 10; i++) {
		world_send6(&w, &f);
		cr_assert_eq(world_made(&w), i < 6, "%u", i);
		world_end(&w);
	}
	cr_assert_eq(world_stat(&w, STAT_ICMP6_OUT_RATE_LIMIT_HOST), 4);
	world_free(&w);
}
