#include "services/ingest/nic/ledger.h"

#define MOVE_BUFFER 0x00ffffffu

/* Twice is the same as once: bytes, not changes. */
static void carry_out(struct ledger *l, const struct ledger_list *list)
{
	for (uint32_t i = 0; i < list->n; i++) {
		uint32_t buffer = list->move[i] & MOVE_BUFFER;

		assert(buffer < l->buffers);
		l->state->of[buffer] = (uint8_t)(list->move[i] >> 24);
	}
}

void ledger_attach(
        struct ledger *ledger, struct ledger_state *state, const struct journal *journal, uint32_t buffers)
{
	const struct ledger_list *last = &state->list[journal->epoch & 1];

	*ledger = (struct ledger){.state = state, .journal = journal, .buffers = buffers};
	if (journal->epoch && last->commit == journal->epoch)
		carry_out(ledger, last);
	/* What a burst that never committed has begun is not to pass for the next commit's. */
	if (state->list[(journal->epoch + 1) & 1].commit == journal->epoch + 1)
		state->list[(journal->epoch + 1) & 1].commit = journal->epoch;
}

struct ledger_list *ledger_begin(struct ledger *ledger)
{
	uint32_t commit = ledger->journal->epoch + 1;
	struct ledger_list *list = &ledger->state->list[commit & 1];

	list->n = 0;
	order_stores(); /* an older list must not pass for this commit's */
	list->commit = commit;
	ledger->list = list;
	return list;
}

void ledger_apply(struct ledger *ledger)
{
	if (likely(!ledger->list))
		return;
	carry_out(ledger, ledger->list);
	ledger->list = NULL;
	order_stores(); /* what the kernel gets to see of its rings comes behind this */
}

bool ledger_each(const struct ledger *ledger, struct port_id port,
        bool (*each)(void *ctx, struct pkt_index index, enum ledger_side side), void *ctx)
{
	const uint8_t *of = ledger->state->of;

	for (uint32_t i = 0; i < ledger->buffers; i++)
		if ((of[i] & ~LEDGER_SENT) == port.v + 1u &&
		        !each(ctx, (struct pkt_index){i}, of[i] & LEDGER_SENT ? LEDGER_TX : LEDGER_RX))
			return false;
	return true;
}

uint32_t ledger_count(const struct ledger *ledger, struct port_id port, enum ledger_side side)
{
	const uint8_t *of = ledger->state->of;
	uint8_t sent = side == LEDGER_TX ? LEDGER_SENT : 0;
	uint32_t n = 0;

	for (uint32_t i = 0; i < ledger->buffers; i++)
		n += of[i] != LEDGER_NONE && (of[i] & LEDGER_SENT) == sent &&
		     (port_id_equal(port, PORT_NONE) || (of[i] & ~LEDGER_SENT) == port.v + 1u);
	return n;
}
