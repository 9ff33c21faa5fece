/* The short way through the router (fast.h) and the long one: they agree, and the short one is taken. */
#include "services/router/fast.h"

#include "common/wire/tcp.h"
#include "common/wire/udp.h"
#include "tests/unit/router/world.h"

#include <criterion/criterion.h>

static uint64_t seed;
static bool alike; /* all packets of a burst come from one port, for our MAC, with the same tags */

static uint32_t some(uint32_t n)
{
	return (uint32_t)(random_next(&seed) >> 33) % n;
}

static struct be32 some_address(void)
{
	static const uint8_t nets[][3] = {{192, 0, 2}, {198, 51, 100}, {203, 0, 113}, {10, 0, 0}, {10, 0, 1},
	        {10, 0, 2}, {172, 16, 1}, {224, 0, 0}, {8, 8, 8}, {127, 0, 0}, {0, 0, 0}, {255, 255, 255},
	        {239, 1, 2}};
	const uint8_t *n = nets[some(3) ? some(7) : some(ARRAY_LEN(nets))];
	static const uint8_t last[] = {1, 2, 3, 0, 255, 70, 130};

	return IP4(n[0], n[1], n[2], last[some(ARRAY_LEN(last))]);
}

static uint32_t field_of(uint8_t proto)
{
	return proto == IP_PROTO_TCP ? TCP_CHECKSUM_FIELD : proto == IP_PROTO_UDP ? UDP_CHECKSUM_FIELD : 0;
}

/* The checksum of packet i, whose header is so long, as a peer leaves it that has an offload for the rest. */
static void leave_partial(struct world *w, uint32_t i, uint32_t header, uint8_t proto, struct csum pseudo)
{
	const struct pkt *p = &w->f.burst.pkt[i];
	uint32_t at = p->l3_off + header + field_of(proto);
	struct be16 sum = csum_fold(pseudo);

	if (!field_of(proto) || at + sizeof sum > p->len)
		return;
	memcpy(w->f.burst.frame[i] + at, &sum, sizeof sum);
}

/* Mostly; else a bit of it is wrong. */
static void some_partial(struct world *w, uint32_t i, uint32_t header, uint8_t proto, struct csum pseudo)
{
	if (!some(4))
		pseudo.v ^= 1;
	leave_partial(w, i, header, proto, pseudo);
}

static void some_frame4(struct world *w)
{
	static const uint8_t protos[] = {IP_PROTO_UDP, IP_PROTO_TCP, IP_PROTO_ICMP, IP_PROTO_IGMP, 99};
	static const uint8_t options[][8] = {
	        {1, 1, 1, 0}, {7, 7, 4, 0, 0, 0, 0, 0}, {131, 7, 4, 1, 2, 3, 4, 0}, {9, 99}};
	struct frame4 f = {.port = {(uint16_t)some(3)},
	        .src = some(4) ? HOST(some(3), 2) : some_address(),
	        .dst = some_address(),
	        .proto = protos[some(ARRAY_LEN(protos))],
	        .ttl = some(8) ? 0 : (uint8_t)(1 + some(2)),
	        .id = (uint16_t)some(65536),
	        .fragment = some(4) ? 0 : (uint16_t)(some(8) << 13 | (some(2) ? some(100) : 0)),
	        .payload_len = some(6) ? some(80) : 8 * some(180),
	        .type = some(8) ? PKT_HOST : (enum pkt_type)some(4),
	        .padding = some(20),
	        .tags = some(4) ? 0 : 4 * some(3),
	        .bad_csum = !some(16)};
	uint32_t i, total, header = IPV4_HDR_LEN;

	if (alike) {
		f.port = P0;
		f.type = PKT_HOST;
		f.tags = 4;
	}
	if (!some(10))
		f.total_len = (int)some(200);
	if (!some(10)) {
		f.options = options[some(ARRAY_LEN(options))];
		f.options_len = 8;
	}
	if (!some(20))
		f.first = (uint8_t)some(256);
	i = world_add4(w, &f);
	total = f.total_len ? (uint32_t)f.total_len : header + f.options_len + f.payload_len;
	if (some(2) && total >= header)
		some_partial(w, i, header, f.proto, csum_pseudo_ipv4(f.src, f.dst, f.proto, total - header));
}

static struct ip6_addr some_address6(void)
{
	static const uint8_t nets[] = {0, 1, 2, 0x10, 0x20, 0x30, 0x31, 0x32, 0x40, 0x77};
	struct ip6_addr a = IP6(nets[some(ARRAY_LEN(nets))], (uint8_t)(1 + some(4)));

	switch (some(12)) {
	case 0: return LL6((uint8_t)(1 + some(4)));
	case 1: return (struct ip6_addr){.b = {0xff, (uint8_t)some(16), [15] = (uint8_t)some(3)}};
	case 2: return (struct ip6_addr){.b = {[15] = (uint8_t)some(2)}};
	}
	return a;
}

static void some_frame6(struct world *w)
{
	static const uint8_t protos[] = {IP_PROTO_UDP, IP_PROTO_TCP, IP_PROTO_ICMP6, IP_PROTO_HOP_BY_HOP,
	        IP_PROTO_ROUTING, IP_PROTO_FRAGMENT, IP_PROTO_DST_OPTIONS, 99, IP_PROTO_NONE};
	uint8_t payload[1460] = {
	        protos[some(ARRAY_LEN(protos))], (uint8_t)some(2), (uint8_t)some(8), (uint8_t)some(8)};
	struct frame6 f = {.port = {(uint16_t)some(3)},
	        .src = some(3) ? IP6((uint8_t)some(3), 2) : some_address6(),
	        .dst = some_address6(),
	        .next_header = protos[some(ARRAY_LEN(protos))],
	        .hop_limit = some(8) ? 0 : (uint8_t)(1 + some(2)),
	        .payload = payload,
	        .payload_len = some(6) ? some(80) : some(1460),
	        .type = some(8) ? PKT_HOST : (enum pkt_type)some(4),
	        .padding = some(20),
	        .version = some(20) ? 0 : (uint8_t)some(256)};
	uint32_t at;

	if (alike) {
		f.port = P0;
		f.type = PKT_HOST;
	}
	for (uint32_t i = 4; i < sizeof payload; i++)
		payload[i] = (uint8_t)(some(3) ? 0 : some(256));
	at = world_add6(w, &f);
	if (some(2))
		some_partial(w, at, IPV6_HDR_LEN, f.next_header,
		        csum_pseudo_ipv6(&f.src, &f.dst, f.next_header, f.payload_len));
}

static void some_burst(struct world *w, uint64_t from)
{
	uint32_t six;

	seed = from;
	alike = some(3);
	six = alike ? 2 * some(2) : 1; /* of two: none, one, all */
	world_begin(w, INPUT_RX);
	for (uint32_t n = 1 + some(40); n; n--)
		if (some(2) >= six)
			some_frame4(w);
		else
			some_frame6(w);
}

static void same_packet(const struct pkt *a, const uint8_t *fa, struct verdict va, const struct pkt *b,
        const uint8_t *fb, struct verdict vb)
{
	cr_assert_eq(va.kind, vb.kind);
	cr_assert_eq(va.out.v, vb.out.v);
	cr_assert_eq(va.reason, vb.reason, "%s, %s", drop_reason_label((enum drop_reason)va.reason),
	        drop_reason_label((enum drop_reason)vb.reason));
	if (va.kind != VERDICT_PASS)
		return;
	cr_assert_arr_eq(a, b, sizeof *a);
	cr_assert_arr_eq(fa, fb, a->len);
}

static void same_outcome(const struct world *a, const struct world *b)
{
	const struct burst *x = &a->f.burst, *y = &b->f.burst;

	for (uint32_t i = 0; i < x->n; i++)
		same_packet(&x->pkt[i], x->frame[i], x->verdict[i], &y->pkt[i], y->frame[i], y->verdict[i]);
	cr_assert_eq(x->n_out, y->n_out);
	for (uint32_t i = 0; i < x->n_out; i++)
		same_packet(&x->out[i].pkt, x->out[i].frame, x->out[i].verdict, &y->out[i].pkt,
		        y->out[i].frame, y->out[i].verdict);
	for (uint32_t s = 0; s < STAT_COUNT; s++)
		cr_assert_eq(world_stat(a, (enum stat_id)s), world_stat(b, (enum stat_id)s), "%s%s",
		        stat_group((enum stat_id)s), stat_name((enum stat_id)s));
}

Test(router_fast, comes_to_the_same_by_the_short_and_the_long_way)
{
	struct world *a = malloc(sizeof *a), *b = malloc(sizeof *b);

	world_init(a, 1);
	world_init(b, 1);
	((struct router *)b->worker)->plain_only_slow = true;
	for (uint32_t round = 0; round < 3000; round++) {
		if (round % 100 == 50) {
			a->region->port[some(3)].flags ^= round % 500 == 250 ? EPOCH_PORT_REDIRECTS
			                                                     : EPOCH_PORT_CSUM_PARTIAL;
			memcpy(b->region->port, a->region->port, sizeof a->region->port);
			world_publish(a);
			world_publish(b);
		}
		some_burst(a, 1000 + round);
		some_burst(b, 1000 + round);
		world_run(a);
		world_run(b);
		same_outcome(a, b);
		world_end(a);
		world_end(b);
		a->now = b->now += some(1000) * NANOS_PER_MS;
		world_timers(a, a->now);
		world_timers(b, b->now);
	}
	cr_assert(world_stat(a, STAT_IP_FORW_DATAGRAMS) > 5000);
	cr_assert(world_stat(a, STAT_IP6_OUT_FORW_DATAGRAMS) > 5000);
	cr_assert(world_stat(a, STAT_CSUM_PARTIAL_COMPLETED) > 100);
	world_free(a);
	world_free(b);
	free(a);
	free(b);
}

Test(router_fast, leaves_no_trace_in_state_where_a_burst_is_cut)
{
	struct world *w = malloc(sizeof *w);
	uint64_t bytes;
	uint8_t *before;

	world_init(w, 1);
	bytes = w->f.journal.state_bytes;
	before = malloc(bytes);
	for (uint32_t round = 0; round < 300; round++) {
		memcpy(before, w->f.state, bytes);
		some_burst(w, 77000 + round);
		world_run(w);
		fixture_cut(&w->f);
		w->begun = false;
		cr_assert_eq(memcmp(before, w->f.state, bytes), 0, "round %u", round);
		some_burst(w, 77000 + round);
		world_run(w);
		world_end(w);
		world_timers(w, w->now + some(2000) * NANOS_PER_MS);
	}
	world_free(w);
	free(before);
	free(w);
}

/* --- checksums that may be partial --- */

static struct router_call call(struct world *w)
{
	return (struct router_call){
	        w->worker, &w->epoch, router_view_of(w->worker, &w->epoch), w->now, &w->f.burst};
}

static bool forwarded4(struct world *w, struct frame4 f, bool partial)
{
	uint32_t i = world_add4(w, &f), n;
	struct router_call c = call(w);

	if (partial)
		leave_partial(
		        w, i, IPV4_HDR_LEN, f.proto, csum_pseudo_ipv4(f.src, f.dst, f.proto, f.payload_len));
	n = fast4(&c);
	cr_assert_eq(n, w->f.burst.verdict[i].kind == VERDICT_PASS);
	fixture_cut(&w->f);
	w->begun = false;
	return n;
}

static bool forwarded6(struct world *w, struct frame6 f, bool partial)
{
	uint32_t i = world_add6(w, &f), n;
	struct router_call c = call(w);

	if (partial)
		leave_partial(w, i, IPV6_HDR_LEN, f.next_header,
		        csum_pseudo_ipv6(&f.src, &f.dst, f.next_header, f.payload_len));
	n = fast6(&c);
	fixture_cut(&w->f);
	w->begun = false;
	return n;
}

static void partial_ports(struct world *w, bool on)
{
	for (uint32_t i = 0; i < 3; i++)
		w->region->port[i].flags = (uint16_t)((w->region->port[i].flags & ~EPOCH_PORT_CSUM_PARTIAL) |
		                                      (on ? EPOCH_PORT_CSUM_PARTIAL : 0));
	world_publish(w);
}

Test(router_fast, forwards_whole_checksums_and_leaves_partial_ones)
{
	static const uint8_t protos[] = {IP_PROTO_UDP, IP_PROTO_TCP};
	struct world w;

	world_init(&w, 1);
	for (uint32_t k = 0; k < 4; k++) {
		struct frame4 f = {.port = P0,
		        .src = HOST(0, 2),
		        .dst = IP4(192, 0, 2, 9),
		        .proto = protos[k % 2],
		        .payload_len = field_of(protos[k % 2]) + 2};
		struct frame6 f6 = {.port = P0,
		        .src = IP6(0, 2),
		        .dst = IP6(0x10, 9),
		        .next_header = f.proto,
		        .payload_len = f.payload_len};

		partial_ports(&w, k / 2);
		cr_assert(forwarded4(&w, f, false));
		cr_assert(forwarded6(&w, f6, false));
		cr_assert_eq(forwarded4(&w, f, true), k < 2, "what asks for more goes the long way");
		cr_assert_eq(forwarded6(&w, f6, true), k < 2);
		f.fragment = IPV4_MORE_FRAGMENTS;
		cr_assert(forwarded4(&w, f, true), "a fragment has no checksum of its own");
		f.fragment = 0;
		f.payload_len = --f6.payload_len;
		f.padding = 1;
		cr_assert(forwarded4(&w, f, true), "too short to have one");
		cr_assert(forwarded6(&w, f6, true));
	}
	world_free(&w);
}
