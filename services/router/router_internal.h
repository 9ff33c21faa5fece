/* router_internal: what the router's files share; known to no other service.
 *
 * The files follow a packet: input4.c and input6.c (checks), route.c (where to), forward.c, fragment.c,
 * output.c (to the neighbor), local.c (for ourselves), icmp_input.c; icmp_error.c makes errors, limit.c says
 * how many. neighbor.*, arp.*, nd.*, igmp.*, mld.* keep the links, reassembly.* the fragments.
 *
 * Two paths: input4_burst and input6_burst forward what is plain in passes over the burst (fast4.c, fast6.c),
 * touching nothing until a packet is decided; whatever is not plain goes one at a time, in order, through
 * functions that take (const struct router_call *, struct pkt_ref, ...) and give the packet its verdict.
 */
#ifndef SLUICE_SERVICES_ROUTER_ROUTER_INTERNAL_H
#define SLUICE_SERVICES_ROUTER_ROUTER_INTERNAL_H

#include "common/stage/stage.h"
#include "common/trace/trace.h"
#include "common/wire/ether.h"
#include "common/wire/ipv4.h"
#include "common/wire/ipv6.h"

#define ROUTER_STATE_MAGIC 0x52544552u /* "RETR" */

/* A worker's state, journaled; the parts lie behind it at these offsets (bytes from the state's start; each
 * begins a cache line).  Lanes other than 0 have no neighbors, no pmtu: their offsets are 0. */
struct router_state {
	_Alignas(CACHE_LINE) uint32_t magic;
	uint32_t lane;
	uint64_t neighbor_off;               /* struct neighbor_table and all that ARP, ND, IGMP, MLD keep */
	uint64_t reassembly_off;             /* struct reassembly */
	uint64_t limits_off;                 /* struct limits */
	uint64_t pmtu_off;                   /* struct pmtu_table */
	_Alignas(CACHE_LINE) uint32_t ident; /* of the next IPv4 packet that we make */
	uint32_t ident6;                     /* of the next IPv6 fragment */
};

static_assert(sizeof(struct router_state) == 2 * CACHE_LINE, "journaled layout");

struct neighbor_table;
struct reassembly;
struct limits;
struct pmtu_table;
struct router_scratch;

/* What is derived from an epoch, to decide quickly; rebuilt whenever another epoch takes its slot. */
#define LOCAL_FILTER_BITS 4096u

struct router_view {
	uint32_t number;                        /* of the epoch it was made from; 0: none */
	uint64_t local[LOCAL_FILTER_BITS / 64]; /* a bit by hash for each IPv4 address of ours: a clear bit
	                                           proves that an address is none */
};

/* The private side of a worker: pointers into the state, and scratch. */
struct router {
	struct stage_params params;
	const struct stage_env *env;
	uint32_t lane;
	struct router_state *state;
	struct neighbor_table *neighbors;        /* lane 0 alone; else NULL */
	const struct neighbor_table *neighbors0; /* that of lane 0: read under sequence counts */
	struct reassembly *reassembly;
	struct limits *limits;
	struct pmtu_table *pmtu;        /* lane 0 alone; else NULL */
	const struct pmtu_table *pmtu0; /* read under sequence counts */
	const struct pool *pool;
	struct router_view view[2]; /* by epoch number & 1 */
	struct router_scratch *scratch;
};

/* What every function of one call from the frame works with. */
struct router_call {
	struct router *router;
	const struct epoch *epoch; /* the packets', or the newest */
	nanos_t now;
	struct burst *burst;
};

/* --- Handing over to lane 0 (punt.c) --- */

enum punt_why {
	PUNT_INPUT,  /* an ARP frame, or an IP packet for ourselves that lane 0 consumes: begins at `local` */
	PUNT_OUTPUT, /* routed, rewritten, wants its neighbor: note.next_hop, pkt.out */
	PUNT_ICMP_ERROR, /* an ICMP error about it is to be made, then it is dropped: note.type to note.reason
	                  */
};

/* What goes with a punted packet: in the second line of its buffer's metadata, private to the router's lanes.
 * A word of a neighbour over shared memory: loaded once, checked by use. */
struct punt_note {
	struct ip6_addr next_hop; /* IPv4 mapped */
	uint32_t info;   /* of the ICMP error: MTU, pointer, gateway (network order), as icmp_error_send takes
	                    it */
	uint16_t reason; /* enum drop_reason */
	uint8_t why;     /* enum punt_why */
	uint8_t type, code; /* of the ICMP error */
	uint8_t unused[7];
};

static_assert(sizeof(struct punt_note) <= PKT_META_BYTES - CACHE_LINE, "fits the metadata's second line");

static always_inline bool router_owns_links(const struct router_call *c)
{
	return c->router->lane == 0;
}

/* Hands the packet to lane 0 with this note (only in other lanes). */
void punt(const struct router_call *c, struct pkt_ref r, const struct punt_note *note);

/* A punted packet arrives at lane 0. */
void punt_input(const struct router_call *c, struct pkt_ref r);

/* --- ICMP errors (icmp_error.c) --- */

/* Makes an ICMP (IPv4) or ICMPv6 error about the packet `r`, unless RFC 1812 4.3.2.7, RFC 4443 2.4 (e) or the
 * rate limits forbid it; r.pkt->ethertype says which.  r's frame holds the packet from l3_off on as it came
 * in.  r's verdict is not touched: the caller drops (or passes) it.  `info` goes into the error's second
 * word, host order: next-hop MTU, pointer; a redirect's IPv4 gateway.  In lanes other than 0 use
 * icmp_error_drop, which hands it over. */
void icmp_error_send(
        const struct router_call *c, struct pkt_ref r, uint8_t type, uint8_t code, uint32_t info);

/* The same, then the packet is dropped with `reason`; in lanes other than 0 lane 0 does both. */
void icmp_error_drop(const struct router_call *c, struct pkt_ref r, uint8_t type, uint8_t code, uint32_t info,
        enum drop_reason reason);

/* --- Output (output.c) --- */

/* A packet of ours whose IP header is complete from l3_off on (src chosen where it was unspecified): routes
 * it, counts OutRequests, fragments, hands it to the neighbor; loops it back where the destination is ours.
 * Gives the verdict. A multicast or link-local destination goes out on pkt.out, which the caller has set. */
void output_local(const struct router_call *c, struct pkt_ref r);

/* A routed packet that fits the egress port: to the neighbor layer with next hop and port (pkt.out is set
 * here). */
void output_hop(
        const struct router_call *c, struct pkt_ref r, struct port_id out, const struct ip6_addr *next_hop);

/* The last step: the Ethernet header in front of l3_off, then on to the filter.  pkt.out is the sub-port. For
 * the neighbor layer, once it knows the address, and for frames of its own (ethertype from pkt.ethertype). */
void output_ether(const struct router_call *c, struct pkt_ref r, const struct mac_addr *dst);

/* A new packet in the outbox, made because of packet `at` / `cause` (may be NULL): room for the Ethernet
 * header, then l3_off at *r->frame + ETHER_HDR_LEN, len = ETHER_HDR_LEN + l3_bytes, type PKT_OUTGOING.  false
 * where there is no buffer (counted by the frame). */
[[nodiscard]] bool output_make(const struct router_call *c, uint32_t at, const struct pkt *cause,
        uint16_t ethertype, uint32_t l3_bytes, struct pkt_ref *r);

/* The next identification of an IPv4 packet that we make. */
uint16_t output_ident4(const struct router_call *c);
uint32_t output_ident6(const struct router_call *c);

/* Our address to speak to `dst` from, on port `out`: Linux inet_select_addr, RFC 6724 section 5 with the
 * candidates of ipv6_dev_get_saddr; addresses that are tentative (neighbor layer) are none.  false where
 * there is none. */
bool source_select4(const struct router_call *c, struct port_id out, struct be32 dst, struct be32 *src);
bool source_select6(
        const struct router_call *c, struct port_id out, const struct ip6_addr *dst, struct ip6_addr *src);

/* --- Addresses of ours (address.c) --- */

/* Is it an address of any port / of this port?  (The FIB knows it too; this is for what does not route.) */
const struct epoch_address *address_find4(const struct epoch *e, struct be32 addr);
const struct epoch_address *address_find6(
        const struct epoch *e, const struct ip6_addr *addr, struct port_id port);

/* Has the port joined the group: those of the configuration, all-hosts or all-nodes, all-routers where it
 * forwards, the solicited-node groups of its addresses. */
bool address_joined4(const struct epoch *e, struct port_id port, struct be32 group);
bool address_joined6(const struct epoch *e, struct port_id port, const struct ip6_addr *group);

/* --- Limits (limit.c) --- */

uint64_t limits_bytes(const struct stage_params *params);

/* May one more packet of this class to ourselves be taken?  Takes a token. */
bool limit_local(const struct router_call *c, enum epoch_class class);

/* May an ICMP error go to this peer?  Takes a token of the global bucket and of the peer's; counts refusals.
 */
bool limit_icmp_error(const struct router_call *c, const struct ip6_addr *peer);

/* The same of a redirect or of another message that only the peer's bucket limits. */
bool limit_peer(const struct router_call *c, const struct ip6_addr *peer);

/* --- Path MTU of our own packets (pmtu.c) --- */

uint64_t pmtu_bytes(const struct stage_params *params);
uint32_t pmtu_lookup(const struct router_call *c, const struct ip6_addr *dst, uint32_t mtu);
void pmtu_update(const struct router_call *c, const struct ip6_addr *dst, uint32_t mtu);

#endif
