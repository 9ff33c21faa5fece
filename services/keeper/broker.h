/* broker: what session's attendant does besides: local applications come to it for sockets (libsluice).
 *
 * It listens at RUN/applications/socket.  An application that says hello gets memory of its own, shared with
 * session alone (common/app): a region and a bell for each lane, which the broker makes, seals and hands to
 * both, and which the keeper holds too.  What it asks for is decided here and written into the table of
 * sockets (common/app/table.h), which session takes up.  When its connection ends all it had is given back.
 *
 * Neither the broker's death nor session's is seen by an application: connections, regions and bells are held
 * by the keeper, the table is a region of the appliance.
 *
 * Who an application is the kernel says (SO_PEERCRED).  Who may come is who may enter RUN/applications, which
 * is made open to all and left as it is where it is there; ports below 1024 are root's and the keeper's own
 * user's.  What one user and one application may take is limited below.
 *
 * One thread, that of the attendant; what an application says is never trusted.
 */
#ifndef SLUICE_SERVICES_KEEPER_BROKER_H
#define SLUICE_SERVICES_KEEPER_BROKER_H

#include "common/app/table.h"
#include "services/keeper/attendant.h"

#define BROKER_USER_CLIENTS   8u                   /* applications of one user, unless that is root */
#define BROKER_CLIENT_SOCKETS 8192u                /* sockets of one application */
#define BROKER_CLIENT_BYTES   (UINT64_C(64) << 20) /* memory of one application */
#define BROKER_PORT_FIRST     32768u /* for who does not mind which (Linux ip_local_port_range) */
#define BROKER_PORT_LAST      60999u

/* An application at the other end of a connection. */
struct guest {
	int conn; /* -1: nobody sits here */
	uint32_t uid;
	int32_t pid;
	uint32_t n_fds; /* regions, then bells; 0: it has not said hello */
	int fd[2 * LANES_MAX];
};

/* What decisions are made of. */
struct broker_book {
	struct app_table *table;
	const struct epoch *epoch; /* NULL: there is none yet */
	uint32_t free_at;          /* where to look for a free number */
	uint64_t random;           /* state of random_next */
	uint16_t ports[65536];     /* by port: sockets in the table */
};

/* book.c: pure, but for the table. */

/* Takes up a table as a predecessor left it: what it had not finished writing is given up. */
void book_open(struct broker_book *book);

/* Does what application number k asks for, and says what became of it. */
struct app_answer book_ask(struct broker_book *book, uint32_t k, const struct app_ask *ask, bool privileged);

/* Gives back all sockets of an application. */
void book_leave(struct broker_book *book, uint32_t k);

#endif
