#include "tests/unit/router/reassembly/bed.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/wire/icmp.h"
#include "common/wire/ipv6_ext.h"

#define DST4 0x0a000001u

/* The one bed whose burst is running, for icmp_error_drop. */
static struct bed *running;

void icmp_error_drop(const struct router_call *c, struct pkt_ref r, uint8_t type, uint8_t code, uint32_t info,
        enum drop_reason reason)
{
	if (c->router != &running->router || info != 0 || !(r.pkt->flags & PKT_F_FRAGMENT))
		abort();
	running->n_error++;
	running->error_type = type;
	running->error_code = code;
	ref_drop(r, reason);
}

static void start(struct bed *b)
{
	fixture_init(&b->f, reassembly_bytes(&b->router.params));
	b->f.params = b->router.params;
	reassembly_init(b->f.state, &b->router.params);
	b->router.reassembly = b->f.state;
	b->router.pool = &b->f.pool;
	b->before = malloc(b->f.journal.state_bytes + pool_bytes(FIXTURE_BUFFERS, PKT_STRIDE_DEFAULT));
	b->header.limits = b->router.params.limits;
	b->epoch = (struct epoch){.header = &b->header, .number = 1};
}

void bed_init(struct bed *b)
{
	memset(b, 0, sizeof *b);
	fixture_init(&b->f, 64);
	b->router.params = b->f.params;
	fixture_free(&b->f);
	b->whole = malloc(BED_WHOLE * sizeof *b->whole);
	b->spare = UINT32_MAX;
	start(b);
}

void bed_free(struct bed *b)
{
	free(b->before);
	free(b->whole);
	fixture_free(&b->f);
}

void bed_restart(struct bed *b)
{
	free(b->before);
	fixture_free(&b->f);
	start(b);
}

/* --- frames --- */

static struct ip6_addr host6(uint32_t host, bool on_link)
{
	struct ip6_addr a = {.b = {0x20, 0x01, 0x0d, 0xb8}};

	if (on_link)
		a = (struct ip6_addr){.b = {0xfe, 0x80}};
	a.w32[3] = be32_from_host(host);
	return a;
}

static uint32_t write4(uint8_t *at, const struct bed_piece *p)
{
	struct ipv4_fields fields = {.src = be32_from_host(0xc0a80000u + p->host),
	        .dst = be32_from_host(DST4),
	        .payload_len = (uint16_t)(p->options + p->len),
	        .id = (uint16_t)p->id,
	        .fragment = (uint16_t)(p->offset / 8 | (p->more ? IPV4_MORE_FRAGMENTS : 0) |
	                               (p->df ? IPV4_DONT_FRAGMENT : 0)),
	        .tos = p->ecn,
	        .ttl = 64,
	        .proto = p->proto};

	ipv4_write(at, &fields);
	memset(at + IPV4_HDR_LEN, 1, p->options); /* no operation */
	at[0] = (uint8_t)(0x40 | (IPV4_HDR_LEN + p->options) / 4);
	ipv4_checksum_set(at, IPV4_HDR_LEN + p->options);
	return IPV4_HDR_LEN + p->options;
}

static uint32_t write6(uint8_t *at, const struct bed_piece *p)
{
	struct ipv6_fields fields = {.src = host6(p->host, p->on_link),
	        .dst = host6(DST4, p->on_link),
	        .payload_len = (uint16_t)(p->options + IPV6_FRAGMENT_HDR_LEN + p->len),
	        .traffic_class = p->ecn,
	        .next_header = p->options ? IP_PROTO_DST_OPTIONS : IP_PROTO_FRAGMENT,
	        .hop_limit = 64};
	uint8_t *ext = at + ipv6_write(at, &fields);

	if (p->options) {
		memset(ext, 0, p->options);
		ext[0] = IP_PROTO_FRAGMENT;
		ext[1] = (uint8_t)(p->options / 8 - 1);
	}
	ipv6_fragment_write(
	        ext + p->options, p->proto, (uint16_t)((p->offset & ~7u) | (p->more ? 1 : 0)), p->id);
	return IPV6_HDR_LEN + p->options + IPV6_FRAGMENT_HDR_LEN;
}

static uint32_t add(struct bed *b, const struct bed_piece *p)
{
	static uint8_t frame[PKT_STRIDE_DEFAULT];
	uint8_t *l3 = frame + ETHER_HDR_LEN;
	uint32_t header = p->family == FRAG_IPV4 ? write4(l3, p) : write6(l3, p), i;

	memset(frame, 0xee, ETHER_HDR_LEN);
	for (uint32_t k = 0; k < p->len; k++)
		l3[header + k] = bed_byte(p->id, p->salt, p->offset + k);
	i = fixture_add(&b->f, frame, ETHER_HDR_LEN + header + p->len - p->cut, (struct port_id){p->port});
	b->f.burst.pkt[i].l3_off = ETHER_HDR_LEN;
	b->f.burst.pkt[i].ethertype = p->family == FRAG_IPV4 ? ETHER_TYPE_IPV4 : ETHER_TYPE_IPV6;
	b->f.burst.pkt[i].flags = p->nested ? PKT_F_REASSEMBLED : 0;
	b->f.burst.pkt[i].csum = PKT_CSUM_VALID;
	return i;
}

static struct outbox_entry *put4(const struct router_call *c, struct pkt_ref r)
{
	struct ipv4_view view;

	if (ipv4_check_quoted(*r.frame + r.pkt->l3_off, r.pkt->len - r.pkt->l3_off, &view))
		abort();
	return reassembly_input4(c, r, &view);
}

static struct outbox_entry *put6(const struct router_call *c, struct pkt_ref r, const struct bed_piece *p)
{
	const uint8_t *l3 = *r.frame + r.pkt->l3_off;
	struct reassembly_frag6 g = {
	        .fragment_off = IPV6_HDR_LEN + p->options,
	        .next_field = p->options ? IPV6_HDR_LEN : IPV6_NEXT_HEADER_FIELD,
	        .offset = p->offset,
	        .id = p->id,
	        .next_header = p->proto,
	        .more = p->more,
	};
	struct ipv6_view view;

	if (ipv6_check_quoted(l3, r.pkt->len - r.pkt->l3_off, &view))
		abort();
	return reassembly_input6(c, r, &view, &g);
}

/* --- what comes out --- */

static void take_whole(struct bed *b, struct outbox_entry *e)
{
	struct bed_whole *w = &b->whole[b->n_whole];
	const struct outbox_entry *end = b->f.burst.out + b->f.burst.n_out;
	bool more = true;

	if (b->n_whole++ == BED_WHOLE)
		abort();
	*w = (struct bed_whole){.pkt = e->pkt};
	for (uint32_t skip = e->pkt.l3_off; more; e++, skip = 0) {
		if (e >= end || outbox_decided(e) || !pkt_check(&b->f.pool, &e->pkt) ||
		        e->frame != pool_buffer(&b->f.pool, e->index) + e->pkt.data_off ||
		        e->born != (w->pieces ? BORN_MERGED : BORN_PIECE))
			abort();
		memcpy(w->bytes + w->len, e->frame + skip, e->pkt.len - skip);
		w->len += e->pkt.len - skip;
		w->pieces++;
		outbox_pass(e, out_id(OUT_RX, 0));
		more = e->more;
	}
}

static void count_drops(struct bed *b, uint32_t filler)
{
	const struct burst *burst = &b->f.burst;

	for (uint32_t i = 0; i < burst->n; i++)
		if (burst->verdict[i].kind == VERDICT_DROP)
			b->dropped[burst->verdict[i].reason]++;
	for (uint32_t i = filler; i < burst->n_out; i++)
		if (burst->out[i].verdict.kind == VERDICT_DROP)
			b->dropped[burst->out[i].verdict.reason]++;
}

static uint32_t fill_outbox(struct bed *b)
{
	uint32_t filler = b->room ? OUTBOX_MAX - REASSEMBLY_OUTBOX_RESERVE - b->room : 0;

	for (uint32_t i = 0; i < filler; i++) {
		b->f.burst.out[i].verdict.kind = VERDICT_DELIVERED;
		b->f.burst.out[i].index = (struct pkt_index){FIXTURE_BUFFERS - 1};
		b->f.burst.out[i].more = 0;
	}
	b->f.burst.n_out = filler;
	return filler;
}

static void forget(struct bed *b)
{
	memset(b->dropped, 0, sizeof b->dropped);
	b->n_whole = 0;
	b->n_error = 0;
}

/* Everything but the end; n = 0 with piece NULL is a timer burst. */
static void work(struct bed *b, nanos_t now, const struct bed_piece *piece, uint32_t n)
{
	struct router_call c = {.router = &b->router, .epoch = &b->epoch, .now = now, .burst = &b->f.burst};
	struct outbox_entry *e;
	uint32_t filler;

	fixture_begin(&b->f, piece ? INPUT_RX : INPUT_TIMER, now);
	b->f.spare.n = MIN(b->f.spare.n, b->spare);
	filler = fill_outbox(b);
	running = b;
	for (uint32_t i = 0; i < n; i++)
		add(b, &piece[i]);
	for (uint32_t i = 0; i < n; i++) {
		struct pkt_ref r = burst_ref(&b->f.burst, i);

		e = piece[i].family == FRAG_IPV4 ? put4(&c, r) : put6(&c, r, &piece[i]);
		if (e)
			take_whole(b, e);
	}
	if (!piece) {
		reassembly_timer(&c);
		for (uint32_t i = 0; i < REASSEMBLY_WHOLES_BURST && (e = reassembly_whole(&c)); i++)
			take_whole(b, e);
	}
	count_drops(b, filler);
}

uint32_t bed_held(const struct bed *b)
{
	uint32_t held = 0;

	for (uint32_t i = 0; i < FIXTURE_BUFFERS; i++)
		held += b->f.held[i];
	return held;
}

static void check(const struct bed *b)
{
	static struct pkt_index index[FIXTURE_BUFFERS];
	uint32_t packets = 5, n = reassembly_held(&b->router, index, &packets);
	const char *wrong = reassembly_check(&b->router);

	if (wrong)
		fprintf(stderr, "%s\n", wrong);
	if (wrong || packets != n + 5 || n != bed_held(b))
		abort();
	for (uint32_t i = 0; i < n; i++)
		if (!b->f.held[index[i].v])
			abort();
}

/* Nothing that is held has changed, nor the state. */
static void check_undone(const struct bed *b)
{
	const uint8_t *pool = b->before + b->f.journal.state_bytes;

	if (memcmp(b->before, b->f.state, b->f.journal.state_bytes) != 0)
		abort();
	for (uint32_t i = 0; i < FIXTURE_BUFFERS; i++)
		if (b->f.held[i] &&
		        memcmp(pool + (uint64_t)i * b->f.pool.stride,
		                pool_buffer(&b->f.pool, (struct pkt_index){i}), b->f.pool.stride) != 0)
			abort();
}

static void save(struct bed *b)
{
	memcpy(b->before, b->f.state, b->f.journal.state_bytes);
	for (uint32_t i = 0; i < FIXTURE_BUFFERS; i++)
		if (b->f.held[i])
			memcpy(b->before + b->f.journal.state_bytes + (uint64_t)i * b->f.pool.stride,
			        pool_buffer(&b->f.pool, (struct pkt_index){i}), b->f.pool.stride);
}

static void run(struct bed *b, nanos_t now, const struct bed_piece *piece, uint32_t n)
{
	uint32_t next = b->f.next_buffer, was_whole = b->n_whole, was_error = b->n_error;
	uint32_t dropped[DROP_REASON_COUNT];

	memcpy(dropped, b->dropped, sizeof dropped);
	save(b);
	work(b, now, piece, n);
	if (n)
		b->lines = MAX(b->lines, b->f.journal.undo / n);
	else
		b->timer_lines = MAX(b->timer_lines, b->f.journal.undo);
	fixture_cut(&b->f);
	check_undone(b);
	b->f.next_buffer = next;
	b->n_whole = was_whole;
	b->n_error = was_error;
	memcpy(b->dropped, dropped, sizeof dropped);
	work(b, now, piece, n);
	memcpy(b->verdict, b->f.burst.verdict, n * sizeof b->verdict[0]);
	memcpy(b->index, b->f.burst.index, n * sizeof b->index[0]);
	fixture_end(&b->f);
	check(b);
}

void bed_burst(struct bed *b, nanos_t now, const struct bed_piece *piece, uint32_t n)
{
	forget(b);
	run(b, now, piece, n);
}

struct verdict bed_one(struct bed *b, nanos_t now, struct bed_piece piece)
{
	bed_burst(b, now, &piece, 1);
	return b->verdict[0];
}

void bed_timer(struct bed *b, nanos_t now)
{
	forget(b);
	run(b, now, NULL, 0);
}

void bed_until(struct bed *b, nanos_t now)
{
	forget(b);
	for (uint32_t bursts = 0; reassembly_next_timer(&b->router) <= now; bursts++) {
		if (bursts == 100000)
			abort();
		run(b, now, NULL, 0);
	}
}

static bool header_is_right4(const struct bed_whole *w, const struct bed_piece *first, uint32_t len)
{
	struct ipv4_view v;

	return ipv4_check(w->bytes, w->len, &v) == IPV4_OK && !ipv4_is_fragment(&v) &&
	       v.header_len == IPV4_HDR_LEN + first->options && v.total_len == v.header_len + len &&
	       v.id == (uint16_t)first->id && v.proto == first->proto;
}

static bool header_is_right6(const struct bed_whole *w, const struct bed_piece *first, uint32_t len)
{
	struct ipv6_chain chain;
	struct ipv6_view v;

	return ipv6_check(w->bytes, w->len, &v) == IPV6_OK && v.total_len == w->len &&
	       v.payload_len == first->options + len &&
	       ipv6_chain_check(w->bytes, w->len, &v, &chain) == IPV6_CHAIN_OK &&
	       !ipv6_chain_has_fragment(&chain) && chain.upper == first->proto &&
	       chain.upper_offset == IPV6_HDR_LEN + first->options;
}

void bed_expect_whole(
        const struct bed_whole *w, const struct bed_piece *first, const uint8_t *payload, uint32_t len)
{
	uint32_t header = first->options + (first->family == FRAG_IPV4 ? IPV4_HDR_LEN : IPV6_HDR_LEN);
	bool right = first->family == FRAG_IPV4 ? header_is_right4(w, first, len)
	                                        : header_is_right6(w, first, len);

	if (!right || w->len != header + len || w->pkt.total_len != w->pkt.l3_off + w->len ||
	        w->pkt.l4_off != w->pkt.l3_off + header || w->pkt.l3_off != ETHER_HDR_LEN)
		abort();
	if (!(w->pkt.flags & PKT_F_REASSEMBLED) || w->pkt.flags & PKT_F_FRAGMENT || w->pkt.csum)
		abort();
	for (uint32_t i = 0; i < len; i++)
		if (w->bytes[header + i] != (payload ? payload[i] : bed_byte(first->id, first->salt, i)))
			abort();
}
