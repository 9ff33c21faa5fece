/* judge: what must hold of an appliance that was cut, behind a recovery and at rest. */
#include "tests/crash/cut.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>

static const char *judge_buffers(struct cut *cut)
{
	static char text[160];
	const void *stage[WORKERS_MAX] = {0};
	struct account_buffers b;

	for (uint32_t id = 0; id < cut->appliance.plan.n_workers; id++)
		stage[id] = cut->worker[id]->stage;
	if (account_count_buffers(&b, &cut->appliance, stage))
		return "no memory";
	if (b.lost || b.twice) {
		snprintf(text, sizeof text, "buffers: %u lost (%u), %u with two owners (%u)", b.lost,
		        b.first_lost, b.twice, b.first_twice);
		return text;
	}
	return NULL;
}

/* Each death costs the burst in hand at the most, and is counted. */
static const char *judge_losses(struct cut *cut, const struct account_terms *t, bool at_rest)
{
	uint64_t burst = cut->burst_max ? cut->burst_max : WORKER_BURST,
	         deaths = MAX(cut->kills, UINT64_C(1));

	if (at_rest && !cut->kills && t->crashes != cut->crashes)
		return "interrupted bursts are not counted";
	if (cut->kills && t->crashes > cut->kills)
		return "more interrupted bursts are counted than there were deaths";
	cut->lost = t->by_reason[DROP_STAGE_CRASHED];
	return cut->lost > burst * deaths ? "more was lost than the bursts in hand" : NULL;
}

static const char *judge_account(struct cut *cut, bool at_rest)
{
	static struct account account;
	static char text[160];

	account_read(&account, &cut->appliance);
	for (uint32_t id = 0; id < cut->appliance.plan.n_workers; id++) {
		if (account.worker[id].balance == 0)
			continue;
		snprintf(text, sizeof text, "account of %s lane %u is off by %" PRId64,
		        cut->worker[id]->ops->name, cut->worker[id]->plan->lane, account.worker[id].balance);
		return text;
	}
	if (account.rings_off)
		return "a ring's law does not hold";
	if (at_rest && account.in_rings)
		return "packets stand in a ring and nobody takes them";
	if (account.appliance.balance) {
		snprintf(text, sizeof text, "account of the appliance is off by %" PRId64,
		        account.appliance.balance);
		return text;
	}
	return judge_losses(cut, &account.appliance, at_rest);
}

/* The held packets and buffers of each worker, counted one by one, are those that its record says. */
static const char *judge_held(struct cut *cut)
{
	static struct pkt_index index[1 << 16];
	static struct account account;

	account_read(&account, &cut->appliance);
	for (uint32_t id = 0; id < cut->appliance.plan.n_workers; id++) {
		const struct stage_ops *ops = cut->worker[id]->ops;
		uint32_t packets = 0, n;

		if (!ops->held)
			continue;
		n = ops->held(cut->worker[id]->stage, index, &packets);
		if (n != account.worker[id].held_buffers || packets != account.worker[id].held)
			return "held packets or buffers are not those of the record";
	}
	return NULL;
}

/* The record is the truth; between bursts the indices in the rings are copies of it. */
static const char *judge_published(struct cut *cut)
{
	const struct appliance *a = &cut->appliance;

	for (uint32_t k = 0; k < a->plan.n_rings; k++) {
		const struct ring_plan *r = &a->plan.ring[k];
		const struct ring_producer_half *prod = appliance_public(a, r->from, r->prod_off);
		const struct ring_consumer_half *cons = appliance_public(a, r->to, r->cons_off);

		if (prod->prod - cons->cons > r->slots)
			return "a ring's window is impossible";
		if (prod->prod != cut->worker[r->from]->journal.work->index[r->from_link])
			return "a ring's prod is not that of the record";
		if (cons->cons != cut->worker[r->to]->journal.work->index[r->to_link])
			return "a ring's cons is not that of the record";
	}
	return NULL;
}

/* A packet whose record was begun and not ended shows in what is left of memory's zeros or of another. */
static const char *judge_boxed(
        const struct cut *cut, const struct box_head *head, const struct box_packet *p, const uint8_t *bytes)
{
	const struct pool *pool = &cut->appliance.pool;
	uint32_t room = box_stride(head->n) - (uint32_t)sizeof *p;

	if (p->flags || !pool_has(pool, desc_unpack(p->desc).index) || !pkt_check(pool, &p->pkt))
		return "a packet in the black box is none";
	if (p->have != MIN(p->pkt.len, room) || (cut->is_whole && !cut->is_whole(bytes, p->have)))
		return "a packet in the black box is not whole";
	return NULL;
}

/* Whatever was cut, what a record says is there is there. */
static const char *judge_box(const struct cut *cut, uint32_t id)
{
	const struct black_box *box = appliance_box(&cut->appliance, id);
	static uint8_t bytes[BOX_SNAP];
	const char *wrong = NULL;
	struct box_head head;
	struct box_packet p;

	for (uint32_t slot = 0; slot < BOX_RECORDS; slot++)
		for (uint32_t k = 0; box_read(box, slot, &head) && k < head.have && !wrong; k++)
			wrong = box_packet(box, slot, &head, k, &p, bytes)
			                ? judge_boxed(cut, &head, &p, bytes)
			                : "a record in the black box moves";
	return wrong;
}

/* What was in hand is read once: who died of that is followed by one that leaves it alone. */
static const char *judge_tries(const struct black_box *box, uint32_t crash)
{
	uint32_t tries = 0;
	struct box_head head;

	for (uint32_t slot = 0; slot < BOX_RECORDS; slot++)
		tries += box_read(box, slot, &head) && head.death.crash == crash && head.n;
	return tries > 1 ? "what was in hand is read again for the black box" : NULL;
}

/* Frames that a port owes come later. */
static const char *judge_whole(const struct cut *cut, const struct box_head *head)
{
	if (!cut->crashes)
		return head->step == BOX_STEP_NONE && head->ended
		               ? NULL
		               : "what was not in hand is in the black box";
	if (head->step == BOX_STEP_PORT)
		return NULL;
	if (!head->ended)
		return "the record in the black box has no end";
	return head->have == head->n ? NULL : "the black box lacks packets that were in hand";
}

const char *cut_judge_record(const struct cut *cut, uint32_t id, uint32_t crash, bool again)
{
	const struct black_box *box = appliance_box(&cut->appliance, id);
	bool needed = cut->crashes || cut->worker[id]->plan->lane == 0;
	struct box_head head;

	if (again)
		return judge_tries(box, crash);
	for (uint32_t slot = 0; slot < BOX_RECORDS; slot++)
		if (box_read(box, slot, &head) && head.death.crash == crash)
			return judge_whole(cut, &head);
	return needed ? "a death is not in the black box" : NULL;
}

const char *cut_judge(struct cut *cut, bool at_rest)
{
	const char *wrong = judge_published(cut);

	if (!wrong)
		wrong = judge_buffers(cut);

	for (uint32_t id = 0; !wrong && id < cut->appliance.plan.n_workers; id++)
		wrong = judge_box(cut, id);
	for (uint32_t id = 0; !wrong && id < cut->appliance.plan.n_workers; id++)
		if (cut->worker[id]->ops->check)
			wrong = cut->worker[id]->ops->check(cut->worker[id]->stage);
	if (!wrong)
		wrong = judge_account(cut, at_rest);
	if (!wrong)
		wrong = judge_held(cut);
	if (!wrong && at_rest && cut->judge)
		wrong = cut->judge(cut);
	return wrong;
}

/* Where each input of a worker stood when it went to sleep. */
static uint32_t slept_at[WORKERS_MAX][WORKER_RINGS];

/* All but one sleep: they have armed and looked; nothing was to be done. */
void cut_all_sleep(struct cut *cut, uint32_t but)
{
	for (uint32_t id = 0; id < cut->appliance.plan.n_workers; id++) {
		struct worker *w = cut->worker[id];

		bell_clear(&cut->appliance.bell[id]);
		for (uint32_t k = 0; k < w->n_in && id != but; k++) {
			ring_disarm(&w->in[k].end);
			ring_arm(&w->in[k].end);
			slept_at[id][k] = w->in[k].end.peer->prod;
		}
	}
}

/* Who sleeps though a word was published to it since must have been woken. */
const char *cut_judge_sleepers(struct cut *cut, uint32_t but)
{
	for (uint32_t id = 0; id < cut->appliance.plan.n_workers; id++) {
		struct worker *w = cut->worker[id];
		struct pollfd bell = {.fd = cut->appliance.bell[id].fd, .events = POLLIN};

		if (id == but || poll(&bell, 1, 0) == 1)
			continue;
		for (uint32_t k = 0; k < w->n_in; k++)
			if (w->in[k].end.peer->prod != slept_at[id][k])
				return "a sleeper has work and nobody wakes it";
	}
	return NULL;
}
