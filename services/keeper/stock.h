/* stock: every descriptor of an appliance, as the keeper and each attendant hold them.
 *
 * Who may write a region gets its descriptor; who may read it gets one that was opened for reading alone, so
 * that neither mmap nor mprotect makes a writable mapping of it.
 */
#ifndef SLUICE_SERVICES_KEEPER_STOCK_H
#define SLUICE_SERVICES_KEEPER_STOCK_H

#include "common/board/board.h"
#include "common/host/host.h"

struct stock {
	struct host_taken taken; /* memory, bells, run folder; the appliance mapped with APPLIANCE_KEEPER */
	int read_only[REGION_COUNT];
};

/* Makes the memory of a blueprint, and what the cages need (an empty folder RUN/empty, an empty network; -1
 * where the machine gives none).  0 or a negative errno. */
[[nodiscard]] int stock_make(struct stock *s, int blueprint);

/* Takes it over from an attendant, which sends it over `sock` (stock_hand with no role's limits). */
[[nodiscard]] int stock_take(struct stock *s, int sock);

/* Hands a role what it is to have, then `go`.  0 or a negative errno. */
[[nodiscard]] int stock_hand(const struct stock *s, int sock, enum role role);

/* Hands everything, to a new keeper. */
[[nodiscard]] int stock_hand_all(const struct stock *s, int sock);

/* Rights of a role (appliance_map). */
uint32_t stock_rights(enum role role);

static inline struct board *stock_board(const struct stock *s)
{
	return s->taken.appliance.map[REGION_BOARD];
}

#endif
