/* attendant: the parent of one role's process: starts it, hands it its descriptors, sees it die, starts it
 * again.  One process, forked from the keeper without exec; one thread; it never sees a packet.
 *
 * A role may have duties of its own, done between births and deaths in the same thread: `struct duty` is a
 * set of functions that the attendant's loop calls.  Ingest's is the port opener (opener.c).  A duty never
 * blocks.
 */
#ifndef SLUICE_SERVICES_KEEPER_ATTENDANT_H
#define SLUICE_SERVICES_KEEPER_ATTENDANT_H

#include "common/blueprint/blueprint.h"
#include "common/board/board.h"
#include "common/handle/handle.h"
#include "common/host/host.h"

struct attendant;

/* What a duty may ask of its attendant. */

/* The appliance as this attendant has it mapped: control, epochs, FIBs and public regions read-only, the
 * board writable, and what the duty's rights say.  fd[] and bell[] are open. */
struct appliance *attendant_appliance(struct attendant *a);
const struct host_taken *attendant_taken(const struct attendant *a); /* run folder, configuration */
struct board *attendant_board(struct attendant *a);

/* Sends to the role's process.  0: sent; -ENOTCONN: none lives (started() will be called for the next);
 * -EAGAIN: it does not read (it is killed as stalled where that goes on, so that started() comes). */
int attendant_send(
        struct attendant *a, const char *name, const void *body, size_t bytes, const int *fd, uint32_t n_fds);

/* Gives the keeper a copy to hold, under a key: the same key replaces, n_fds 0 forgets.  The keeper hands all
 * of them to the attendant's successor, which gets them by kept().  0 or a negative errno. */
int attendant_keep(
        struct attendant *a, uint64_t key, const void *body, size_t bytes, const int *fd, uint32_t n_fds);

/* A role's duty: functions in the attendant's loop.  `context` is what begin() made. */
struct duty {
	uint32_t rights; /* APPLIANCE_: what it maps beside what every attendant does */

	/* Once in an attendant's life, before its first process.  0 or a negative errno. */
	int (*begin)(struct attendant *a, void **context);

	/* Something that the keeper held for the predecessor, between begin() and the first started(). The
	 * handle's name is "kept", its body what attendant_keep was given.  Takes the descriptors it wants.
	 */
	void (*kept)(void *context, uint64_t key, struct handle *h);

	/* The descriptor (an epoll's, say) that is readable when work() is to be called; -1: none. */
	int (*fd)(void *context);

	/* When work() is to be called though nothing is readable; NANOS_NEVER: not. */
	nanos_t (*next)(void *context);
	void (*work)(void *context, nanos_t now);

	/* A process has been born and is to be told everything (attendant_send); its `go` follows. */
	void (*started)(void *context, nanos_t now);

	/* The process is proven dead. */
	void (*died)(void *context, nanos_t now);

	/* A message of the process, other than `ready`.  Never trusted. */
	void (*message)(void *context, struct handle *h);

	/* Whether the process has work that shared memory does not show (a NIC's queue is readable), for the
	 * watch over stalls.  NULL: never. */
	bool (*waiting)(void *context);

	/* Orderly end: the process is dead, everything is given back. */
	void (*end)(void *context);
};

/* opener.c: ingest's; broker.c: session's. */
extern const struct duty opener_duty;
extern const struct duty broker_duty;

#endif
