#include "tests/unit/router/world.h"

#include "common/wire/udp.h"

#include <criterion/criterion.h>

/* A datagram of the session's, its checksum made for the source as it stands. */
static uint32_t datagram4(uint8_t *at, struct be32 src, struct be32 dst, uint32_t payload, uint16_t fragment)
{
	ipv4_write(at, &(struct ipv4_fields){.src = src,
	                       .dst = dst,
	                       .payload_len = (uint16_t)(8 + payload),
	                       .id = 4711,
	                       .fragment = fragment,
	                       .ttl = 64,
	                       .proto = IP_PROTO_UDP});
	udp_write(at + 20, 53, 1234, (uint16_t)payload);
	for (uint32_t i = 0; i < payload; i++)
		at[28 + i] = (uint8_t)(i * 31 + 5);
	udp_checksum_set(at + 20, 8 + payload, csum_pseudo_ipv4(src, dst, IP_PROTO_UDP, 8 + payload));
	return 28 + payload;
}

static uint32_t datagram6(uint8_t *at, struct ip6_addr src, struct ip6_addr dst, uint32_t payload)
{
	ipv6_write(at, &(struct ipv6_fields){.src = src,
	                       .dst = dst,
	                       .payload_len = (uint16_t)(8 + payload),
	                       .next_header = IP_PROTO_UDP,
	                       .hop_limit = 64});
	udp_write(at + 40, 53, 1234, (uint16_t)payload);
	for (uint32_t i = 0; i < payload; i++)
		at[48 + i] = (uint8_t)(i * 31 + 5);
	udp_checksum_set(at + 40, 8 + payload, csum_pseudo_ipv6(&src, &dst, IP_PROTO_UDP, 8 + payload));
	return 48 + payload;
}

static struct verdict send4(
        struct world *w, struct be32 src, struct be32 dst, uint32_t payload, uint16_t fragment)
{
	uint8_t ip[2048];
	uint32_t i = world_add_tx(w, ip, datagram4(ip, src, dst, payload, fragment), ETHER_TYPE_IPV4);

	world_run(w);
	return w->f.burst.verdict[i];
}

static struct verdict send6(struct world *w, struct ip6_addr src, struct ip6_addr dst, uint32_t payload)
{
	uint8_t ip[2048];
	uint32_t i = world_add_tx(w, ip, datagram6(ip, src, dst, payload), ETHER_TYPE_IPV6);

	world_run(w);
	return w->f.burst.verdict[i];
}

/* Sound headers and checksums in what left; from whom. */
static struct be32 source4(const struct world *w)
{
	const uint8_t *ip = w->f.burst.frame[0] + w->f.burst.pkt[0].l3_off;
	struct ipv4_view v;

	cr_assert_eq(ipv4_check(ip, w->f.burst.pkt[0].len - w->f.burst.pkt[0].l3_off, &v), IPV4_OK);
	cr_assert_eq(csum_verify(csum_pseudo_ipv4(v.src, v.dst, v.proto, v.total_len - 20u), ip + 20,
	                     v.total_len - 20u, UDP_CHECKSUM_FIELD),
	        CSUM_GOOD);
	return v.src;
}

Test(router_output, routes_what_the_session_sends)
{
	uint64_t out4, out6;
	struct world w;

	world_init(&w, 1);
	out4 = world_stat(&w, STAT_IP_OUT_REQUESTS);
	out6 = world_stat(&w, STAT_IP6_OUT_REQUESTS);
	cr_assert_eq(send4(&w, HOST(1, 1), IP4(192, 0, 2, 9), 100, 0).kind, VERDICT_PASS);
	cr_assert_eq(w.f.burst.verdict[0].out.v, out_id(OUT_TX, 0).v);
	cr_assert_eq(w.f.burst.pkt[0].out.v, 1);
	cr_assert_eq(w.f.burst.pkt[0].len, 14 + 128);
	cr_assert_eq(w.f.burst.frame[0][14 + 8], 64, "no hop yet");
	cr_assert_eq(source4(&w).raw, HOST(1, 1).raw);
	world_end(&w);
	cr_assert_eq(send6(&w, IP6(1, 1), IP6(0x10, 9), 100).kind, VERDICT_PASS);
	cr_assert_eq(w.f.burst.pkt[0].out.v, 1);
	world_end(&w);
	cr_assert_eq(world_stat(&w, STAT_IP_OUT_REQUESTS), out4 + 1);
	cr_assert_eq(world_stat(&w, STAT_IP6_OUT_REQUESTS), out6 + 1);
	world_free(&w);
}

Test(router_output, chooses_the_source_where_there_is_none)
{
	struct fib_group_spec preferred = {.type = FIB_UNICAST,
	        .source = ip6_addr_mapped(HOST(2, 1)),
	        .n_hops = 1,
	        .hops = {{.gateway = ip6_addr_mapped(HOST(1, 2)), .port = P1, .weight = 1}}};
	struct world w;

	world_init(&w, 1);
	world_route4(&w, IP4(192, 0, 3, 0), 24, &preferred);
	for (uint32_t len = 0; len < 40; len++) {
		cr_assert_eq(send4(&w, (struct be32){0}, IP4(192, 0, 2, 9), len, 0).kind, VERDICT_PASS);
		cr_assert_eq(source4(&w).raw, HOST(1, 1).raw);
		world_end(&w);
	}
	cr_assert_eq(send4(&w, (struct be32){0}, IP4(192, 0, 3, 9), 9, 0).kind, VERDICT_PASS);
	cr_assert_eq(source4(&w).raw, HOST(2, 1).raw);
	world_end(&w);
	cr_assert_eq(send6(&w, IP6_UNSPECIFIED, IP6(0x10, 9), 33).kind, VERDICT_PASS);
	cr_assert(ip6_addr_equal((void *)(w.f.burst.frame[0] + 14 + 8), &IP6(1, 1)));
	cr_assert_eq(csum_verify(csum_pseudo_ipv6(&IP6(1, 1), &IP6(0x10, 9), IP_PROTO_UDP, 41),
	                     w.f.burst.frame[0] + 54, 41, UDP_CHECKSUM_FIELD),
	        CSUM_GOOD);
	world_end(&w);
	world_free(&w);
}

Test(router_output, has_no_way_for_some)
{
	struct world w;

	world_init(&w, 1);
	cr_assert_eq(send4(&w, HOST(1, 1), IP4(8, 8, 8, 8), 10, 0).reason, DROP_IP_INNOROUTES);
	world_end(&w);
	cr_assert_eq(send4(&w, HOST(1, 1), IP4(203, 0, 113, 1), 10, 0).reason, DROP_ROUTE_BLACKHOLE);
	world_end(&w);
	cr_assert_eq(send4(&w, HOST(1, 1), IP4(203, 0, 113, 65), 10, 0).reason, DROP_ROUTE_UNREACHABLE);
	world_end(&w);
	cr_assert_eq(send4(&w, HOST(1, 1), IP4(203, 0, 113, 129), 10, 0).reason, DROP_ROUTE_PROHIBIT);
	world_end(&w);
	cr_assert_eq(send4(&w, HOST(1, 1), IP4(255, 255, 255, 255), 10, 0).reason, DROP_IP_INNOROUTES);
	world_end(&w);
	cr_assert_eq(send6(&w, IP6(1, 1), IP6(0x77, 9), 10).reason, DROP_IP_INNOROUTES);
	world_end(&w);
	cr_assert_eq(send6(&w, LL6(1), LL6(2), 10).reason, DROP_IP_INNOROUTES, "on which link?");
	world_end(&w);
	cr_assert_eq(world_stat(&w, STAT_IP_OUT_NO_ROUTES), 5);
	cr_assert_eq(world_stat(&w, STAT_IP6_OUT_NO_ROUTES), 2);
	world_free(&w);
}

Test(router_output, refuses_what_is_no_packet)
{
	uint8_t ip[2048];
	struct world w;
	uint32_t len;

	world_init(&w, 1);
	len = datagram4(ip, HOST(1, 1), IP4(192, 0, 2, 9), 20, 0);
	world_add_tx(&w, ip, len - 1, ETHER_TYPE_IPV4);
	world_add_tx(&w, ip, len, ETHER_TYPE_IPV6);
	world_add_tx(&w, ip, len, ETHER_TYPE_ARP);
	world_add_tx(&w, ip, 10, ETHER_TYPE_IPV4);
	world_add_tx(&w, ip, 10, ETHER_TYPE_IPV4);
	w.f.burst.pkt[4].flags = PKT_F_ICMP_ERROR;
	world_run(&w);
	for (uint32_t i = 0; i < 5; i++)
		cr_assert_eq(w.f.burst.verdict[i].reason, DROP_BAD_DESC, "%u", i);
	world_end(&w);
	world_free(&w);
}

Test(router_output, sends_groups_and_broadcasts_where_they_are_told_to_go)
{
	uint8_t ip[2048];
	uint64_t groups4, groups6;
	struct world w;

	world_init(&w, 1);
	groups4 = world_stat(&w, STAT_IP_EXT_OUT_MCAST_PKTS);
	groups6 = world_stat(&w, STAT_IP6_OUT_MCAST_PKTS);
	world_add_tx(&w, ip, datagram4(ip, HOST(0, 1), IP4(224, 0, 0, 9), 20, 0), ETHER_TYPE_IPV4);
	w.f.burst.pkt[0].out = P2;
	world_add_tx(&w, ip, datagram4(ip, HOST(0, 1), IP4(255, 255, 255, 255), 20, 0), ETHER_TYPE_IPV4);
	w.f.burst.pkt[1].out = P1;
	world_add_tx(&w, ip, datagram4(ip, HOST(0, 1), HOST(0, 255), 20, 0), ETHER_TYPE_IPV4);
	world_add_tx(&w, ip, datagram6(ip, LL6(1), IP6_ALL_NODES, 20), ETHER_TYPE_IPV6);
	w.f.burst.pkt[3].out = P1;
	world_add_tx(&w, ip, datagram6(ip, LL6(1), LL6(2), 20), ETHER_TYPE_IPV6);
	w.f.burst.pkt[4].out = P2;
	world_add_tx(&w, ip, datagram6(ip, IP6_UNSPECIFIED, LL6(2), 20), ETHER_TYPE_IPV6);
	w.f.burst.pkt[5].out = P2;
	world_run(&w);
	for (uint32_t i = 0; i < 6; i++)
		cr_assert_eq(w.f.burst.verdict[i].kind, VERDICT_PASS, "%u", i);
	cr_assert_eq(w.f.burst.pkt[0].out.v, 2);
	cr_assert_arr_eq(w.f.burst.frame[0], "\x01\0\x5e\0\0\x09", 6);
	cr_assert_arr_eq(w.f.burst.frame[1], "\xff\xff\xff\xff\xff\xff", 6);
	cr_assert_arr_eq(w.f.burst.frame[2], "\xff\xff\xff\xff\xff\xff", 6);
	cr_assert_eq(w.f.burst.pkt[2].out.v, 0);
	cr_assert_arr_eq(w.f.burst.frame[3], "\x33\x33\0\0\0\1", 6);
	cr_assert(ip6_addr_equal((void *)(w.f.burst.frame[5] + 14 + 8), &LL6(1)));
	world_end(&w);
	cr_assert_eq(world_stat(&w, STAT_IP6_OUT_MCAST_PKTS), groups6 + 1);
	cr_assert_eq(world_stat(&w, STAT_IP_EXT_OUT_MCAST_PKTS), groups4 + 1);
	world_free(&w);
}

Test(router_output, loops_back_what_is_for_ourselves)
{
	struct world w;

	world_init(&w, 1);
	cr_assert_eq(send4(&w, (struct be32){0}, HOST(2, 1), 10, 0).kind, VERDICT_PASS);
	cr_assert_eq(w.f.burst.verdict[0].out.v, out_id(OUT_RX, 0).v);
	cr_assert_eq(w.f.burst.pkt[0].port.v, 2);
	cr_assert_eq(w.f.burst.pkt[0].type, PKT_HOST);
	cr_assert_eq(source4(&w).raw, HOST(2, 1).raw);
	world_end(&w);
	cr_assert_eq(send6(&w, IP6(1, 1), IP6(2, 1), 10).kind, VERDICT_PASS);
	cr_assert_eq(w.f.burst.verdict[0].out.v, out_id(OUT_RX, 0).v);
	world_end(&w);
	cr_assert_eq(world_stat(&w, STAT_IP_IN_DELIVERS), 1);
	cr_assert_eq(world_stat(&w, STAT_IP6_IN_DELIVERS), 1);
	world_free(&w);
}

/* --- pieces --- */

/* The packet over several buffers, as reassembly or a long datagram would leave it. */
static void add_chain(struct world *w, const uint8_t *ip, uint32_t len, uint32_t each, uint16_t ethertype)
{
	uint32_t first;

	world_begin(w, INPUT_TX);
	first = w->f.burst.n;
	for (uint32_t off = 0; off < len; off += each) {
		uint32_t i = world_add_tx(w, ip + off, MIN(each, len - off), ethertype);

		w->f.burst.more[i] = off + each < len;
	}
	w->f.burst.pkt[first].total_len = len;
}

static uint32_t put_together(const struct world *w, bool ipv6, uint32_t mtu, uint8_t *whole)
{
	uint32_t total = 0, sum = 0, id = 0, pieces = 0;

	for (uint32_t i = 0; i < w->f.burst.n_out; i++) {
		const struct outbox_entry *e = &w->f.burst.out[i];
		const uint8_t *ip = e->frame + ETHER_HDR_LEN, *payload;
		uint32_t off, n;
		bool more;

		/* What reassembly made is cut again. */
		if (e->born != BORN_PIECE || e->verdict.kind == VERDICT_CONSUMED)
			continue;
		cr_assert_leq(e->pkt.len, ETHER_HDR_LEN + mtu);
		if (ipv6) {
			bool fragment = ip[6] == IP_PROTO_FRAGMENT;
			uint16_t field = fragment ? wire_load_u16(ip + 42) : 0;

			payload = ip + (fragment ? 48 : 40);
			off = field & IPV6_FRAGMENT_OFFSET;
			more = field & IPV6_FRAGMENT_MORE;
			if (fragment) {
				cr_assert_eq(ip[40], IP_PROTO_UDP);
				cr_assert(!pieces || id == wire_load_u32(ip + 44));
				id = wire_load_u32(ip + 44);
			}
			cr_assert_eq(wire_load_u16(ip + 4), e->pkt.len - 54u);
		} else {
			struct ipv4_view v;

			cr_assert_eq(ipv4_check(ip, e->pkt.len - 14u, &v), IPV4_OK);
			payload = ip + 20;
			off = ipv4_fragment_offset(&v);
			more = v.fragment & IPV4_MORE_FRAGMENTS;
			cr_assert_eq(v.id, 4711);
		}
		n = (uint32_t)(e->frame + e->pkt.len - payload);
		memcpy(whole + off, payload, n);
		sum += n;
		pieces++;
		if (!more)
			total = off + n;
	}
	cr_assert_eq(sum, total);
	return total;
}

Test(router_output, cuts_datagrams_of_any_length_and_in_any_buffers)
{
	static uint8_t ip[65536], whole[65536];
	uint64_t state = 5;
	struct world w;

	world_init(&w, 1);
	for (uint32_t round = 0; round < 60; round++) {
		bool ipv6 = round % 2;
		uint32_t head = ipv6 ? 40 : 20;
		uint32_t payload = 1 + (uint32_t)(random_next(&state) >> 33) % (round < 30 ? 3000 : 40000);
		uint32_t each = 700 + (uint32_t)(random_next(&state) >> 33) % 1100, len;

		len = ipv6 ? datagram6(ip, IP6(1, 1), IP6(0x10, 9), payload)
		           : datagram4(ip, HOST(1, 1), IP4(192, 0, 2, 9), payload, 0);
		add_chain(&w, ip, len, each, ipv6 ? ETHER_TYPE_IPV6 : ETHER_TYPE_IPV4);
		world_run(&w);
		if (w.f.burst.verdict[0].kind == VERDICT_PASS) {
			cr_assert_leq(len, MIN(each, 1500u));
		} else {
			cr_assert_eq(w.f.burst.verdict[0].kind, VERDICT_CONSUMED, "%u bytes in %u: %s", len,
			        each, drop_reason_label((enum drop_reason)w.f.burst.verdict[0].reason));
			cr_assert_eq(put_together(&w, ipv6, 1500, whole), len - head);
			cr_assert_arr_eq(whole, ip + head, len - head);
		}
		world_end(&w);
	}
	world_free(&w);
}

/* Linux ip_fragment's icmp_send over lo: up to whose it was, with what would have fit. */
static void tells_the_socket(struct world *w, uint32_t mtu)
{
	const struct outbox_entry *e = &w->f.burst.out[0];
	struct icmp_view icmp;

	cr_assert_eq(w->f.burst.n_out, 1);
	cr_assert_eq(e->verdict.kind, VERDICT_PASS);
	cr_assert_eq(e->verdict.out.v, out_id(OUT_RX, 0).v);
	cr_assert_eq(
	        icmp_check(e->frame + e->pkt.l4_off, (uint32_t)e->pkt.len - e->pkt.l4_off, &icmp), ICMP_OK);
	cr_assert(icmp_is_too_big(icmp.type, icmp.code));
	cr_assert_eq(icmp.rest, mtu);
	cr_assert(e->pkt.flags & PKT_F_LOCAL);
}

Test(router_output, keeps_to_the_path_mtu)
{
	struct ip6_addr dst4 = ip6_addr_mapped(IP4(192, 0, 2, 9)), dst6 = IP6(0x10, 9);
	uint8_t whole[2048];
	struct router_call c;
	struct world w;

	world_init(&w, 1);
	world_begin(&w, INPUT_TX);
	c = (struct router_call){w.worker, &w.epoch, router_view_of(w.worker, &w.epoch), w.now, &w.f.burst};
	pmtu_update(&c, PMTU_SOCKETS, &dst4, 700);
	pmtu_update(&c, PMTU_SOCKETS, &dst6, 1300);
	world_end(&w);
	cr_assert_eq(send4(&w, HOST(1, 1), IP4(192, 0, 2, 9), 1400, 0).kind, VERDICT_CONSUMED);
	cr_assert_eq(put_together(&w, false, 700, whole), 1408);
	world_end(&w);
	cr_assert_eq(
	        send4(&w, HOST(1, 1), IP4(192, 0, 2, 9), 1400, IPV4_DONT_FRAGMENT).reason, DROP_PKT_TOO_BIG);
	tells_the_socket(&w, 700);
	world_end(&w);
	cr_assert_eq(send6(&w, IP6(1, 1), IP6(0x10, 9), 1400).kind, VERDICT_CONSUMED);
	cr_assert_eq(put_together(&w, true, 1300, whole), 1408);
	world_end(&w);
	cr_assert_eq(send6(&w, IP6(1, 1), IP6(0x10, 9), 1000).kind, VERDICT_PASS);
	world_end(&w);
	world_begin(&w, INPUT_TX);
	w.f.spare.n = 1;
	cr_assert_eq(send6(&w, IP6(1, 1), IP6(0x10, 9), 1400).reason, DROP_NO_BUFFER);
	world_end(&w);
	world_free(&w);
}

Test(router_output, answers_an_echo_that_was_in_pieces)
{
	static uint8_t ip[8192];
	uint8_t body[4000], whole[8192];
	struct world w;
	uint32_t first, len;

	/* What reassembly leaves: a packet in several buffers, in the outbox or, punted, in the burst. */
	memset(body, 0x3c, sizeof body);
	world_init(&w, 1);
	len = 20 + world_icmp(ip + 20, ICMP_TYPE_ECHO, 0, 99, body, sizeof body);
	ipv4_write(ip, &(struct ipv4_fields){.src = HOST(0, 2),
	                       .dst = HOST(0, 1),
	                       .payload_len = (uint16_t)(len - 20),
	                       .id = 4711,
	                       .ttl = 9,
	                       .proto = IP_PROTO_ICMP});
	world_begin(&w, INPUT_PUNT);
	first = w.f.burst.n;
	add_chain(&w, ip, len, 1480, ETHER_TYPE_IPV4);
	w.f.burst.pkt[first].type = PKT_HOST;
	w.f.burst.pkt[first].port = P0;
	memset(pool_buffer(&w.f.pool, w.f.burst.index[first]) + CACHE_LINE, 0, CACHE_LINE);
	world_run(&w);
	cr_assert_eq(w.f.burst.verdict[first].kind, VERDICT_CONSUMED);
	for (uint32_t i = 0; i < w.f.burst.n_out; i++)
		memcpy(w.f.burst.out[i].frame + 18, "\x12\x67", 2); /* the identification is ours */
	for (uint32_t i = 0; i < w.f.burst.n_out; i++)
		ipv4_checksum_set(w.f.burst.out[i].frame + 14, 20);
	cr_assert_eq(put_together(&w, false, 1500, whole), 8 + sizeof body);
	cr_assert_eq(whole[0], ICMP_TYPE_ECHO_REPLY);
	cr_assert(csum_is_good(csum_bytes(CSUM_ZERO, whole, 8 + sizeof body)));
	cr_assert_arr_eq(whole + 8, body, sizeof body);
	world_end(&w);
	world_free(&w);
}

Test(router_output, bounds_the_icmp_errors_of_the_session)
{
	uint8_t ip[2048];
	uint32_t passed = 0;
	struct world w;

	world_init(&w, 1);
	for (uint32_t i = 0; i < 20; i++) {
		uint32_t len = datagram4(ip, HOST(0, 1), HOST(0, 2), 20, 0);
		uint32_t at = world_add_tx(&w, ip, len, ETHER_TYPE_IPV4);

		w.f.burst.pkt[at].flags |= PKT_F_ICMP_ERROR;
	}
	world_run(&w);
	for (uint32_t i = 0; i < 20; i++)
		passed += w.f.burst.verdict[i].kind == VERDICT_PASS;
	cr_assert_eq(passed, 6);
	cr_assert_eq(w.f.burst.verdict[19].reason, DROP_ICMP_RATELIMIT);
	world_end(&w);
	world_free(&w);
}

Test(router_output, answers_an_echo_that_comes_in_fragments)
{
	static uint8_t message[4096], whole[8192];
	uint8_t body[3000];
	struct world w;
	uint32_t len;

	for (uint32_t i = 0; i < sizeof body; i++)
		body[i] = (uint8_t)(i * 3);
	world_init(&w, 1);
	len = world_icmp(message, ICMP_TYPE_ECHO, 0, 99, body, sizeof body);
	for (uint32_t off = 0; off < len; off += 1480) {
		uint32_t n = MIN(1480u, len - off);

		world_add4(&w,
		        &(struct frame4){.port = P0,
		                .src = HOST(0, 2),
		                .dst = HOST(0, 1),
		                .proto = IP_PROTO_ICMP,
		                .id = 5,
		                .fragment = (uint16_t)(off / 8 | (off + n < len ? IPV4_MORE_FRAGMENTS : 0)),
		                .payload = message + off,
		                .payload_len = n});
	}
	world_run(&w);
	for (uint32_t i = 0; i < w.f.burst.n_out; i++) {
		memcpy(w.f.burst.out[i].frame + 18, "\x12\x67", 2);
		if (w.f.burst.out[i].born == BORN_PIECE)
			ipv4_checksum_set(w.f.burst.out[i].frame + 14, 20);
	}
	cr_assert_eq(put_together(&w, false, 1500, whole), len);
	cr_assert_eq(whole[0], ICMP_TYPE_ECHO_REPLY);
	cr_assert_arr_eq(whole + 8, body, sizeof body);
	world_end(&w);
	cr_assert_eq(world_stat(&w, STAT_IP_REASM_OKS), 1);
	cr_assert_eq(world_stat(&w, STAT_ICMP_OUT_ECHO_REPS), 1);
	world_free(&w);
}
