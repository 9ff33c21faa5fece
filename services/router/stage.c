#include "services/router/input.h"
#include "services/router/limits.h"
#include "services/router/pmtu.h"
#include "services/router/reassembly/reassembly.h"
#include "services/router/router.h"
#include "services/router/router_internal.h"

#include <stdlib.h>

static uint64_t lines(uint64_t bytes)
{
	return ALIGN_UP(bytes, (uint64_t)CACHE_LINE);
}

/* Where the parts lie; returns the bytes of all.  The same in every lane: those of lane 0 that another does
 * not use are never touched there. */
static uint64_t layout(const struct stage_params *params, struct router_state *s)
{
	uint64_t off = sizeof *s;

	s->limits_off = off;
	off += lines(limits_bytes(params));
	s->pmtu_off = off;
	off += lines(pmtu_bytes(params));
	s->reassembly_off = off;
	off += lines(reassembly_bytes(params));
	s->neighbor_off = off;
	return off + lines(neighbor_state_bytes(params));
}

static uint64_t state_bytes(const struct stage_params *params)
{
	struct router_state s;

	return layout(params, &s);
}

static void *part(void *state, uint64_t off)
{
	return (uint8_t *)state + off;
}

static const void *part_of_lane0(const struct stage_env *env, uint64_t off)
{
	return (const uint8_t *)env->state_lane0 + off;
}

static void init(void *state, const struct stage_params *params, uint32_t lane)
{
	struct router_state *s = state;

	layout(params, s);
	s->magic = ROUTER_STATE_MAGIC;
	s->lane = lane;
	s->ident = (uint32_t)hash_mix(params->hash_key, lane);
	reassembly_init(part(s, s->reassembly_off), params);
	if (lane == 0)
		neighbor_init(part(s, s->neighbor_off), params);
}

static void link_failure(
        void *ctx, const struct epoch *epoch, nanos_t now, struct burst *burst, struct pkt_ref r)
{
	struct router *router = ctx;
	struct router_call c = {router, epoch, router_view_of(router, epoch), now, burst};

	if (r.pkt->ethertype == ETHER_TYPE_IPV4)
		icmp_error_send(&c, r, ICMP_TYPE_DEST_UNREACH, ICMP_UNREACH_HOST, 0);
	else
		icmp_error_send(&c, r, ICMP6_TYPE_DEST_UNREACH, ICMP6_UNREACH_ADDRESS, 0);
}

/* Linux arp_fwd_proxy: the way to the target leads elsewhere. */
static bool proxy_arp(void *ctx, const struct epoch *epoch, struct port_id port, struct be32 target)
{
	struct router *router = ctx;
	struct router_call c = {router, epoch, router_view_of(router, epoch), 0, NULL};
	struct route route;

	route4(&c, &(struct pkt){}, target, 0, &route);
	return route_is_way(&route) && !port_id_equal(route.port, port);
}

/* A kernel's port is opened behind the epoch's back.  It is up where its queue is on any lane. */
static bool link_waits(void *ctx, const struct epoch *epoch, struct port_id port)
{
	const struct router *router = ctx;
	const struct epoch_port *p = epoch_port(epoch, port), *phys = p ? epoch_port(epoch, p->phys) : NULL;

	if (!phys || p->phys.v >= EPOCH_PHYS_MAX || !epoch_driver_live(phys->driver) || !router->ports[0])
		return false;
	for (uint32_t l = 0; l < router->params.lanes; l++)
		if (__atomic_load_n(&router->ports[l]->port[p->phys.v].state, __ATOMIC_ACQUIRE) ==
		        POLL_PORT_UP)
			return false;
	return true;
}

static void attach_parts(struct router *r, const struct stage_env *env)
{
	struct router_state *s = r->state;

	r->limits = part(s, s->limits_off);
	r->reassembly = part(s, s->reassembly_off);
	r->pmtu = r->lane ? NULL : part(s, s->pmtu_off);
	r->pmtu0 = part_of_lane0(env, s->pmtu_off);
	neighbor_table_attach(&r->table, part_of_lane0(env, s->neighbor_off), env->params);
	if (r->lane == 0)
		neighbor_attach(&r->neighbor, part(s, s->neighbor_off), env->params,
		        &(struct neighbor_hooks){.ctx = r,
		                .unreachable = link_failure,
		                .proxy_arp = proxy_arp,
		                .link_waits = link_waits,
		                .links = env->links});
}

static void detach(void *worker)
{
	struct router *r = worker;

	free(r->fast4);
	free(r->fast6);
	free(r);
}

static int attach(const struct stage_env *env, void **worker)
{
	struct router_state *s = env->state;
	struct router *r;

	if (s->magic != ROUTER_STATE_MAGIC || s->lane != env->lane)
		return -EINVAL;
	r = calloc(1, sizeof *r);
	if (!r)
		return -ENOMEM;
	r->fast4 = calloc(1, fast4_bytes());
	r->fast6 = calloc(1, fast6_bytes());
	if (!r->fast4 || !r->fast6) {
		detach(r);
		return -ENOMEM;
	}
	r->params = *env->params;
	r->lane = env->lane;
	r->pool = env->pool;
	r->state = s;
	memcpy(r->ports, env->ports, sizeof r->ports);
	attach_parts(r, env);
	*worker = r;
	return 0;
}

static struct router_call enter(void *worker, const struct epoch *epoch, nanos_t now, struct burst *burst)
{
	return (struct router_call){worker, epoch, router_view_of(worker, epoch), now, burst};
}

static bool adopt(void *worker, const struct epoch *epoch, nanos_t now, struct burst *burst)
{
	struct router_call c = enter(worker, epoch, now, burst);

	return !router_owns_links(&c) || neighbor_adopt(&c.router->neighbor, epoch, now, burst);
}

static bool retire(void *worker, const struct epoch *epoch, nanos_t now, struct burst *burst)
{
	struct router_call c = enter(worker, epoch, now, burst);

	return !router_owns_links(&c) || neighbor_retire(&c.router->neighbor, epoch, now, burst);
}

static void router_burst(void *worker, const struct epoch *epoch, nanos_t now, struct burst *burst)
{
	struct router_call c = enter(worker, epoch, now, burst);

	switch (burst->input) {
	case INPUT_RX: input_rx(&c); return;
	case INPUT_TX: input_tx(&c); return;
	case INPUT_PUNT: input_punt(&c); return;
	case INPUT_FREE:
	case INPUT_PORT:
	case INPUT_TIMER:
	case INPUT_CALL:
	case INPUT_KINDS: break;
	}
	assert(burst->n == 0);
}

static void reassembly_due(const struct router_call *c)
{
	struct outbox_entry *e;

	reassembly_timer(c);
	for (uint32_t n = 0; n < REASSEMBLY_WHOLES_BURST && (e = reassembly_whole(c)); n++)
		local_whole(c, e);
}

static void timer(void *worker, const struct epoch *epoch, nanos_t now, struct burst *burst)
{
	struct router_call c = enter(worker, epoch, now, burst);

	if (reassembly_next_timer(c.router) <= now)
		reassembly_due(&c);
	if (router_owns_links(&c) && neighbor_next_timer(&c.router->neighbor) <= now)
		neighbor_timer(&c.router->neighbor, epoch, now, burst);
}

static void give_up(void *worker, const struct epoch *epoch, nanos_t now, uint32_t what, struct burst *burst)
{
	struct router_call c = enter(worker, epoch, now, burst);

	if (what & REASSEMBLY_HAND)
		reassembly_give_up(&c, what & ~REASSEMBLY_HAND);
	else if (what & NEIGHBOR_HAND && router_owns_links(&c))
		neighbor_give_up(&c.router->neighbor, epoch, now, what & ~NEIGHBOR_HAND, burst);
}

static void describe(const void *worker, uint32_t what, struct box_culprit *culprit)
{
	const struct router *r = worker;

	if (what & REASSEMBLY_HAND)
		reassembly_describe(r, what & ~REASSEMBLY_HAND, culprit);
	else if (what & NEIGHBOR_HAND && r->lane == 0)
		neighbor_describe(&r->neighbor, what & ~NEIGHBOR_HAND, culprit);
}

static nanos_t next_timer(const void *worker)
{
	const struct router *r = worker;
	nanos_t next = reassembly_next_timer(r);

	return r->lane ? next : MIN(next, neighbor_next_timer(&r->neighbor));
}

static uint32_t oldest_epoch(const void *worker)
{
	const struct router *r = worker;

	return r->lane ? UINT32_MAX : neighbor_oldest_epoch(&r->neighbor);
}

static uint32_t held(const void *worker, struct pkt_index *index, uint32_t *packets)
{
	const struct router *r = worker;
	uint32_t waiting = 0, n;

	*packets = 0;
	if (r->lane == 0)
		waiting = neighbor_held(&r->neighbor, index);
	n = reassembly_held(r, index + waiting, packets);
	*packets += waiting;
	return waiting + n;
}

static const char *check(const void *worker)
{
	const struct router *r = worker;
	const char *wrong = reassembly_check(r);

	return wrong || r->lane ? wrong : neighbor_check(&r->neighbor);
}

#define LINES_PACKET 192u /* undo lines that a packet may need */

const struct stage_ops router_stage = {
        .name = "router",
        .state_bytes = state_bytes,
        .init = init,
        .attach = attach,
        .detach = detach,
        .adopt = adopt,
        .retire = retire,
        .burst = router_burst,
        .timer = timer,
        .describe = describe,
        .give_up = give_up,
        .next_timer = next_timer,
        .oldest_epoch = oldest_epoch,
        .held = held,
        .check = check,
        .lines_a_packet = LINES_PACKET,
        .lines_a_burst = NEIGHBOR_LINES_BURST + REASSEMBLY_LINES_BURST +
                         REASSEMBLY_WHOLES_BURST * LINES_PACKET,
};
