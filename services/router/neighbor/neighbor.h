/* neighbor: the neighbors on our links, IPv4 (ARP) and IPv6 (neighbor discovery) in one table, and what we
 * announce of ourselves there: duplicate address detection, gratuitous announcements, group memberships
 * (IGMP, MLD).
 *
 * The table is state of the router's lane 0, which alone changes it, journaled as every state.  The other
 * lanes read it while lane 0 works, or while a new lane 0 puts it back: a packet for a neighbor that they can
 * not use as it stands goes to lane 0 (OUT_PUNT).
 *
 *     lane 0     neighbor_adopt for an epoch; then for each packet neighbor_send or else neighbor_output,
 *                arp_input, nd_input, igmp_input, mld_input; neighbor_timer when neighbor_next_timer says;
 *                neighbor_retire when nothing older than the epoch comes any more
 *     others     neighbor_send, or else punt
 *
 * The table holds what was learnt.  Neighbors that the configuration gives stand in the epoch, and each
 * packet looks there first, in its own: what the wire says of them is learnt too, and not asked as long as
 * they are given.
 *
 * States and their transitions are those of RFC 4861 7.3 and appendix C, as Linux's neigh_update,
 * neigh_event_send and neigh_timer_handler have them, with one difference: whether a REACHABLE neighbor is in
 * use is not written down for each packet, so it goes to STALE when its time is over, and to DELAY with the
 * next packet.
 *
 * A port that loses its link loses its neighbors, but for those given: who is behind it when the link is back
 * may be another.  Then our addresses there are announced again, and our groups reported (link.c).
 *
 * Functions that take a struct neighbor are for lane 0's thread; those that take a const struct
 * neighbor_table for the thread of any lane.
 */
#ifndef SLUICE_SERVICES_ROUTER_NEIGHBOR_NEIGHBOR_H
#define SLUICE_SERVICES_ROUTER_NEIGHBOR_NEIGHBOR_H

#include "common/board/board.h"
#include "common/stage/stage.h"
#include "common/wire/addr.h"
#include "common/wire/ether.h"
#include "services/router/wheel.h"

/* Linux NUD_*. */
enum nud_state {
	NUD_NONE, /* no neighbor: the slot is free */
	NUD_INCOMPLETE,
	NUD_REACHABLE,
	NUD_STALE,
	NUD_DELAY,
	NUD_PROBE,
	NUD_FAILED,
	NUD_STATES
};

#define NUD_BIT(state) (1u << (state))
#define NUD_USABLE                                                                                           \
	(NUD_BIT(NUD_REACHABLE) | NUD_BIT(NUD_DELAY) | NUD_BIT(NUD_PROBE)) /* without a change of state */
#define NUD_VALID (NUD_USABLE | NUD_BIT(NUD_STALE))

static always_inline bool nud_in(uint8_t state, uint32_t states)
{
	return NUD_BIT(state & 31) & states;
}

#define NEIGHBOR_ROUTER  0x01u /* says that it is a router (RFC 4861 IsRouter) */
#define NEIGHBOR_WAITING 0x02u /* packets still wait for it: later ones go behind them */

/* What a sender needs to know, in one word that is read and written whole. */
struct neighbor_link {
	struct mac_addr mac;
	uint8_t state; /* enum nud_state */
	uint8_t flags; /* NEIGHBOR_* */
};

static_assert(sizeof(struct neighbor_link) == 8, "one word");

/* The hot half of an entry.  `seq` is odd while lane 0 writes.  Recovery puts a line back with its old seq,
 * so seq alone does not tell of what a dead burst had written; but within a burst a slot is freed or taken,
 * never both, so that a reader which finds the same `link` before and after it has compared the address has
 * what belongs to it. */
struct neighbor_entry {
	_Alignas(CACHE_LINE) uint64_t link; /* struct neighbor_link */
	uint32_t seq;
	uint32_t next;    /* slot in the chain of the same bucket, or NEIGHBOR_NONE */
	uint64_t addr[2]; /* a struct ip6_addr, IPv4 mapped */
	struct port_id port;
	uint16_t reserved;
	uint32_t confirmed_ms; /* times in ms, modulo 2^32: reachability was confirmed */
	uint32_t used_ms;      /* a packet brought it out of STALE, or it was made */
	uint32_t updated_ms;   /* state or MAC changed */
	uint32_t losses;       /* of its wire, when it was made (struct neighbor_wire) */
	uint32_t reserved2;
};

static_assert(sizeof(struct neighbor_entry) == CACHE_LINE, "one line");

#define NEIGHBOR_NONE      UINT32_MAX
#define NEIGHBOR_CHAIN_MAX 64u /* steps of a reader that another lane's writes may lead astray */

struct neighbor_header;
struct neighbor_cold;
struct neighbor_address;
struct neighbor_group;
struct neighbor_port;
struct neighbor_wire;

/* What any lane may look at. */
struct neighbor_table {
	const struct neighbor_header *header;
	const uint32_t *bucket;
	const struct neighbor_entry *entry;
	const uint32_t *address_bucket;
	const struct neighbor_address *address;
	const uint32_t *group_bucket;
	const struct neighbor_group *group;
	uint64_t key;
	uint32_t slots; /* of entries */
	uint32_t mask;  /* of buckets */
};

/* What neighbors ask of the router; `ctx` is the router's own. */
struct neighbor_hooks {
	void *ctx;

	/* The packet can not be delivered to its next hop: an ICMP host unreachable or ICMPv6 address
	 * unreachable, if one is due, goes to its source (Linux ipv4_link_failure, ndisc_error_report).  The
	 * verdict is given by the caller afterwards.  l3_off is right; what lies before it is of no meaning.
	 * May be NULL. */
	void (*unreachable)(void *ctx, const struct epoch *epoch, nanos_t now, struct burst *burst,
	        struct pkt_ref packet);

	/* Whether ARP requests on `port` for `target` are answered with our own MAC (proxy_arp): the way to
	 * it leads through another port.  May be NULL: never. */
	bool (*proxy_arp)(void *ctx, const struct epoch *epoch, struct port_id port, struct be32 target);

	/* Whether nothing can leave by `port` yet: it is still being opened, or has no carrier.  Probes,
	 * announcements and reports wait for it.  May be NULL: never. */
	bool (*link_waits)(void *ctx, const struct epoch *epoch, struct port_id port);

	/* What has become of the physical ports' links.  May be NULL: they last. */
	const struct board_links *links;
};

/* Lane 0's private side. */
struct neighbor {
	struct neighbor_table table;
	struct neighbor_header *header;
	uint32_t *bucket;
	struct neighbor_entry *entry;
	struct neighbor_cold *cold;
	uint32_t *free_ring;
	uint32_t *queue_next; /* by buffer */
	uint32_t *address_bucket;
	struct neighbor_address *address;
	uint32_t *group_bucket;
	struct neighbor_group *group;
	struct neighbor_port *port;
	struct neighbor_wire *wire; /* by physical port */
	struct wheel wheel;
	struct neighbor_hooks hooks;
	uint64_t links_seen;        /* board_links_changes, when all links were last looked at */
	struct epoch_limits limits; /* that the state was made for */
	uint32_t buffers;
	uint32_t slots, free_mask;
};

/* Undo lines of one packet through any function here, and of one neighbor_timer, neighbor_adopt or
 * neighbor_retire. */
#define NEIGHBOR_LINES_PACKET 48u
#define NEIGHBOR_LINES_BURST  2048u

/* Bytes of lane 0's state for neighbors: a multiple of a cache line. */
uint64_t neighbor_state_bytes(const struct stage_params *params);

/* Makes an empty table in zeroed memory, aligned to a cache line.  Once in the life of the state; not
 * journaled. */
void neighbor_init(void *state, const struct stage_params *params);

/* Lane 0's view; hooks are copied. */
void neighbor_attach(struct neighbor *n, void *state, const struct stage_params *params,
        const struct neighbor_hooks *hooks);

/* The view that the other lanes have of lane 0's state. */
void neighbor_table_attach(struct neighbor_table *t, const void *state, const struct stage_params *params);

static always_inline uint64_t neighbor_hash(
        const struct neighbor_table *t, struct port_id port, const struct ip6_addr *addr)
{
	return hash_ip6(addr, t->key + port.v);
}

/* Ahead of neighbor_find, to have its first line at hand. */
static always_inline void neighbor_prefetch(
        const struct neighbor_table *t, struct port_id port, const struct ip6_addr *addr)
{
	__builtin_prefetch(&t->bucket[neighbor_hash(t, port, addr) & t->mask]);
}

static always_inline bool neighbor_is(
        const struct neighbor_entry *e, struct port_id port, const struct ip6_addr *addr)
{
	return __atomic_load_n(&e->addr[0], __ATOMIC_RELAXED) == load_u64(addr->b) &&
	       __atomic_load_n(&e->addr[1], __ATOMIC_RELAXED) == load_u64(addr->b + 8) &&
	       __atomic_load_n(&e->port.v, __ATOMIC_RELAXED) == port.v;
}

/* The entry of a neighbor; NULL: there is none, or on another lane than 0 none was found just now. */
static always_inline const struct neighbor_entry *neighbor_find(
        const struct neighbor_table *t, struct port_id port, const struct ip6_addr *addr)
{
	uint32_t slot = __atomic_load_n(&t->bucket[neighbor_hash(t, port, addr) & t->mask], __ATOMIC_ACQUIRE);

	for (uint32_t steps = 0; slot < t->slots && steps < NEIGHBOR_CHAIN_MAX; steps++) {
		if (neighbor_is(&t->entry[slot], port, addr))
			return &t->entry[slot];
		slot = __atomic_load_n(&t->entry[slot].next, __ATOMIC_ACQUIRE);
	}
	return NULL;
}

static always_inline struct neighbor_link neighbor_link_of(const struct neighbor_entry *e)
{
	uint64_t word = __atomic_load_n(&e->link, __ATOMIC_ACQUIRE);
	struct neighbor_link link;

	memcpy(&link, &word, sizeof link);
	return link;
}

/* Whether a packet may go to the neighbor as the entry stands: its MAC.  false: the packet is lane 0's to
 * judge (neighbor_output).  The entry is that of neighbor_find for the same port and address; if lane 0 has
 * made another neighbor of it meanwhile, or is about to, the answer is false. */
static always_inline bool neighbor_usable(const struct neighbor_entry *e, struct port_id port,
        const struct ip6_addr *addr, struct mac_addr *mac)
{
	uint32_t seq = __atomic_load_n(&e->seq, __ATOMIC_ACQUIRE);
	uint64_t word = __atomic_load_n(&e->link, __ATOMIC_ACQUIRE);
	bool same = neighbor_is(e, port, addr);
	struct neighbor_link link;

	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	memcpy(&link, &word, sizeof link);
	*mac = link.mac;
	return same && !(seq & 1) && nud_in(link.state, NUD_USABLE) && !(link.flags & NEIGHBOR_WAITING) &&
	       __atomic_load_n(&e->link, __ATOMIC_RELAXED) == word &&
	       __atomic_load_n(&e->seq, __ATOMIC_RELAXED) == seq;
}

/* The MAC of a neighbor to which packets of this epoch may go as it stands; false: lane 0 judges. */
static always_inline bool neighbor_mac(const struct neighbor_table *t, const struct epoch *epoch,
        struct port_id port, const struct ip6_addr *addr, struct mac_addr *mac)
{
	const struct epoch_neighbor *given = epoch_neighbor(epoch, port, addr);
	const struct neighbor_entry *e;

	if (unlikely(given)) {
		*mac = given->mac;
		return true;
	}
	e = neighbor_find(t, port, addr);
	return likely(e) && neighbor_usable(e, port, addr, mac);
}

/* Puts an Ethernet header before the packet's network header, which becomes l3_off = 14; what was before it
 * is overwritten.  false where the buffer has no room for it: nothing is changed. */
static always_inline bool neighbor_frame(
        const struct pool *pool, struct pkt_ref ref, const struct mac_addr *dst, const struct mac_addr *src)
{
	int bytes = (int)ref.pkt->l3_off - (int)ETHER_HDR_LEN;

	if (bytes && unlikely(!ref_move_start(pool, ref, bytes)))
		return false;
	ref.pkt->l3_off = ETHER_HDR_LEN;
	ether_write(*ref.frame, dst, src, ref.pkt->ethertype);
	return true;
}

/* Sends a routed packet to a neighbor that needs no change of the table: Ethernet header and verdict PASS
 * (OUT_TX, own lane).  pkt.out is the port, in the packet's epoch; pkt.ethertype and l3_off are right.
 * false: nothing was done; lane 0 goes on with neighbor_output, the others punt the packet. */
static always_inline bool neighbor_send(const struct neighbor_table *t, const struct epoch *epoch,
        const struct burst *burst, struct pkt_ref ref, const struct ip6_addr *next_hop)
{
	const struct epoch_port *egress = epoch_port(epoch, ref.pkt->out);
	struct mac_addr mac;

	if (unlikely(!egress || !(egress->flags & EPOCH_PORT_UP)) ||
	        unlikely(!neighbor_mac(t, epoch, ref.pkt->out, next_hop, &mac)) ||
	        unlikely(!neighbor_frame(burst->pool, ref, &mac, &egress->mac)))
		return false;
	ref_pass(ref, out_id(OUT_TX, burst->lane));
	return true;
}

/* Everything from a routed packet to its verdict, for any neighbor and also for groups and broadcast
 * addresses: PASS with an Ethernet header; HELD until the neighbor is resolved (at most 3 s;
 * limits.neigh_queue_packets a neighbor, the oldest gives way with NEIGH_QUEUEFULL); or DROP.  pkt.out is the
 * port, ethertype and l3_off are right; next_hop is a gateway or the destination itself, IPv4 mapped.  Linux
 * neigh_event_send, ip_finish_output2. */
void neighbor_output(struct neighbor *n, const struct epoch *epoch, nanos_t now, struct burst *burst,
        struct pkt_ref ref, const struct ip6_addr *next_hop);

/* An upper layer has seen an answer from beyond this neighbor (Linux neigh_confirm).  Writes at most once in
 * a tenth of the reachable time. */
void neighbor_confirm(struct neighbor *n, const struct epoch *epoch, nanos_t now, struct burst *burst,
        struct port_id port, const struct ip6_addr *addr);

/* The four inputs.  The packet is in hand, pkt.port is its ingress (sub-)port, l3_off and (but for ARP)
 * l4_off are right, pkt.type says how it was addressed; it gets its verdict: DELIVERED, or DROP with a
 * reason.  Replies go to the outbox.
 *
 * arp_input: a frame of type ARP (Linux arp_rcv, arp_process; RFC 826).
 * nd_input: ICMPv6 types 133 to 137 (Linux ndisc_rcv; RFC 4861).  The IPv6 header has been checked, the
 * ICMPv6 checksum has been verified, and ICMP6_IN_MSGS counted; the type's own counter is counted here, and
 * errors. `fragmented`: it came in a fragment header (RFC 6980). igmp_input: IPv4 protocol 2, header checked
 * (Linux igmp_rcv; RFC 2236, 3376); everything else is done here. mld_input: ICMPv6 types 130, 131, 132 and
 * 143, as for nd_input (Linux igmp6_event_query; RFC 2710, 3810). */
void arp_input(
        struct neighbor *n, const struct epoch *epoch, nanos_t now, struct burst *burst, struct pkt_ref ref);
void nd_input(struct neighbor *n, const struct epoch *epoch, nanos_t now, struct burst *burst,
        struct pkt_ref ref, bool fragmented);
void igmp_input(
        struct neighbor *n, const struct epoch *epoch, nanos_t now, struct burst *burst, struct pkt_ref ref);
void mld_input(
        struct neighbor *n, const struct epoch *epoch, nanos_t now, struct burst *burst, struct pkt_ref ref);

/* Whether an IPv6 address of ours may not be used on the port: duplicate address detection has not passed, or
 * has found another owner.  Costs one load where no address is in that state. */
bool neighbor_address_tentative(
        const struct neighbor_table *t, struct port_id port, const struct ip6_addr *addr);

/* Whether we listen to a group on the port (IPv4 mapped): those of the configuration, solicited-node groups
 * of our addresses, all nodes, and as a router all routers. */
bool neighbor_group_joined(const struct neighbor_table *t, struct port_id port, const struct ip6_addr *group);

/* stage_ops.adopt's part: addresses to be probed and announced, groups to be joined.  What only the epoch
 * before has stays, for its packets.  true when all is in line, false: to be called again in a further burst.
 */
[[nodiscard]] bool neighbor_adopt(
        struct neighbor *n, const struct epoch *epoch, nanos_t now, struct burst *burst);

/* stage_ops.retire's part, after neighbor_adopt for the same epoch: entries of ports that are gone, addresses
 * and groups that the epoch does not have.  true and false as there. */
[[nodiscard]] bool neighbor_retire(
        struct neighbor *n, const struct epoch *epoch, nanos_t now, struct burst *burst);

/* stage_ops.timer's part, a bounded part of what is due, and of what follows from links that were lost. */
void neighbor_timer(struct neighbor *n, const struct epoch *epoch, nanos_t now, struct burst *burst);

/* What neighbor_timer tells journal_hand: this, and the number of a timer. */
#define NEIGHBOR_HAND 0x40000000u

/* stage_ops.give_up's part: an entry goes, with what waits for it; an address or a group of ours stays, and
 * is not probed, announced or reported any more. */
void neighbor_give_up(
        struct neighbor *n, const struct epoch *epoch, nanos_t now, uint32_t timer, struct burst *burst);

/* stage_ops.describe's part. */
void neighbor_describe(const struct neighbor *n, uint32_t timer, struct box_culprit *culprit);

/* stage_ops.next_timer's. */
nanos_t neighbor_next_timer(const struct neighbor *n);

/* The oldest epoch number of a packet that waits; UINT32_MAX: none waits. */
uint32_t neighbor_oldest_epoch(const struct neighbor *n);

/* The buffers of packets that wait, each once; returns how many.  Each is one packet. */
uint32_t neighbor_held(const struct neighbor *n, struct pkt_index *index);

/* NULL, or what is wrong with the state: chains, lists, counts, queues, timers.  For tests. */
const char *neighbor_check(const struct neighbor *n);

#endif
