#include "services/router/neighbor/internal.h"

/* Where the parts of the state lie, in bytes from its start. */
struct layout {
	uint64_t bucket, entry, cold, free_ring, queue_next;
	uint64_t address_bucket, address, group_bucket, group, port, wire, wheel;
	uint64_t bytes;
	uint32_t slots, buckets, ring;
};

static uint64_t place(uint64_t *at, uint64_t bytes)
{
	uint64_t off = *at;

	*at += ALIGN_UP(bytes, (uint64_t)CACHE_LINE);
	return off;
}

static struct layout layout_for(const struct stage_params *params)
{
	uint32_t slots = params->limits.neigh_gc_thresh3 + NEIGHBOR_SLOTS_FREE;
	struct layout l = {.slots = slots, .buckets = pow2_at_least(slots), .ring = pow2_at_least(slots)};
	uint64_t at = sizeof(struct neighbor_header);

	l.bucket = place(&at, l.buckets * sizeof(uint32_t));
	l.entry = place(&at, slots * sizeof(struct neighbor_entry));
	l.cold = place(&at, slots * sizeof(struct neighbor_cold));
	l.free_ring = place(&at, l.ring * sizeof(uint32_t));
	l.queue_next = place(&at, params->buffers * sizeof(uint32_t));
	l.address_bucket = place(&at, NEIGHBOR_ADDRESSES * sizeof(uint32_t));
	l.address = place(&at, NEIGHBOR_ADDRESSES * sizeof(struct neighbor_address));
	l.group_bucket = place(&at, NEIGHBOR_GROUPS * sizeof(uint32_t));
	l.group = place(&at, NEIGHBOR_GROUPS * sizeof(struct neighbor_group));
	l.port = place(&at, EPOCH_PORTS_MAX * sizeof(struct neighbor_port));
	l.wire = place(&at, EPOCH_PHYS_MAX * sizeof(struct neighbor_wire));
	l.wheel = place(&at, wheel_state_bytes(TIMERS(slots)));
	l.bytes = at;
	return l;
}

uint64_t neighbor_state_bytes(const struct stage_params *params)
{
	return layout_for(params).bytes;
}

void neighbor_table_attach(struct neighbor_table *t, const void *state, const struct stage_params *params)
{
	struct layout l = layout_for(params);
	const uint8_t *base = state;

	*t = (struct neighbor_table){
	        .header = state,
	        .bucket = (const void *)(base + l.bucket),
	        .entry = (const void *)(base + l.entry),
	        .address_bucket = (const void *)(base + l.address_bucket),
	        .address = (const void *)(base + l.address),
	        .group_bucket = (const void *)(base + l.group_bucket),
	        .group = (const void *)(base + l.group),
	        .key = params->hash_key,
	        .slots = l.slots,
	        .mask = l.buckets - 1,
	};
}

void neighbor_attach(struct neighbor *n, void *state, const struct stage_params *params,
        const struct neighbor_hooks *hooks)
{
	struct layout l = layout_for(params);
	uint8_t *base = state;

	*n = (struct neighbor){
	        .header = state,
	        .bucket = (void *)(base + l.bucket),
	        .entry = (void *)(base + l.entry),
	        .cold = (void *)(base + l.cold),
	        .free_ring = (void *)(base + l.free_ring),
	        .queue_next = (void *)(base + l.queue_next),
	        .address_bucket = (void *)(base + l.address_bucket),
	        .address = (void *)(base + l.address),
	        .group_bucket = (void *)(base + l.group_bucket),
	        .group = (void *)(base + l.group),
	        .port = (void *)(base + l.port),
	        .wire = (void *)(base + l.wire),
	        .hooks = *hooks,
	        .limits = params->limits,
	        .buffers = params->buffers,
	        .slots = l.slots,
	        .free_mask = l.ring - 1,
	};
	neighbor_table_attach(&n->table, state, params);
	wheel_attach(&n->wheel, base + l.wheel, TIMERS(l.slots));
}

static void init_entries(struct neighbor *n)
{
	for (uint32_t i = 0; i < n->slots; i++) {
		n->free_ring[i] = i;
		n->entry[i].next = NEIGHBOR_NONE;
		n->cold[i].queue_head = n->cold[i].queue_tail = QUEUE_NONE;
		n->cold[i].due = NANOS_NEVER;
	}
	n->header->free_prod = n->slots;
	for (uint32_t i = 0; i < NEIGHBOR_LISTS; i++)
		n->header->first[i] = n->header->last[i] = NEIGHBOR_NONE;
}

static void init_ours(struct neighbor *n)
{
	for (uint32_t i = 0; i < NEIGHBOR_ADDRESSES; i++)
		n->address[i].next = i + 1 < NEIGHBOR_ADDRESSES ? i + 1 : NEIGHBOR_NONE;
	for (uint32_t i = 0; i < NEIGHBOR_GROUPS; i++) {
		n->group[i].next = i + 1 < NEIGHBOR_GROUPS ? i + 1 : NEIGHBOR_NONE;
		n->group[i].due = NANOS_NEVER;
	}
	for (uint32_t i = 0; i < EPOCH_PORTS_MAX; i++) {
		n->port[i].first_group = NEIGHBOR_NONE;
		n->port[i].walk[0] = n->port[i].walk[1] = NEIGHBOR_NONE;
		n->port[i].due[0] = n->port[i].due[1] = NANOS_NEVER;
	}
}

void neighbor_init(void *state, const struct stage_params *params)
{
	struct layout l = layout_for(params);
	struct neighbor n;

	neighbor_attach(&n, state, params, &(struct neighbor_hooks){});
	n.header->magic = NEIGHBOR_MAGIC;
	n.header->random = params->hash_key | 1;
	memset(n.bucket, 0xff, l.buckets * sizeof(uint32_t));
	memset(n.address_bucket, 0xff, NEIGHBOR_ADDRESSES * sizeof(uint32_t));
	memset(n.group_bucket, 0xff, NEIGHBOR_GROUPS * sizeof(uint32_t));
	init_entries(&n);
	init_ours(&n);
	wheel_init(n.wheel.head, TIMERS(l.slots));
}

uint64_t neighbor_random(const struct neighbor_call *c, uint64_t bound)
{
	uint64_t *random = call_touch(c, &c->n->header->random);
	uint64_t x = random_next(random);

	return (uint64_t)((unsigned __int128)x * bound >> 64);
}

uint32_t entry_find(const struct neighbor *n, struct port_id port, const struct ip6_addr *addr)
{
	uint32_t slot = n->bucket[neighbor_hash(&n->table, port, addr) & n->table.mask];

	while (slot != NEIGHBOR_NONE && !neighbor_is(&n->entry[slot], port, addr))
		slot = n->entry[slot].next;
	return slot;
}

/* --- lists --- */

static void list_leave(const struct neighbor_call *c, uint32_t slot)
{
	struct neighbor *n = c->n;
	struct neighbor_cold *cold = call_touch(c, &n->cold[slot]);
	struct neighbor_header *h = call_touch(c, n->header);
	uint8_t list = cold->list;
	uint32_t *forth = call_touch(
	        c, cold->prev == NEIGHBOR_NONE ? &h->first[list] : &n->cold[cold->prev].next);
	uint32_t *back = call_touch(
	        c, cold->next == NEIGHBOR_NONE ? &h->last[list] : &n->cold[cold->next].prev);

	*forth = cold->next;
	*back = cold->prev;
	h->count[list]--;
}

static void list_join(const struct neighbor_call *c, uint32_t slot, enum neighbor_list list)
{
	struct neighbor *n = c->n;
	struct neighbor_cold *cold = call_touch(c, &n->cold[slot]);
	struct neighbor_header *h = call_touch(c, n->header);
	uint32_t *last = call_touch(c, &h->last[list]);
	uint32_t *forth = call_touch(c, *last == NEIGHBOR_NONE ? &h->first[list] : &n->cold[*last].next);

	cold->list = (uint8_t)list;
	cold->prev = *last;
	cold->next = NEIGHBOR_NONE;
	*forth = slot;
	*last = slot;
	h->count[list]++;
}

static enum neighbor_list list_for(enum nud_state state)
{
	switch (state) {
	case NUD_INCOMPLETE: return LIST_INCOMPLETE;
	case NUD_STALE: return LIST_STALE;
	case NUD_REACHABLE:
	case NUD_DELAY:
	case NUD_PROBE: return LIST_ACTIVE;
	case NUD_NONE:
	case NUD_FAILED:
	case NUD_STATES: break;
	}
	return LIST_FAILED;
}

/* --- entries --- */

static void write_begin(const struct neighbor_call *c, struct neighbor_entry *e)
{
	call_touch(c, e);
	__atomic_store_n(&e->seq, e->seq + 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
}

static void write_end(struct neighbor_entry *e)
{
	__atomic_store_n(&e->seq, e->seq + 1, __ATOMIC_RELEASE);
}

void entry_publish(const struct neighbor_call *c, uint32_t slot, struct neighbor_link link)
{
	struct neighbor_entry *e = &c->n->entry[slot];
	uint64_t word;

	memcpy(&word, &link, sizeof word);
	if (e->link == word)
		return;
	write_begin(c, e);
	__atomic_store_n(&e->link, word, __ATOMIC_RELAXED);
	write_end(e);
}

void entry_arm(const struct neighbor_call *c, uint32_t slot)
{
	struct neighbor *n = c->n;
	const struct neighbor_cold *cold = &n->cold[slot];
	nanos_t when = cold->due;

	if (cold->queue_count) {
		bool waits = entry_state(&n->entry[slot]) == NUD_INCOMPLETE;

		when = waits ? MIN(when, cold->queue_since + NEIGHBOR_HOLD_MAX) : c->now;
	}
	if (cold->answer_at)
		when = MIN(when, cold->answer_at);
	if (when == NANOS_NEVER)
		wheel_cancel(&n->wheel, call_journal(c), slot);
	else
		wheel_set(&n->wheel, call_journal(c), slot, c->now, when);
}

void entry_enter(const struct neighbor_call *c, uint32_t slot, enum nud_state state, nanos_t due)
{
	struct neighbor *n = c->n;
	struct neighbor_entry *e = call_touch(c, &n->entry[slot]);
	struct neighbor_cold *cold = call_touch(c, &n->cold[slot]);
	struct neighbor_link link = neighbor_link_of(e);

	trace(c->burst->trace, call_trace(c), (enum trace_code)(TRACE_NEIGH_NONE + state), e->addr[0],
	        e->addr[1], e->port.v);
	if (link.state != NUD_NONE)
		list_leave(c, slot);
	list_join(c, slot, list_for(state));
	link.state = (uint8_t)state;
	entry_publish(c, slot, link);
	e->updated_ms = call_ms(c);
	cold->probes = 0;
	cold->due = due;
	entry_arm(c, slot);
}

/* The oldest entry of a list gives way, unless it has changed less than `age_ms` ago. */
static bool evict_oldest(const struct neighbor_call *c, enum neighbor_list list, uint32_t age_ms)
{
	uint32_t slot = c->n->header->first[list];

	if (slot == NEIGHBOR_NONE || call_ms(c) - c->n->entry[slot].updated_ms < age_ms)
		return false;
	call_count(c, STAT_NEIGH_FORCED_GC_RUNS);
	return entry_remove(c, slot, DROP_NEIGH_DEAD);
}

/* What stays unresolved is kept small, and gives way first, so that a scan of empty addresses does not push
 * out neighbors that answer (RFC 6583 6.1, 7.1). */
static bool make_room(const struct neighbor_call *c, enum entry_why why)
{
	const struct epoch_limits *now = &c->epoch->header->limits, *made = &c->n->limits;
	const uint32_t *count = c->n->header->count;
	uint32_t unresolved = count[LIST_FAILED] + count[LIST_INCOMPLETE];
	uint32_t all = unresolved + count[LIST_STALE] + count[LIST_ACTIVE];

	if (all < MIN(now->neigh_gc_thresh3, made->neigh_gc_thresh3) &&
	        (why == ENTRY_LEARN || unresolved < now->neigh_incomplete_max))
		return true;
	return evict_oldest(c, LIST_FAILED, 0) || evict_oldest(c, LIST_INCOMPLETE, 0) ||
	       evict_oldest(c, LIST_STALE, NEIGHBOR_FORCED_MS);
}

uint32_t entry_make(
        const struct neighbor_call *c, struct port_id port, const struct ip6_addr *addr, enum entry_why why)
{
	struct neighbor *n = c->n;

	if (!make_room(c, why)) {
		call_count(c, STAT_NEIGH_TABLE_FULLS);
		return NEIGHBOR_NONE;
	}
	struct neighbor_header *h = call_touch(c, n->header);
	uint32_t slot = n->free_ring[h->free_cons++ & n->free_mask];
	uint32_t *bucket = call_touch(c, &n->bucket[neighbor_hash(&n->table, port, addr) & n->table.mask]);
	const struct neighbor_wire *wire = neighbor_wire(c, port);
	struct neighbor_entry *e = &n->entry[slot];

	write_begin(c, e);
	__atomic_store_n(&e->addr[0], load_u64(addr->b), __ATOMIC_RELAXED);
	__atomic_store_n(&e->addr[1], load_u64(addr->b + 8), __ATOMIC_RELAXED);
	__atomic_store_n(&e->port.v, port.v, __ATOMIC_RELAXED);
	e->confirmed_ms = e->used_ms = e->updated_ms = call_ms(c);
	e->losses = wire ? wire->losses : 0;
	__atomic_store_n(&e->next, *bucket, __ATOMIC_RELAXED);
	write_end(e);
	__atomic_store_n(bucket, slot, __ATOMIC_RELEASE);
	call_count(c, STAT_NEIGH_ALLOCS);
	return slot;
}

static void chain_leave(const struct neighbor_call *c, uint32_t slot)
{
	struct neighbor *n = c->n;
	struct ip6_addr addr = entry_addr(&n->entry[slot]);
	uint32_t *link = &n->bucket[neighbor_hash(&n->table, n->entry[slot].port, &addr) & n->table.mask];

	while (*link != slot)
		link = &n->entry[*link].next;
	call_touch(c, link);
	__atomic_store_n(link, n->entry[slot].next, __ATOMIC_RELEASE);
}

bool entry_remove(const struct neighbor_call *c, uint32_t slot, enum drop_reason reason)
{
	struct neighbor *n = c->n;

	if (!queue_drop(c, slot, reason, false))
		return false;
	list_leave(c, slot);
	chain_leave(c, slot);
	wheel_cancel(&n->wheel, call_journal(c), slot);
	entry_publish(c, slot, (struct neighbor_link){});

	struct neighbor_header *h = call_touch(c, n->header);
	uint32_t *freed = call_touch(c, &n->free_ring[h->free_prod++ & n->free_mask]);

	*freed = slot;
	struct neighbor_cold *cold = call_touch(c, &n->cold[slot]);

	cold->due = NANOS_NEVER;
	cold->answer_at = 0;
	call_count(c, STAT_NEIGH_DESTROYS);
	return true;
}
