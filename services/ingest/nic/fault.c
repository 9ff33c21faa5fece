#include "services/ingest/nic/fault.h"

#include "services/ingest/nic/partial.h"

#include <stdio.h>
#include <stdlib.h>

enum way { WAY_RX, WAY_TX, WAYS };

/* A frame kept back.  Places count from 1; 0: none. */
struct kept {
	nanos_t due;
	struct pkt_index index;
	uint16_t next; /* due later, or free */
	uint8_t way;   /* enum way */
	uint8_t reserved;
};

static_assert(sizeof(struct kept) == 16, "four a line");

/* Journaled. */
struct fault_state {
	_Alignas(CACHE_LINE) uint64_t random[WAYS]; /* 0: not seeded yet */
	uint16_t first;                             /* of those kept, the earliest */
	uint16_t free;                              /* of those used before */
	uint16_t used;                              /* places that were ever used */
	uint16_t overtaken[WAYS];                   /* waits for the next frame to pass it */
	uint16_t repeat_len;                        /* of the copy that comes next; 0: none */
	uint16_t repeat_at;                         /* which of the two rooms it is in */
	_Alignas(CACHE_LINE) struct kept kept[FAULT_HELD];
	uint8_t repeat[2][FAULT_REPEAT_ROOM];
};

static_assert(sizeof(struct fault_state) == FAULT_STATE_BYTES, "as said");

struct fault {
	struct nic wire; /* the driver under it */
	struct fault_settings settings;
};

/* Chance. */

static uint64_t draw(struct nic *nic, enum way way)
{
	const struct fault *f = nic->driver;
	struct fault_state *s = journal_touch(nic->journal, nic->fault_state);

	if (!s->random[way])
		s->random[way] = hash_mix(f->settings.seed, (uint64_t)nic->port.v << 1 | way) | 1;
	return random_next(&s->random[way]);
}

static bool chance(struct nic *nic, enum way way, uint32_t ppm)
{
	return ppm && (draw(nic, way) >> 32) * SETTINGS_PPM >> 32 < ppm;
}

/* Frames kept back: a list by the time they are due, of places in the state. */

static struct kept *kept_at(struct nic *nic, uint16_t place)
{
	struct fault_state *s = nic->fault_state;

	return journal_touch(nic->journal, &s->kept[place - 1]);
}

/* A free place; 0: none. */
static uint16_t place_take(struct nic *nic)
{
	struct fault_state *s = journal_touch(nic->journal, nic->fault_state);
	uint16_t place = s->free;

	if (place)
		s->free = s->kept[place - 1].next;
	else if (s->used < FAULT_HELD)
		place = ++s->used;
	return place;
}

static void list_insert(struct nic *nic, uint16_t place)
{
	struct fault_state *s = nic->fault_state;
	struct kept *k = kept_at(nic, place);
	uint16_t before = 0, after = s->first;

	while (after && s->kept[after - 1].due <= k->due) {
		before = after;
		after = s->kept[after - 1].next;
	}
	k->next = after;
	if (before)
		kept_at(nic, before)->next = place;
	else
		s->first = place;
}

static void list_remove(struct journal *j, struct fault_state *s, uint16_t place)
{
	struct kept *k = journal_touch(j, &s->kept[place - 1]), *before;
	uint16_t at = s->first;

	journal_touch(j, s);
	if (at == place) {
		s->first = k->next;
	} else {
		while (s->kept[at - 1].next != place)
			at = s->kept[at - 1].next;
		before = journal_touch(j, &s->kept[at - 1]);
		before->next = k->next;
	}
	for (uint32_t way = 0; way < WAYS; way++)
		if (s->overtaken[way] == place)
			s->overtaken[way] = 0;
	k->next = s->free;
	s->free = place;
}

/* Keeps the frame until `due`; drops it where too many are kept.  Returns its place, 0 where it was dropped.
 */
static uint16_t keep(struct nic *nic, struct burst *b, struct pkt_ref r, enum way way, nanos_t due)
{
	uint16_t place = place_take(nic);

	if (!place) {
		ref_drop(r, DROP_FAULT);
		return 0;
	}
	*kept_at(nic, place) = (struct kept){.due = due, .index = r.index, .way = (uint8_t)way};
	list_insert(nic, place);
	ref_hold(b, r);
	return place;
}

/* A frame goes on that was kept.  false: the outbox is full, it stays. */
static bool let_go(struct nic *nic, nanos_t now, struct burst *b, uint32_t at, uint16_t place)
{
	struct fault *f = nic->driver;
	struct fault_state *s = nic->fault_state;
	struct kept k = s->kept[place - 1];
	struct outbox_entry *e = burst_release(b, at, k.index);

	if (!e)
		return false;
	list_remove(nic->journal, s, place);
	if (k.way == WAY_TX && !outbox_decided(e)) {
		struct pkt_ref r = outbox_ref(e);

		f->wire.ops->tx(&f->wire, now, b, &r, 1);
	}
	return true;
}

/* A frame passes on this way: the one that was to be overtaken follows. */
static void passed(struct nic *nic, nanos_t now, struct burst *b, uint32_t at, enum way way)
{
	const struct fault_state *s = nic->fault_state;

	if (s->overtaken[way])
		(void)let_go(nic, now, b, at, s->overtaken[way]);
}

/* Faults that both ways have in common. */

/* On a wire a frame bears its checksum; one that is left to be computed would make good what is spoilt. */
static void finish_checksum(const struct nic *nic, struct burst *b, struct pkt_ref r)
{
	if (nic->grant.what)
		partial_recognize(&r);
	if (r.pkt->csum == PKT_CSUM_PARTIAL)
		(void)!partial_complete(b, &r);
	r.pkt->csum = PKT_CSUM_NONE;
}

static void spoil(struct nic *nic, struct burst *b, struct pkt_ref r, enum way way)
{
	const struct fault_settings *f = &((const struct fault *)nic->driver)->settings;

	if (chance(nic, way, f->corrupt)) {
		uint64_t bit = draw(nic, way) % (r.pkt->len * 8u);

		finish_checksum(nic, b, r);
		(*r.frame)[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	if (chance(nic, way, f->truncate) && r.pkt->len > 1) {
		r.pkt->len = (uint16_t)(1 + draw(nic, way) % (r.pkt->len - 1u));
		r.pkt->total_len = r.pkt->len;
		r.pkt->l3_off = MIN(
		        r.pkt->l3_off, r.pkt->len); /* or the frame's own checks refuse it later */
		r.pkt->l4_off = MIN(r.pkt->l4_off, r.pkt->len);
	}
}

/* Whether the frame was kept back, or dropped for being one too many. */
static bool kept_back(struct nic *nic, nanos_t now, struct burst *b, struct pkt_ref r, enum way way)
{
	const struct fault_settings *f = &((const struct fault *)nic->driver)->settings;
	struct fault_state *s = nic->fault_state;
	nanos_t delay;

	if (chance(nic, way, f->reorder) && !s->overtaken[way]) {
		s->overtaken[way] = keep(nic, b, r, way, now + FAULT_OVERTAKE);
		return true;
	}
	if (!f->delay_ms)
		return false;
	delay = draw(nic, way) % (f->delay_ms * NANOS_PER_MS + 1);
	if (!delay)
		return false;
	keep(nic, b, r, way, now + delay);
	return true;
}

/* Reception. */

/* The copy of the frame before, from the room where the last burst left it. */
static bool take_repeat(struct nic *nic, struct pkt *p, uint8_t *frame)
{
	struct fault_state *s = nic->fault_state;

	if (!s->repeat_len)
		return false;
	memcpy(frame, s->repeat[s->repeat_at], s->repeat_len);
	p->len = s->repeat_len;
	p->total_len = s->repeat_len;
	journal_touch(nic->journal, s);
	s->repeat_len = 0;
	return true;
}

/* A copy for the next burst: into the room that the last committed burst did not use. */
static void leave_repeat(struct nic *nic, const struct pkt *p, const uint8_t *frame)
{
	struct fault_state *s = journal_touch(nic->journal, nic->fault_state);

	if (p->len > FAULT_REPEAT_ROOM)
		return;
	s->repeat_at ^= 1;
	s->repeat_len = p->len;
	memcpy(s->repeat[s->repeat_at], frame, p->len);
}

/* Frame i is to come twice: into the next entry, or that of the next burst.  Returns entries used. */
static uint32_t repeat(struct nic *nic, struct burst *b, uint32_t i, uint32_t end)
{
	const struct pkt *p = &b->pkt[i];

	if (i + 1 == end) {
		leave_repeat(nic, p, b->frame[i]);
		return 0;
	}
	memcpy(b->frame[i + 1], b->frame[i], p->len);
	b->pkt[i + 1].len = p->len;
	b->pkt[i + 1].total_len = p->len;
	return 1;
}

/* Takes one frame, and what comes with it.  Returns entries used. */
static uint32_t take_frame(struct nic *nic, nanos_t now, struct burst *b, uint32_t i, uint32_t end)
{
	struct fault *f = nic->driver;
	struct pkt_ref r;
	uint32_t used = 1;

	f->wire.ops->rx(&f->wire, now, b, i, 1);
	r = burst_ref(b, i);
	if (chance(nic, WAY_RX, f->settings.drop)) {
		ref_drop(r, DROP_FAULT);
		return used;
	}
	if (!r.pkt->len)
		return used;
	spoil(nic, b, r, WAY_RX);
	if (chance(nic, WAY_RX, f->settings.repeat))
		used += repeat(nic, b, i, end);
	if (!kept_back(nic, now, b, r, WAY_RX))
		passed(nic, now, b, i + 1, WAY_RX);
	return used;
}

static void fault_rx(struct nic *nic, nanos_t now, struct burst *b, uint32_t first, uint32_t n)
{
	const struct fault *f = nic->driver;
	uint32_t i = first, end = first + n;

	if (n && take_repeat(nic, &b->pkt[i], b->frame[i]))
		i++;
	while (i < end)
		i += take_frame(nic, now, b, i, end);
	nic->stats = f->wire.stats;
}

static bool repeat_waits(const struct nic *nic)
{
	const struct fault_state *s = nic->fault_state;

	return s->repeat_len;
}

static uint32_t fault_rx_ready(struct nic *nic, nanos_t now, uint32_t max)
{
	struct fault *f = nic->driver;
	uint32_t n = repeat_waits(nic) ? MIN(max, 1u) : 0;

	return n + f->wire.ops->rx_ready(&f->wire, now, max - n);
}

static nanos_t fault_rx_next(struct nic *nic)
{
	struct fault *f = nic->driver;

	return repeat_waits(nic) ? 0 : f->wire.ops->rx_next(&f->wire);
}

/* Transmission. */

static void send_one(struct nic *nic, nanos_t now, struct burst *b, struct pkt_ref r)
{
	struct fault *f = nic->driver;
	bool twice;

	if (chance(nic, WAY_TX, f->settings.drop)) {
		ref_drop(r, DROP_FAULT);
		return;
	}
	spoil(nic, b, r, WAY_TX);
	twice = chance(nic, WAY_TX, f->settings.repeat) && f->wire.ops->copies;
	if (twice)
		f->wire.ops->tx(&f->wire, now, b, &r, 1);
	if (kept_back(nic, now, b, r, WAY_TX))
		return;
	f->wire.ops->tx(&f->wire, now, b, &r, 1);
	passed(nic, now, b, r.at + 1u, WAY_TX);
}

static void fault_tx(struct nic *nic, nanos_t now, struct burst *b, const struct pkt_ref *packets, uint32_t n)
{
	struct fault *f = nic->driver;

	for (uint32_t i = 0; i < n; i++)
		send_one(nic, now, b, packets[i]);
	nic->stats = f->wire.stats;
}

/* Time. */

static void fault_work(struct nic *nic, nanos_t now, struct burst *b)
{
	const struct fault_state *s = nic->fault_state;

	while (s->first && s->kept[s->first - 1].due <= now)
		if (!let_go(nic, now, b, b->n, s->first))
			return;
}

static nanos_t fault_work_next(const struct nic *nic)
{
	const struct fault_state *s = nic->fault_state;

	return s->first ? s->kept[s->first - 1].due : NANOS_NEVER;
}

/* What is between the driver and the kernel passes through. */

static void fault_apply(struct nic *nic)
{
	struct fault *f = nic->driver;

	if (f->wire.ops->apply)
		f->wire.ops->apply(&f->wire);
}

static void fault_kick(struct nic *nic)
{
	struct fault *f = nic->driver;

	if (f->wire.ops->kick)
		f->wire.ops->kick(&f->wire);
	nic->stats = f->wire.stats;
}

static uint32_t fault_wants(struct nic *nic)
{
	struct fault *f = nic->driver;

	return f->wire.ops->wants ? f->wire.ops->wants(&f->wire) : 0;
}

static void fault_fill(struct nic *nic, const struct pkt_index *index, uint32_t n)
{
	struct fault *f = nic->driver;

	f->wire.ops->fill(&f->wire, index, n);
}

static uint32_t fault_done(struct nic *nic, struct pkt_index *index, uint32_t max)
{
	struct fault *f = nic->driver;

	return f->wire.ops->done(&f->wire, index, max);
}

static uint32_t fault_pending(const struct nic *nic)
{
	const struct fault *f = nic->driver;

	return f->wire.ops->pending ? f->wire.ops->pending(&f->wire) : 0;
}

static uint32_t fault_fds(struct nic *nic, int *fd)
{
	struct fault *f = nic->driver;

	return f->wire.ops->fds ? f->wire.ops->fds(&f->wire, fd) : 0;
}

static void fault_arm(struct nic *nic, bool on)
{
	struct fault *f = nic->driver;

	if (f->wire.ops->arm)
		f->wire.ops->arm(&f->wire, on);
}

static bool fault_drain(struct journal *journal, void *state, struct burst *burst)
{
	struct fault_state *s = state;

	while (s->first) {
		if (!burst_drop_held(burst, burst->n, s->kept[s->first - 1].index, DROP_PORT_DOWN))
			return false;
		list_remove(journal, s, s->first);
	}
	return true;
}

static uint32_t fault_held(const void *state, struct pkt_index *index, uint32_t *packets)
{
	const struct fault_state *s = state;
	uint32_t n = 0;

	for (uint16_t at = s->first; at; at = s->kept[at - 1].next)
		index[n++] = s->kept[at - 1].index;
	*packets += n;
	return n;
}

static int fault_open(struct nic *nic, const struct nic_settings *settings, char *error)
{
	struct fault *f = calloc(1, sizeof *f);
	int err;

	if (!f) {
		snprintf(error, NIC_ERROR_BYTES, "no memory");
		return -ENOMEM;
	}
	f->wire = *nic;
	f->wire.ops = nic->wire;
	f->settings = settings->fault;
	err = f->wire.ops->open(&f->wire, settings, error);
	if (err)
		free(f);
	else
		nic->driver = f;
	return err;
}

static void fault_close(struct nic *nic)
{
	struct fault *f = nic->driver;

	f->wire.ops->close(&f->wire);
	free(f);
	nic->driver = NULL;
}

const struct nic_ops nic_fault = {
        .name = "fault",
        .open = fault_open,
        .close = fault_close,
        .rx_ready = fault_rx_ready,
        .rx = fault_rx,
        .rx_next = fault_rx_next,
        .tx = fault_tx,
        .work = fault_work,
        .work_next = fault_work_next,
        .drain = fault_drain,
        .held = fault_held,
        .apply = fault_apply,
        .kick = fault_kick,
        .wants = fault_wants,
        .fill = fault_fill,
        .done = fault_done,
        .pending = fault_pending,
        .fds = fault_fds,
        .arm = fault_arm,
};
