#include "services/router/reassembly/internal.h"

/* What has been counted on the way. */
struct tally {
	const struct reassembly *f;
	uint32_t queues; /* that are not free */
	uint32_t open;
	uint32_t pieces[FRAG_FAMILIES];
};

uint32_t reassembly_held(const struct router *router, struct pkt_index *index, uint32_t *packets)
{
	const struct reassembly *f = router->reassembly;
	uint32_t n = 0;

	for (uint32_t slot = 0; slot < f->n_queues; slot++) {
		const struct frag_queue *q = frag_queue(f, slot);

		if (q->state == FRAG_FREE)
			continue;
		for (uint32_t i = q->first; i != FRAG_NONE; i = frag_piece(f, i)->next)
			index[n++] = (struct pkt_index){i};
	}
	*packets += n;
	return n;
}

static const char *check_pieces(struct tally *t, uint32_t slot)
{
	const struct frag_queue *q = frag_queue(t->f, slot);
	uint32_t n = 0, end = 0, bytes = 0, last = FRAG_NONE;

	for (uint32_t i = q->first; i != FRAG_NONE; i = frag_piece(t->f, i)->next) {
		const struct frag_piece *p = frag_piece(t->f, i);

		if (i >= t->f->n_buffers || n++ >= q->pieces || p->queue != slot)
			return "reassembly: the chain of a datagram leads astray";
		if (p->offset < end)
			return "reassembly: the pieces of a datagram overlap or are out of order";
		end = (uint32_t)p->offset + p->len;
		bytes += p->len;
		last = i;
	}
	t->pieces[q->key.family] += n;
	if (n != q->pieces || last != q->last || n == 0)
		return "reassembly: a datagram has other pieces than it says";
	if (q->state != FRAG_DOOMED && (end != q->end || bytes != q->bytes))
		return "reassembly: a datagram has other bytes than it says";
	if (q->state == FRAG_WHOLE && (frag_piece(t->f, q->first)->offset || bytes != end))
		return "reassembly: a whole datagram has a gap";
	return NULL;
}

static const char *check_open(struct tally *t, uint32_t slot, uint32_t older)
{
	const struct frag_queue *q = frag_queue(t->f, slot);
	const struct wheel wheel = frag_wheel(t->f);

	if (slot >= t->f->n_queues || q->state != FRAG_OPEN || q->older != older ||
	        t->open++ >= t->f->n_queues)
		return "reassembly: the list by age leads astray";
	if (older != FRAG_NONE && frag_queue(t->f, older)->created > q->created)
		return "reassembly: the list by age is out of order";
	if (frag_find(t->f, &q->key) != slot)
		return "reassembly: a datagram is not found by its key";
	if (!wheel_is_set(&wheel, slot))
		return "reassembly: a datagram has no timer";
	if ((frag_piece(t->f, q->first)->offset == 0) != !!(q->flags & FRAG_HAS_FIRST))
		return "reassembly: a datagram is wrong about its first fragment";
	if (q->flags == (FRAG_HAS_FIRST | FRAG_HAS_LAST) && q->bytes == q->end)
		return "reassembly: a datagram is whole and waits";
	return NULL;
}

static const char *check_family(struct tally *t, enum frag_family family)
{
	const struct frag_list *age = &t->f->age[family];
	uint32_t older = FRAG_NONE;

	for (uint32_t slot = age->first; slot != FRAG_NONE; slot = frag_queue(t->f, slot)->newer) {
		const char *wrong = check_open(t, slot, older);

		if (wrong)
			return wrong;
		if (frag_queue(t->f, slot)->key.family != family)
			return "reassembly: a datagram is in the other family's list";
		older = slot;
	}
	return age->last == older ? NULL : "reassembly: the list by age does not end where it should";
}

static const char *check_backlog(const struct tally *t, const struct frag_list *list, enum frag_state state)
{
	const struct wheel wheel = frag_wheel(t->f);
	uint32_t n = 0;

	for (uint32_t slot = list->first; slot != FRAG_NONE; slot = frag_queue(t->f, slot)->next) {
		if (slot >= t->f->n_queues || n++ >= t->f->n_queues || frag_queue(t->f, slot)->state != state)
			return "reassembly: a backlog leads astray";
		if (wheel_is_set(&wheel, slot))
			return "reassembly: a closed datagram has a timer";
	}
	for (uint32_t slot = 0; slot < t->f->n_queues; slot++)
		n -= frag_queue(t->f, slot)->state == state;
	return n == 0 ? NULL : "reassembly: a closed datagram is in no backlog";
}

static const char *check_free(const struct tally *t)
{
	uint32_t n = 0;

	for (uint32_t slot = t->f->free; slot != FRAG_NONE; slot = frag_queue(t->f, slot)->next)
		if (slot >= t->f->n_queues || n++ >= t->f->n_queues ||
		        frag_queue(t->f, slot)->state != FRAG_FREE)
			return "reassembly: the free list leads astray";
	return n + t->queues == t->f->n_queues ? NULL : "reassembly: a queue is lost";
}

static const char *check_queues(struct tally *t)
{
	for (uint32_t slot = 0; slot < t->f->n_queues; slot++) {
		const char *wrong;

		if (frag_queue(t->f, slot)->state == FRAG_FREE)
			continue;
		t->queues++;
		wrong = check_pieces(t, slot);
		if (wrong)
			return wrong;
	}
	return NULL;
}

static const char *check_counts(const struct tally *t)
{
	uint32_t open = 0;

	for (uint32_t slot = 0; slot < t->f->n_queues; slot++)
		open += frag_queue(t->f, slot)->state == FRAG_OPEN;
	if (open != t->open)
		return "reassembly: an open datagram is in no list";
	if (t->queues != t->f->used)
		return "reassembly: queues are counted wrongly";
	if (memcmp(t->pieces, t->f->pieces, sizeof t->pieces) != 0)
		return "reassembly: pieces are counted wrongly";
	return NULL;
}

const char *reassembly_check(const struct router *router)
{
	struct tally t = {.f = router->reassembly};
	const struct wheel wheel = frag_wheel(t.f);
	const char *wrong = check_queues(&t);

	for (uint32_t family = 0; !wrong && family < FRAG_FAMILIES; family++)
		wrong = check_family(&t, (enum frag_family)family);
	if (!wrong)
		wrong = check_backlog(&t, &t.f->whole, FRAG_WHOLE);
	if (!wrong)
		wrong = check_backlog(&t, &t.f->doomed, FRAG_DOOMED);
	if (!wrong)
		wrong = check_free(&t);
	if (!wrong)
		wrong = check_counts(&t);
	return wrong ? wrong : wheel_check(&wheel);
}
