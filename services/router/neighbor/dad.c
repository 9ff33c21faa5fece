#include "services/router/neighbor/internal.h"

/* RFC 4862 5.4.2, 5.1: the first probe waits so long at most, that not all nodes of a link begin together. */
#define DAD_DELAY_MAX NANOS_PER_SEC

static uint32_t bucket_of(const struct neighbor_table *t, struct port_id port, const struct ip6_addr *addr)
{
	return (uint32_t)neighbor_hash(t, port, addr) % NEIGHBOR_ADDRESSES;
}

uint32_t address_find(const struct neighbor_table *t, struct port_id port, const struct ip6_addr *addr)
{
	uint32_t i = __atomic_load_n(&t->address_bucket[bucket_of(t, port, addr)], __ATOMIC_ACQUIRE);

	for (uint32_t steps = 0; i < NEIGHBOR_ADDRESSES && steps < NEIGHBOR_ADDRESSES; steps++) {
		const struct neighbor_address *a = &t->address[i];

		if (ip6_addr_equal(&a->addr, addr) && port_id_equal(a->port, port))
			return i;
		i = __atomic_load_n(&a->next, __ATOMIC_ACQUIRE);
	}
	return NEIGHBOR_NONE;
}

static bool unusable(uint8_t state)
{
	return state == ADDRESS_TENTATIVE || state == ADDRESS_DUPLICATE;
}

bool neighbor_address_tentative(
        const struct neighbor_table *t, struct port_id port, const struct ip6_addr *addr)
{
	uint32_t i;

	if (likely(__atomic_load_n(&t->header->unusable, __ATOMIC_RELAXED) == 0))
		return false;
	i = address_find(t, port, addr);
	return i != NEIGHBOR_NONE && unusable(__atomic_load_n(&t->address[i].state, __ATOMIC_RELAXED));
}

static void set_state(const struct neighbor_call *c, uint32_t i, enum address_state state)
{
	struct neighbor_address *a = call_touch(c, &c->n->address[i]);
	int change = (int)unusable(state) - (int)unusable(a->state);

	__atomic_store_n(&a->state, (uint8_t)state, __ATOMIC_RELEASE);
	if (change) {
		uint32_t *count = call_touch(c, &c->n->header->unusable);

		__atomic_store_n(count, *count + (uint32_t)change, __ATOMIC_RELEASE);
	}
}

static void set_timer(const struct neighbor_call *c, uint32_t i, nanos_t when)
{
	wheel_set(&c->n->wheel, call_journal(c), TIMER_ADDRESS(c->n, i), c->now, when);
}

/* A place in the table, or NEIGHBOR_NONE. */
static uint32_t address_make(const struct neighbor_call *c, const struct epoch_address *from)
{
	struct neighbor *n = c->n;
	struct neighbor_header *h = n->header;
	uint32_t i = h->address_free;
	uint32_t *bucket = call_touch(c, &n->address_bucket[bucket_of(&n->table, from->port, &from->addr)]);

	if (i == NEIGHBOR_NONE)
		return i;
	struct neighbor_address *a = call_touch(c, &n->address[i]);

	call_touch(c, &h->address_free);
	h->address_free = a->next;
	h->addresses++;
	*a = (struct neighbor_address){.addr = from->addr, .port = from->port, .next = *bucket};
	__atomic_store_n(bucket, i, __ATOMIC_RELEASE);
	return i;
}

/* Whether the address stands on a link, where it can be probed and announced. */
static bool is_linked(const struct neighbor_call *c, const struct neighbor_address *a)
{
	const struct epoch_port *port = epoch_port(c->epoch, a->port);

	return port_has_link(port) && !a->host &&
	       (ip6_addr_is_mapped(&a->addr) || port->flags & EPOCH_PORT_IPV6);
}

/* The address comes up, or its link goes: it is probed first where that is wanted, then announced. */
static void begin(const struct neighbor_call *c, uint32_t i)
{
	struct neighbor_address *a = call_touch(c, &c->n->address[i]);
	const struct epoch_port *port = epoch_port(c->epoch, a->port);

	a->linked = is_linked(c, a);
	a->probes = a->linked && !a->nodad ? port->dad_transmits : 0;
	a->announce = a->linked ? port->gratuitous_arp : 0;
	set_state(c, i, a->probes ? ADDRESS_TENTATIVE : ADDRESS_OURS);
	if (a->probes)
		set_timer(c, i, c->now + neighbor_random(c, DAD_DELAY_MAX));
	else if (a->announce)
		set_timer(c, i, c->now);
	else
		wheel_cancel(&c->n->wheel, call_journal(c), TIMER_ADDRESS(c->n, i));
}

void address_up(const struct neighbor_call *c, const struct epoch_address *from)
{
	uint32_t i = address_find(&c->n->table, from->port, &from->addr);
	bool known = i != NEIGHBOR_NONE;

	if (!known)
		i = address_make(c, from);
	if (i == NEIGHBOR_NONE)
		return;
	struct neighbor_address *a = call_touch(c, &c->n->address[i]);

	a->seen = c->epoch->number;
	a->host = from->scope == EPOCH_SCOPE_HOST;
	a->nodad = from->family == 4 || from->flags & EPOCH_ADDRESS_NODAD;
	if (!known || a->linked != is_linked(c, a))
		begin(c, i);
}

void address_risen(const struct neighbor_call *c, uint32_t i, bool reopened, nanos_t when)
{
	struct neighbor_address *a = call_touch(c, &c->n->address[i]);
	const struct epoch_port *port = epoch_port(c->epoch, a->port);

	if (!is_linked(c, a))
		return;
	if (reopened || a->state != ADDRESS_OURS) {
		begin(c, i);
		return;
	}
	a->announce = port->gratuitous_arp;
	if (a->announce)
		set_timer(c, i, when);
}

void address_down(const struct neighbor_call *c, uint32_t i)
{
	struct neighbor *n = c->n;
	struct neighbor_address *a = call_touch(c, &n->address[i]);
	uint32_t *link = &n->address_bucket[bucket_of(&n->table, a->port, &a->addr)];

	wheel_cancel(&n->wheel, call_journal(c), TIMER_ADDRESS(n, i));
	set_state(c, i, ADDRESS_FREE);
	while (*link != i)
		link = &n->address[*link].next;
	__atomic_store_n((uint32_t *)call_touch(c, link), a->next, __ATOMIC_RELEASE);

	struct neighbor_header *h = n->header;

	call_touch(c, &h->address_free);
	a->next = h->address_free;
	h->address_free = i;
	h->addresses--;
}

void address_duplicate(const struct neighbor_call *c, uint32_t i)
{
	const struct neighbor_address *a = &c->n->address[i];

	if (a->state != ADDRESS_TENTATIVE)
		return;
	trace(c->burst->trace, call_trace(c), TRACE_ADDRESS_DUPLICATE, TRACE_IP6(&a->addr), a->port.v);
	call_count(c, STAT_NEIGH_DAD_FAILED);
	wheel_cancel(&c->n->wheel, call_journal(c), TIMER_ADDRESS(c->n, i));
	set_state(c, i, ADDRESS_DUPLICATE);
}

static void announce(const struct neighbor_call *c, struct neighbor_address *a)
{
	a->announce--;
	if (ip6_addr_is_mapped(&a->addr))
		arp_announce(c, a->port, a->addr.w32[3]);
	else
		nd_announce(c, a->port, &a->addr);
}

void address_timer(const struct neighbor_call *c, uint32_t i)
{
	struct neighbor_address *a = call_touch(c, &c->n->address[i]);
	const struct epoch_port *port = epoch_port(c->epoch, a->port);

	if (!port_has_link(port)) {
		a->linked = 0;
		set_state(c, i, ADDRESS_OURS);
		return;
	}
	if (neighbor_link_waits(c, a->port)) {
		set_timer(c, i, c->now + NEIGHBOR_LINK_LOOK);
		return;
	}
	if (a->state == ADDRESS_TENTATIVE && a->probes) {
		a->probes--;
		nd_probe(c, a->port, &a->addr);
		set_timer(c, i, c->now + port->retrans_ms * NANOS_PER_MS);
		return;
	}
	set_state(c, i, ADDRESS_OURS);
	if (a->announce)
		announce(c, a);
	if (a->announce)
		set_timer(c, i, c->now + port->retrans_ms * NANOS_PER_MS);
}

void address_give_up(const struct neighbor_call *c, uint32_t i)
{
	struct neighbor_address *a = call_touch(c, &c->n->address[i]);

	wheel_cancel(&c->n->wheel, call_journal(c), TIMER_ADDRESS(c->n, i));
	a->probes = a->announce = 0;
	set_state(c, i, ADDRESS_OURS);
}
