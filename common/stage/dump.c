/* dump: what a worker puts into the black box (common/box) about its predecessor. */
#include "common/stage/worker_internal.h"

static enum box_step step_of_ring(const struct worker_in *in)
{
	switch ((enum input_kind)in->kind) {
	case INPUT_RX: return BOX_STEP_RX;
	case INPUT_TX: return BOX_STEP_TX;
	case INPUT_PUNT: return BOX_STEP_PUNT;
	case INPUT_FREE: return BOX_STEP_BUFFERS;
	case INPUT_PORT:
	case INPUT_TIMER:
	case INPUT_CALL:
	case INPUT_KINDS: break;
	}
	return BOX_STEP_NONE;
}

static void tell_input(const struct worker *w, const struct journal_open_word *open, struct box_head *head)
{
	uint32_t port = (uint32_t)open->input - LINK_PORT_RX(w->plan, 0);

	for (uint32_t k = 0; k < w->n_in; k++) {
		if (w->in[k].link != open->input)
			continue;
		head->step = step_of_ring(&w->in[k]);
		head->from = w->in[k].peer;
	}
	if (w->stack && port < EPOCH_PHYS_MAX) {
		head->step = BOX_STEP_PORT;
		head->port = (struct port_id){(uint16_t)port};
	}
	if (head->step != BOX_STEP_BUFFERS && head->step != BOX_STEP_NONE)
		head->n = MIN(open->taken, BURST_MAX);
}

/* What a burst worked on that had no input. */
static enum box_step step_of_note(uint8_t note)
{
	switch (note) {
	case NOTE_TIMER: return BOX_STEP_TIMER;
	case NOTE_CONFIG: return BOX_STEP_CONFIG;
	default: return BOX_STEP_BUFFERS;
	}
}

static void tell_culprit(const struct worker *w, struct box_culprit *culprit)
{
	culprit->port = PORT_NONE;
	culprit->what = journal_in_hand(&w->journal);
	if (culprit->what && w->ops->describe)
		w->ops->describe(w->stage, culprit->what, culprit);
}

/* From the mark on a worker that dies of what it reads here is followed by one that does not read it. */
static void tell_burst(struct worker *w, const struct journal_open_word *open, struct box_head *head)
{
	if (open->note == NOTE_RECOVERY) {
		head->step = BOX_STEP_RECOVERY;
		return;
	}
	journal_mark(&w->journal, NOTE_RECOVERY);
	if (open->input != JOURNAL_NO_INPUT) {
		tell_input(w, open, head);
		return;
	}
	head->step = step_of_note(open->note);
	tell_culprit(w, &head->culprit);
}

/* Of several lanes those tell that were in a burst, and the first one, so that each death is told of. */
void dump_begin(struct worker *w, const struct journal_open_word *open)
{
	struct box_head head = {.death = w->appliance->death, .port = PORT_NONE};

	if (!w->appliance->own_fault || (!w->interrupted && w->plan->lane))
		return;
	if (w->interrupted)
		tell_burst(w, open, &head);
	box_begin(&w->dump, appliance_box(w->appliance, w->id), &head);
	if (!head.n)
		box_end(&w->dump);
}

/* A buffer of the pool, whose metadata is a copy. */
static void add(struct worker *w, uint64_t word, struct pkt_index index, const struct pkt *pkt)
{
	const struct pool *pool = &w->appliance->pool;
	struct box_packet p = {.desc = word, .have = pkt->len, .pkt = *pkt};
	uint32_t off = pkt->data_off;

	if (!pkt_check(pool, pkt)) {
		p.flags = BOX_F_SPOILT;
		p.have = pool_frame_max(pool);
		off = PKT_FRAME_OFF;
	}
	box_add(&w->dump, &p, pool_buffer(pool, index) + off);
}

static void add_word(struct worker *w, uint64_t word)
{
	const struct pool *pool = &w->appliance->pool;
	struct pkt_index index = desc_unpack(word).index;
	struct pkt pkt;

	if (!pool_has(pool, index)) {
		box_add(&w->dump, &(struct box_packet){.desc = word, .flags = BOX_F_NO_BUFFER}, NULL);
		return;
	}
	pkt_load(pool, index, &pkt);
	add(w, word, index, &pkt);
}

void dump_words(struct worker *w, struct worker_in *in, uint32_t taken)
{
	uint32_t at = w->journal.work->index[in->link];

	if (!w->dump.head)
		return;
	taken = MIN(taken, MIN(BURST_MAX, ring_used(&in->end, at)));
	for (uint32_t i = 0; i < taken; i++)
		add_word(w, ring_get(&in->end, at + i));
	box_end(&w->dump);
}

static void add_frame(struct worker *w, uint32_t i)
{
	const struct burst *b = &w->burst;

	add(w, desc_pack((struct desc){.index = b->index[i], .epoch = b->epoch}), b->index[i], &b->pkt[i]);
}

void dump_frames(struct worker *w)
{
	if (!w->dump.head)
		return;
	for (uint32_t i = 0; i < w->burst.n; i++)
		add_frame(w, i);
	box_end(&w->dump);
}

void dump_owe(struct worker *w, struct port_id port, uint32_t n)
{
	w->owed = w->dump.head ? n : 0;
	w->owed_port = port;
}

void dump_owed(struct worker *w, struct port_id port)
{
	const struct burst *b = &w->burst;

	for (uint32_t i = 0; i < b->n && w->owed && port_id_equal(port, w->owed_port); i++) {
		if (b->verdict[i].kind != VERDICT_DROP || b->verdict[i].reason != DROP_STAGE_CRASHED)
			continue;
		add_frame(w, i);
		w->owed--;
	}
	if (!w->owed)
		box_end(&w->dump);
}
