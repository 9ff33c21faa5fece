#include "common/account/account.h"

#include "common/ring/ring.h"

#include <stdlib.h>

static bool role_of_packets(uint8_t role)
{
	return role == RING_RX || role == RING_TX || role == RING_PUNT;
}

static void read_ports(
        struct account *account, struct account_terms *t, const struct worker_plan *w, const struct record *r)
{
	for (uint32_t p = 0; p < EPOCH_PHYS_MAX; p++) {
		t->received += r->packets[LINK_PORT_RX(w, p)];
		t->sent += r->packets[LINK_PORT_TX(w, p)];
		account->port_in[p] += r->packets[LINK_PORT_RX(w, p)];
		account->port_out[p] += r->packets[LINK_PORT_TX(w, p)];
	}
	t->in += t->received;
	t->out += t->sent;
}

static void read_rings(struct account_terms *t, const struct plan *plan, uint32_t id, const struct record *r)
{
	for (uint32_t k = 0; k < plan->n_rings; k++) {
		const struct ring_plan *ring = &plan->ring[k];

		if (!role_of_packets(ring->role))
			continue;
		if (ring->to == id)
			t->in += r->packets[ring->to_link];
		if (ring->from == id)
			t->out += r->packets[ring->from_link];
	}
}

static void set_balance(struct account_terms *t)
{
	uint64_t born = t->generated + t->cloned + t->split, gone = t->delivered + t->merged + t->dropped;

	t->balance = (int64_t)(t->in + born - t->out - gone - t->held);
}

static void read_worker(
        struct account *account, const struct appliance *a, uint32_t id, const struct record *r)
{
	const struct worker_plan *w = &a->plan.worker[id];
	struct account_terms *t = &account->worker[id];

	*t = (struct account_terms){
	        .generated = r->sum[SUM_GENERATED],
	        .cloned = r->sum[SUM_CLONED],
	        .split = r->sum[SUM_SPLIT],
	        .delivered = r->sum[SUM_DELIVERED],
	        .merged = r->sum[SUM_MERGED],
	        .dropped = r->sum[SUM_DROPPED],
	        .held = r->sum[SUM_HELD],
	        .held_buffers = r->sum[SUM_HELD_BUFFERS],
	        .bursts = r->sum[SUM_BURSTS],
	        .crashes = r->sum[SUM_CRASHES],
	};
	for (uint32_t d = 0; d < DROP_REASON_COUNT; d++)
		t->by_reason[d] = r->dropped[d];
	if (w->stage == STAGE_INGEST)
		read_ports(account, t, w, r);
	read_rings(t, &a->plan, id, r);
	set_balance(t);
}

static void add_terms(struct account_terms *to, const struct account_terms *t)
{
	to->in += t->in;
	to->out += t->out;
	to->received += t->received;
	to->sent += t->sent;
	to->generated += t->generated;
	to->cloned += t->cloned;
	to->split += t->split;
	to->delivered += t->delivered;
	to->merged += t->merged;
	to->dropped += t->dropped;
	to->held += t->held;
	to->held_buffers += t->held_buffers;
	to->bursts += t->bursts;
	to->crashes += t->crashes;
	for (uint32_t d = 0; d < DROP_REASON_COUNT; d++)
		to->by_reason[d] += t->by_reason[d];
}

/* Packets in a ring: words that end one. */
static uint64_t ring_packets(const struct appliance *a, const struct ring_plan *ring,
        const struct record *from, const struct record *to)
{
	const struct ring_producer_half *half = appliance_public(a, ring->from, ring->prod_off);
	uint32_t cons = to->index[ring->to_link], used = from->index[ring->from_link] - cons;
	uint64_t n = 0;

	for (uint32_t i = 0; i < used && used <= ring->slots; i++) {
		uint64_t word = __atomic_load_n(
		        &half->slots[(cons + i) & (ring->slots - 1)], __ATOMIC_RELAXED);

		n += !(desc_unpack(word).flags & DESC_MORE);
	}
	return n;
}

void account_read(struct account *account, const struct appliance *a)
{
	struct record *records = malloc(WORKERS_MAX * sizeof *records);

	assert(records);
	memset(account, 0, sizeof *account);
	for (uint32_t id = 0; id < a->plan.n_workers; id++) {
		journal_read(appliance_journal(a, id), &records[id]);
		read_worker(account, a, id, &records[id]);
		add_terms(&account->stage[a->plan.worker[id].stage], &account->worker[id]);
	}
	for (uint32_t k = 0; k < a->plan.n_rings; k++) {
		const struct ring_plan *r = &a->plan.ring[k];
		uint64_t n;

		if (!role_of_packets(r->role))
			continue;
		n = ring_packets(a, r, &records[r->from], &records[r->to]);
		account->in_rings += n;
		account->rings_off += records[r->from].packets[r->from_link] -
		                              records[r->to].packets[r->to_link] !=
		                      n;
	}
	for (uint32_t s = 0; s < STAGE_COUNT; s++) {
		set_balance(&account->stage[s]);
		add_terms(&account->appliance, &account->stage[s]);
	}
	account->appliance.held += account->in_rings;
	account->appliance.in = account->appliance.received;
	account->appliance.out = account->appliance.sent;
	set_balance(&account->appliance);
	free(records);
}

static void count(
        struct account_buffers *b, uint8_t *seen, const struct appliance *a, uint32_t index, uint32_t *place)
{
	if (index >= a->plan.params.buffers)
		return;
	if (seen[index]) {
		b->first_twice = b->twice ? b->first_twice : index;
		b->twice++;
	}
	seen[index] = 1;
	(*place)++;
}

static void count_rings(struct account_buffers *b, uint8_t *seen, const struct appliance *a)
{
	for (uint32_t k = 0; k < a->plan.n_rings; k++) {
		const struct ring_plan *r = &a->plan.ring[k];
		const struct ring_producer_half *half = appliance_public(a, r->from, r->prod_off);
		struct record from, to;
		uint32_t cons, used;

		journal_read(appliance_journal(a, r->from), &from);
		journal_read(appliance_journal(a, r->to), &to);
		cons = to.index[r->to_link];
		/* The record of a broken stage may say anything. */
		used = MIN(from.index[r->from_link] - cons, r->slots);
		for (uint32_t i = 0; i < used; i++)
			count(b, seen, a, desc_unpack(half->slots[(cons + i) & (r->slots - 1)]).index.v,
			        r->role == RING_SPARE ? &b->spare : &b->ring);
	}
}

static void count_stack(struct account_buffers *b, uint8_t *seen, const struct appliance *a, uint32_t id)
{
	const struct worker_plan *w = &a->plan.worker[id];
	const uint32_t *stack = (const void *)((const uint8_t *)a->map[REGION_STATE + w->stage] +
	                                       w->stack_off);
	uint32_t height;
	struct record r;

	journal_read(appliance_journal(a, id), &r);
	height = MIN(r.index[LINK_STACK(w)], a->plan.params.buffers / a->plan.params.lanes);
	for (uint32_t i = 0; i < height; i++)
		count(b, seen, a, stack[i], &b->free);
}

int account_count_buffers(struct account_buffers *buffers, const struct appliance *a,
        const void *const worker_stage[WORKERS_MAX])
{
	uint32_t n = a->plan.params.buffers, packets;
	struct pkt_index *held = calloc(n, sizeof *held);
	uint8_t *seen = calloc(n, 1);

	*buffers = (struct account_buffers){0};
	if (!held || !seen) {
		free(held);
		free(seen);
		return -ENOMEM;
	}
	count_rings(buffers, seen, a);
	for (uint32_t id = 0; id < a->plan.n_workers; id++) {
		const struct stage_ops *ops = a->ops[a->plan.worker[id].stage];
		uint32_t k = ops->held && worker_stage[id] ? ops->held(worker_stage[id], held, &packets) : 0;

		if (a->plan.worker[id].stage == STAGE_INGEST)
			count_stack(buffers, seen, a, id);
		for (uint32_t i = 0; i < k; i++)
			count(buffers, seen, a, held[i].v, &buffers->held);
	}
	for (uint32_t i = 0; i < n; i++) {
		if (seen[i])
			continue;
		buffers->first_lost = buffers->lost ? buffers->first_lost : i;
		buffers->lost++;
	}
	free(held);
	free(seen);
	return 0;
}
