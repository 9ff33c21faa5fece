/* What the kernel's messages mean for the rib. */
#include "services/control/routes/follow_internal.h"

#include <linux/nexthop.h>

/* The route, and the source that it is of; 0: of none that is followed, or it is no route of ours. */
static uint32_t read_route(struct follow *f, const struct rtnl_message *m, struct rtnl_route *route)
{
	int err = rtnl_route(m, route);

	f->state.malformed += err == -EINVAL;
	return err ? 0 : rib_source_of_table(f->rib, RIB_NETLINK, route->table);
}

static void take_nexthop(struct follow *f, const struct rtnl_message *m)
{
	struct rtnl_nexthop nexthop;
	int err = rtnl_nexthop(m, &nexthop);

	f->state.malformed += err == -EINVAL;
	if (err)
		return;
	if (m->type == RTM_DELNEXTHOP)
		rib_nexthop_del(f->rib, RIB_NETLINK, nexthop.id);
	else
		(void)!rib_nexthop_put(f->rib, RIB_NETLINK, &nexthop);
}

static void take_link(struct follow *f, const struct rtnl_message *m)
{
	struct rtnl_link link;

	if (rtnl_link(m, &link))
		f->state.malformed++;
	else
		rib_link(f->rib, &link, m->type == RTM_DELLINK);
}

/* Of routes of one name in one table the first is in force (IPv4: `ip route append`). */
static void dumped_route(struct follow *f, const struct rtnl_message *m)
{
	struct rtnl_route route;
	uint32_t source = read_route(f, m, &route);
	enum rib_known known = source ? rib_known(f->rib, source, &route) : RIB_UNKNOWN;

	if (known == RIB_SAME || known == RIB_OTHER)
		f->hidden = true;
	else if (source)
		(void)!rib_put(f->rib, source, &route);
}

void follow_dumped(struct follow *f, const struct rtnl_message *m)
{
	switch (m->type) {
	case RTM_NEWLINK: take_link(f, m); break;
	case RTM_NEWNEXTHOP: take_nexthop(f, m); break;
	case RTM_NEWROUTE: dumped_route(f, m); break;
	}
}

static bool new_route(struct follow *f, const struct rtnl_message *m)
{
	struct rtnl_route route;
	uint32_t source = read_route(f, m, &route);

	if (!source)
		return false;
	/* Appended behind another one of IPv4, it is not in force; to one of IPv6, it is told with all ways.
	 */
	if (m->flags & NLM_F_APPEND && !(m->flags & NLM_F_REPLACE) && route.to.family == FIB_IPV4 &&
	        rib_known(f->rib, source, &route) != RIB_UNKNOWN) {
		f->hidden = true;
		return false;
	}
	(void)!rib_put(f->rib, source, &route);
	return false;
}

static bool old_route(struct follow *f, const struct rtnl_message *m)
{
	struct rtnl_route route;
	uint32_t source = read_route(f, m, &route);
	enum rib_known known = source ? rib_known(f->rib, source, &route) : RIB_UNKNOWN;

	if (known == RIB_UNKNOWN)
		return false;
	/* One way of several, or a route that is not in force: which, only a dump tells. */
	if (known == RIB_OTHER || f->hidden)
		return true;
	rib_del(f->rib, source, &route.to, route.metric);
	return false;
}

bool follow_announced(struct follow *f, const struct rtnl_message *m)
{
	switch (m->type) {
	case RTM_NEWROUTE: return f->n_tables && new_route(f, m);
	case RTM_DELROUTE: return f->n_tables && old_route(f, m);
	case RTM_NEWNEXTHOP: take_nexthop(f, m); return false;
	/* With these the kernel takes routes away without telling. */
	case RTM_DELNEXTHOP: take_nexthop(f, m); return true;
	case RTM_DELADDR: return true;
	case RTM_NEWLINK:
	case RTM_DELLINK: take_link(f, m); return true;
	}
	return false;
}
