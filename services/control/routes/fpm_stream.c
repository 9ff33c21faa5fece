#include "services/control/routes/fpm_stream.h"

static void take_route(struct fpm_stream *s, const struct rtnl_message *m)
{
	struct rtnl_route route;
	int err = rtnl_route(m, &route);
	uint32_t source;

	s->malformed += err == -EINVAL;
	source = err ? 0 : rib_source_of_table(s->rib, RIB_FPM, route.table);
	if (!source)
		return;
	if (m->type == RTM_NEWROUTE)
		(void)!rib_put(s->rib, source, &route);
	else
		rib_del(s->rib, source, &route.to, route.metric);
}

static void take_nexthop(struct fpm_stream *s, const struct rtnl_message *m)
{
	struct rtnl_nexthop nexthop;
	int err = rtnl_nexthop(m, &nexthop);

	s->malformed += err == -EINVAL;
	if (err)
		return;
	if (m->type == RTM_NEWNEXTHOP)
		(void)!rib_nexthop_put(s->rib, RIB_FPM, &nexthop);
	else
		rib_nexthop_del(s->rib, RIB_FPM, nexthop.id);
}

static void take_frame(struct fpm_stream *s, const uint8_t *frame, uint32_t bytes)
{
	struct rtnl_bytes left = {frame + FPM_HEADER_BYTES, bytes - FPM_HEADER_BYTES};
	struct rtnl_message m;

	s->frames++;
	while (rtnl_next(&left, &m)) {
		if (m.type == RTM_NEWROUTE || m.type == RTM_DELROUTE)
			take_route(s, &m);
		else if (m.type == RTM_NEWNEXTHOP || m.type == RTM_DELNEXTHOP)
			take_nexthop(s, &m);
	}
	s->malformed += left.n != 0;
}

bool fpm_stream_take(struct fpm_stream *s, size_t n)
{
	size_t at = 0;
	uint32_t bytes;
	uint8_t type;
	int err;

	s->n += n;
	while (!(err = fpm_frame(s->bytes + at, s->n - at, &bytes, &type))) {
		if (type == FPM_NETLINK)
			take_frame(s, s->bytes + at, bytes);
		at += bytes;
	}
	s->n -= at;
	memmove(s->bytes, s->bytes + at, s->n);
	s->malformed += err != -EAGAIN;
	return err == -EAGAIN;
}
