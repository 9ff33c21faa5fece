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
	to->queued += t->queued;
	to->ring_slots += t->ring_slots;
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

uint32_t account_records(const struct appliance *a, struct record records[WORKERS_MAX])
{
	uint32_t unread = 0;

	for (uint32_t id = 0; id < a->plan.n_workers; id++)
		unread += !journal_read(appliance_journal(a, id), &records[id]);
	return unread;
}

static void read_all(struct account *account, const struct appliance *a, struct record *records)
{
	memset(account, 0, sizeof *account);
	account->unread = account_records(a, records);
	for (uint32_t id = 0; id < a->plan.n_workers; id++) {
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
		account->stage[a->plan.worker[r->to].stage].queued += n;
		account->stage[a->plan.worker[r->to].stage].ring_slots += r->slots;
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
}

void account_read(struct account *account, const struct appliance *a)
{
	struct record *records = malloc(WORKERS_MAX * sizeof *records);

	assert(records);
	read_all(account, a, records);
	free(records);
}

void account_mark(const struct appliance *a, uint32_t epoch[WORKERS_MAX])
{
	for (uint32_t id = 0; id < a->plan.n_workers; id++)
		epoch[id] = __atomic_load_n(&appliance_journal(a, id)->epoch, __ATOMIC_ACQUIRE);
}

bool account_unmoved(const struct appliance *a, const uint32_t epoch[WORKERS_MAX])
{
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	for (uint32_t id = 0; id < a->plan.n_workers; id++)
		if (__atomic_load_n(&appliance_journal(a, id)->epoch, __ATOMIC_RELAXED) != epoch[id])
			return false;
	return true;
}

int account_snapshot(struct account *account, const struct appliance *a, uint32_t tries)
{
	struct record *records = malloc(WORKERS_MAX * sizeof *records);
	uint32_t epoch[WORKERS_MAX];
	bool one = false;

	if (!records)
		return -ENOMEM;
	for (uint32_t i = 0; i < tries && !one; i++) {
		account_mark(a, epoch);
		read_all(account, a, records);
		one = account_unmoved(a, epoch);
	}
	free(records);
	return one ? 0 : -EAGAIN;
}
