/* guest: an application beside the session of a bed, as the broker would have let it in.
 *
 *     guest_join(&g, &bed, 0, 1); guest_bind(&g, 5, &conf); bed_timers(&bed);
 *     bed_receive(&bed, ...); guest_take(&g, &head, payload)
 *     guest_send(&g, &head, payload); bed_timer(&bed); look at the outbox
 *
 * One at a time of a bed has a table; the words of the broker are the process's (words_forget).
 */
#ifndef SLUICE_TESTS_UNIT_SESSION_GUEST_H
#define SLUICE_TESTS_UNIT_SESSION_GUEST_H

#include "common/app/table.h"
#include "tests/unit/session/bed.h"

#define GUEST_SLOTS 64u

struct guest {
	struct app_table *table;
	struct app_layout at;
	struct app_lane *region;
	int fd;        /* the region's */
	int bell, far; /* the application's end, and session's */
	uint32_t client;
	uint64_t incarnation;
	struct ring_cons rx;
	struct ring_prod fill, tx;
	uint32_t rx_cons, fill_prod, tx_prod;
};

/* Gives the bed a table of sockets and attaches its session anew. */
struct app_table *guest_table(struct bed *bed);

/* An application with all its chunks in fill; session has been told, and not yet taken it up. */
void guest_join(struct guest *g, struct app_table *table, uint32_t client, uint64_t incarnation);
/* To a new session: all that there is. */
void guest_say_again(const struct guest *g);
void guest_say_gone(const struct guest *g);
void guest_leave(struct guest *g);

/* Socket `number` of the table; conf NULL: gone. */
void guest_bind(struct guest *g, uint32_t number, const struct epoch_socket *conf);

/* The next thing that arrived, its payload (as much as the chunks hold) into payload; false: nothing.  The
 * chunks go back. */
bool guest_take(struct guest *g, struct app_head *head, uint8_t *payload);

/* Puts a datagram into tx: its head as given. */
void guest_send(struct guest *g, const struct app_head *head, const uint8_t *payload);

#endif
