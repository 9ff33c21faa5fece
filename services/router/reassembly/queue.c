#include "services/router/reassembly/internal.h"

#include "common/wire/icmp.h"
#include "common/wire/icmp6.h"

static uint32_t bucket_of(const struct reassembly *f, const struct frag_key *key)
{
	uint64_t rest = key->id | (uint64_t)key->port.v << 32 | (uint64_t)key->proto << 48 |
	                (uint64_t)key->family << 56;
	uint64_t hash = hash_mix(hash_ip6(&key->src, f->hash_key) + rest, hash_ip6(&key->dst, ~f->hash_key));

	return (uint32_t)(hash >> 32) & (f->n_buckets - 1);
}

uint32_t frag_find(const struct reassembly *f, const struct frag_key *key)
{
	uint32_t slot = *frag_bucket(f, bucket_of(f, key));

	while (slot != FRAG_NONE && memcmp(&frag_queue(f, slot)->key, key, sizeof *key) != 0)
		slot = frag_queue(f, slot)->next;
	return slot;
}

static void age_add(const struct router_call *c, uint32_t slot)
{
	struct reassembly *f = c->router->reassembly;
	struct frag_queue *q = frag_queue(f, slot);
	struct frag_list *age = frag_touch(c, &f->age[q->key.family]);

	q->older = age->last;
	q->newer = FRAG_NONE;
	if (age->last == FRAG_NONE)
		age->first = slot;
	else
		((struct frag_queue *)frag_touch(c, frag_queue(f, age->last)))->newer = slot;
	age->last = slot;
}

static void age_remove(const struct router_call *c, const struct frag_queue *q)
{
	struct reassembly *f = c->router->reassembly;
	struct frag_list *age = frag_touch(c, &f->age[q->key.family]);

	if (q->older == FRAG_NONE)
		age->first = q->newer;
	else
		((struct frag_queue *)frag_touch(c, frag_queue(f, q->older)))->newer = q->newer;
	if (q->newer == FRAG_NONE)
		age->last = q->older;
	else
		((struct frag_queue *)frag_touch(c, frag_queue(f, q->newer)))->older = q->older;
}

static void bucket_remove(const struct router_call *c, uint32_t slot)
{
	struct reassembly *f = c->router->reassembly;
	uint32_t *link = frag_bucket(f, bucket_of(f, &frag_queue(f, slot)->key));

	while (*link != slot)
		link = &frag_queue(f, *link)->next;
	*(uint32_t *)frag_touch(c, link) = frag_queue(f, slot)->next;
}

uint32_t frag_open(const struct router_call *c, const struct frag_key *key, nanos_t timeout)
{
	struct reassembly *f = c->router->reassembly;
	struct wheel wheel = frag_wheel(f);
	uint32_t slot = f->free, *bucket = frag_touch(c, frag_bucket(f, bucket_of(f, key)));
	struct frag_queue *q = frag_touch(c, frag_queue(f, slot));

	frag_touch(c, &q->first);
	frag_touch(c, &f->free);
	f->free = q->next;
	f->used++;
	*q = (struct frag_queue){
	        .key = *key,
	        .next = *bucket,
	        .created = c->now,
	        .first = FRAG_NONE,
	        .last = FRAG_NONE,
	        .state = FRAG_OPEN,
	};
	*bucket = slot;
	age_add(c, slot);
	wheel_set(&wheel, c->burst->journal, slot, c->now, c->now + timeout);
	return slot;
}

void frag_close(const struct router_call *c, uint32_t slot, enum frag_state state)
{
	struct reassembly *f = c->router->reassembly;
	struct frag_queue *q = frag_queue(f, slot);
	struct wheel wheel = frag_wheel(f);

	wheel_cancel(&wheel, c->burst->journal, slot);
	bucket_remove(c, slot);
	age_remove(c, q);
	frag_touch(c, &q->first);
	q->state = (uint8_t)state;
}

void frag_free(const struct router_call *c, uint32_t slot)
{
	struct reassembly *f = c->router->reassembly;
	struct frag_queue *q = frag_touch(c, frag_queue(f, slot));

	frag_touch(c, &q->first);
	frag_touch(c, &f->free);
	q->state = FRAG_FREE;
	q->next = f->free;
	f->free = slot;
	f->used--;
}

void frag_list_add(const struct router_call *c, struct frag_list *list, uint32_t slot)
{
	struct reassembly *f = c->router->reassembly;

	frag_touch(c, list);
	((struct frag_queue *)frag_touch(c, frag_queue(f, slot)))->next = FRAG_NONE;
	if (list->first == FRAG_NONE)
		list->first = slot;
	else
		((struct frag_queue *)frag_touch(c, frag_queue(f, list->last)))->next = slot;
	list->last = slot;
}

/* The first piece leaves its queue and ends; of a datagram out of time the first fragment is answered. */
static void drop_first(const struct router_call *c, struct frag_queue *q, uint32_t at)
{
	struct reassembly *f = c->router->reassembly;
	const struct frag_piece *p = frag_piece(f, q->first);
	struct outbox_entry *e = burst_release(c->burst, at, (struct pkt_index){q->first});

	assert(e);
	frag_touch(c, &q->first);
	frag_touch(c, &f->pieces);
	q->first = p->next;
	q->pieces--;
	f->pieces[q->key.family]--;
	if (outbox_decided(e))
		return;
	trace(c->burst->trace, e->pkt.trace, TRACE_FRAG_GIVEN_UP, c->now - MIN(q->created, c->now),
	        q->reason);
	if (q->reason != DROP_FRAG_REASM_TIMEOUT || p->offset != 0)
		outbox_drop(e, (enum drop_reason)q->reason);
	else if (q->key.family == FRAG_IPV4)
		icmp_error_drop(c, outbox_ref(e), ICMP_TYPE_TIME_EXCEEDED, ICMP_EXCEEDED_REASSEMBLY, 0,
		        DROP_FRAG_REASM_TIMEOUT);
	else
		icmp_error_drop(c, outbox_ref(e), ICMP6_TYPE_TIME_EXCEEDED, ICMP6_EXCEEDED_REASSEMBLY, 0,
		        DROP_FRAG_REASM_TIMEOUT);
}

/* Drops the pieces that there is room for; whether the queue is now free. */
static bool sweep_one(const struct router_call *c, uint32_t slot, uint32_t at)
{
	struct frag_queue *q = frag_queue(c->router->reassembly, slot);

	while (q->pieces && frag_room(c))
		drop_first(c, q, at);
	if (q->pieces)
		return false;
	frag_free(c, slot);
	return true;
}

void frag_doom(const struct router_call *c, uint32_t slot, enum drop_reason reason, uint32_t at)
{
	struct reassembly *f = c->router->reassembly;
	struct frag_queue *q = frag_queue(f, slot);

	frag_close(c, slot, FRAG_DOOMED);
	q->reason = (uint16_t)reason;
	frag_count(c, q->key.family, FRAG_FAILS);
	if (reason == DROP_FRAG_REASM_TIMEOUT)
		frag_count(c, q->key.family, FRAG_TIMEOUTS);
	if (!sweep_one(c, slot, at))
		frag_list_add(c, &f->doomed, slot);
}

/* A WHOLE one is the first of those that wait: it is tried in their order. */
static void whole_to_doomed(const struct router_call *c, uint32_t slot)
{
	struct reassembly *f = c->router->reassembly;
	struct frag_queue *q = frag_queue(f, slot);

	if (f->whole.first != slot)
		return;
	frag_touch(c, &f->whole);
	f->whole.first = q->next;
	frag_touch(c, &q->first);
	q->state = FRAG_DOOMED;
	frag_count(c, q->key.family, FRAG_FAILS);
	frag_list_add(c, &f->doomed, slot);
}

void frag_give_up(const struct router_call *c, uint32_t slot)
{
	struct frag_queue *q = frag_queue(c->router->reassembly, slot);

	switch ((enum frag_state)q->state) {
	case FRAG_FREE: return;
	case FRAG_OPEN: frag_doom(c, slot, DROP_STAGE_CRASHED, c->burst->n); return;
	case FRAG_WHOLE: whole_to_doomed(c, slot); break;
	case FRAG_DOOMED: break;
	}
	frag_touch(c, &q->first);
	q->reason = DROP_STAGE_CRASHED;
}

void frag_sweep(const struct router_call *c)
{
	struct reassembly *f = c->router->reassembly;

	while (f->doomed.first != FRAG_NONE && frag_room(c)) {
		uint32_t slot = f->doomed.first, next = frag_queue(f, slot)->next;

		journal_hand(c->burst->journal, REASSEMBLY_HAND | slot);
		if (!sweep_one(c, slot, c->burst->n))
			return;
		frag_touch(c, &f->doomed);
		f->doomed.first = next;
	}
}
