#include "tests/unit/router/world.h"

#include "common/wire/tcp.h"
#include "common/wire/udp.h"

#include <criterion/criterion.h>

static struct frame4 plain(void)
{
	return (struct frame4){.port = P0,
	        .src = HOST(0, 2),
	        .dst = IP4(192, 0, 2, 9),
	        .proto = IP_PROTO_UDP,
	        .payload_len = 30,
	        .id = 77};
}

static struct ipv4_hdr *ip_of(struct world *w, uint32_t i)
{
	return (void *)(w->f.burst.frame[i] + w->f.burst.pkt[i].l3_off);
}

/* What leaves: Ethernet header, TTL less one, its checksum right, all else as it was. */
static void forwarded_whole(bool slow, uint32_t tags, uint32_t padding)
{
	struct frame4 f = plain();
	const struct mac_addr to = {{2, 0, 0, 1, 1, 2}}, from = {{2, 0, 0, 0, 0, 1}};
	struct ether_hdr *e;
	uint8_t before[64];
	struct world w;
	uint32_t i;

	world_init(&w, 1);
	((struct router *)w.worker)->plain_only_slow = slow;
	f.tags = tags;
	f.padding = padding;
	i = world_add4(&w, &f);
	memcpy(before, ip_of(&w, i), 50);
	world_run(&w);
	cr_assert_eq(w.f.burst.verdict[i].kind, VERDICT_PASS);
	cr_assert_eq(w.f.burst.verdict[i].out.v, out_id(OUT_TX, 0).v);
	cr_assert_eq(w.f.burst.pkt[i].out.v, 1);
	cr_assert_eq(w.f.burst.pkt[i].len, ETHER_HDR_LEN + 50);
	cr_assert_eq(w.f.burst.pkt[i].total_len, ETHER_HDR_LEN + 50);
	cr_assert_eq(w.f.burst.pkt[i].l3_off, ETHER_HDR_LEN);
	cr_assert_eq(w.f.burst.pkt[i].flags & PKT_F_TAGGED, 0);
	cr_assert_eq(
	        w.f.burst.frame[i], pool_buffer(&w.f.pool, w.f.burst.index[i]) + w.f.burst.pkt[i].data_off);
	e = (void *)w.f.burst.frame[i];
	cr_assert(mac_equal(&e->dst, &to) && mac_equal(&e->src, &from));
	cr_assert_eq(be16_to_host(e->type), ETHER_TYPE_IPV4);
	before[8]--;
	ipv4_checksum_set(before, 20);
	cr_assert_arr_eq(before, ip_of(&w, i), 50);
	world_end(&w);
	world_free(&w);
}

Test(router_forward, rewrites_a_plain_packet)
{
	forwarded_whole(false, 0, 0);
	forwarded_whole(false, 8, 0);
	forwarded_whole(false, 0, 10);
	forwarded_whole(true, 0, 0);
	forwarded_whole(true, 4, 6);
}

/* One less in TTL is one more in the checksum, over every carry. */
Test(router_forward, mends_each_checksum_there_is)
{
	struct world w;

	world_init(&w, 1);
	for (uint32_t id = 0; id < 65536;) {
		for (uint32_t i = 0; i < 64; i++) {
			struct frame4 f = plain();

			f.id = (uint16_t)id++;
			world_add4(&w, &f);
		}
		world_run(&w);
		for (uint32_t i = 0; i < 64; i++) {
			struct ipv4_hdr *h = ip_of(&w, i);
			struct be16 sum = h->checksum;

			ipv4_checksum_set(h, IPV4_HDR_LEN);
			cr_assert_eq(sum.raw, h->checksum.raw, "identification %u", be16_to_host(h->id));
		}
		world_end(&w);
	}
	world_free(&w);
}

/* --- several ways --- */

Test(router_forward, spreads_flows_over_several_ways_by_weight)
{
	struct world w;
	uint32_t way[3] = {}, n = 0;
	struct port_id first[64];

	world_init(&w, 1);
	for (uint32_t round = 0; round < 40; round++) {
		for (uint32_t i = 0; i < 64; i++) {
			struct frame4 f = plain();

			f.src = HOST(0, 2);
			f.dst = IP4(198, 51, 100, i);
			f.payload_len = 1 + round % 20;
			world_add4(&w, &f);
			w.f.burst.pkt[i].hash = (round / 2 * 64 + i) * 0x9e3779b1u;
			w.f.burst.pkt[i].flags |= PKT_F_HASHED;
		}
		world_run(&w);
		for (uint32_t i = 0; i < 64; i++) {
			cr_assert_eq(w.f.burst.verdict[i].kind, VERDICT_PASS);
			if (round % 2)
				cr_assert_eq(w.f.burst.pkt[i].out.v, first[i].v, "a flow keeps its way");
			first[i] = w.f.burst.pkt[i].out;
			way[w.f.burst.pkt[i].out.v]++;
			n++;
		}
		world_end(&w);
	}
	cr_assert(way[1] > n / 4 - n / 20 && way[1] < n / 4 + n / 20, "%u of %u", way[1], n);
	cr_assert_eq(way[1] + way[2], n);
	world_free(&w);
}

/* --- MTU --- */

/* What came out of a packet, put together again by a naive reassembler: pieces may come in any order. */
static uint32_t put_together(struct world *w, uint8_t *whole, uint32_t mtu, uint32_t header)
{
	uint32_t total = 0, sum = 0;
	bool last = false;

	for (uint32_t i = 0; i < w->f.burst.n_out; i++) {
		struct outbox_entry *e = &w->f.burst.out[i];
		struct ipv4_view v;
		uint32_t off, n;

		if (e->born != BORN_PIECE)
			continue;
		cr_assert_eq(ipv4_check(e->frame + ETHER_HDR_LEN, e->pkt.len - ETHER_HDR_LEN, &v), IPV4_OK);
		cr_assert_leq(v.total_len, mtu);
		cr_assert_eq(v.header_len, header);
		cr_assert_eq(v.ttl, 63);
		cr_assert_eq(e->verdict.kind, VERDICT_PASS);
		off = ipv4_fragment_offset(&v);
		n = v.total_len - header;
		cr_assert(!(v.fragment & IPV4_MORE_FRAGMENTS) || n % 8 == 0);
		memcpy(whole + off, e->frame + ETHER_HDR_LEN + header, n);
		sum += n;
		if (!(v.fragment & IPV4_MORE_FRAGMENTS)) {
			last = true;
			total = off + n;
		}
	}
	cr_assert(last && sum == total);
	return total;
}

Test(router_forward, cuts_what_is_longer_than_the_way)
{
	static const uint8_t options[8] = {7, 3, 4, 130, 3, 1, 1, 0};
	struct world w;

	world_init(&w, 1);
	for (uint32_t len = 1250; len < 1480; len += 7) {
		uint8_t whole[2048], expected[2048];
		uint32_t n;
		struct frame4 f = plain();

		f.dst = IP4(172, 16, 0, 9);
		f.payload_len = len;
		f.options = options;
		f.options_len = len % 2 ? 8 : 0;
		world_add4(&w, &f);
		n = f.options_len + IPV4_HDR_LEN;
		memcpy(expected, (uint8_t *)ip_of(&w, 0) + n, len);
		world_run(&w);
		if (len + n <= 1280) {
			cr_assert_eq(w.f.burst.verdict[0].kind, VERDICT_PASS);
		} else {
			cr_assert_eq(w.f.burst.verdict[0].kind, VERDICT_CONSUMED);
			cr_assert_eq(put_together(&w, whole, 1280, n), len);
			cr_assert_arr_eq(whole, expected, len);
			/* Record route is not copied, a security option is. */
			if (n > IPV4_HDR_LEN) {
				static const uint8_t later[8] = {1, 1, 1, 130, 3, 1, 1, 0};

				cr_assert_arr_eq(w.f.burst.out[0].frame + 34, options, 8);
				cr_assert_arr_eq(w.f.burst.out[1].frame + 34, later, 8);
			}
		}
		world_end(&w);
	}
	cr_assert_eq(world_stat(&w, STAT_IP_FRAG_CREATES), 2 * world_stat(&w, STAT_IP_FRAG_OKS));
	world_free(&w);
}

Test(router_forward, cuts_a_fragment_further)
{
	struct frame4 f = plain();
	struct ipv4_view v;
	struct world w;

	world_init(&w, 1);
	f.dst = IP4(172, 16, 0, 9);
	f.payload_len = 1400;
	f.fragment = IPV4_MORE_FRAGMENTS | 100;
	cr_assert_eq(world_send4(&w, &f).kind, VERDICT_CONSUMED);
	for (uint32_t i = 0; i < 2; i++) {
		const struct outbox_entry *e = &w.f.burst.out[i];

		cr_assert_eq(ipv4_check(e->frame + 14, e->pkt.len - 14u, &v), IPV4_OK);
		cr_assert_eq(v.fragment, IPV4_MORE_FRAGMENTS | (100 + i * 157));
	}
	world_end(&w);
	world_free(&w);
}

Test(router_forward, makes_all_pieces_or_none)
{
	struct frame4 f = plain();
	struct verdict v;
	struct world w;

	world_init(&w, 1);
	f.dst = IP4(172, 16, 0, 9);
	f.payload_len = 1400;
	world_begin(&w, INPUT_RX);
	w.f.spare.n = 1;
	v = world_send4(&w, &f);
	cr_assert_eq(v.reason, DROP_NO_BUFFER);
	cr_assert_eq(w.f.burst.n_out, 0);
	world_end(&w);
	cr_assert_eq(world_stat(&w, STAT_IP_FRAG_FAILS), 1);
	world_free(&w);
}

Test(router_forward, tells_the_sender_what_fits_where_it_may_not_cut)
{
	struct frame4 f = plain();
	struct world w;

	world_init(&w, 1);
	f.dst = IP4(172, 16, 0, 9);
	f.payload_len = 1400;
	f.fragment = IPV4_DONT_FRAGMENT;
	for (uint32_t i = 0; i < 100; i++) {
		const uint8_t *icmp;

		cr_assert_eq(world_send4(&w, &f).reason, DROP_PKT_TOO_BIG);
		cr_assert_eq(w.f.burst.n_out, 1, "never limited");
		icmp = w.f.burst.out[0].frame + 34;
		cr_assert_eq(icmp[0], ICMP_TYPE_DEST_UNREACH);
		cr_assert_eq(icmp[1], ICMP_UNREACH_FRAG_NEEDED);
		cr_assert_eq(wire_load_u32(icmp + 4), 1280);
		cr_assert_eq(icmp[8 + 8], 64, "the TTL as it came");
		world_end(&w);
	}
	cr_assert_eq(world_stat(&w, STAT_IP_FRAG_FAILS), 100);
	world_free(&w);
}

/* --- redirects --- */

Test(router_forward, redirects_a_neighbor_that_need_not_come_by_us)
{
	struct frame4 f = plain();
	struct world w;
	const uint8_t *icmp;

	world_init(&w, 1);
	f.port = P1;
	f.src = HOST(1, 3);
	cr_assert_eq(world_send4(&w, &f).kind, VERDICT_PASS);
	cr_assert_eq(w.f.burst.n_out, 0, "the port does not send redirects");
	world_end(&w);
	w.region->port[1].flags |= EPOCH_PORT_REDIRECTS;
	world_publish(&w);
	cr_assert_eq(world_send4(&w, &f).kind, VERDICT_PASS);
	cr_assert_eq(w.f.burst.n_out, 1);
	icmp = w.f.burst.out[0].frame + 34;
	cr_assert_eq(icmp[0], ICMP_TYPE_REDIRECT);
	cr_assert_eq(icmp[1], ICMP_REDIRECT_HOST);
	cr_assert_eq(load_u32(icmp + 4), HOST(1, 2).raw);
	cr_assert_eq(icmp[8 + 8], 63);
	world_end(&w);
	f.src = IP4(192, 0, 2, 77); /* not on the link */
	cr_assert_eq(world_send4(&w, &f).kind, VERDICT_PASS);
	cr_assert_eq(w.f.burst.n_out, 0);
	world_end(&w);
	world_free(&w);
}

/* --- layer 4 on the way --- */

static uint32_t tcp_syn(uint8_t *at, struct be32 src, struct be32 dst, uint32_t odd, uint16_t mss)
{
	memset(at, 0, 28);
	tcp_write(
	        at, &(struct tcp_fields){
	                    .src_port = 1, .dst_port = 2, .flags = TCP_SYN, .window = 100, .header_len = 28});
	memset(at + 20, 1, 8);
	at[20 + odd] = 2;
	at[21 + odd] = 4;
	wire_store_u16(at + 22 + odd, mss);
	tcp_checksum_set(at, 28, csum_pseudo_ipv4(src, dst, IP_PROTO_TCP, 28));
	return 28;
}

static uint16_t clamped(struct world *w, uint32_t odd, uint16_t mss)
{
	uint8_t tcp[28];
	struct frame4 f = plain();
	uint8_t *at;
	uint16_t now;

	f.proto = IP_PROTO_TCP;
	f.payload = tcp;
	f.payload_len = tcp_syn(tcp, f.src, f.dst, odd, mss);
	cr_assert_eq(world_send4(w, &f).kind, VERDICT_PASS);
	at = w->f.burst.frame[0] + 34;
	cr_assert_eq(
	        csum_verify(csum_pseudo_ipv4(f.src, f.dst, IP_PROTO_TCP, 28), at, 28, TCP_CHECKSUM_FIELD),
	        CSUM_GOOD);
	now = wire_load_u16(at + 22 + odd);
	world_end(w);
	return now;
}

Test(router_forward, clamps_the_mss_of_a_syn)
{
	struct world w;

	world_init(&w, 1);
	cr_assert_eq(clamped(&w, 0, 1460), 1460);
	w.region->port[1].mss_clamp4 = 1000;
	world_publish(&w);
	for (uint32_t odd = 0; odd < 4; odd++) {
		cr_assert_eq(clamped(&w, odd, 1460), 1000);
		cr_assert_eq(clamped(&w, odd, 999), 999);
	}
	w.region->port[1].mss_clamp4 = 0;
	w.region->port[0].mss_clamp4 = 1;
	w.region->port[0].mtu = 1400;
	world_publish(&w);
	cr_assert_eq(clamped(&w, 1, 1460), 1360);
	cr_assert_eq(world_stat(&w, STAT_MSS_CLAMPED), 5);
	world_free(&w);
}

static uint32_t udp_partial(uint8_t *at, const struct frame4 *f, uint32_t len)
{
	udp_write(at, 5, 6, (uint16_t)(len - 8));
	memset(at + 8, 0xab, len - 8);
	((struct udp_hdr *)at)->checksum = csum_fold(csum_pseudo_ipv4(f->src, f->dst, IP_PROTO_UDP, len));
	return len;
}

Test(router_forward, completes_a_partial_checksum_where_the_egress_does_not)
{
	struct frame4 f = plain();
	struct udp_hdr *h;
	uint8_t udp[100];
	struct world w;

	world_init(&w, 1);
	w.region->port[0].flags |= EPOCH_PORT_CSUM_PARTIAL;
	world_publish(&w);
	f.payload = udp;
	f.payload_len = udp_partial(udp, &f, 99);
	cr_assert_eq(world_send4(&w, &f).kind, VERDICT_PASS);
	cr_assert_eq(csum_verify(csum_pseudo_ipv4(f.src, f.dst, IP_PROTO_UDP, 99), w.f.burst.frame[0] + 34,
	                     99, UDP_CHECKSUM_FIELD),
	        CSUM_GOOD);
	cr_assert_eq(world_stat(&w, STAT_CSUM_PARTIAL_COMPLETED), 1);
	world_end(&w);
	w.region->port[1].flags |= EPOCH_PORT_CSUM_PARTIAL;
	world_publish(&w);
	cr_assert_eq(world_send4(&w, &f).kind, VERDICT_PASS);
	h = (void *)(w.f.burst.frame[0] + 34);
	cr_assert_eq(h->checksum.raw, ((struct udp_hdr *)udp)->checksum.raw);
	cr_assert_eq(w.f.burst.pkt[0].csum, PKT_CSUM_PARTIAL);
	cr_assert_eq(w.f.burst.pkt[0].csum_start, 34);
	cr_assert_eq(w.f.burst.pkt[0].csum_off, UDP_CHECKSUM_FIELD);
	world_end(&w);
	udp[50] ^= 1; /* a wrong checksum stays wrong, and is no partial one */
	((struct udp_hdr *)udp)->checksum.raw ^= 0x1234;
	cr_assert_eq(world_send4(&w, &f).kind, VERDICT_PASS);
	cr_assert_eq(w.f.burst.pkt[0].csum, PKT_CSUM_NONE);
	world_end(&w);
	world_free(&w);
}

Test(router_forward, waits_for_a_neighbor_that_is_not_known)
{
	struct frame4 f = plain();
	struct world w;
	uint32_t errors = 0;

	world_init(&w, 1);
	f.dst = HOST(1, 77);
	cr_assert_eq(world_send4(&w, &f).kind, VERDICT_HELD);
	cr_assert_eq(w.f.burst.n_out, 1, "an ARP request");
	world_end(&w);
	/* Nobody answers: host unreachable. */
	for (uint32_t i = 0; i < 40 && !errors; i++) {
		w.now = MAX(w.now, router_stage.next_timer(w.worker));
		fixture_begin(&w.f, INPUT_TIMER, w.now);
		router_stage.timer(w.worker, &w.epoch, w.now, &w.f.burst);
		for (uint32_t k = 0; k < w.f.burst.n_out; k++)
			if (w.f.burst.out[k].pkt.l4_proto == IP_PROTO_ICMP &&
			        w.f.burst.out[k].verdict.kind == VERDICT_PASS) {
				cr_assert_eq(w.f.burst.out[k].frame[34], ICMP_TYPE_DEST_UNREACH);
				cr_assert_eq(w.f.burst.out[k].frame[35], ICMP_UNREACH_HOST);
				errors++;
			}
		fixture_end(&w.f);
	}
	cr_assert_eq(errors, 1);
	world_free(&w);
}
