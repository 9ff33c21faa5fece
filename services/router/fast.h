/* fast: what the passes over a burst share (fast4.c, fast6.c).  Part of the router.
 *
 * Packets of one burst that have the same next-hop group with one gateway go the same way: it is looked up
 * once a burst and kept in a small cache.  What is in it is as good as the moment at which the burst began,
 * and no better: the neighbor's word is asked for again in each burst.
 */
#ifndef SLUICE_SERVICES_ROUTER_FAST_H
#define SLUICE_SERVICES_ROUTER_FAST_H

#include "services/router/router_internal.h"

#define FAST_AHEAD 6u   /* packets that a pass has its next header fetched */
#define FAST_WAYS  256u /* by group */

/* Where the packets of a group go in this burst. */
struct fast_way {
	uint64_t key; /* burst and group */
	uint16_t mtu; /* 0: not a plain way */
	uint16_t port;
	uint16_t redirect_port; /* what comes in on it deserves a redirect: PORT_NONE's number if nothing does
	                         */
	uint16_t unused;
	uint8_t ether[ETHER_HDR_LEN];
	uint16_t unused2;
};

static_assert(sizeof(struct fast_way) == 32, "two in a line");

/* Whether the group is a plain way now; fills in all but the key. */
static inline bool fast_way_resolve(const struct router_call *c, struct fast_way *way,
        const struct fib_group *g, const struct fib_hop *hop, const struct ip6_addr *next_hop,
        uint16_t ethertype)
{
	const struct port_view *out = &c->view->port[hop->port.v % EPOCH_PORTS_MAX];
	uint8_t plain = ethertype == ETHER_TYPE_IPV4 ? PORT_OUT4 : PORT_OUT6;
	const struct neighbor_entry *e;
	struct mac_addr mac;

	way->mtu = 0;
	if (hop->port.v >= EPOCH_PORTS_MAX || !(out->plain & plain))
		return false;
	e = neighbor_find(&c->router->table, hop->port, next_hop);
	if (!e || !neighbor_usable(e, hop->port, next_hop, &mac))
		return false;
	way->mtu = (uint16_t)(g->mtu ? MIN(g->mtu, (uint32_t)out->mtu) : out->mtu);
	way->port = hop->port.v;
	way->redirect_port = out->redirects ? hop->port.v : PORT_NONE.v;
	ether_write(way->ether, &mac, &out->mac, ethertype);
	return true;
}

/* The Ethernet header goes in front of the network header, and the metadata follows.  Nothing can go wrong
 * any more. */
static always_inline void fast_send(struct burst *b, uint32_t i, uint8_t *l3, uint32_t l3_bytes,
        uint32_t l4_off, const struct fast_way *way)
{
	struct pkt *p = &b->pkt[i];
	/* data_off, len, l3_off, l4_off: one store. */
	uint64_t layout = (uint64_t)(uint16_t)(p->data_off + p->l3_off - ETHER_HDR_LEN) |
	                  (uint64_t)(ETHER_HDR_LEN + l3_bytes) << 16 | (uint64_t)ETHER_HDR_LEN << 32 |
	                  (uint64_t)l4_off << 48;

	memcpy(l3 - ETHER_HDR_LEN, way->ether, 8);
	memcpy(l3 - 8, way->ether + 6, 8);
	memcpy(&p->data_off, &layout, sizeof layout);
	p->total_len = ETHER_HDR_LEN + l3_bytes;
	p->out.v = way->port;
	b->frame[i] = l3 - ETHER_HDR_LEN;
	burst_pass(b, i, out_id(OUT_TX, b->lane));
}

static_assert(offsetof(struct pkt, len) == offsetof(struct pkt, data_off) + 2 &&
                      offsetof(struct pkt, l3_off) == offsetof(struct pkt, data_off) + 4 &&
                      offsetof(struct pkt, l4_off) == offsetof(struct pkt, data_off) + 6,
        "stored as one word");

/* Where the metadata of a packet is that of a plain one: not traced, in one buffer, for our MAC, with room
 * for an Ethernet header and `least` bytes of its own. 0, or anything else. */
static always_inline uint32_t fast_odd(const struct pkt *p, uint16_t ethertype, uint32_t least)
{
	uint32_t odd = (uint32_t)(p->ethertype ^ ethertype) | p->type | (p->csum & PKT_CSUM_PARTIAL) |
	               p->trace | (p->len ^ p->total_len);
	int32_t lacks = (int32_t)(p->len - p->l3_off - least) |
	                ((int32_t)p->data_off + p->l3_off - (int32_t)(PKT_META_BYTES + ETHER_HDR_LEN)) |
	                ((int32_t)EPOCH_PORTS_MAX - 1 - p->port.v);

	return odd | (uint32_t)(lacks < 0);
}

static_assert(
        PKT_HOST == 0 && PKT_CSUM_PARTIAL == 2 && !((PKT_CSUM_NONE | PKT_CSUM_VALID) & PKT_CSUM_PARTIAL),
        "tested by bits");

#endif
