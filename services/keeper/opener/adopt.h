/* adopt: what an interface had before a port took it, kept in a file, and given back.
 *
 *     adopt_take(&nl, &link, &wish, file, &board->adopted[i], error)     writes the file, then changes
 *     adopt_give_back(&nl, file)                                         as it was; the file is gone
 *
 * Only what does not hang on a descriptor (open.h) is here: the MTU, whether it is up, merging of received
 * packets, and, where the port's settings say `adopt`, the kernel's own addresses and routes there.  The file
 * is complete and on the disk before anything is changed, so that who comes after a death can give back what
 * the dead one took; giving back twice is the same as once.
 *
 * What was adopted stands on the board (common/board), from where control takes it into the next epoch:
 * addresses beyond the link alone (a port makes its own link-local one) and unicast routes of one way.
 *
 * For the port opener, with CAP_NET_ADMIN; one thread.
 */
#ifndef SLUICE_SERVICES_KEEPER_OPENER_ADOPT_H
#define SLUICE_SERVICES_KEEPER_OPENER_ADOPT_H

#include "common/board/board.h"
#include "services/keeper/opener/netlink.h"

struct adopt_wish {
	const char *port; /* its name on the board */
	uint32_t mtu;     /* 0: as it is */
	bool addresses;   /* take addresses and routes over */
};

/* 0, or a negative errno with a sentence in `error` (OPEN_ERROR_BYTES); the interface is then as it was.
 * `board` gets what was taken over. */
[[nodiscard]] int adopt_take(struct netlink *nl, const struct netlink_link *link,
        const struct adopt_wish *wish, const char *file, struct board_adopted *board, char *error);

/* Merging is off from now on; to be called when the port is open, since a program for XDP turns it on. */
void adopt_no_gro(const char *interface);

/* The kernel may get addresses there later, from who configures it.  Here is what of them stands on the
 * interface, and of routes, as a number that is another one when they are others; 0: no address does. */
uint64_t adopt_waiting(struct netlink *nl, uint32_t ifindex);

/* Takes that over as well, whoever took the rest.  0 or a negative errno: the rest stays as it was. */
[[nodiscard]] int adopt_more(
        struct netlink *nl, const char *port, const char *file, struct board_adopted *board);

/* Nothing is taken over any more: takes it from the board. */
void adopt_forget(struct board_adopted *board);

/* The interface named in the file gets back what it had, where it is still the same one.  0; -ENOENT: nothing
 * was taken; or the first negative errno of what could not be given back, the rest being given back all the
 * same. */
int adopt_give_back(struct netlink *nl, const char *file);

#endif
