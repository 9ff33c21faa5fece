/* loop: a cable in memory: what is sent on a port arrives on its peer, or on itself.
 *
 * Frames stay in the buffers they were sent in.  A port's state is the ring of those that are on their way to
 * it, which the port at the other end fills; both belong to the same lane, hence to one worker. */
#include "services/ingest/nic/nic.h"

#include <stdio.h>
#include <stdlib.h>

struct loop_slot {
	struct pkt_index index;
	uint16_t data_off;
	uint16_t len;
};

/* Journaled.  Slots from prod on are dead. */
struct loop_state {
	_Alignas(CACHE_LINE) uint32_t prod;
	uint32_t cons;
	_Alignas(CACHE_LINE) struct loop_slot slot[LOOP_CAPACITY_MAX];
};

static_assert(sizeof(struct loop_state) <= NIC_STATE_BYTES, "a driver's state");
static_assert((LOOP_CAPACITY_MAX & (LOOP_CAPACITY_MAX - 1)) == 0, "slots by free-running indices");

struct loop {
	struct loop_state *to; /* the peer's */
	uint32_t capacity;
};

static int loop_probe(const struct nic_settings *settings, char *error)
{
	(void)settings, (void)error;
	return 0;
}

static int loop_open(struct nic *nic, const struct nic_settings *settings, char *error)
{
	struct loop_state *to = nic->peer_state(nic, settings->peer);
	struct loop *l;

	if (!to) {
		snprintf(
		        error, NIC_ERROR_BYTES, "peer `%s` is no loop port on the same lane", settings->peer);
		return -EINVAL;
	}
	l = calloc(1, sizeof *l);
	if (!l) {
		snprintf(error, NIC_ERROR_BYTES, "no memory");
		return -ENOMEM;
	}
	l->to = to;
	l->capacity = settings->capacity;
	nic->driver = l;
	return 0;
}

static void loop_close(struct nic *nic)
{
	free(nic->driver);
	nic->driver = NULL;
}

static uint32_t loop_rx_ready(struct nic *nic, nanos_t now, uint32_t max)
{
	const struct loop_state *s = nic->state;

	(void)now;
	return MIN(s->prod - s->cons, max);
}

static nanos_t loop_rx_next(struct nic *nic)
{
	return loop_rx_ready(nic, 0, 1) ? 0 : NANOS_NEVER;
}

static void loop_rx(struct nic *nic, nanos_t now, struct burst *b, uint32_t first, uint32_t n)
{
	struct loop_state *s = journal_touch(nic->journal, nic->state);

	(void)now;
	assert(n <= s->prod - s->cons);
	for (uint32_t i = first; i < first + n; i++) {
		const struct loop_slot *slot = &s->slot[s->cons++ % LOOP_CAPACITY_MAX];

		if (!burst_discard(b, b->index[i]))
			assert(!"the outbox has room for one a packet");
		b->index[i] = slot->index;
		b->frame[i] = pool_buffer(nic->pool, slot->index) + slot->data_off;
		b->pkt[i].data_off = slot->data_off;
		b->pkt[i].len = slot->len;
		b->pkt[i].total_len = slot->len;
		b->pkt[i].trace = nic_trace(nic, s->cons);
	}
}

static void loop_tx(struct nic *nic, nanos_t now, struct burst *b, const struct pkt_ref *packets, uint32_t n)
{
	const struct loop *l = nic->driver;
	struct loop_state *to = journal_touch(nic->journal, l->to);

	(void)now, (void)b;
	for (uint32_t i = 0; i < n; i++) {
		if (to->prod - to->cons >= l->capacity) {
			nic->stats.tx_errors++;
			ref_drop(packets[i], DROP_TX_FAILED);
			continue;
		}
		to->slot[to->prod++ % LOOP_CAPACITY_MAX] = (struct loop_slot){
		        packets[i].index, packets[i].pkt->data_off, packets[i].pkt->len};
		ref_sent_kept(packets[i], nic->port);
	}
}

static bool loop_drain(struct journal *journal, void *state, struct burst *burst)
{
	struct loop_state *s = state;

	while (s->cons != s->prod) {
		if (!burst_discard(burst, s->slot[s->cons % LOOP_CAPACITY_MAX].index))
			return false;
		journal_touch(journal, s);
		s->cons++;
	}
	return true;
}

static uint32_t loop_held(const void *state, struct pkt_index *index, uint32_t *packets)
{
	const struct loop_state *s = state;
	uint32_t n = 0;

	(void)packets; /* they count as sent */
	for (uint32_t i = s->cons; i != s->prod; i++)
		index[n++] = s->slot[i % LOOP_CAPACITY_MAX].index;
	return n;
}

const struct nic_ops nic_loop = {
        .name = "loop",
        .probe = loop_probe,
        .open = loop_open,
        .close = loop_close,
        .rx_ready = loop_rx_ready,
        .rx = loop_rx,
        .rx_next = loop_rx_next,
        .tx = loop_tx,
        .drain = loop_drain,
        .held = loop_held,
};
