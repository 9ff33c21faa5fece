#include "common/rtnl/internal.h"

/* A message being read: what is wrong with it. */
struct reading {
	struct rtnl_route *route;
	uint8_t family; /* AF_* */
	int error;
};

static void wrong(struct reading *r, int error)
{
	if (!r->error)
		r->error = error;
}

static void need(struct reading *r, bool good)
{
	if (!good)
		wrong(r, -EINVAL);
}

/* Whether a way leads somewhere now. */
static bool alive(uint32_t flags)
{
	return !(flags & (RTNH_F_DEAD | RTNH_F_LINKDOWN));
}

/* What stands within a way of several, or in the route itself where there is one. */
static void read_hop(struct reading *r, const struct rtnl_attribute *a, struct rtnl_hop *hop)
{
	switch (a->type) {
	case RTA_GATEWAY: need(r, rtnl_address(r->family, a->value, a->len, &hop->gateway)); break;
	case RTA_VIA: need(r, rtnl_via(a, &hop->gateway)); break;
	case RTA_OIF: need(r, rtnl_u32(a, &hop->ifindex)); break;
	case RTA_ENCAP:
	case RTA_NEWDST: wrong(r, -EOPNOTSUPP); break;
	}
}

static void read_way(struct reading *r, const struct rtnexthop *head, struct rtnl_bytes left)
{
	struct rtnl_hop hop = {.ifindex = (uint32_t)head->rtnh_ifindex,
	        .weight = (uint16_t)(head->rtnh_hops + 1),
	        .onlink = head->rtnh_flags & RTNH_F_ONLINK};
	struct rtnl_route *route = r->route;
	struct rtnl_attribute a;

	while (rtnl_attribute_next(&left, &a))
		read_hop(r, &a, &hop);
	need(r, !left.n);
	if (!alive(head->rtnh_flags))
		return;
	if (route->n_hops == RTNL_HOPS_MAX)
		wrong(r, -EOPNOTSUPP);
	else
		route->hop[route->n_hops++] = hop;
}

static void read_ways(struct reading *r, struct rtnl_bytes left)
{
	struct rtnexthop head;

	r->route->n_hops = 0;
	while (left.n >= sizeof head && !r->error) {
		memcpy(&head, left.at, sizeof head);
		if (head.rtnh_len < sizeof head || head.rtnh_len > left.n) {
			wrong(r, -EINVAL);
			return;
		}
		read_way(r, &head, (struct rtnl_bytes){left.at + sizeof head, head.rtnh_len - sizeof head});
		left.at += MIN((size_t)RTNH_ALIGN(head.rtnh_len), left.n);
		left.n -= MIN((size_t)RTNH_ALIGN(head.rtnh_len), left.n);
	}
	need(r, !left.n);
}

static void read_metrics(struct reading *r, struct rtnl_bytes left)
{
	struct rtnl_attribute a;

	while (rtnl_attribute_next(&left, &a))
		if (a.type == RTAX_MTU)
			need(r, rtnl_u32(&a, &r->route->mtu));
}

static void read_attribute(struct reading *r, const struct rtnl_attribute *a, struct rtnl_hop *hop)
{
	struct rtnl_route *route = r->route;
	struct rtnl_bytes inside = {a->value, a->len};

	switch (a->type) {
	case RTA_DST: need(r, rtnl_address(r->family, a->value, a->len, &route->to.addr)); break;
	case RTA_TABLE: need(r, rtnl_u32(a, &route->table)); break;
	case RTA_PRIORITY: need(r, rtnl_u32(a, &route->metric)); break;
	case RTA_NH_ID: need(r, rtnl_u32(a, &route->nexthop)); break;
	case RTA_PREFSRC: need(r, rtnl_address(r->family, a->value, a->len, &route->source)); break;
	case RTA_METRICS: read_metrics(r, inside); break;
	case RTA_MULTIPATH: read_ways(r, inside); break;
	case RTA_SRC: wrong(r, -EOPNOTSUPP); break;
	default: read_hop(r, a, hop); break;
	}
}

/* Bits behind the prefix's length are none of it (Linux does not let them be, FRR clears them). */
static void clear_host_bits(struct fib_prefix *p)
{
	uint32_t bits = p->len + (p->family == FIB_IPV4 ? 96u : 0);

	for (uint32_t i = bits / 8 + 1; i < sizeof p->addr.b; i++)
		p->addr.b[i] = 0;
	if (bits < 128)
		p->addr.b[bits / 8] &= (uint8_t)(0xff00 >> bits % 8);
}

static int begin(struct reading *r, const struct rtmsg *head)
{
	struct rtnl_route *route = r->route;

	r->family = head->rtm_family;
	if (r->family != AF_INET && r->family != AF_INET6)
		return -EOPNOTSUPP;
	if (head->rtm_tos || head->rtm_src_len || head->rtm_flags & RTM_F_CLONED)
		return -EOPNOTSUPP;
	if (head->rtm_dst_len > (r->family == AF_INET ? 32 : 128))
		return -EINVAL;
	route->to.family = r->family == AF_INET ? FIB_IPV4 : FIB_IPV6;
	route->to.len = head->rtm_dst_len;
	if (r->family == AF_INET)
		route->to.addr = ip6_addr_mapped((struct be32){0});
	route->table = head->rtm_table;
	route->type = head->rtm_type;
	route->protocol = head->rtm_protocol;
	return 0;
}

int rtnl_route(const struct rtnl_message *m, struct rtnl_route *route)
{
	struct reading r = {.route = route};
	struct rtnl_hop one = {.weight = 1};
	struct rtnl_attribute a;
	struct rtnl_bytes left;
	struct rtmsg head;

	*route = (struct rtnl_route){0};
	if (m->len < sizeof head)
		return -EINVAL;
	memcpy(&head, m->body, sizeof head);
	r.error = begin(&r, &head);
	left = (struct rtnl_bytes){m->body + sizeof head, m->len - sizeof head};
	one.onlink = head.rtm_flags & RTNH_F_ONLINK;
	while (!r.error && rtnl_attribute_next(&left, &a))
		read_attribute(&r, &a, &one);
	if (!r.error)
		need(&r, !left.n);
	if (!r.error && (one.ifindex || load_u64(one.gateway.b) || load_u64(one.gateway.b + 8)) &&
	        !route->n_hops && alive(head.rtm_flags))
		route->hop[route->n_hops++] = one;
	clear_host_bits(&route->to);
	return r.error;
}
