#include "tests/unit/wire/exercise.h"
#include "common/wire/arp.h"
#include "common/wire/icmp.h"
#include "common/wire/igmp.h"
#include "common/wire/ipv4_options.h"
#include "common/wire/mld.h"
#include "common/wire/nd.h"
#include "common/wire/tcp.h"
#include "common/wire/udp.h"

bool exercise_racing;
struct exercise_tally exercise_tally;

/* Views are compared with the gaps in them, which both passes found zeroed. */
static bool same_bytes(const void *a, const void *b, size_t len)
{
	return memcmp(a, b, len) == 0;
}

/* Run a check twice into zeroed views.  The flaw of the first pass is the value, its view stays in `view`. */
#define TWICE(view, call)                                                                                    \
	({                                                                                                   \
		typeof(view) first_view_;                                                                    \
		memset(&(view), 0, sizeof(view));                                                            \
		int first_ = (int)(call);                                                                    \
		memcpy(&first_view_, &(view), sizeof(view));                                                 \
		memset(&(view), 0, sizeof(view));                                                            \
		int second_ = (int)(call);                                                                   \
		assert(exercise_racing ||                                                                    \
		        (first_ == second_ && same_bytes(&first_view_, &(view), sizeof(view))));             \
		memcpy(&(view), &first_view_, sizeof(view));                                                 \
		first_;                                                                                      \
	})

static void tally_checksum(struct csum pseudo, const uint8_t *b, uint32_t len, uint32_t field)
{
	if (csum_verify(pseudo, b, len, field) == CSUM_BAD)
		exercise_tally.l4_bad_checksum++;
}

void exercise_arp(const uint8_t *b, uint32_t len)
{
	struct arp_view v;

	if (TWICE(v, arp_check(b, len, &v)) != ARP_OK)
		return;
	assert(len >= ARP_HDR_LEN);
	exercise_tally.arp++;
}

void exercise_llc(const uint8_t *b, uint32_t len, uint16_t length)
{
	struct llc_view v;

	if (TWICE(v, llc_check(b, len, length, &v)) != ETHER_OK)
		return;
	assert(v.payload_offset + v.payload_len == length && length <= len);
	exercise_tally.llc++;
}

void exercise_udp(const uint8_t *b, uint32_t len, bool ipv6, struct csum pseudo)
{
	struct udp_view v;

	if (TWICE(v, ipv6 ? udp_check_ipv6(b, len, &v) : udp_check(b, len, &v)) != UDP_OK)
		return;
	assert(v.len >= UDP_HDR_LEN && v.len <= len);
	if (udp_has_checksum(&v) && v.len == len)
		tally_checksum(pseudo, b, v.len, UDP_CHECKSUM_FIELD);
	exercise_tally.udp++;
}

void exercise_tcp(const uint8_t *b, uint32_t len, struct csum pseudo)
{
	struct tcp_view v;
	struct tcp_options_view o;

	if (TWICE(v, tcp_check(b, len, &v)) != TCP_OK)
		return;
	assert(v.header_len >= TCP_HDR_LEN && v.header_len <= len && v.header_len <= TCP_HDR_LEN_MAX &&
	        v.len == len);
	tally_checksum(pseudo, b, len, TCP_CHECKSUM_FIELD);
	exercise_tally.tcp++;
	if (TWICE(o, tcp_options_check(b, v.header_len, &o)) == TCP_OPTIONS_OK && tcp_has_options(&v))
		exercise_tally.tcp_options++;
	assert(o.sack_count <= TCP_SACK_MAX);
	assert(o.mss_offset == 0 || (o.mss_offset >= TCP_HDR_LEN && o.mss_offset + 4 <= v.header_len));
}

void exercise_icmp(const uint8_t *b, uint32_t len)
{
	struct icmp_view v;
	struct icmp_quote q;

	if (TWICE(v, icmp_check(b, len, &v)) != ICMP_OK)
		return;
	assert(v.len == len && len >= ICMP_HDR_LEN);
	exercise_tally.icmp++;
	if (!icmp_is_error(v.type) || TWICE(q, icmp_quote_check(b, &v, &q)) != ICMP_OK)
		return;
	assert(q.l4_len >= 8 && q.l4_offset + q.l4_len <= len);
	exercise_tally.icmp_quote++;
}

void exercise_igmp(const uint8_t *b, uint32_t len)
{
	struct igmp_view v;
	struct igmp_record r;
	uint32_t at = 0;

	if (TWICE(v, igmp_check(b, len, &v)) != IGMP_OK)
		return;
	exercise_tally.igmp++;
	assert(IGMP_HDR_LEN <= len && (v.sources == 0 || IGMP_V3_QUERY_LEN + v.sources * 4u <= len));
	for (uint32_t i = 0; i < v.records; i++) {
		if (!igmp_record_next(b, &v, &at, &r)) {
			assert(exercise_racing);
			return;
		}
		assert(at <= len && r.sources_offset + r.sources * 4u <= at);
	}
}

static void exercise_nd(const uint8_t *b, const struct icmp6_view *icmp, const struct icmp6_origin *origin)
{
	struct nd_view v;
	struct nd_option_view o;
	struct nd_prefix p;
	uint32_t at = 0;

	if (TWICE(v, nd_check(b, icmp, origin, &v)) != ND_OK)
		return;
	exercise_tally.nd++;
	assert(v.options_offset <= v.len && v.len == icmp->len);
	assert((uint32_t)v.nonce_offset + v.nonce_len <= v.len);
	assert((uint32_t)v.redirected_offset + v.redirected_len <= v.len);
	while (nd_option_next(b, &v, &at, &o)) {
		assert(o.len >= 8 && o.offset + o.len == at && at <= v.len);
		assert(!nd_prefix_read(b, &o, &p) || p.prefix_len <= 128);
	}
	assert(exercise_racing || at == v.len || v.options_offset == v.len);
}

static void exercise_mld(const uint8_t *b, const struct icmp6_view *icmp, const struct icmp6_origin *origin)
{
	struct mld_view v;
	struct mld_record r;
	uint32_t at = 0;

	if (TWICE(v, mld_check(b, icmp, origin, &v)) != MLD_OK)
		return;
	exercise_tally.mld++;
	assert(v.sources == 0 || MLD_V2_QUERY_LEN + v.sources * 16u <= icmp->len);
	for (uint32_t i = 0; i < v.records; i++) {
		if (!mld_record_next(b, &v, &at, &r)) {
			assert(exercise_racing);
			return;
		}
		assert(at <= icmp->len && r.sources_offset + r.sources * 16u <= at);
	}
}

static void exercise_icmp6_quote(const uint8_t *b, const struct icmp6_view *v)
{
	struct icmp6_quote q;

	if (TWICE(q, icmp6_quote_check(b, v, &q)) != ICMP6_OK)
		return;
	assert(q.l4_offset + q.l4_len <= v->len);
	exercise_tally.icmp6_quote++;
}

void exercise_icmp6(const uint8_t *b, uint32_t len, const struct icmp6_origin *origin)
{
	struct csum pseudo = csum_pseudo_ipv6(&origin->src, &origin->dst, IP_PROTO_ICMP6, len);
	struct icmp6_view v;

	if (TWICE(v, icmp6_check(b, len, pseudo, &v)) != ICMP6_OK)
		return;
	assert(v.len == len && len >= ICMP6_HDR_LEN);
	exercise_tally.icmp6++;
	if (icmp6_is_error(v.type))
		exercise_icmp6_quote(b, &v);
	if (nd_is_message(v.type))
		exercise_nd(b, &v, origin);
	if (mld_is_message(v.type))
		exercise_mld(b, &v, origin);
}

static void exercise_ipv4_options(const uint8_t *b, const struct ipv4_view *ip)
{
	struct ipv4_options_view o;
	int flaw = TWICE(o, ipv4_options_check(b, ip->header_len, &o));
	uint32_t end = ip->header_len;

	assert(o.len + IPV4_HDR_LEN == ip->header_len);
	if (flaw) {
		assert(o.bad_offset >= IPV4_HDR_LEN && o.bad_offset < IPV4_HDR_LEN_MAX);
		return;
	}
	exercise_tally.ipv4_options += ipv4_has_options(ip);
	assert(o.source_route_next == 0 || o.source_route_next + 4u <= end);
	assert(o.record_slot == 0 || o.record_slot + 4u <= end);
	assert(o.timestamp_slot == 0 || o.timestamp_slot + 4u <= end);
	assert(o.timestamp_addr_slot == 0 || o.timestamp_addr_slot + 4u <= end);
	assert(o.router_alert < end && o.cipso < end);
}

static void exercise_ipv4_payload(const uint8_t *b, const struct ipv4_view *v)
{
	const uint8_t *l4 = b + v->header_len;
	uint32_t len = v->total_len - v->header_len;
	struct csum pseudo = csum_pseudo_ipv4(v->src, v->dst, v->proto, len);

	switch (v->proto) {
	case IP_PROTO_UDP: exercise_udp(l4, len, false, pseudo); return;
	case IP_PROTO_TCP: exercise_tcp(l4, len, pseudo); return;
	case IP_PROTO_ICMP: exercise_icmp(l4, len); return;
	case IP_PROTO_IGMP: exercise_igmp(l4, len); return;
	}
}

void exercise_ipv4(const uint8_t *b, uint32_t len)
{
	struct ipv4_view v, unsummed;
	int strict = TWICE(v, ipv4_check(b, len, &v));
	int flaw = TWICE(unsummed, ipv4_check_unsummed(b, len, &unsummed));

	assert(exercise_racing || strict == IPV4_CHECKSUM || strict == flaw);
	exercise_tally.ipv4_bad_checksum += strict == IPV4_CHECKSUM;
	exercise_tally.ipv4_malformed += flaw != IPV4_OK;
	if (flaw != IPV4_OK)
		return;
	v = unsummed;
	assert(v.header_len >= IPV4_HDR_LEN && v.header_len <= v.total_len && v.total_len <= len);
	exercise_tally.ipv4++;
	exercise_ipv4_options(b, &v);
	exercise_tally.ipv4_fragments += ipv4_is_fragment(&v);
	if (!ipv4_is_fragment(&v))
		exercise_ipv4_payload(b, &v);
}

/* The options of every header that holds any.  True if the one router alert of MLD is there. */
static bool exercise_ipv6_options(const uint8_t *b, const struct ipv6_view *v, const struct ipv6_chain *chain)
{
	bool alert = false;

	for (uint32_t i = 0; i < chain->count; i++) {
		const struct ipv6_ext *ext = &chain->ext[i];
		struct ipv6_options_view o;

		assert(ext->offset + ext->len <= v->total_len && ext->named_at < ext->offset);
		if (ext->type != IP_PROTO_HOP_BY_HOP && ext->type != IP_PROTO_DST_OPTIONS)
			continue;
		int flaw = TWICE(o, ipv6_options_check(b, v->total_len, v, ext, &o));

		assert(!o.problem.wanted ||
		        (o.problem.pointer >= ext->offset && o.problem.pointer < v->total_len));
		assert(o.jumbo_len <= v->total_len && (flaw || !o.problem.wanted));
		exercise_tally.ipv6_options += flaw == IPV6_OPTIONS_OK;
		alert |= flaw == IPV6_OPTIONS_OK && o.router_alert &&
		         o.router_alert_value == IPV6_ROUTER_ALERT_MLD;
	}
	return alert;
}

static void exercise_ipv6_payload(
        const uint8_t *b, const struct ipv6_view *v, const struct ipv6_chain *chain, bool alert)
{
	const uint8_t *l4 = b + chain->upper_offset;
	uint32_t len = v->total_len - chain->upper_offset;
	struct csum pseudo = csum_pseudo_ipv6(&v->src, &v->dst, chain->upper, len);
	struct icmp6_origin origin = {v->src, v->dst, v->hop_limit, alert};

	switch (chain->upper) {
	case IP_PROTO_UDP: exercise_udp(l4, len, true, pseudo); return;
	case IP_PROTO_TCP: exercise_tcp(l4, len, pseudo); return;
	case IP_PROTO_ICMP6: exercise_icmp6(l4, len, &origin); return;
	}
}

void exercise_ipv6(const uint8_t *b, uint32_t len)
{
	struct ipv6_view v;
	struct ipv6_chain chain;
	struct ipv6_problem problem;

	if (TWICE(v, ipv6_check(b, len, &v)) != IPV6_OK) {
		exercise_tally.ipv6_malformed++;
		return;
	}
	exercise_tally.ipv6++;
	assert(v.total_len >= IPV6_HDR_LEN && v.total_len <= len);
	int flaw = TWICE(chain, ipv6_chain_check(b, v.total_len, &v, &chain));

	assert(!chain.problem.wanted || chain.problem.pointer < v.total_len);
	if (flaw != IPV6_CHAIN_OK)
		return;
	assert(chain.upper_offset <= v.total_len && chain.count <= IPV6_EXT_MAX && !chain.problem.wanted);
	exercise_tally.ipv6_chain += chain.count > 0;
	bool alert = exercise_ipv6_options(b, &v, &chain);

	ipv6_routing_is_skippable(&chain, &problem);
	assert(!problem.wanted || problem.pointer < v.total_len);
	if (ipv6_chain_has_fragment(&chain) && !ipv6_fragment_is_sound(&chain, v.total_len, &problem))
		assert(problem.wanted && problem.pointer < v.total_len);
	if (!ipv6_chain_has_fragment(&chain))
		exercise_ipv6_payload(b, &v, &chain, alert);
}

static void assert_dissect(const struct dissect *d, uint32_t len)
{
	uint32_t end = (uint32_t)d->l3_offset + d->l3_len;

	assert(d->vlan_count <= VLAN_TAGS_MAX && d->l3_offset <= len);
	if (d->l3 == DISSECT_NO_L3) {
		assert(d->l4_offset == 0 && d->l3_len == 0 && d->src_offset == 0);
		return;
	}
	assert(end <= len && d->l3_len > 0 && d->l4_offset <= end);
	assert(d->src_offset + (d->l3 == DISSECT_IPV6 ? 16u : 4u) <= end);
	assert(d->dst_offset + (d->l3 == DISSECT_IPV6 ? 16u : 4u) <= end);
	assert(!(d->flags & DISSECT_PORTS) || d->l4_offset + 4u <= end);
	assert(!(d->flags & DISSECT_ICMP) || d->l4_offset + 8u <= end);
	assert((d->l4_offset != 0) == !!(d->flags & DISSECT_L4));
	assert(d->fragment != DISSECT_LATER_FRAGMENT || d->l4_offset == 0);
}

/* Dissecting the packet alone says the same about it as dissecting its frame. */
static void exercise_dissect(const uint8_t *b, uint32_t len, struct dissect *d)
{
	struct dissect packet;

	(void)TWICE(*d, (dissect_frame(b, len, d), 0));
	assert_dissect(d, len);
	if (d->l3_offset == 0)
		return;
	dissect_packet(b + d->l3_offset, len - d->l3_offset, d->ether_type, &packet);
	assert_dissect(&packet, len - d->l3_offset);
	assert(exercise_racing ||
	        (packet.l3 == d->l3 && packet.l3_len == d->l3_len && packet.src_port == d->src_port &&
	                packet.dst_port == d->dst_port && packet.l4_proto == d->l4_proto));
}

void exercise_frame(const uint8_t *b, uint32_t len)
{
	struct ether_view v;
	struct dissect d;

	exercise_dissect(b, len, &d);
	if (TWICE(v, ether_check(b, len, &v)) != ETHER_OK)
		return;
	exercise_tally.frames++;
	exercise_tally.vlan += d.vlan_count > 0;
	const uint8_t *l3 = b + d.l3_offset;
	uint32_t left = len - d.l3_offset;

	if (d.ether_type == ETHER_TYPE_IPV4)
		exercise_ipv4(l3, left);
	else if (d.ether_type == ETHER_TYPE_IPV6)
		exercise_ipv6(l3, left);
	else if (d.ether_type == ETHER_TYPE_ARP)
		exercise_arp(l3, left);
	else if (d.ether_type < ETHER_TYPE_MIN)
		exercise_llc(l3, left, d.ether_type);
}
