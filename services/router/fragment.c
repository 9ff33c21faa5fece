#include "services/router/router_internal.h"

/* Whether all pieces can be made: what has been put into the outbox can not be taken back. */
static bool room_for(const struct burst *b, uint32_t pieces)
{
	return b->spare->n - b->spare->used >= pieces && OUTBOX_MAX - b->n_out >= pieces;
}

/* From the second piece on options that are not to be copied are blanked, as Linux does: the header keeps its
 * length. */
static void blank_options(uint8_t *header, uint32_t header_len)
{
	for (uint32_t at = IPV4_HDR_LEN; at < header_len && header[at] != IPV4_OPTION_END;) {
		uint32_t len = header[at] == IPV4_OPTION_NOP ? 1 : header_len - at >= 2 ? header[at + 1] : 0;

		if (len == 0 || (len < 2 && header[at] != IPV4_OPTION_NOP) || at + len > header_len)
			return;
		if (!(header[at] & IPV4_OPTION_COPIED))
			memset(header + at, IPV4_OPTION_NOP, len);
		at += len;
	}
}

/* A packet in hand to be cut, and where its pieces go. */
struct cut {
	const struct router_call *c;
	struct pkt_ref r;
	const struct route *route;
	struct parts parts;
	uint32_t header_len; /* of each piece, a fragment header included */
	uint32_t skip;       /* where the payload begins in the packet */
	uint32_t payload;    /* in all */
	uint32_t each;       /* of one piece, a multiple of 8 */
};

static bool cut_init(struct cut *cut, uint32_t mtu)
{
	/* Nothing longer than a buffer holds behind the Ethernet header. */
	mtu = MIN(mtu, pool_frame_max(cut->c->router->pool) - ETHER_HDR_LEN);
	if (cut->parts.total < cut->skip || mtu < cut->header_len + 8)
		return false;
	cut->payload = cut->parts.total - cut->skip;
	cut->each = cut->payload <= mtu - cut->header_len ? cut->payload : (mtu - cut->header_len) & ~7u;
	return true;
}

static uint32_t cut_pieces(const struct cut *cut)
{
	return cut->each ? (cut->payload + cut->each - 1) / cut->each : 1;
}

/* A piece in the outbox with room for the header and the payload from `off` on copied in.  Spare buffers are
 * there. */
static uint32_t cut_piece(struct cut *cut, uint32_t off, struct pkt_ref *piece)
{
	uint32_t n = MIN(cut->each, cut->payload - off);
	const struct pkt *p = cut->r.pkt;

	if (!output_make(cut->c, cut->r.at, BORN_PIECE, p, p->ethertype, cut->header_len + n, piece))
		return 0;
	piece->pkt->port = p->port;
	piece->pkt->type = p->type;
	piece->pkt->flags = p->flags & (PKT_F_LOCAL | PKT_F_ICMP_ERROR | PKT_F_HASHED);
	piece->pkt->hash = p->hash;
	piece->pkt->timestamp = p->timestamp;
	parts_copy(&cut->parts, cut->skip + off, packet_l3(*piece) + cut->header_len, n);
	return n;
}

static void piece4(struct cut *cut, const uint8_t *header, uint16_t first, uint32_t off)
{
	struct pkt_ref piece;
	struct ipv4_hdr *h;
	uint32_t n = cut_piece(cut, off, &piece);
	uint16_t fragment;

	if (!n)
		return;
	fragment = (uint16_t)((first & IPV4_FRAGMENT_OFFSET) + off / 8) |
	           (first & (IPV4_DONT_FRAGMENT | IPV4_MORE_FRAGMENTS));
	if (off + n < cut->payload)
		fragment |= IPV4_MORE_FRAGMENTS;
	h = (void *)packet_l3(piece);
	memcpy(h, header, cut->header_len);
	h->total_len = be16_from_host((uint16_t)(cut->header_len + n));
	h->fragment = be16_from_host(fragment);
	if (off)
		blank_options((void *)h, cut->header_len);
	ipv4_checksum_set(h, cut->header_len);
	if (fragment & (IPV4_MORE_FRAGMENTS | IPV4_FRAGMENT_OFFSET))
		piece.pkt->flags |= PKT_F_FRAGMENT;
	output_hop(cut->c, piece, cut->route->port, &cut->route->next_hop);
}

static void cut_fail(struct cut *cut, enum stat_id stat, enum drop_reason reason)
{
	burst_count(cut->c->burst, stat, 1);
	ref_drop(cut->r, reason);
}

static void cut_done(struct cut *cut, enum stat_id oks, enum stat_id creates, uint32_t pieces)
{
	if (pieces > 1) {
		burst_count(cut->c->burst, oks, 1);
		burst_count(cut->c->burst, creates, pieces);
	}
	trace(cut->c->burst->trace, cut->r.pkt->trace, TRACE_FRAGMENTED, pieces, cut->each);
	*cut->r.verdict = (struct verdict){VERDICT_CONSUMED, {0}, DROP_NONE};
}

void fragment4(const struct router_call *c, struct pkt_ref r, const struct route *route, uint32_t mtu)
{
	struct cut cut = {.c = c, .r = r, .route = route};
	uint8_t header[IPV4_HDR_LEN_MAX];
	struct ipv4_view v;
	uint32_t pieces;

	if (ipv4_check_quoted(packet_l3(r), packet_l3_here(r), &v) || !packet_parts(c, r, &cut.parts)) {
		cut_fail(&cut, STAT_IP_FRAG_FAILS, DROP_IP_INHDR);
		return;
	}
	cut.header_len = cut.skip = v.header_len;
	if (!cut_init(&cut, mtu)) {
		cut_fail(&cut, STAT_IP_FRAG_FAILS, DROP_PKT_TOO_BIG);
		return;
	}
	pieces = cut_pieces(&cut);
	if (!room_for(c->burst, pieces)) {
		c->burst->no_buffer += pieces;
		cut_fail(&cut, STAT_IP_FRAG_FAILS, DROP_NO_BUFFER);
		return;
	}
	memcpy(header, packet_l3(r), v.header_len);
	for (uint32_t k = 0; k < pieces; k++)
		piece4(&cut, header, v.fragment, k * cut.each);
	cut_done(&cut, STAT_IP_FRAG_OKS, STAT_IP_FRAG_CREATES, pieces);
}

/* Our own IPv6 packets bear no extension headers: the fragment header comes right behind the first. */
static void piece6(struct cut *cut, const struct ipv6_hdr *header, uint32_t id, uint32_t off)
{
	struct pkt_ref piece;
	struct ipv6_hdr *h;
	uint32_t n = cut_piece(cut, off, &piece);

	if (!n)
		return;
	h = (void *)packet_l3(piece);
	*h = *header;
	h->payload_len = be16_from_host((uint16_t)(cut->header_len - IPV6_HDR_LEN + n));
	if (cut->header_len > IPV6_HDR_LEN) {
		h->next_header = IP_PROTO_FRAGMENT;
		ipv6_fragment_write(h + 1, header->next_header,
		        (uint16_t)(off | (off + n < cut->payload ? IPV6_FRAGMENT_MORE : 0)), id);
		piece.pkt->flags |= PKT_F_FRAGMENT;
	}
	output_hop(cut->c, piece, cut->route->port, &cut->route->next_hop);
}

void fragment6(const struct router_call *c, struct pkt_ref r, const struct route *route, uint32_t mtu)
{
	struct cut cut = {.c = c, .r = r, .route = route, .skip = IPV6_HDR_LEN};
	uint32_t pieces, total = packet_l3_total(r);
	struct ipv6_hdr header;

	mtu = MIN(mtu, pool_frame_max(c->router->pool) - ETHER_HDR_LEN);
	cut.header_len = IPV6_HDR_LEN + (total > mtu ? IPV6_FRAGMENT_HDR_LEN : 0);
	if (packet_l3_here(r) < IPV6_HDR_LEN || !packet_parts(c, r, &cut.parts) || !cut_init(&cut, mtu)) {
		cut_fail(&cut, STAT_IP6_FRAG_FAILS, DROP_PKT_TOO_BIG);
		return;
	}
	pieces = cut_pieces(&cut);
	if (!room_for(c->burst, pieces)) {
		c->burst->no_buffer += pieces;
		cut_fail(&cut, STAT_IP6_FRAG_FAILS, DROP_NO_BUFFER);
		return;
	}
	memcpy(&header, packet_l3(r), sizeof header);
	uint32_t id = pieces > 1 ? output_ident6(c) : 0;

	for (uint32_t k = 0; k < pieces; k++)
		piece6(&cut, &header, id, k * cut.each);
	cut_done(&cut, STAT_IP6_FRAG_OKS, STAT_IP6_FRAG_CREATES, pieces);
}
