#include "tests/unit/router/neighbor/setup.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/wire/arp.h"
#include "common/wire/nd.h"

struct be32 v4(uint32_t host)
{
	return be32_from_host(host);
}

struct ip6_addr mapped(uint32_t host)
{
	return ip6_addr_mapped(be32_from_host(host));
}

struct ip6_addr host6(uint32_t i)
{
	return (struct ip6_addr){
	        .b = {0x20, 0x01, 0x0d, 0xb8, [10] = (uint8_t)(i >> 24), [11] = (uint8_t)(i >> 16), [13] = 1,
	                [14] = (uint8_t)(i >> 8), [15] = (uint8_t)i}};
}

struct mac_addr mac(uint32_t i)
{
	return (struct mac_addr){{0x02, 0, 0, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i}};
}

static void add_address(
        struct region *r, uint32_t port, struct ip6_addr addr, uint8_t prefix, uint8_t scope, uint8_t flags)
{
	struct epoch_address *a = &r->address[r->h.addresses.count++];

	*a = (struct epoch_address){.addr = addr,
	        .family = ip6_addr_is_mapped(&addr) ? 4 : 6,
	        .prefix_len = prefix,
	        .scope = scope,
	        .flags = flags,
	        .port = {(uint16_t)port}};
	if (a->family == 4)
		a->broadcast = be32_from_host(be32_to_host(addr.w32[3]) | 0xff);
	if (!r->port[port].addresses.count++)
		r->port[port].addresses.off = (uint32_t)((uint8_t *)a - (uint8_t *)r);
}

static void make_port(struct epoch_port *p, uint32_t i, uint8_t kind, uint16_t flags)
{
	*p = (struct epoch_port){
	        .kind = kind,
	        .flags = flags | EPOCH_PORT_FORWARD4 | EPOCH_PORT_FORWARD6 | EPOCH_PORT_IPV6,
	        .phys = {(uint16_t)i},
	        .mtu = 1500,
	        .mac = {{0x02, 0xff, 0, 0, 0, (uint8_t)i}},
	        .hop_limit = 64,
	        .reachable_ms = 30000,
	        .retrans_ms = 1000,
	        .delay_first_ms = 5000,
	        .stale_gc_ms = 60000,
	        .mcast_solicit = 3,
	        .ucast_solicit = 3,
	        .dad_transmits = 1,
	        .gratuitous_arp = 0,
	        .queues = 1,
	};
	memcpy(p->name, "p0", 3);
	p->name[1] = (char)('0' + i);
}

static void make_region(struct region *r, const struct epoch_limits *limits)
{
	const struct ip6_addr ll0 = {.b = {0xfe, 0x80, [15] = 1}}, ll1 = {.b = {0xfe, 0x80, [15] = 2}};
	const struct ip6_addr g0 = {.b = {0x20, 0x01, 0x0d, 0xb8, [15] = 1}};

	memset(r, 0, sizeof *r);
	r->h = (struct epoch_header){
	        .magic = EPOCH_MAGIC,
	        .version = EPOCH_VERSION,
	        .bytes = sizeof *r,
	        .number = 0,
	        .ports = {offsetof(struct region, port), 4},
	        .addresses = {offsetof(struct region, address), 0},
	        .neighbors = {offsetof(struct region, neighbor), 0},
	        .limits = *limits,
	};
	make_port(&r->port[0], 0, EPOCH_PORT_PHYSICAL, EPOCH_PORT_UP);
	make_port(&r->port[1], 1, EPOCH_PORT_PHYSICAL, EPOCH_PORT_UP);
	make_port(&r->port[2], 2, EPOCH_PORT_PHYSICAL, 0);
	make_port(&r->port[3], 3, EPOCH_PORT_LOOPBACK, EPOCH_PORT_UP);
	add_address(r, 0, mapped(0x0a000001), 24, EPOCH_SCOPE_GLOBAL, 0);
	add_address(r, 0, ll0, 64, EPOCH_SCOPE_LINK, EPOCH_ADDRESS_NODAD);
	add_address(r, 0, g0, 64, EPOCH_SCOPE_GLOBAL, EPOCH_ADDRESS_NODAD);
	add_address(r, 1, mapped(0x0a010001), 24, EPOCH_SCOPE_GLOBAL, 0);
	add_address(r, 1, ll1, 64, EPOCH_SCOPE_LINK, EPOCH_ADDRESS_NODAD);
	for (uint32_t p = 0; p < 4; p++)
		r->port[p].groups.off = offsetof(struct region, group);
}

static void unreachable(
        void *ctx, const struct epoch *epoch, nanos_t now, struct burst *burst, struct pkt_ref packet)
{
	struct setup *s = ctx;

	assert(epoch && now && burst && packet.pkt->l3_off <= packet.pkt->len);
	s->unreachable++;
}

static bool proxy_arp(void *ctx, const struct epoch *epoch, struct port_id port, struct be32 target)
{
	(void)ctx, (void)epoch;
	return port.v == 0 && be32_to_host(target) >> 8 == 0x0a0100;
}

static bool link_waits(void *ctx, const struct epoch *epoch, struct port_id port)
{
	const struct setup *s = ctx;

	(void)epoch;
	return s->link_waits && port.v == 0;
}

void setup_publish(struct setup *s)
{
	struct region *r = s->region;

	r->h.number++;
	r->h.neighbor_index = (struct epoch_span){
	        offsetof(struct region, neighbor_index), epoch_neighbor_slots(r->h.neighbors.count)};
	memset(r->neighbor_index, 0, sizeof r->neighbor_index);
	epoch_index_neighbors(r->neighbor_index, r->neighbor, r->h.neighbors.count);
	assert(epoch_attach(s->region, sizeof *s->region, &s->epoch) == 0);
}

void setup_init(struct setup *s)
{
	struct stage_params params;

	memset(s, 0, sizeof *s);
	fixture_init(&s->f, 64);
	params = s->f.params;
	fixture_free(&s->f);
	fixture_init(&s->f, neighbor_state_bytes(&params));
	s->region = aligned_alloc(4096, ALIGN_UP(sizeof *s->region, (size_t)4096));
	s->sent = malloc(SETUP_SENT * sizeof *s->sent);
	s->before = malloc(s->f.journal.state_bytes);
	assert(s->region && s->sent && s->before);
	neighbor_init(s->f.state, &s->f.params);
	neighbor_attach(&s->n, s->f.state, &s->f.params,
	        &(struct neighbor_hooks){s, unreachable, proxy_arp, link_waits, &s->links});
	make_region(s->region, &s->f.params.limits);
	setup_publish(s);
}

void setup_reset(struct setup *s, const void *state)
{
	memcpy(s->f.state, state, s->f.journal.state_bytes);
	memset(s->f.held, 0, sizeof s->f.held);
	memset(&s->links, 0, sizeof s->links);
	s->n.links_seen = 0;
	s->n_sent = s->outbox = s->unreachable = 0;
	s->cut = false;
	make_region(s->region, &s->f.params.limits);
	setup_publish(s);
}

void setup_free(struct setup *s)
{
	free(s->region);
	free(s->sent);
	free(s->before);
	fixture_free(&s->f);
}

void setup_link(struct setup *s, struct port_id port, uint64_t incarnation, uint32_t losses, bool up)
{
	board_link_set(&s->links, port.v, board_link_make(incarnation, losses, up));
}

/* The fixture and the table agree about who holds what. */
static void check_held(struct setup *s)
{
	static struct pkt_index index[FIXTURE_BUFFERS];
	uint32_t n = neighbor_held(&s->n, index), held = 0;

	for (uint32_t i = 0; i < FIXTURE_BUFFERS; i++)
		held += s->f.held[i];
	for (uint32_t i = 0; i < n; i++)
		assert(s->f.held[index[i].v]);
	assert(n == held);
	assert((neighbor_oldest_epoch(&s->n) == UINT32_MAX) == (n == 0));
}

void setup_check(struct setup *s)
{
	const char *wrong = neighbor_check(&s->n);

	if (wrong) {
		fprintf(stderr, "%s\n", wrong);
		abort();
	}
	check_held(s);
}

static void take_sent(struct setup *s)
{
	for (uint32_t i = 0; i < s->f.burst.n_out; i++) {
		const struct outbox_entry *e = &s->f.burst.out[i];
		struct sent *to = &s->sent[s->n_sent];

		assert(s->n_sent++ < SETUP_SENT);
		*to = (struct sent){
		        .verdict = e->verdict, .port = e->pkt.out, .born = e->born, .len = e->pkt.len};
		memcpy(to->frame, e->frame, MIN(e->pkt.len, sizeof to->frame));
	}
}

/* Runs the event; with s->outbox the outbox seems to be nearly full. */
static void run(struct setup *s, nanos_t now, enum input_kind input, setup_event *event, const void *arg)
{
	fixture_begin(&s->f, input, now);
	if (s->outbox) {
		s->f.burst.n_out = OUTBOX_MAX - s->outbox;
		for (uint32_t i = 0; i < s->f.burst.n_out; i++) {
			s->f.burst.out[i].verdict.kind = VERDICT_DELIVERED;
			s->f.burst.out[i].index = (struct pkt_index){FIXTURE_BUFFERS - 1};
		}
	}
	event(s, now, arg);
	if (input == INPUT_RX)
		s->lines = MAX(s->lines, s->f.journal.undo);
	else
		s->burst_lines = MAX(s->burst_lines, s->f.journal.undo);
}

static void forget_filler(struct setup *s)
{
	uint32_t filler = s->outbox ? OUTBOX_MAX - s->outbox : 0;

	memmove(s->f.burst.out, s->f.burst.out + filler,
	        (s->f.burst.n_out - filler) * sizeof s->f.burst.out[0]);
	s->f.burst.n_out -= filler;
}

void setup_burst(struct setup *s, nanos_t now, enum input_kind input, setup_event *event, const void *arg)
{
	if (s->cut) {
		uint32_t buffer = s->f.next_buffer, told = s->unreachable;

		memcpy(s->before, s->f.state, s->f.journal.state_bytes);
		run(s, now, input, event, arg);
		fixture_cut(&s->f);
		assert(memcmp(s->before, s->f.state, s->f.journal.state_bytes) == 0);
		s->n.links_seen = 0; /* the next process's */
		s->f.next_buffer = buffer;
		s->unreachable = told;
	}
	run(s, now, input, event, arg);
	forget_filler(s);
	take_sent(s);
	fixture_end(&s->f);
	if (!s->unchecked)
		setup_check(s);
	assert(s->lines <= NEIGHBOR_LINES_PACKET);
	assert(s->burst_lines <= NEIGHBOR_LINES_BURST);
}

static void adopt_event(struct setup *s, nanos_t now, const void *arg)
{
	(void)arg;
	s->done = neighbor_adopt(&s->n, &s->epoch, now, &s->f.burst);
}

static void retire_event(struct setup *s, nanos_t now, const void *arg)
{
	(void)arg;
	s->done = neighbor_retire(&s->n, &s->epoch, now, &s->f.burst);
}

static void steps(struct setup *s, nanos_t now, setup_event *event)
{
	uint32_t bursts = 0;

	do {
		assert(bursts++ < 1000);
		setup_burst(s, now, INPUT_TIMER, event, NULL);
	} while (!s->done);
}

void setup_take_up(struct setup *s, nanos_t now)
{
	steps(s, now, adopt_event);
}

void setup_retire(struct setup *s, nanos_t now)
{
	steps(s, now, retire_event);
}

void setup_adopt(struct setup *s, nanos_t now)
{
	setup_take_up(s, now);
	setup_retire(s, now);
}

static void timer_event(struct setup *s, nanos_t now, const void *arg)
{
	(void)arg;
	neighbor_timer(&s->n, &s->epoch, now, &s->f.burst);
}

void setup_until(struct setup *s, nanos_t now)
{
	for (nanos_t next; (next = neighbor_next_timer(&s->n)) <= now;) {
		setup_burst(s, MAX(next, s->f.trace.now), INPUT_TIMER, timer_event, NULL);
	}
	s->f.trace.now = now;
}

struct sending {
	struct port_id port;
	const struct ip6_addr *to;
	uint32_t tag;
	struct verdict *verdict;
};

static void send_event(struct setup *s, nanos_t now, const void *arg)
{
	const struct sending *w = arg;
	bool ipv6 = !ip6_is_unspecified(&s->source);
	uint8_t packet[ETHER_HDR_LEN + 4 + 40] = {[ETHER_HDR_LEN + 4] = ipv6 ? 0x60 : 0x45};
	uint32_t i;

	memcpy(packet + ETHER_HDR_LEN + 4 + 20, &w->tag, sizeof w->tag);
	if (ipv6)
		memcpy(packet + ETHER_HDR_LEN + 4 + offsetof(struct ipv6_hdr, src), &s->source, 16);
	i = fixture_add(&s->f, packet, sizeof packet, P1);
	s->f.burst.pkt[i].l3_off = ETHER_HDR_LEN + 4; /* as with a VLAN tag before it */
	s->f.burst.pkt[i].ethertype = ipv6 ? ETHER_TYPE_IPV6 : ETHER_TYPE_IPV4;
	s->f.burst.pkt[i].out = w->port;
	s->f.burst.pkt[i].trace = 7;
	if (!neighbor_send(&s->n.table, &s->epoch, &s->f.burst, burst_ref(&s->f.burst, i), w->to))
		neighbor_output(&s->n, &s->epoch, now, &s->f.burst, burst_ref(&s->f.burst, i), w->to);
	*w->verdict = s->f.burst.verdict[i];
	if (w->verdict->kind == VERDICT_PASS)
		assert(s->f.burst.pkt[i].l3_off == ETHER_HDR_LEN);
}

struct verdict setup_send(
        struct setup *s, nanos_t now, struct port_id port, const struct ip6_addr *to, uint32_t tag)
{
	struct verdict v = {0};

	setup_burst(s, now, INPUT_RX, send_event, &(struct sending){port, to, tag, &v});
	return v;
}

struct arrival {
	enum setup_protocol protocol;
	struct port_id port;
	uint8_t type;
	const void *frame;
	uint32_t len, l4_off;
	struct verdict *verdict;
};

static void input_event(struct setup *s, nanos_t now, const void *arg)
{
	const struct arrival *a = arg;
	struct burst *b = &s->f.burst;
	uint32_t i = fixture_add(&s->f, a->frame, a->len, a->port);

	b->pkt[i].l3_off = ETHER_HDR_LEN;
	b->pkt[i].l4_off = (uint16_t)a->l4_off;
	b->pkt[i].type = a->type;
	b->pkt[i].trace = 9;
	switch (a->protocol) {
	case SETUP_ARP: arp_input(&s->n, &s->epoch, now, b, burst_ref(b, i)); break;
	case SETUP_ND: nd_input(&s->n, &s->epoch, now, b, burst_ref(b, i), false); break;
	case SETUP_IGMP: igmp_input(&s->n, &s->epoch, now, b, burst_ref(b, i)); break;
	case SETUP_MLD: mld_input(&s->n, &s->epoch, now, b, burst_ref(b, i)); break;
	}
	*a->verdict = b->verdict[i];
}

struct verdict setup_input(struct setup *s, nanos_t now, enum setup_protocol protocol, struct port_id port,
        uint8_t type, const void *frame, uint32_t len, uint32_t l4_off)
{
	struct verdict v = {0};

	setup_burst(s, now, INPUT_RX, input_event,
	        &(struct arrival){protocol, port, type, frame, len, l4_off, &v});
	return v;
}

struct verdict setup_arp(struct setup *s, nanos_t now, struct port_id port, uint8_t type, uint16_t op,
        struct mac_addr sha, struct be32 sip, struct mac_addr tha, struct be32 tip)
{
	uint8_t frame[ETHER_HDR_LEN + ARP_HDR_LEN] = {0};

	arp_write(frame + ETHER_HDR_LEN, &(struct arp_view){sha, tha, sip, tip, op});
	return setup_input(s, now, SETUP_ARP, port, type, frame, sizeof frame, 0);
}

static struct verdict nd(struct setup *s, nanos_t now, struct port_id port, const struct ip6_addr *src,
        const struct ip6_addr *dst, uint8_t *frame, uint32_t len)
{
	ipv6_write(frame + ETHER_HDR_LEN, &(struct ipv6_fields){.src = *src,
	                                          .dst = *dst,
	                                          .payload_len = (uint16_t)len,
	                                          .next_header = IP_PROTO_ICMP6,
	                                          .hop_limit = ND_HOP_LIMIT});
	return setup_input(s, now, SETUP_ND, port, ip6_is_multicast(dst) ? PKT_MULTICAST : PKT_HOST, frame,
	        ETHER_HDR_LEN + IPV6_HDR_LEN + len, ETHER_HDR_LEN + IPV6_HDR_LEN);
}

struct verdict setup_ns(struct setup *s, nanos_t now, struct port_id port, const struct ip6_addr *src,
        const struct ip6_addr *dst, const struct ip6_addr *target, const struct mac_addr *lladdr)
{
	uint8_t frame[ETHER_HDR_LEN + IPV6_HDR_LEN + ND_WRITE_MAX] = {0};
	uint32_t len = nd_solicit_write(frame + ETHER_HDR_LEN + IPV6_HDR_LEN, src, dst, target, lladdr, NULL);

	return nd(s, now, port, src, dst, frame, len);
}

struct verdict setup_na(struct setup *s, nanos_t now, struct port_id port, const struct ip6_addr *src,
        const struct ip6_addr *dst, const struct ip6_addr *target, const struct mac_addr *lladdr,
        uint8_t flags)
{
	uint8_t frame[ETHER_HDR_LEN + IPV6_HDR_LEN + ND_WRITE_MAX] = {0};
	uint32_t len = nd_advert_write(frame + ETHER_HDR_LEN + IPV6_HDR_LEN, src, dst, target, lladdr, flags);

	return nd(s, now, port, src, dst, frame, len);
}

enum nud_state setup_state(const struct setup *s, struct port_id port, const struct ip6_addr *addr)
{
	const struct neighbor_entry *e = neighbor_find(&s->n.table, port, addr);

	return e ? (enum nud_state)entry_state(e) : NUD_NONE;
}

struct mac_addr setup_mac(const struct setup *s, struct port_id port, const struct ip6_addr *addr)
{
	const struct neighbor_entry *e = neighbor_find(&s->n.table, port, addr);

	return e ? neighbor_link_of(e).mac : (struct mac_addr){};
}

uint32_t setup_count(const struct setup *s, enum verdict_kind kind, uint16_t reason)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < s->n_sent; i++)
		n += s->sent[i].verdict.kind == kind && s->sent[i].verdict.reason == reason;
	return n;
}

void setup_forget(struct setup *s)
{
	s->n_sent = 0;
}

static uint16_t ethertype(const struct sent *f)
{
	return wire_load_u16(f->frame + 12);
}

uint32_t setup_find_arp(const struct setup *s, uint32_t at, uint16_t op)
{
	for (; at < s->n_sent; at++)
		if (s->sent[at].verdict.kind == VERDICT_PASS && ethertype(&s->sent[at]) == ETHER_TYPE_ARP &&
		        wire_load_u16(s->sent[at].frame + ETHER_HDR_LEN + 6) == op)
			return at;
	return UINT32_MAX;
}

uint32_t setup_find_icmp6(const struct setup *s, uint32_t at, uint8_t type)
{
	for (; at < s->n_sent; at++) {
		const uint8_t *ip = s->sent[at].frame + ETHER_HDR_LEN;
		uint32_t l4 = ip[6] == IP_PROTO_HOP_BY_HOP ? IPV6_HDR_LEN + 8 : IPV6_HDR_LEN;

		if (s->sent[at].verdict.kind == VERDICT_PASS && ethertype(&s->sent[at]) == ETHER_TYPE_IPV6 &&
		        ip[l4] == type)
			return at;
	}
	return UINT32_MAX;
}
