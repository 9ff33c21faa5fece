#include "services/router/neighbor/internal.h"

/* Linux lets a packet that finds an entry FAILED begin anew at once; how many begin in all is limited. */
bool nud_may_resolve(const struct neighbor_call *c)
{
	const struct epoch_rate rate = NEIGHBOR_RESOLVE_RATE;
	nanos_t step = NANOS_PER_SEC / rate.per_second;
	nanos_t *full_at = &c->n->header->resolve_full_at;

	if (*full_at > c->now && *full_at - c->now > step * (rate.burst - 1))
		return false;
	call_touch(c, full_at);
	*full_at = MAX(*full_at, c->now) + step;
	return true;
}

static const struct epoch_port *entry_port(const struct neighbor_call *c, uint32_t slot)
{
	return epoch_port(c->epoch, c->n->entry[slot].port);
}

static nanos_t retrans(const struct epoch_port *port)
{
	return MAX(port->retrans_ms * NANOS_PER_MS, NEIGHBOR_RETRANS_MIN);
}

/* RFC 4861 6.3.2: uniform between half and one and a half of the base (Linux neigh_rand_reach_time). */
static uint32_t random_reachable_ms(const struct neighbor_call *c, const struct epoch_port *port)
{
	return (uint32_t)neighbor_random(c, port->reachable_ms) + port->reachable_ms / 2;
}

/* From the confirmation on, which may be some seconds old (Linux neigh_timer_handler). */
static nanos_t reachable_until(const struct neighbor_call *c, uint32_t slot)
{
	uint32_t age_ms = call_ms(c) - c->n->entry[slot].confirmed_ms;
	uint32_t lasts_ms = c->n->cold[slot].reachable_ms;

	return c->now + (lasts_ms - MIN(age_ms, lasts_ms)) * NANOS_PER_MS;
}

static void enter(const struct neighbor_call *c, uint32_t slot, enum nud_state state)
{
	const struct epoch_port *port = entry_port(c, slot);
	struct neighbor_cold *cold = &c->n->cold[slot];
	nanos_t due = NANOS_NEVER;

	switch (state) {
	case NUD_INCOMPLETE:
	case NUD_PROBE: due = c->now + retrans(port); break;
	case NUD_REACHABLE:
		call_touch(c, cold);
		cold->reachable_ms = random_reachable_ms(c, port);
		due = reachable_until(c, slot);
		break;
	case NUD_STALE: due = c->now + port->stale_gc_ms * NANOS_PER_MS; break;
	case NUD_DELAY: due = c->now + port->delay_first_ms * NANOS_PER_MS; break;
	case NUD_FAILED: due = c->now + NEIGHBOR_FAILED_KEPT; break;
	case NUD_NONE:
	case NUD_STATES: break;
	}
	entry_enter(c, slot, state, due);
}

static void solicit(const struct neighbor_call *c, uint32_t slot, bool unicast)
{
	struct neighbor_cold *cold = call_touch(c, &c->n->cold[slot]);
	struct ip6_addr addr = entry_addr(&c->n->entry[slot]);

	cold->probes++;
	if (ip6_addr_is_mapped(&addr))
		arp_solicit(c, slot, unicast);
	else
		nd_solicit(c, slot, unicast);
}

static void fail(const struct neighbor_call *c, uint32_t slot)
{
	enter(c, slot, NUD_FAILED);
	call_count(c, STAT_NEIGH_RES_FAILED);
	if (!queue_drop(c, slot, DROP_NEIGH_FAILED, true))
		entry_arm(c, slot);
}

static void set_router(const struct neighbor_call *c, uint32_t slot, bool on)
{
	struct neighbor_link link = neighbor_link_of(&c->n->entry[slot]);

	link.flags = (uint8_t)(on ? link.flags | NEIGHBOR_ROUTER : link.flags & ~NEIGHBOR_ROUTER);
	entry_publish(c, slot, link);
}

static void set_mac(const struct neighbor_call *c, uint32_t slot, const struct mac_addr *mac, bool confirmed)
{
	struct neighbor_entry *e = call_touch(c, &c->n->entry[slot]);
	struct neighbor_link link = neighbor_link_of(e);

	trace(c->burst->trace, call_trace(c), TRACE_NEIGH_MAC, e->addr[0], e->addr[1], e->port.v,
	        TRACE_MAC(mac));
	if (nud_in(link.state, NUD_VALID))
		call_count(c, STAT_NEIGH_MOVES);
	link.mac = *mac;
	entry_publish(c, slot, link);
	e->updated_ms = call_ms(c);
	if (!confirmed) /* what confirmed the old one says nothing of the new one */
		e->confirmed_ms = call_ms(c) - 2 * entry_port(c, slot)->reachable_ms;
}

/* What an update comes to: nothing at all, or that the neighbor was heard; a state, another MAC, the router
 * flag. */
struct outcome {
	bool heard, taken, moved, router;
	enum nud_state state;
};

/* RFC 4861 7.2.5 and 7.2.3, in the words of Linux neigh_update. */
static struct outcome judge(
        struct neighbor_link old, const struct mac_addr *mac, enum nud_state state, uint32_t flags)
{
	bool valid = nud_in(old.state, NUD_VALID);
	bool differs = mac && !(valid && mac_equal(mac, &old.mac));
	struct outcome o = {true, true, differs, flags & UPDATE_OVERRIDE_ROUTER, state};

	if (!valid && !mac)
		return (struct outcome){};
	if (!valid)
		return o;
	if (differs && !(flags & UPDATE_OVERRIDE)) {
		o.moved = false;
		o.router = false;
		o.state = NUD_STALE;
		o.taken = flags & UPDATE_WEAK_OVERRIDE && old.state == NUD_REACHABLE;
		return o;
	}
	if (!differs && state == NUD_STALE)
		o.state = (enum nud_state)old.state;
	return o;
}

void nud_update(const struct neighbor_call *c, uint32_t slot, const struct mac_addr *mac,
        enum nud_state state, uint32_t flags)
{
	struct neighbor_entry *e = &c->n->entry[slot];
	struct neighbor_link old = neighbor_link_of(e);
	struct outcome o = judge(old, mac, state, flags);

	if (o.heard && state == NUD_REACHABLE)
		((struct neighbor_entry *)call_touch(c, e))->confirmed_ms = call_ms(c);
	if (!o.taken)
		return;
	if (o.moved)
		set_mac(c, slot, mac, state == NUD_REACHABLE);
	if (o.state != old.state)
		enter(c, slot, o.state);
	if (o.router)
		set_router(c, slot, flags & UPDATE_ROUTER);
	if (c->n->cold[slot].queue_count)
		queue_send(c, slot);
}

uint32_t nud_event_ns(const struct neighbor_call *c, struct port_id port, const struct ip6_addr *addr,
        const struct mac_addr *mac, uint32_t flags)
{
	uint32_t slot = entry_find(c->n, port, addr);

	if (slot == NEIGHBOR_NONE)
		slot = entry_make(c, port, addr, ENTRY_LEARN);
	if (slot != NEIGHBOR_NONE)
		nud_update(c, slot, mac, NUD_STALE, flags);
	return slot;
}

static void begin_resolution(const struct neighbor_call *c, uint32_t slot)
{
	if (!entry_port(c, slot)->mcast_solicit) {
		fail(c, slot);
		return;
	}
	enter(c, slot, NUD_INCOMPLETE);
	solicit(c, slot, false);
}

void nud_ask_again(const struct neighbor_call *c, uint32_t slot)
{
	if (entry_state(&c->n->entry[slot]) == NUD_INCOMPLETE && nud_may_resolve(c))
		begin_resolution(c, slot);
}

bool nud_event_send(const struct neighbor_call *c, uint32_t slot)
{
	switch ((enum nud_state)entry_state(&c->n->entry[slot])) {
	case NUD_STALE:
		((struct neighbor_entry *)call_touch(c, &c->n->entry[slot]))->used_ms = call_ms(c);
		enter(c, slot, NUD_DELAY);
		return true;
	case NUD_REACHABLE:
	case NUD_DELAY:
	case NUD_PROBE: return true;
	case NUD_FAILED:
		if (!nud_may_resolve(c))
			return false;
		begin_resolution(c, slot);
		return false;
	case NUD_NONE: begin_resolution(c, slot); return false;
	case NUD_INCOMPLETE:
	case NUD_STATES: break;
	}
	return false;
}

static void wait_until(const struct neighbor_call *c, uint32_t slot, nanos_t due)
{
	((struct neighbor_cold *)call_touch(c, &c->n->cold[slot]))->due = due;
	entry_arm(c, slot);
}

static void reachable_timer(const struct neighbor_call *c, uint32_t slot)
{
	nanos_t until = reachable_until(c, slot);

	if (c->now < until)
		wait_until(c, slot, until);
	else
		enter(c, slot, NUD_STALE);
}

static void delay_timer(const struct neighbor_call *c, uint32_t slot)
{
	uint32_t age_ms = call_ms(c) - c->n->entry[slot].confirmed_ms;

	if (age_ms <= entry_port(c, slot)->delay_first_ms) {
		enter(c, slot, NUD_REACHABLE);
		return;
	}
	enter(c, slot, NUD_PROBE);
	solicit(c, slot, true);
}

static void probe_timer(const struct neighbor_call *c, uint32_t slot, uint32_t most, bool unicast)
{
	if (c->n->cold[slot].probes >= most) {
		fail(c, slot);
		return;
	}
	solicit(c, slot, unicast);
	wait_until(c, slot, c->now + retrans(entry_port(c, slot)));
}

static void state_timer(const struct neighbor_call *c, uint32_t slot)
{
	const struct epoch_port *port = entry_port(c, slot);

	switch ((enum nud_state)entry_state(&c->n->entry[slot])) {
	case NUD_REACHABLE: reachable_timer(c, slot); return;
	case NUD_DELAY: delay_timer(c, slot); return;
	case NUD_INCOMPLETE: probe_timer(c, slot, port->mcast_solicit, false); return;
	case NUD_PROBE: probe_timer(c, slot, port->ucast_solicit, true); return;
	case NUD_STALE:
	case NUD_FAILED:
		if (!entry_remove(c, slot, DROP_NEIGH_DEAD))
			entry_arm(c, slot);
		return;
	case NUD_NONE:
	case NUD_STATES: return;
	}
}

/* What waits and can wait no longer, or need not. */
static void queue_timer(const struct neighbor_call *c, uint32_t slot)
{
	uint8_t state = entry_state(&c->n->entry[slot]);

	if (nud_in(state, NUD_VALID))
		queue_send(c, slot);
	else if (state == NUD_FAILED || c->now >= c->n->cold[slot].queue_since + NEIGHBOR_HOLD_MAX)
		queue_drop(c, slot, DROP_NEIGH_FAILED, true);
}

void nud_timer(const struct neighbor_call *c, uint32_t slot)
{
	struct neighbor_cold *cold = &c->n->cold[slot];

	if (!port_has_link(entry_port(c, slot))) {
		if (!entry_remove(c, slot, DROP_NEIGH_DEAD))
			entry_arm(c, slot);
		return;
	}
	if (cold->answer_at && cold->answer_at <= c->now)
		nd_answer(c, slot);
	if (cold->queue_count)
		queue_timer(c, slot);
	if (cold->due <= c->now)
		state_timer(c, slot);
	else
		entry_arm(c, slot);
}

void neighbor_confirm(struct neighbor *n, const struct epoch *epoch, nanos_t now, struct burst *burst,
        struct port_id port, const struct ip6_addr *addr)
{
	struct neighbor_call c = neighbor_call_alone(n, epoch, now, burst);
	uint32_t slot = entry_find(n, port, addr);

	if (slot == NEIGHBOR_NONE || !epoch_port(epoch, port))
		return;
	struct neighbor_entry *e = &n->entry[slot];

	if (nud_in(entry_state(e), NUD_VALID) &&
	        call_ms(&c) - e->confirmed_ms > epoch_port(epoch, port)->reachable_ms / 10)
		((struct neighbor_entry *)journal_touch(burst->journal, e))->confirmed_ms = call_ms(&c);
}
