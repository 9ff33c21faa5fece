/* ledger: which buffers the kernel has: for frames to come, or until they are sent, and by which port.
 *
 * A driver whose kernel ring takes buffers of ours says so as it writes them into the ring, and as it finds
 * them there again:
 *
 *     rx:     ledger_take(l, kernel's, port, LEDGER_RX);  ledger_give(l, free one, port, LEDGER_RX);
 *     tx:     ledger_give(l, packet's, port, LEDGER_TX);
 *     fill:   ledger_give(l, free one, port, LEDGER_RX);
 *     done:   ledger_take(l, sent one, port, LEDGER_TX);
 *
 * The ledger itself, a byte a buffer in ingest's state, is not under the undo log, which would cost a line a
 * packet. What a burst moves is listed in the half of `moves` that is dead to the last commit; ledger_apply,
 * after the commit, carries the list out.  A list bears the number of the commit that makes it true: after a
 * death ledger_attach carries out that of the last commit again, which is the same as once.  So the ledger is
 * exact whenever a burst begins, though the port's descriptors may be lost.
 *
 * A buffer is in the ledger of the lane whose queue has it, whichever lane it comes home to.  Part of ingest;
 * one thread.
 */
#ifndef SLUICE_SERVICES_INGEST_NIC_LEDGER_H
#define SLUICE_SERVICES_INGEST_NIC_LEDGER_H

#include "common/journal/journal.h"
#include "common/pkt/burst.h"

/* The most that one burst may move: two a packet received, one a packet sent, one for each of an outbox. */
#define LEDGER_MOVES (2 * BURST_MAX + OUTBOX_MAX)

/* A side of a port: its number from 1, and for sends a bit. */
#define LEDGER_NONE 0x00u
#define LEDGER_SENT 0x80u

enum ledger_side { LEDGER_RX, LEDGER_TX };

/* Of one commit. */
struct ledger_list {
	_Alignas(CACHE_LINE) uint32_t commit; /* the journal's epoch that makes it true */
	uint32_t n;
	uint32_t move[LEDGER_MOVES]; /* buffer, and from bit 24 on its byte */
};

/* In ingest's state; the bytes of all buffers of the pool follow. */
struct ledger_state {
	struct ledger_list list[2];
	_Alignas(CACHE_LINE) uint8_t of[];
};

/* Private. */
struct ledger {
	struct ledger_state *state;
	const struct journal *journal;
	struct ledger_list *list; /* of this burst; NULL: it has moved nothing */
	uint32_t buffers;
	uint32_t odd; /* buffers that a kernel gave back without having them */
};

static inline uint64_t ledger_bytes(uint32_t buffers)
{
	return sizeof(struct ledger_state) + ALIGN_UP((uint64_t)buffers, (uint64_t)CACHE_LINE);
}

/* Takes up the ledger where the last commit left it. */
void ledger_attach(
        struct ledger *ledger, struct ledger_state *state, const struct journal *journal, uint32_t buffers);

/* The burst's list, begun. */
struct ledger_list *ledger_begin(struct ledger *ledger);

/* After the commit: before any index of a kernel's ring is stored. */
void ledger_apply(struct ledger *ledger);

/* Of a port's both sides (sent: of that alone) those buffers that stand in the ledger; they go through `each`
 * until that says false.  Returns whether none did. */
bool ledger_each(const struct ledger *ledger, struct port_id port,
        bool (*each)(void *ctx, struct pkt_index index, enum ledger_side side), void *ctx);

/* Buffers of the ledger by side, over all ports (PORT_NONE) or of one. */
uint32_t ledger_count(const struct ledger *ledger, struct port_id port, enum ledger_side side);

static always_inline uint8_t ledger_byte(struct port_id port, enum ledger_side side)
{
	return (uint8_t)((port.v + 1u) | (side == LEDGER_TX ? LEDGER_SENT : 0));
}

static always_inline void ledger_move(struct ledger *l, struct pkt_index index, uint8_t byte)
{
	struct ledger_list *list = likely(l->list) ? l->list : ledger_begin(l);

	assert(list->n < LEDGER_MOVES);
	list->move[list->n++] = index.v | (uint32_t)byte << 24;
}

/* The kernel gets the buffer, with the commit. */
static always_inline void ledger_give(
        struct ledger *l, struct pkt_index index, struct port_id port, enum ledger_side side)
{
	ledger_move(l, index, ledger_byte(port, side));
}

/* The kernel has given the buffer back, and may have it again at once without a move.  false: it never had
 * it, which is counted: leave it alone. */
[[nodiscard]] static always_inline bool ledger_has(
        struct ledger *l, struct pkt_index index, struct port_id port, enum ledger_side side)
{
	if (likely(index.v < l->buffers && l->state->of[index.v] == ledger_byte(port, side)))
		return true;
	l->odd++;
	return false;
}

/* The kernel has given the buffer back.  false: as ledger_has. */
[[nodiscard]] static always_inline bool ledger_take(
        struct ledger *l, struct pkt_index index, struct port_id port, enum ledger_side side)
{
	if (unlikely(!ledger_has(l, index, port, side)))
		return false;
	ledger_move(l, index, LEDGER_NONE);
	return true;
}

#endif
