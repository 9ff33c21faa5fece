#include "common/wire/igmp.h"
#include "services/router/neighbor/internal.h"

#define ROBUSTNESS     2u                     /* RFC 3376 8.1, RFC 3810 9.1 */
#define QUERY_S        125u                   /* 8.2, 9.2: where the querier does not tell */
#define UNSOLICITED    NANOS_PER_SEC          /* 8.11, 9.11 */
#define UNSOLICITED_V2 (10 * NANOS_PER_SEC)   /* RFC 2236 8.10, RFC 2710 7.10 */
#define WALK_MAX       (2 * GROUP_REPORT_MAX) /* groups looked at in one call */

static uint32_t bucket_of(const struct neighbor_table *t, struct port_id port, const struct ip6_addr *group)
{
	return (uint32_t)neighbor_hash(t, port, group) % NEIGHBOR_GROUPS;
}

uint32_t group_find(const struct neighbor_table *t, struct port_id port, const struct ip6_addr *group)
{
	uint32_t i = __atomic_load_n(&t->group_bucket[bucket_of(t, port, group)], __ATOMIC_ACQUIRE);

	for (uint32_t steps = 0; i < NEIGHBOR_GROUPS && steps < NEIGHBOR_GROUPS; steps++) {
		const struct neighbor_group *g = &t->group[i];

		if (ip6_addr_equal(&g->addr, group) && port_id_equal(g->port, port))
			return i;
		i = __atomic_load_n(&g->next, __ATOMIC_ACQUIRE);
	}
	return NEIGHBOR_NONE;
}

static bool is_all_nodes(const struct ip6_addr *group)
{
	return ip6_addr_is_mapped(group) ? be32_to_host(group->w32[3]) == IPV4_ADDR(224, 0, 0, 1)
	                                 : ip6_addr_equal(group, &IP6_ALL_NODES);
}

/* All nodes are never reported, nor what can not leave the node (RFC 3376 6, RFC 3810 6). */
static bool is_reported(const struct ip6_addr *group)
{
	return !is_all_nodes(group) &&
	       (ip6_addr_is_mapped(group) || (group->b[1] & 0x0f) > IP6_SCOPE_INTERFACE);
}

bool neighbor_group_joined(const struct neighbor_table *t, struct port_id port, const struct ip6_addr *group)
{
	uint32_t i;

	if (is_all_nodes(group))
		return true;
	i = group_find(t, port, group);
	return i != NEIGHBOR_NONE && __atomic_load_n(&t->group[i].state, __ATOMIC_RELAXED) == GROUP_JOINED;
}

static uint32_t family_of(const struct ip6_addr *group)
{
	return ip6_addr_is_mapped(group) ? FAMILY_IGMP : FAMILY_MLD;
}

static uint8_t newest_version(uint32_t family)
{
	return family == FAMILY_IGMP ? 3 : 2;
}

uint8_t group_version(const struct neighbor_call *c, struct port_id port, uint32_t family)
{
	const struct neighbor_port *p = &c->n->port[port.v];

	return p->old_until[family] > c->now ? p->old_version[family] : newest_version(family);
}

static void set_due(const struct neighbor_call *c, uint32_t i, nanos_t due)
{
	struct neighbor *n = c->n;
	struct neighbor_group *g = call_touch(c, &n->group[i]);

	g->due = due;
	if (due == NANOS_NEVER)
		wheel_cancel(&n->wheel, call_journal(c), TIMER_GROUP(n, i));
	else
		wheel_set(&n->wheel, call_journal(c), TIMER_GROUP(n, i), c->now, due);
}

static void set_port_due(const struct neighbor_call *c, struct port_id port, uint32_t family, nanos_t due)
{
	struct neighbor *n = c->n;
	struct neighbor_port *p = call_touch(c, &n->port[port.v]);

	p->due[family] = due;
	if (due == NANOS_NEVER)
		wheel_cancel(&n->wheel, call_journal(c), TIMER_PORT(n, port.v, family));
	else
		wheel_set(&n->wheel, call_journal(c), TIMER_PORT(n, port.v, family), c->now, due);
}

/* --- joining and leaving --- */

static uint32_t group_make(const struct neighbor_call *c, struct port_id port, const struct ip6_addr *group)
{
	struct neighbor *n = c->n;
	struct neighbor_header *h = n->header;
	uint32_t i = h->group_free;

	if (i == NEIGHBOR_NONE)
		return i;
	uint32_t *bucket = call_touch(c, &n->group_bucket[bucket_of(&n->table, port, group)]);
	struct neighbor_port *p = call_touch(c, &n->port[port.v]);
	struct neighbor_group *g = call_touch(c, &n->group[i]);

	call_touch(c, &h->group_free);
	h->group_free = g->next;
	h->groups++;
	*g = (struct neighbor_group){.addr = *group,
	        .port = port,
	        .next = *bucket,
	        .port_next = p->first_group,
	        .due = NANOS_NEVER};
	p->first_group = i;
	__atomic_store_n(bucket, i, __ATOMIC_RELEASE);
	return i;
}

static void port_leave(const struct neighbor_call *c, uint32_t i)
{
	struct neighbor *n = c->n;
	const struct neighbor_group *g = &n->group[i];
	struct neighbor_port *p = call_touch(c, &n->port[g->port.v]);
	uint32_t *link = &p->first_group;

	for (uint32_t family = 0; family < 2; family++)
		if (p->walk[family] == i)
			p->walk[family] = g->port_next;
	while (*link != i)
		link = &n->group[*link].port_next;
	*(uint32_t *)call_touch(c, link) = g->port_next;
}

static void group_free(const struct neighbor_call *c, uint32_t i)
{
	struct neighbor *n = c->n;
	struct neighbor_header *h = n->header;
	struct neighbor_group *g = call_touch(c, &n->group[i]);
	uint32_t *link = &n->group_bucket[bucket_of(&n->table, g->port, &g->addr)];

	set_due(c, i, NANOS_NEVER);
	port_leave(c, i);
	g->state = GROUP_FREE;
	while (*link != i)
		link = &n->group[*link].next;
	__atomic_store_n((uint32_t *)call_touch(c, link), g->next, __ATOMIC_RELEASE);
	call_touch(c, &h->group_free);
	g->next = h->group_free;
	h->group_free = i;
	h->groups--;
}

void group_join(const struct neighbor_call *c, struct port_id port, const struct ip6_addr *group)
{
	uint32_t i = group_find(&c->n->table, port, group);

	if (is_all_nodes(group))
		return;
	if (i == NEIGHBOR_NONE)
		i = group_make(c, port, group);
	if (i == NEIGHBOR_NONE)
		return;
	struct neighbor_group *g = call_touch(c, &c->n->group[i]);

	g->seen = c->epoch->number;
	if (g->state == GROUP_JOINED)
		return;
	__atomic_store_n(&g->state, GROUP_JOINED, __ATOMIC_RELEASE);
	g->repeats = is_reported(group) ? ROBUSTNESS : 0;
	if (g->repeats)
		set_due(c, i, c->now);
}

void group_leave(const struct neighbor_call *c, uint32_t i)
{
	struct neighbor_group *g = call_touch(c, &c->n->group[i]);
	uint32_t family = family_of(&g->addr);
	bool newest = group_version(c, g->port, family) == newest_version(family);

	if (!port_has_link(epoch_port(c->epoch, g->port)) || !is_reported(&g->addr) ||
	        (!newest && !g->reporter)) {
		group_free(c, i);
		return;
	}
	__atomic_store_n(&g->state, GROUP_LEFT, __ATOMIC_RELEASE);
	g->answer = 0;
	g->repeats = newest ? ROBUSTNESS : 1;
	set_due(c, i, c->now);
}

/* --- reports --- */

static void send_report(const struct neighbor_call *c, const struct group_report *r)
{
	if (family_of(&r->group[0]) == FAMILY_IGMP)
		igmp_report(c, r);
	else
		mld_report(c, r);
}

/* What is to be said of the group now; takes it off what is still to be said. */
static uint8_t next_record(struct neighbor_group *g)
{
	if (g->state == GROUP_JOINED && g->answer) {
		g->answer = 0;
		return GROUP_MODE_IS_EXCLUDE;
	}
	if (g->repeats)
		g->repeats--;
	return g->state == GROUP_LEFT ? GROUP_CHANGE_TO_INCLUDE : GROUP_CHANGE_TO_EXCLUDE;
}

void group_timer(const struct neighbor_call *c, uint32_t i)
{
	struct neighbor_group *g = call_touch(c, &c->n->group[i]);
	uint32_t family = family_of(&g->addr);
	struct group_report r = {.port = g->port, .count = 1, .group = {g->addr}};

	if (!port_has_link(epoch_port(c->epoch, g->port))) {
		group_free(c, i);
		return;
	}
	if (neighbor_link_waits(c, g->port)) {
		set_due(c, i, c->now + NEIGHBOR_LINK_LOOK);
		return;
	}
	r.version = group_version(c, g->port, family);
	r.type[0] = next_record(g);
	g->reporter = 1;
	send_report(c, &r);
	if (g->repeats)
		set_due(c, i,
		        c->now + neighbor_random(c,
		                         r.version == newest_version(family) ? UNSOLICITED : UNSOLICITED_V2));
	else if (g->state == GROUP_LEFT)
		group_free(c, i);
	else
		set_due(c, i, NANOS_NEVER);
}

void group_risen(const struct neighbor_call *c, uint32_t i, nanos_t when)
{
	struct neighbor_group *g = call_touch(c, &c->n->group[i]);

	if (g->state != GROUP_JOINED || !is_reported(&g->addr))
		return;
	g->repeats = ROBUSTNESS;
	if (when < g->due)
		set_due(c, i, when);
}

void group_give_up(const struct neighbor_call *c, uint32_t i)
{
	struct neighbor_group *g = call_touch(c, &c->n->group[i]);

	g->repeats = 0;
	g->answer = 0;
	if (g->state == GROUP_LEFT)
		group_free(c, i);
	else
		set_due(c, i, NANOS_NEVER);
}

/* --- queries --- */

static void hear_version(const struct neighbor_call *c, const struct group_query *q)
{
	struct neighbor_port *p = &c->n->port[q->port.v];
	nanos_t interval = (q->interval_s ? q->interval_s : QUERY_S) * NANOS_PER_SEC;
	uint32_t robustness = q->robustness ? q->robustness : ROBUSTNESS;

	if (q->version >= q->newest ||
	        (p->old_until[q->family] > c->now && p->old_version[q->family] < q->version))
		return;
	call_touch(c, p);
	p->old_version[q->family] = q->version;
	p->old_until[q->family] = c->now + robustness * interval + q->max_resp_ms * NANOS_PER_MS;
}

/* Answers about one group by `due` at the latest. */
static void answer_by(const struct neighbor_call *c, uint32_t i, nanos_t due)
{
	struct neighbor_group *g = &c->n->group[i];

	if (g->state != GROUP_JOINED || !is_reported(&g->addr))
		return;
	((struct neighbor_group *)call_touch(c, g))->answer = 1;
	if (due < g->due)
		set_due(c, i, due);
}

static nanos_t some_time(const struct neighbor_call *c, uint32_t max_ms)
{
	return c->now + neighbor_random(c, max_ms * NANOS_PER_MS);
}

/* All groups of the port, in full reports after a random time; or to an older querier each by itself, after a
 * random time of its own (RFC 3376 5.2, RFC 2236 3). */
static void general_query(const struct neighbor_call *c, const struct group_query *q)
{
	struct neighbor_port *p = call_touch(c, &c->n->port[q->port.v]);
	bool old = group_version(c, q->port, q->family) < q->newest;
	nanos_t due = old ? c->now : some_time(c, q->max_resp_ms);

	p->spread_ms[q->family] = old ? q->max_resp_ms : 0;
	p->walk[q->family] = p->first_group;
	if (due < p->due[q->family])
		set_port_due(c, q->port, q->family, due);
}

void group_query(const struct neighbor_call *c, const struct group_query *q)
{
	uint32_t i;

	trace(c->burst->trace, call_trace(c), TRACE_GROUP_QUERY, q->version, q->port.v, TRACE_IP6(&q->group));
	hear_version(c, q);
	if (q->general) {
		general_query(c, q);
		return;
	}
	i = group_find(&c->n->table, q->port, &q->group);
	if (i != NEIGHBOR_NONE)
		answer_by(c, i, some_time(c, q->max_resp_ms));
}

/* One group on the way through a port's groups. */
static void walk_group(const struct neighbor_call *c, uint32_t i, uint32_t spread_ms, struct group_report *r)
{
	struct neighbor_group *g = &c->n->group[i];

	if (g->state != GROUP_JOINED || !is_reported(&g->addr))
		return;
	if (spread_ms) {
		answer_by(c, i, some_time(c, spread_ms));
		return;
	}
	r->group[r->count] = g->addr;
	r->type[r->count++] = GROUP_MODE_IS_EXCLUDE;
}

void group_port_timer(const struct neighbor_call *c, struct port_id port, uint32_t family)
{
	struct neighbor *n = c->n;
	struct neighbor_port *p = call_touch(c, &n->port[port.v]);
	struct group_report r = {.port = port, .version = newest_version(family)};
	uint32_t i = port_has_link(epoch_port(c->epoch, port)) ? p->walk[family] : NEIGHBOR_NONE;

	for (uint32_t k = 0; i != NEIGHBOR_NONE && k < WALK_MAX && r.count < GROUP_REPORT_MAX; k++) {
		if (family_of(&n->group[i].addr) == family)
			walk_group(c, i, p->spread_ms[family], &r);
		i = n->group[i].port_next;
	}
	if (r.count)
		send_report(c, &r);
	p->walk[family] = i;
	set_port_due(c, port, family, i == NEIGHBOR_NONE ? NANOS_NEVER : c->now);
}

void group_port_give_up(const struct neighbor_call *c, struct port_id port, uint32_t family)
{
	struct neighbor_port *p = call_touch(c, &c->n->port[port.v]);

	p->walk[family] = NEIGHBOR_NONE;
	set_port_due(c, port, family, NANOS_NEVER);
}

void group_reported(const struct neighbor_call *c, struct port_id port, const struct ip6_addr *group)
{
	uint32_t i = group_find(&c->n->table, port, group), family = family_of(group);

	if (i == NEIGHBOR_NONE || c->n->group[i].state != GROUP_JOINED ||
	        group_version(c, port, family) == newest_version(family))
		return;
	struct neighbor_group *g = call_touch(c, &c->n->group[i]);

	trace(c->burst->trace, call_trace(c), TRACE_GROUP_REPORTED, port.v, TRACE_IP6(group));
	g->answer = 0;
	g->repeats = 0;
	g->reporter = 0;
	set_due(c, i, NANOS_NEVER);
}
