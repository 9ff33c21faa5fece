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

#include "common/fib/fib.h"
#include "common/stage/stage.h"
#include "common/trace/trace.h"
#include "common/wire/ether.h"
#include "common/wire/icmp.h"
#include "common/wire/icmp6.h"
#include "common/wire/ipv4.h"
#include "common/wire/ipv4_options.h"
#include "common/wire/ipv6.h"
#include "common/wire/ipv6_ext.h"
#include "services/router/neighbor/neighbor.h"

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

struct reassembly;
struct limits;
struct pmtu_table;
struct fast4;
struct fast6;

/* What is derived from an epoch, to decide quickly; made again whenever another epoch takes its slot. */

#define LOCAL_FILTER_BITS 4096u

/* Of a port, what the passes over a burst need: a quarter of a line. */
struct port_view {
	struct mac_addr mac;
	uint16_t mtu;  /* 0: there is no such port, or it is not up */
	uint8_t plain; /* PORT_IN4 and so on: nothing on this port asks for more than plain forwarding, but
	                  for what PORT_PARTIAL says */
	uint8_t redirects;
	uint8_t unused[6];
};

static_assert(sizeof(struct port_view) == 16, "a quarter of a line");

#define PORT_IN4  0x01u
#define PORT_IN6  0x02u
#define PORT_OUT4 0x04u
#define PORT_OUT6 0x08u
#define PORT_PARTIAL                                                                                         \
	0x10u /* checksums may be partial: whose field holds the pseudo-header's sum is not plain */

struct router_view {
	uint32_t number; /* of the epoch it was made from; 0: none */
	bool has_fib;
	struct fib_reader fib;
	uint64_t local[LOCAL_FILTER_BITS / 64]; /* a bit by hash for each IPv4 address of ours: a clear bit
	                                           proves that an address is none */
	uint32_t local_coarse[8]; /* the same with a bit for 16 of those: for eight addresses at once */
	struct port_view port[EPOCH_PORTS_MAX];
};

/* The private side of a worker: pointers into the state, and scratch. */
struct router {
	struct stage_params params;
	uint32_t lane;
	const struct pool *pool;
	struct router_state *state;
	const struct poll_stats *ports[LANES_MAX]; /* of each lane's ingest */
	struct neighbor neighbor;                  /* lane 0 alone */
	struct neighbor_table table;               /* that of lane 0, to be read */
	struct reassembly *reassembly;
	struct limits *limits;
	struct pmtu_table *pmtu;        /* lane 0 alone; else NULL */
	const struct pmtu_table *pmtu0; /* read under sequence counts */
	struct router_view view[2];     /* by epoch number & 1 */
	bool plain_only_slow;           /* tests: every packet goes the long way */
	struct fast4 *fast4;
	struct fast6 *fast6;
};

/* What every function of one call from the frame works with. */
struct router_call {
	struct router *router;
	const struct epoch *epoch; /* the packets', or the newest */
	const struct router_view *view;
	nanos_t now;
	struct burst *burst;
};

/* The view of an epoch (view.c). */
const struct router_view *router_view_of(struct router *router, const struct epoch *epoch);

/* May an IPv4 address be one of ours?  false is sure. */
#define LOCAL_FILTER_FACTOR 0x9e3779b1u

static always_inline uint32_t local_filter_bit(struct be32 addr)
{
	return (addr.raw * LOCAL_FILTER_FACTOR) >> 20;
}

static always_inline bool local_filter_has(const struct router_view *v, struct be32 addr)
{
	uint32_t bit = local_filter_bit(addr);

	return v->local[bit / 64] >> (bit % 64) & 1;
}

/* --- Packets in one or several buffers (packet.c) --- */

#define PARTS_MAX 64u

/* The buffers of a packet, in order; the first begins at its network header. */
struct parts {
	uint32_t n;
	uint32_t total; /* bytes over all */
	struct {
		uint8_t *at;
		uint32_t len;
	} part[PARTS_MAX];
};

/* Whether the packet goes on in a further buffer. */
bool packet_has_more(const struct router_call *c, struct pkt_ref r);

/* Its buffers from l3_off on; false where there are more than PARTS_MAX. */
[[nodiscard]] bool packet_parts(const struct router_call *c, struct pkt_ref r, struct parts *parts);

/* Copies bytes off to off + len (off + len <= total). */
void parts_copy(const struct parts *parts, uint32_t off, void *to, uint32_t len);

/* Adds bytes off to off + len to a sum, as if off were even (off + len <= total). */
struct csum parts_sum(struct csum sum, const struct parts *parts, uint32_t off, uint32_t len);

/* The verdict of the first buffer for all of them. */
void packet_settle(const struct router_call *c, struct pkt_ref r);

/* Cuts off what is behind the IP packet of l3_bytes (Linux pskb_trim_rcsum); of one buffer only. */
static always_inline void packet_trim(struct pkt_ref r, uint32_t l3_bytes)
{
	r.pkt->len = (uint16_t)(r.pkt->l3_off + l3_bytes);
	r.pkt->total_len = r.pkt->len;
}

static always_inline uint8_t *packet_l3(struct pkt_ref r)
{
	return *r.frame + r.pkt->l3_off;
}

/* Bytes from l3_off on: in this buffer, and in all. */
static always_inline uint32_t packet_l3_here(struct pkt_ref r)
{
	return (uint32_t)r.pkt->len - r.pkt->l3_off;
}

static always_inline uint32_t packet_l3_total(struct pkt_ref r)
{
	return r.pkt->total_len - r.pkt->l3_off;
}

/* --- L4 checksums that are not yet whole (csum.c) --- */

/* Whether the field of a TCP or UDP checksum among the l4_len bytes holds the pseudo-header's sum: so does a
 * partial one, and seldom a whole one. */
bool csum_looks_partial(struct csum pseudo, uint8_t proto, const uint8_t *l4, uint32_t l4_len);

/* On a port with `checksum: partial`: whether the L4 checksum holds only the pseudo-header's sum; sets
 * pkt.csum, csum_start, csum_off.  `l4` counts from l3_off; the packet ends `l4_len` bytes behind it. */
void csum_recognize(const struct router_call *c, struct pkt_ref r, struct csum pseudo, uint8_t proto,
        uint32_t l4, uint32_t l4_len);

/* Makes the checksum of a PKT_CSUM_PARTIAL packet whole; counts. */
void csum_complete_packet(const struct router_call *c, struct pkt_ref r);

/* --- Where to (route.c) --- */

struct route {
	enum fib_type type;
	bool gateway;
	struct port_id port;
	uint32_t mtu;             /* of the way: the route's or the port's */
	struct ip6_addr next_hop; /* IPv4 mapped */
	struct ip6_addr source;   /* preferred; zeros: none */
};

/* The hash that picks among several ways: that of RSS where there is one (a fragment's has no ports in it).
 */
uint32_t route_hash(const struct router_call *c, const struct pkt *p, const struct ip6_addr *src,
        const struct ip6_addr *dst);

void route4(
        const struct router_call *c, const struct pkt *p, struct be32 dst, uint32_t hash, struct route *out);

/* Link-local destinations are on the link of `in` (an address of it: FIB_LOCAL). */
void route6(const struct router_call *c, const struct pkt *p, const struct ip6_addr *dst, struct port_id in,
        uint32_t hash, struct route *out);

static always_inline bool route_is_way(const struct route *r)
{
	return r->type == FIB_UNICAST || r->type == FIB_CONNECTED;
}

/* Would a packet from src be expected on `in` (RFC 3704, Linux __fib_validate_source)?  DROP_NONE, or why
 * not.  `onlink` tells whether src is a neighbor there. */
enum drop_reason route_check_source4(const struct router_call *c, const struct pkt *p,
        const struct epoch_port *in, struct be32 src, bool always, bool *onlink);
enum drop_reason route_check_source6(const struct router_call *c, const struct pkt *p,
        const struct epoch_port *in, const struct ip6_addr *src);

/* --- Input --- */

/* An IPv4 packet, as the checks left it. */
struct ip4 {
	struct ipv4_view v;
	struct ipv4_options_view o; /* only where v says that there are options */
};

struct ip6 {
	struct ipv6_view v;
	struct ipv6_chain chain; /* walked up to the upper layer only for ourselves */
	bool router_alert;
	uint16_t router_alert_value;
};

/* The passes over a burst of INPUT_RX (fast4.c, fast6.c): forward what is plain, leave the rest without a
 * verdict.  How many they forwarded. */
uint32_t fast4(const struct router_call *c);
uint32_t fast6(const struct router_call *c);
uint64_t fast4_bytes(void);
uint64_t fast6_bytes(void);

/* A packet from the wire, from its first check to its verdict (Linux ip_rcv, ip6_rcv). */
void input4(const struct router_call *c, struct pkt_ref r);
void input6(const struct router_call *c, struct pkt_ref r);

/* The same from the routing step on: for what lane 0 takes over.  Sound headers, trimmed. */
void input4_again(const struct router_call *c, struct pkt_ref r);
void input6_again(const struct router_call *c, struct pkt_ref r);

/* Options of an IPv4 packet (options4.c; Linux ip_rcv_options, ip_forward_options). false: the verdict is
 * given. */
bool options4_input(const struct router_call *c, struct pkt_ref r, struct ip4 *ip, struct route *route);
void options4_forward(
        const struct router_call *c, struct pkt_ref r, struct ip4 *ip, const struct route *route);
/* Writes our address and time into record route and timestamp options, once; the header's checksum is the
 * caller's. */
void options4_record(const struct router_call *c, uint8_t *header, const struct ip4 *ip, struct be32 own);

/* Hop-by-hop options of a packet from the wire; false: the verdict is given (exthdr6.c; Linux
 * ipv6_parse_hopopts). */
bool exthdr6_hop_by_hop(const struct router_call *c, struct pkt_ref r, struct ip6 *ip);

/* All headers of a packet for ourselves up to its upper layer (or fragment header); false: the verdict is
 * given. */
bool exthdr6_local(const struct router_call *c, struct pkt_ref r, struct ip6 *ip);

/* A routed packet of somebody else's (forward.c, forward6.c; Linux ip_forward, ip6_forward).  `redirect`:
 * IPv4, the sender could reach the next hop by itself. */
void forward4(const struct router_call *c, struct pkt_ref r, struct ip4 *ip, const struct route *route,
        bool redirect);
void forward6(const struct router_call *c, struct pkt_ref r, struct ip6 *ip, const struct route *route);

/* Lowers the MSS of a SYN where one of the ports asks for it (mss.c).  `l4` counts from l3_off. */
void mss_clamp(
        const struct router_call *c, struct pkt_ref r, const struct route *route, bool ipv6, uint32_t l4);

/* A packet for ourselves (local.c; Linux ip_local_deliver, ip6_input).  `group`: a multicast or broadcast
 * destination. */
void local4(const struct router_call *c, struct pkt_ref r, struct ip4 *ip, bool group);
/* Whether local4 hands it to the lane that answers, where it goes all the way again. */
bool local4_is_elsewhere(const struct router_call *c, const struct ip4 *ip);
void local6(const struct router_call *c, struct pkt_ref r, struct ip6 *ip, bool group);

/* A datagram of ours that became whole in an earlier burst (reassembly_whole); gives the verdict. */
void local_whole(const struct router_call *c, struct outbox_entry *e);

/* Up to the session, to the lane of the flow. */
void local_deliver(const struct router_call *c, struct pkt_ref r, uint32_t l4, uint8_t proto, uint32_t hash);

/* The hash that a flow has in both directions; its lane is hash % lanes. */
uint32_t local_flow_hash(const struct router_call *c, const struct ip6_addr *a, const struct ip6_addr *b,
        uint16_t a_port, uint16_t b_port, uint8_t proto);

/* ICMP and ICMPv6 for ourselves (icmp_input.c, icmp6_input.c); lane 0 alone. */
void icmp_input(const struct router_call *c, struct pkt_ref r, struct ip4 *ip, bool group);
void icmp6_input(const struct router_call *c, struct pkt_ref r, struct ip6 *ip, bool group);

/* --- Handing over to lane 0 (punt.c) --- */

enum punt_why {
	PUNT_AGAIN,      /* an ARP frame, or a checked IP packet: begins at the routing step; one of ours at
	                    output_local */
	PUNT_HOP,        /* routed, rewritten, wants its neighbor: note.next_hop, pkt.out */
	PUNT_ICMP_ERROR, /* an ICMP error about it is to be made, then it is dropped: note.type to note.reason
	                  */
};

/* What goes with a punted packet: in the second line of its buffer's metadata, private to the router's lanes.
 * Another process may have changed it: loaded once, checked by use. */
struct punt_note {
	struct ip6_addr next_hop; /* IPv4 mapped */
	uint32_t info;            /* of the ICMP error, as icmp_error_send takes it */
	uint16_t reason;          /* enum drop_reason */
	uint8_t why;              /* enum punt_why */
	uint8_t type, code;       /* of the ICMP error */
	uint8_t unused[7];
};

static_assert(sizeof(struct punt_note) <= PKT_META_BYTES - CACHE_LINE, "fits the metadata's second line");

static always_inline bool router_owns_links(const struct router_call *c)
{
	return c->router->lane == 0;
}

/* Hands the packet to lane 0 with this note (only in other lanes). */
void punt(const struct router_call *c, struct pkt_ref r, const struct punt_note *note);
void punt_again(const struct router_call *c, struct pkt_ref r);

/* A punted packet arrives at lane 0. */
void punt_input(const struct router_call *c, struct pkt_ref r);

/* --- ICMP errors (icmp_error.c, icmp6_error.c) --- */

/* Makes an ICMP (IPv4) or ICMPv6 error about the packet `r`, unless RFC 1812 4.3.2.7, RFC 4443 2.4 (e) or the
 * rate limits forbid it; r.pkt->ethertype says which.  r holds the packet from l3_off on; its verdict is not
 * touched: the caller drops (or passes) it.  `info` goes into the error's second word, host order: next-hop
 * MTU, pointer (IPv4: in the high byte); a redirect's IPv4 gateway.  Lane 0 alone; icmp_error_drop is for
 * all. */
void icmp_error_send(
        const struct router_call *c, struct pkt_ref r, uint8_t type, uint8_t code, uint32_t info);
void icmp4_error(const struct router_call *c, struct pkt_ref r, uint8_t type, uint8_t code, uint32_t info);
void icmp6_error(const struct router_call *c, struct pkt_ref r, uint8_t type, uint8_t code, uint32_t info);

/* The same, then the packet is dropped with `reason`; in lanes other than 0 lane 0 does both. */
void icmp_error_drop(const struct router_call *c, struct pkt_ref r, uint8_t type, uint8_t code, uint32_t info,
        enum drop_reason reason);

/* An ICMPv6 redirect to the sender of `r` (RFC 4861 8.2, Linux ndisc_send_redirect); lane 0 alone. */
void icmp6_redirect(
        const struct router_call *c, struct pkt_ref r, const struct ip6 *ip, const struct route *route);

/* Counts a message of ours by its type. */
void icmp_count_out(const struct router_call *c, bool ipv6, uint8_t type);

/* --- Output (output.c) --- */

/* A packet of ours whose IP header is complete from l3_off on (its source chosen here where it is
 * unspecified): routes it, counts OutRequests, fragments, hands it to the neighbor; loops it back where the
 * destination is ours.  Gives the verdict.  A multicast or link-local destination goes out on pkt.out where
 * the caller has set it. */
void output_local(const struct router_call *c, struct pkt_ref r);

/* A routed packet that fits the egress port: to the neighbor. */
void output_hop(
        const struct router_call *c, struct pkt_ref r, struct port_id out, const struct ip6_addr *next_hop);

/* A new packet in the outbox before packet `at`, made because of `cause` (may be NULL): room for the Ethernet
 * header, then the network header at l3_off, len = ETHER_HDR_LEN + l3_bytes, type PKT_OUTGOING.  false where
 * there is no buffer (counted by the frame). */
[[nodiscard]] bool output_make(const struct router_call *c, uint32_t at, enum born born,
        const struct pkt *cause, uint16_t ethertype, uint32_t l3_bytes, struct pkt_ref *r);

/* The next identification of an IPv4 packet, of an IPv6 fragment, that we make. */
uint16_t output_ident4(const struct router_call *c);
uint32_t output_ident6(const struct router_call *c);

/* Sends an IPv4 packet in pieces of at most `mtu` bytes (fragment.c; RFC 791 3.2, Linux ip_do_fragment), an
 * IPv6 one of our own (RFC 8200 4.5).  Gives the verdict: CONSUMED, or a drop. */
void fragment4(const struct router_call *c, struct pkt_ref r, const struct route *route, uint32_t mtu);
void fragment6(const struct router_call *c, struct pkt_ref r, const struct route *route, uint32_t mtu);

/* Our address to speak to `dst` from, on port `out`: Linux inet_select_addr; RFC 6724 section 5 with the
 * candidates of ipv6_dev_get_saddr.  Tentative addresses are none.  false where there is none. */
bool source_select4(const struct router_call *c, struct port_id out, struct be32 next_hop, struct be32 *src);
bool source_select6(
        const struct router_call *c, struct port_id out, const struct ip6_addr *dst, struct ip6_addr *src);

/* --- Addresses of ours (address.c) --- */

/* The address of ours that this is, or NULL; a link-local one must be of `port`. */
const struct epoch_address *address_find4(const struct epoch *e, struct be32 addr);
const struct epoch_address *address_find6(
        const struct epoch *e, const struct ip6_addr *addr, struct port_id port);

/* --- Limits (limit.c) --- */

uint64_t limits_bytes(const struct stage_params *params);

/* May one more packet of this class to ourselves be taken?  Takes a token. */
bool limit_local(const struct router_call *c, enum epoch_class class);

/* May an ICMP error go to this peer?  Takes a token of the global bucket and of the peer's; counts refusals.
 */
bool limit_icmp_error(const struct router_call *c, const struct ip6_addr *peer);

/* The same of a message that only the peer's bucket limits (redirects). */
bool limit_peer(const struct router_call *c, const struct ip6_addr *peer);

/* --- Path MTU of our own packets (pmtu.c) --- */

uint64_t pmtu_bytes(const struct stage_params *params);

/* For whom a path MTU holds.  Of what a socket sent the session knows, which vouches for the error that
 * quotes it.  Of what we answer by ourselves (echo replies) nobody knows: anybody may say such a thing of it,
 * which therefore holds for answers alone. */
enum pmtu_use { PMTU_SOCKETS, PMTU_ANSWERS, PMTU_USES };

static always_inline enum pmtu_use pmtu_use_of(uint8_t proto)
{
	return proto == IP_PROTO_ICMP || proto == IP_PROTO_ICMP6 ? PMTU_ANSWERS : PMTU_SOCKETS;
}

/* What a packet to dst may have, where the way itself takes mtu. */
uint32_t pmtu_lookup(
        const struct router_call *c, enum pmtu_use use, const struct ip6_addr *dst, uint32_t mtu);
/* Lowers it, never below what Linux takes for the least; lane 0 alone. */
void pmtu_update(const struct router_call *c, enum pmtu_use use, const struct ip6_addr *dst, uint32_t mtu);

/* --- Errors that tell it (too_big.c); lane 0 alone --- */

/* Learns from "fragmentation needed" and from "packet too big"; `rest` is the message's second word. */
void too_big4(const struct router_call *c, struct pkt_ref r, const struct icmp_quote *quote, uint32_t rest);
void too_big6(const struct router_call *c, struct pkt_ref r, const struct icmp6_quote *quote, uint32_t rest);

/* Such an error about what a socket sent, as it comes back from the session (PKT_F_VOUCHED); gives the
 * verdict. */
void too_big_vouched(const struct router_call *c, struct pkt_ref r);

#endif
