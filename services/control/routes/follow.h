/* follow: the kernel's tables of routes, next hops and interfaces, by rtnetlink, into the rib.
 *
 *     follow_sockets(fd)                  while the process has all its rights
 *     follow_open(&f, loop, rib, fd, ...)
 *     follow_want(f, tables, n, links)    what is followed from now on; again after each change of it
 *     follow_close(f)                     and run the loop until it is empty
 *
 * All is dumped, then changes are read as they are announced.  What the kernel takes away without a word
 * (with a link, an address or a next hop), what was announced faster than it was read, and whatever does not
 * fit what is known, makes all be dumped again; what was not told again then goes.  One thread, that of the
 * loop.
 */
#ifndef SLUICE_SERVICES_CONTROL_ROUTES_FOLLOW_H
#define SLUICE_SERVICES_CONTROL_ROUTES_FOLLOW_H

#include "services/control/routes/rib.h"

#include <uv.h>

enum { FOLLOW_EVENTS, FOLLOW_DUMP, FOLLOW_SOCKETS };

struct follow;

struct follow_state {
	bool following; /* tables */
	bool dumping;
	uint64_t dumps;     /* that ended */
	uint64_t overruns;  /* announcements were lost */
	uint64_t malformed; /* messages that could not be read */
	uint64_t dumped_at; /* uv_hrtime of the end of the last; 0: none */
	int error;          /* of the last dump */
};

/* Sockets in the namespace that the process is in.  0 or a negative errno. */
[[nodiscard]] int follow_sockets(int fd[FOLLOW_SOCKETS]);

/* Takes the sockets over; `changed` is called whenever the rib was.  0 or -ENOMEM (and they are closed). */
[[nodiscard]] int follow_open(struct follow **out, uv_loop_t *loop, struct rib *rib,
        const int fd[FOLLOW_SOCKETS], void (*changed)(void *context), void *context);

/* Tables 0: none; links: interfaces are followed too. */
void follow_want(struct follow *f, const uint32_t *tables, uint32_t n, bool links);

/* What is followed is dumped again. */
void follow_again(struct follow *f);

void follow_state(const struct follow *f, struct follow_state *state);
void follow_close(struct follow *f);

#endif
