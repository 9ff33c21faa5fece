/* reassembly: fragments for ourselves become datagrams again, bounded in memory and time, safe against
 * overlap (RFC 791, RFC 5722, RFC 8200 4.5; Linux ip_defrag, ipv6_frag_rcv).
 *
 * Part of the router; local.c calls reassembly_input4 and _input6 for each fragment that is delivered here,
 * stage.c the rest:
 *
 *     reassembly_timer(c);
 *     for (n = 0; n < REASSEMBLY_WHOLES_BURST && (e = reassembly_whole(c)); n++)
 *             deliver as what reassembly_input4 or _input6 returns;
 *
 * Each lane has its own: RSS puts all fragments of a datagram on one lane, and each lane has its share of the
 * limits.
 *
 * What is wrong with a fragment by itself ends that fragment alone (FRAG_MALFORMED); one that comes again is
 * dropped alone (DUP_FRAG); what contradicts the others ends the datagram: an overlap (FRAG_OVERLAP), data
 * behind the last fragment or a second end (FRAG_MALFORMED), too many pieces (FRAG_MEMORY).  Where memory is
 * short the oldest datagram goes (FRAG_EVICTED).
 */
#ifndef SLUICE_SERVICES_ROUTER_REASSEMBLY_REASSEMBLY_H
#define SLUICE_SERVICES_ROUTER_REASSEMBLY_REASSEMBLY_H

#include "services/router/router_internal.h"

/* Fragments of a datagram at most, whatever the limits say: so many buffers a packet of the session has. */
#define REASSEMBLY_PIECES_MAX 64u

/* Outbox entries that are left to others in a burst: what lacks room is finished in a timer burst. */
#define REASSEMBLY_OUTBOX_RESERVE 256u

/* Datagrams to be taken from reassembly_whole in one burst. */
#define REASSEMBLY_WHOLES_BURST 8u

/* Undo lines of a fragment, and of reassembly_timer with the ICMP errors that it makes, without what the
 * delivery of REASSEMBLY_WHOLES_BURST datagrams takes. */
#define REASSEMBLY_LINES_PACKET 64u
#define REASSEMBLY_LINES_BURST  4096u

/* A fragment of IPv6: where things stand, from l3_off on. */
struct reassembly_frag6 {
	uint32_t fragment_off; /* the fragment header */
	uint32_t next_field;   /* the byte whose next header is 44: rewritten in the whole datagram */
	uint32_t offset;       /* of the payload in the whole, bytes */
	uint32_t id;           /* as on the wire */
	uint8_t next_header;   /* that the fragment header names */
	bool more;
};

/* Bytes of a lane's part of the state, and its first content (memory is zero). */
uint64_t reassembly_bytes(const struct stage_params *params);
void reassembly_init(struct reassembly *reassembly, const struct stage_params *params);

/* A fragment, trimmed to its IP length, is taken: gives its verdict (HELD, or a drop) and counts ReasmReqds
 * and so on.  If it completes a datagram, all its fragments are released into the outbox as one packet (the
 * first as a copy in a spare buffer; `more` on all but the last), and its first entry is returned without a
 * verdict: l3_off and header of the whole (IPv4: total length, options of the first, ECN of all, DF where the
 * largest had it; IPv6: without its fragment header), l4_off behind the headers, total_len,
 * PKT_F_REASSEMBLED; the later buffers' frames hold nothing but payload.  NULL otherwise.
 *
 * For IPv6 the caller has asked ipv6_fragment_is_sound (RFC 7112 among others), and has passed over a
 * fragment header around the whole (RFC 6946).  A fragment in what was reassembled already is malformed. */
struct outbox_entry *reassembly_input4(
        const struct router_call *c, struct pkt_ref r, const struct ipv4_view *view);
struct outbox_entry *reassembly_input6(const struct router_call *c, struct pkt_ref r,
        const struct ipv6_view *view, const struct reassembly_frag6 *fragment);

/* A datagram that became whole when the outbox had no room for it, as reassembly_input4 returns it; NULL:
 * none, or still no room.  r.pkt->ethertype says which family it is. */
struct outbox_entry *reassembly_whole(const struct router_call *c);

/* Gives up datagrams whose time is over: ICMP time exceeded, code 1, where the first fragment is there
 * (icmp_error_drop; RFC 792, RFC 4443 3.3).  Drops the rest of what was given up earlier. */
void reassembly_timer(const struct router_call *c);

/* What reassembly_timer and _whole tell journal_hand: this, and the number of a datagram. */
#define REASSEMBLY_HAND 0x80000000u

/* stage_ops.give_up's part: the datagram's fragments are dropped, without an answer. */
void reassembly_give_up(const struct router_call *c, uint32_t slot);

/* stage_ops.describe's part. */
void reassembly_describe(const struct router *router, uint32_t slot, struct box_culprit *culprit);

/* When reassembly_timer and _whole are to be called; 0: at once. */
nanos_t reassembly_next_timer(const struct router *router);

/* For stage_ops: the buffers held (appended to index, packets added), and whether all is consistent. */
uint32_t reassembly_held(const struct router *router, struct pkt_index *index, uint32_t *packets);
const char *reassembly_check(const struct router *router);

#endif
