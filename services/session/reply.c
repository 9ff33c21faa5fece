#include "common/wire/ether.h"
#include "common/wire/ipv4.h"
#include "common/wire/ipv6.h"
#include "common/wire/udp.h"
#include "services/session/state.h"

struct csum reply_pseudo(const struct reply *reply)
{
	if (reply->ipv6)
		return csum_pseudo_ipv6(&reply->src, &reply->dst, reply->proto, reply->l4_len);
	return csum_pseudo_ipv4(reply->src.w32[3], reply->dst.w32[3], reply->proto, reply->l4_len);
}

static uint16_t next_ident(const struct session_call *c)
{
	touch(c, c->s->state);
	return (uint16_t)c->s->state->ident++;
}

static uint32_t write_ip(const struct session_call *c, const struct reply *r, uint8_t *at)
{
	const struct epoch_port *port = epoch_port(c->epoch, r->port);
	uint8_t ttl = port && port->hop_limit ? (uint8_t)port->hop_limit : IP_TTL_DEFAULT;

	if (r->ipv6)
		return ipv6_write(at, &(struct ipv6_fields){.src = r->src,
		                              .dst = r->dst,
		                              .payload_len = (uint16_t)r->l4_len,
		                              .traffic_class = r->tos,
		                              .next_header = r->proto,
		                              .hop_limit = ttl});
	return ipv4_write(at, &(struct ipv4_fields){.src = r->src.w32[3],
	                              .dst = r->dst.w32[3],
	                              .payload_len = (uint16_t)r->l4_len,
	                              .id = r->dont_fragment ? 0 : next_ident(c),
	                              .fragment = r->dont_fragment ? IPV4_DONT_FRAGMENT : 0,
	                              .tos = r->tos,
	                              .ttl = ttl,
	                              .proto = r->proto});
}

/* The first buffer's metadata; a link-local destination is one of the port that this answers over. */
static void describe(const struct reply *r, struct pkt *p, uint32_t l3_header, uint32_t l3_len, uint32_t room)
{
	p->len = (uint16_t)(ETHER_HDR_LEN + MIN(l3_len, room));
	p->total_len = ETHER_HDR_LEN + l3_len;
	p->l3_off = ETHER_HDR_LEN;
	p->l4_off = (uint16_t)(ETHER_HDR_LEN + l3_header);
	p->ethertype = r->ipv6 ? ETHER_TYPE_IPV6 : ETHER_TYPE_IPV4;
	p->l4_proto = r->proto;
	p->flags = PKT_F_LOCAL | r->flags;
	p->csum = PKT_CSUM_VALID;
	if (r->ipv6 && ip6_is_link_local(&r->dst))
		p->out = r->port;
}

/* What does not fit the first buffer, in as many more as it takes. */
static void spill(const struct session_call *c, uint32_t at, const struct pkt *cause, struct outbox_entry *e,
        const uint8_t *payload, uint32_t len)
{
	uint32_t room = pool_frame_max(c->b->pool);

	while (len) {
		uint32_t n = MIN(len, room);

		e->more = 1;
		e = burst_make(c->b, at, BORN_GENERATED, cause);
		assert(e);
		memcpy(e->frame, payload, n);
		e->pkt.len = (uint16_t)n;
		e->pkt.total_len = n;
		outbox_pass(e, out_id(OUT_TX, c->b->lane));
		payload += n;
		len -= n;
	}
}

uint32_t reply_buffers(const struct session_call *c, uint32_t l3_len)
{
	uint32_t frame = pool_frame_max(c->b->pool), room = frame - ETHER_HDR_LEN;

	return l3_len <= room ? 1 : 1 + (l3_len - room + frame - 1) / frame;
}

struct outbox_entry *reply_make(const struct session_call *c, uint32_t at, const struct pkt *cause,
        const struct reply *reply, const uint8_t *payload, uint8_t **l4)
{
	struct burst *b = c->b;
	uint32_t l3_header = reply->ipv6 ? IPV6_HDR_LEN : IPV4_HDR_LEN, l3_len = l3_header + reply->l4_len;
	uint32_t room = pool_frame_max(b->pool) - ETHER_HDR_LEN, buffers = reply_buffers(c, l3_len), head;
	struct outbox_entry *e;

	if (l3_header + reply->l4_header > room || b->spare->n - b->spare->used < buffers ||
	        !outbox_has_room(b, buffers)) {
		b->no_buffer++;
		return NULL;
	}
	e = burst_make(b, at, BORN_GENERATED, cause);
	assert(e);
	memset(e->frame, 0, ETHER_HDR_LEN);
	describe(reply, &e->pkt, l3_header, l3_len, room);
	*l4 = e->frame + ETHER_HDR_LEN + write_ip(c, reply, e->frame + ETHER_HDR_LEN);
	head = MIN(reply->l4_len, room - l3_header) - reply->l4_header;
	if (head)
		memcpy(*l4 + reply->l4_header, payload, head);
	outbox_pass(e, out_id(OUT_TX, b->lane));
	if (buffers > 1)
		spill(c, at, cause, e, payload + head, reply->l4_len - reply->l4_header - head);
	return e;
}

/* The sum is taken over the copy where there is one in one piece: nobody can change that meanwhile. */
bool datagram_send(const struct session_call *c, const struct pkt *cause, const struct reply *reply,
        uint16_t src_port, uint16_t dst_port, const uint8_t *payload, uint32_t len)
{
	struct reply r = *reply;
	const struct outbox_entry *e;
	struct csum sum;
	uint8_t *l4;

	r.proto = IP_PROTO_UDP;
	r.l4_header = UDP_HDR_LEN;
	r.l4_len = UDP_HDR_LEN + len;
	e = reply_make(c, 0, cause, &r, payload, &l4);
	if (!e)
		return false;
	udp_write(l4, src_port, dst_port, (uint16_t)len);
	sum = csum_bytes(reply_pseudo(&r), l4, UDP_HDR_LEN);
	sum = csum_bytes(sum, e->more ? payload : l4 + UDP_HDR_LEN, len);
	((struct udp_hdr *)l4)->checksum = csum_finish_nonzero(sum);
	udp_count(c, r.ipv6, STAT_UDP_OUT_DATAGRAMS);
	return true;
}
