#include "common/wire/ether.h"
#include "common/wire/ipv4.h"
#include "common/wire/ipv6.h"
#include "services/session/state.h"

static bool segment_read4(const uint8_t *l3, uint32_t here, struct segment *seg)
{
	struct ipv4_view ip;

	if (ipv4_check_quoted(l3, here, &ip) || ip.header_len > seg->l3_len || ip.total_len < seg->l3_len)
		return false;
	seg->src = ip6_addr_mapped(ip.src);
	seg->dst = ip6_addr_mapped(ip.dst);
	seg->tos = ip.tos;
	seg->l4_len = ip.total_len - seg->l3_len;
	return true;
}

static bool segment_read6(const uint8_t *l3, uint32_t here, struct segment *seg)
{
	struct ipv6_view ip;

	if (ipv6_check_quoted(l3, here, &ip) || ip.total_len < seg->l3_len || seg->l3_len < IPV6_HDR_LEN)
		return false;
	seg->src = ip.src;
	seg->dst = ip.dst;
	seg->tos = ip.traffic_class;
	seg->l4_len = ip.total_len - seg->l3_len;
	seg->ipv6 = true;
	return true;
}

bool segment_read(const struct pkt *p, const uint8_t *frame, const struct chain *chain, struct segment *seg)
{
	const uint8_t *l3 = frame + p->l3_off;
	uint32_t here = (uint32_t)p->len - p->l3_off;
	bool sound;

	if (p->l4_off < p->l3_off)
		return false;
	*seg = (struct segment){
	        .proto = p->l4_proto, .l3_len = (uint32_t)p->l4_off - p->l3_off, .port = p->port};
	if (p->ethertype == ETHER_TYPE_IPV4)
		sound = segment_read4(l3, here, seg);
	else
		sound = p->ethertype == ETHER_TYPE_IPV6 && segment_read6(l3, here, seg);
	return sound && seg->l4_len <= chain->total;
}

struct csum segment_pseudo(const struct segment *seg, uint8_t proto, uint32_t len)
{
	if (seg->ipv6)
		return csum_pseudo_ipv6(&seg->src, &seg->dst, proto, len);
	return csum_pseudo_ipv4(seg->src.w32[3], seg->dst.w32[3], proto, len);
}

/* A port whose peer is a kernel beside us may hand over what it has not summed yet. */
static bool may_be_partial(const struct session_call *c, const struct pkt *p)
{
	const struct epoch_port *port = epoch_port(c->epoch, p->port);

	return port && port->flags & EPOCH_PORT_CSUM_PARTIAL;
}

bool segment_sum_good(const struct session_call *c, struct pkt *p, const struct chain *chain,
        const struct segment *seg, uint32_t len, uint32_t field)
{
	struct csum pseudo = segment_pseudo(seg, seg->proto, len);
	enum csum_state state;

	if (p->csum != PKT_CSUM_NONE)
		return true;
	if (likely(len <= chain->part[0].len))
		state = csum_verify(pseudo, chain->part[0].at, len, field);
	else
		state = csum_is_good(chain_sum(chain, pseudo, len)) ? CSUM_GOOD : CSUM_BAD;
	if (state == CSUM_BAD || (state == CSUM_PARTIAL && !may_be_partial(c, p)))
		return false;
	p->csum = PKT_CSUM_VALID;
	return true;
}

static bool span_has_broadcast(const struct epoch_address *a, uint32_t n, struct be32 dst)
{
	for (uint32_t i = 0; i < n; i++)
		if (a[i].family == 4 && a[i].broadcast.raw && a[i].broadcast.raw == dst.raw)
			return true;
	return false;
}

/* An IPv4 packet in a link-layer broadcast that the router let through is one by its address too. */
bool segment_to_many(const struct session_call *c, const struct pkt *p, const struct segment *seg)
{
	const struct epoch_port *port;
	struct be32 dst = seg->dst.w32[3];

	if (seg->ipv6)
		return ip6_is_multicast(&seg->dst);
	if (ipv4_is_multicast(dst) || ipv4_is_limited_broadcast(dst) || p->type != PKT_HOST)
		return true;
	port = epoch_port(c->epoch, p->port);
	return port &&
	       span_has_broadcast((const void *)((const uint8_t *)c->epoch->header + port->addresses.off),
	               port->addresses.count, dst);
}

bool segment_to_anycast(const struct session_call *c, const struct segment *seg)
{
	return seg->ipv6 &&
	       epoch_is_anycast(c->epoch, ip6_is_link_local(&seg->dst) ? seg->port : PORT_NONE, &seg->dst);
}

bool segment_to_broadcast_of_ours(const struct session_call *c, const struct segment *seg)
{
	return !seg->ipv6 && span_has_broadcast(c->epoch->addresses, c->epoch->n_addresses, seg->dst.w32[3]);
}
