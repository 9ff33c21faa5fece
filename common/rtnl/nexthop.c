#include "common/rtnl/internal.h"

#include <linux/nexthop.h>

static int read_members(struct rtnl_nexthop *to, const struct rtnl_attribute *a)
{
	struct nexthop_grp member;

	if (a->len % sizeof member || a->len == 0)
		return -EINVAL;
	if (a->len / sizeof member > RTNL_HOPS_MAX)
		return -EOPNOTSUPP;
	to->n_members = a->len / (uint32_t)sizeof member;
	for (uint32_t i = 0; i < to->n_members; i++) {
		memcpy(&member, a->value + i * sizeof member, sizeof member);
		to->member[i].id = member.id;
		to->member[i].weight = (uint16_t)(member.weight + 1);
	}
	return 0;
}

static int read_attribute(struct rtnl_nexthop *to, uint8_t family, const struct rtnl_attribute *a)
{
	bool good = true;

	switch (a->type) {
	case NHA_ID: good = rtnl_u32(a, &to->id); break;
	case NHA_OIF: good = rtnl_u32(a, &to->hop.ifindex); break;
	case NHA_GATEWAY: good = rtnl_address(family, a->value, a->len, &to->hop.gateway); break;
	case NHA_BLACKHOLE: to->blackhole = true; break;
	case NHA_GROUP: return read_members(to, a);
	case NHA_ENCAP:
	case NHA_FDB: return -EOPNOTSUPP;
	}
	return good ? 0 : -EINVAL;
}

int rtnl_nexthop(const struct rtnl_message *m, struct rtnl_nexthop *nexthop)
{
	struct rtnl_attribute a;
	struct rtnl_bytes left;
	struct nhmsg head;
	int err = 0;

	*nexthop = (struct rtnl_nexthop){.hop.weight = 1};
	if (m->len < sizeof head)
		return -EINVAL;
	memcpy(&head, m->body, sizeof head);
	nexthop->hop.onlink = head.nh_flags & RTNH_F_ONLINK;
	left = (struct rtnl_bytes){m->body + sizeof head, m->len - sizeof head};
	while (!err && rtnl_attribute_next(&left, &a))
		err = read_attribute(nexthop, head.nh_family, &a);
	if (!err && (left.n || !nexthop->id))
		err = -EINVAL;
	return err;
}
