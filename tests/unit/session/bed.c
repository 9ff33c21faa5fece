#include "tests/unit/session/bed.h"

#include <arpa/inet.h>
#include <stdlib.h>

#include "common/wire/ether.h"
#include "common/wire/udp.h"

#define REGION_BYTES (8u << 20)
#define PORTS        2u

struct ip6_addr bed_v4(uint32_t a, uint32_t b, uint32_t c, uint32_t d)
{
	return ip6_addr_mapped(be32_from_host(IPV4_ADDR(a, b, c, d)));
}

struct ip6_addr bed_v6(const char *text)
{
	struct ip6_addr a;

	if (inet_pton(AF_INET6, text, &a) != 1)
		abort();
	return a;
}

struct bed_packet bed_packet4(uint16_t dport, const char *payload)
{
	return (struct bed_packet){
	        .src = bed_v4(10, 0, 0, 2),
	        .dst = bed_v4(10, 0, 0, 1),
	        .sport = 1000,
	        .dport = dport,
	        .family = 4,
	        .payload = payload,
	        .len = (uint32_t)strlen(payload),
	};
}

struct bed_packet bed_packet6(uint16_t dport, const char *payload)
{
	struct bed_packet p = bed_packet4(dport, payload);

	p.src = bed_v6("2001:db8::2");
	p.dst = bed_v6("2001:db8::1");
	p.family = 6;
	return p;
}

struct epoch_socket bed_socket(uint8_t family, uint16_t port, enum epoch_app app)
{
	struct ip6_addr any = family == 4 ? bed_v4(0, 0, 0, 0) : IP6_UNSPECIFIED;

	return (struct epoch_socket){
	        .name = "s",
	        .local = any,
	        .remote = any,
	        .local_port = port,
	        .family = family,
	        .app = (uint8_t)app,
	        .port = PORT_NONE,
	        .rcvbuf = 212992,
	};
}

void bed_init(struct bed *bed)
{
	const struct stage_params params = {.buffers = FIXTURE_BUFFERS};

	fixture_init(&bed->f, session_stage.state_bytes(&params));
	session_stage.init(bed->f.state, &bed->f.params, 0);
	bed->limits = bed->f.params.limits;
	for (uint32_t i = 0; i < 2; i++)
		bed->region[i] = aligned_alloc(4096, REGION_BYTES);
	if (session_stage.attach(&bed->f.env, &bed->worker))
		abort();
}

void bed_free(struct bed *bed)
{
	session_stage.detach(bed->worker);
	free(bed->region[0]);
	free(bed->region[1]);
	fixture_free(&bed->f);
}

void bed_restart(struct bed *bed)
{
	session_stage.detach(bed->worker);
	if (session_stage.attach(&bed->f.env, &bed->worker))
		abort();
}

static uint32_t place(struct epoch_header *h, uint32_t bytes)
{
	uint32_t off = (uint32_t)ALIGN_UP(h->bytes, (uint64_t)CACHE_LINE);

	h->bytes = off + bytes;
	assert(h->bytes <= REGION_BYTES);
	return off;
}

static void make_ports(struct epoch_header *h)
{
	const struct epoch_address addresses[] = {
	        {.addr = bed_v4(10, 0, 0, 1),
	                .family = 4,
	                .prefix_len = 24,
	                .broadcast = be32_from_host(IPV4_ADDR(10, 0, 0, 255))},
	        {.addr = bed_v6("2001:db8::1"), .family = 6, .prefix_len = 64},
	        {.addr = bed_v4(10, 1, 0, 1),
	                .family = 4,
	                .prefix_len = 24,
	                .port = {1},
	                .broadcast = be32_from_host(IPV4_ADDR(10, 1, 0, 255))},
	};
	struct epoch_port *p;
	uint32_t off;

	h->ports = (struct epoch_span){place(h, PORTS * sizeof *p), PORTS};
	h->addresses = (struct epoch_span){place(h, sizeof addresses), ARRAY_LEN(addresses)};
	off = h->addresses.off;
	memcpy((uint8_t *)h + off, addresses, sizeof addresses);
	p = (void *)((uint8_t *)h + h->ports.off);
	p[0] = (struct epoch_port){
	        .name = "eth0", .kind = EPOCH_PORT_PHYSICAL, .flags = EPOCH_PORT_UP | EPOCH_PORT_FORWARD6};
	p[0].addresses = (struct epoch_span){off, 2};
	p[1] = (struct epoch_port){.name = "eth1", .kind = EPOCH_PORT_PHYSICAL, .phys = {1}, .hop_limit = 33};
	p[1].flags = EPOCH_PORT_UP | EPOCH_PORT_CSUM_PARTIAL;
	p[1].addresses = (struct epoch_span){off + 2 * sizeof addresses[0], 1};
}

void bed_epoch(struct bed *bed, uint32_t number, const struct epoch_socket *sockets, uint32_t n)
{
	struct epoch_header *h = bed->region[number & 1];

	memset(h, 0, sizeof *h);
	*h = (struct epoch_header){.magic = EPOCH_MAGIC,
	        .version = EPOCH_VERSION,
	        .bytes = sizeof *h,
	        .number = number,
	        .limits = bed->limits};
	make_ports(h);
	h->sockets = (struct epoch_span){place(h, n * (uint32_t)sizeof *sockets), n};
	if (n)
		memcpy((uint8_t *)h + h->sockets.off, sockets, n * sizeof *sockets);
	if (epoch_attach(h, REGION_BYTES, &bed->epoch))
		abort();
}

static uint32_t bed_steps(struct bed *bed,
        bool (*step)(void *worker, const struct epoch *epoch, nanos_t now, struct burst *burst))
{
	uint32_t bursts = 0;
	bool done = false;

	for (; !done; bursts++) {
		fixture_begin(&bed->f, INPUT_CALL, 0);
		done = step(bed->worker, &bed->epoch, 0, &bed->f.burst);
		assert(bed->f.journal.undo <= session_stage.lines_a_burst);
		fixture_end(&bed->f);
	}
	return bursts;
}

uint32_t bed_take_up(struct bed *bed, uint32_t number, const struct epoch_socket *sockets, uint32_t n)
{
	bed_epoch(bed, number, sockets, n);
	return bed_steps(bed, session_stage.adopt);
}

uint32_t bed_retire(struct bed *bed)
{
	return bed_steps(bed, session_stage.retire);
}

uint32_t bed_adopt(struct bed *bed, uint32_t number, const struct epoch_socket *sockets, uint32_t n)
{
	uint32_t bursts = bed_take_up(bed, number, sockets, n);

	return bursts + bed_retire(bed);
}

static struct csum pseudo_of(const struct bed_packet *p, uint8_t proto, uint32_t len)
{
	if (p->family == 4)
		return csum_pseudo_ipv4(p->src.w32[3], p->dst.w32[3], proto, len);
	return csum_pseudo_ipv6(&p->src, &p->dst, proto, len);
}

static void set_sum(const struct bed_packet *p, uint8_t proto, uint8_t *l4, uint32_t len, uint32_t field)
{
	struct csum pseudo = pseudo_of(p, proto, len);
	struct be16 sum = csum_fold(pseudo);

	if (p->no_sum || !field)
		return;
	if (!p->pseudo_sum) {
		memset(l4 + field, 0, 2);
		sum = csum_finish_nonzero(csum_bytes(pseudo, l4, len));
	}
	if (p->bad_sum)
		sum.raw ^= 0x0100;
	memcpy(l4 + field, &sum, sizeof sum);
}

static uint32_t write_l3(const struct bed_packet *p, uint8_t proto, uint32_t l4_len, uint8_t *at)
{
	struct ipv4_fields v4 = {.src = p->src.w32[3],
	        .dst = p->dst.w32[3],
	        .payload_len = (uint16_t)l4_len,
	        .tos = p->tos,
	        .ttl = 9,
	        .proto = proto};
	struct ipv6_fields v6 = {.src = p->src,
	        .dst = p->dst,
	        .payload_len = (uint16_t)l4_len,
	        .traffic_class = p->tos,
	        .next_header = proto,
	        .hop_limit = 9};

	return p->family == 4 ? ipv4_write(at, &v4) : ipv6_write(at, &v6);
}

uint32_t bed_packet_add(struct bed *bed, const struct bed_packet *p, uint8_t proto, uint8_t *l4,
        uint32_t l4_len, uint32_t field)
{
	uint32_t pieces = MAX(p->pieces, 1u), each = (l4_len + pieces - 1) / pieces, done, head, first;
	static uint8_t frame[PKT_STRIDE_DEFAULT];
	struct pkt *pkt;

	set_sum(p, proto, l4, l4_len, field);
	memset(frame, 0, sizeof frame);
	head = ETHER_HDR_LEN + write_l3(p, proto, l4_len, frame + ETHER_HDR_LEN);
	done = MIN(each, l4_len);
	memcpy(frame + head, l4, done);
	first = fixture_add(&bed->f, frame, head + done + (pieces == 1 ? p->padding : 0), p->port);
	pkt = &bed->f.burst.pkt[first];
	pkt->ethertype = p->family == 4 ? ETHER_TYPE_IPV4 : ETHER_TYPE_IPV6;
	pkt->l3_off = ETHER_HDR_LEN;
	pkt->l4_off = (uint16_t)head;
	pkt->l4_proto = proto;
	pkt->type = p->family == 4              ? (ipv4_is_multicast(p->dst.w32[3])                  ? PKT_MULTICAST
	                                                  : ipv4_is_limited_broadcast(p->dst.w32[3]) ? PKT_BROADCAST
	                                                                                             : PKT_HOST)
	            : ip6_is_multicast(&p->dst) ? PKT_MULTICAST
	                                        : PKT_HOST;
	for (; done < l4_len; done += MIN(each, l4_len - done)) {
		uint32_t i = fixture_add(&bed->f, l4 + done, MIN(each, l4_len - done), p->port);

		bed->f.burst.more[i - 1] = 1;
		pkt->total_len += bed->f.burst.pkt[i].len;
		pkt->flags |= PKT_F_REASSEMBLED;
	}
	return first;
}

uint32_t bed_udp(struct bed *bed, const struct bed_packet *p)
{
	static uint8_t l4[65536 + UDP_HDR_LEN];

	udp_write(l4, p->sport, p->dport, (uint16_t)p->len);
	memcpy(l4 + UDP_HDR_LEN, p->payload, p->len);
	return bed_packet_add(bed, p, IP_PROTO_UDP, l4, UDP_HDR_LEN + p->len, UDP_CHECKSUM_FIELD);
}

void bed_run(struct bed *bed)
{
	session_stage.burst(bed->worker, &bed->epoch, bed->f.trace.now, &bed->f.burst);
}

void bed_timer(struct bed *bed)
{
	fixture_begin(&bed->f, INPUT_TIMER, 1);
	session_stage.timer(bed->worker, &bed->epoch, 1, &bed->f.burst);
	assert(bed->f.journal.undo <= session_stage.lines_a_burst);
	fixture_end(&bed->f);
}

uint32_t bed_timers(struct bed *bed)
{
	uint32_t bursts = 0;

	for (; session_stage.next_timer(bed->worker) == 0; bursts++)
		bed_timer(bed);
	return bursts;
}

struct verdict bed_receive(struct bed *bed, const struct bed_packet *p)
{
	uint32_t i;

	fixture_begin(&bed->f, INPUT_RX, 1);
	i = bed_udp(bed, p);
	bed_run(bed);
	fixture_end(&bed->f);
	return bed->f.burst.verdict[i];
}

struct session_socket_count bed_count(const struct bed *bed, uint16_t port)
{
	struct session_socket_count count;

	for (uint32_t slot = 0; slot < SESSION_SOCKETS_MAX; slot++)
		if (session_socket_read(bed->f.state, slot, &count) && count.socket.local_port == port)
			return count;
	return (struct session_socket_count){0};
}

uint32_t bed_sent(const struct bed *bed, uint32_t k, uint8_t *out)
{
	const struct outbox_entry *e = &bed->f.burst.out[k];
	uint32_t len = (uint32_t)e->pkt.len - e->pkt.l3_off;

	memcpy(out, e->frame + e->pkt.l3_off, len);
	for (; e->more; e++) {
		memcpy(out + len, e[1].frame, e[1].pkt.len);
		len += e[1].pkt.len;
	}
	return len;
}
