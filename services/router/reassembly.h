/* reassembly: fragments for ourselves become datagrams again, bounded in memory and time, safe against
 * overlap (RFC 791, RFC 5722, RFC 8200 4.5; Linux ip_defrag, ipv6_frag_rcv).
 *
 * Part of the router; local.c calls reassembly_input4 and _input6 for each fragment that is delivered here,
 * timer.c the rest.  Each lane has its own: RSS puts all fragments of a datagram on one lane.
 */
#ifndef SLUICE_SERVICES_ROUTER_REASSEMBLY_H
#define SLUICE_SERVICES_ROUTER_REASSEMBLY_H

#include "services/router/router_internal.h"

/* A fragment of IPv6: where things stand, from l3_off on. */
struct reassembly_frag6 {
	uint32_t fragment_off; /* the fragment header */
	uint32_t next_field;   /* the byte whose next header is 44: rewritten in the whole datagram */
	uint32_t offset;       /* of the payload in the whole, bytes */
	uint32_t id;           /* as on the wire */
	uint8_t next_header;   /* that the fragment header names */
	bool more;
};

/* Undo lines of one reassembly_timer (a fragment through reassembly_input4 or _input6: 64 at the most). */
#define REASSEMBLY_LINES_BURST 2048u

/* Bytes of a lane's part of the state, and its first content (memory is zero). */
uint64_t reassembly_bytes(const struct stage_params *params);
void reassembly_init(struct reassembly *reassembly, const struct stage_params *params);

/* A fragment, trimmed to its IP length, is taken: gives its verdict (HELD, or a drop) and counts ReasmReqds
 * and so on.  If it completes a datagram, all its fragments are released into the outbox as one packet
 * (`more` on all but the last), and its first entry is returned without a verdict: l3_off and header of the
 * whole (IPv4: total length, no fragment, options of the first; IPv6: without its fragment header), l4_off
 * behind the headers, total_len, PKT_F_REASSEMBLED; the later buffers' frames hold nothing but payload.  NULL
 * otherwise. */
struct outbox_entry *reassembly_input4(
        const struct router_call *c, struct pkt_ref r, const struct ipv4_view *view);
struct outbox_entry *reassembly_input6(const struct router_call *c, struct pkt_ref r,
        const struct ipv6_view *view, const struct reassembly_frag6 *fragment);

/* Gives up datagrams whose time is over: ICMP time exceeded, code 1, where the first fragment is there. */
void reassembly_timer(const struct router_call *c);
nanos_t reassembly_next_timer(const struct router *router);

/* For stage_ops: the buffers held (appended to index, packets added), and whether all is consistent. */
uint32_t reassembly_held(const struct router *router, struct pkt_index *index, uint32_t *packets);
const char *reassembly_check(const struct router *router);

#endif
