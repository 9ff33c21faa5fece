/* client: the applications that a worker of the session serves; private to session.
 *
 *     clients_take(c)                     what the broker has said of them: regions come and go
 *     table_take_up(c)                    their sockets, from the table (common/app/table.h)
 *     client_deliver, client_tell         a datagram, an ICMP error, into the application's memory
 *     clients_send(c)                     what they want to send
 *     clients_apply, clients_kick         after each commit, at the end of each round
 *
 * The true indices of an application's rings are in the worker's state, under the undo log; the rings in the
 * region hold published copies, stored behind the commit.  Nothing in a region is believed.
 */
#ifndef SLUICE_SERVICES_SESSION_CLIENT_H
#define SLUICE_SERVICES_SESSION_CLIENT_H

#include "common/app/table.h"
#include "services/session/state.h"

#define CLIENT_AWAIT (500 * NANOS_PER_MS) /* for what the predecessor had */
#define CLIENT_RETRY (50 * NANOS_PER_US)  /* for buffers */

/* An application's memory as this process has it. */
struct client {
	uint64_t incarnation; /* 0: not mapped */
	struct app_layout at;
	struct app_lane *region;
	struct ring_cons fill, tx;
	struct ring_prod rx;
	int bell;
};

/* Of a worker; dies with the process. */
struct clients {
	struct client client[APP_CLIENTS_MAX];
	uint32_t mapped;  /* bits: of client[] */
	uint32_t touched; /* whose indices this burst has moved */
	uint32_t unwoken; /* who has something new and may sleep */
	uint32_t heard;   /* words_count() as it was taken up */
	uint32_t turn;    /* who sends first */
	uint32_t told;    /* state's taken_up as the regions say it */
	int sleep;        /* epoll of all bells; -1: there is none yet */
	bool scanning;    /* the table, whole: up to scan_to changes */
	uint32_t scan_at, scan_to;
	nanos_t awaits;   /* until when words are awaited; 0: none are */
	nanos_t retry_at; /* buffers were short; 0: they were not */
};

[[nodiscard]] int clients_attach(struct session *s);
void clients_detach(struct session *s);

/* Whether a burst would find something of theirs to do; 0: now. */
nanos_t clients_next(const struct session *s);

/* Until when the worker should rest, since it was not told yet what its predecessor had; 0: it was. */
nanos_t clients_await(struct session *s, nanos_t now);

void clients_take(const struct session_call *c);
void clients_apply(struct session *s);
void clients_kick(struct session *s);
uint32_t clients_arm(struct session *s, bool on, int *fd);

/* Takes up changes of the table; returns whether there were any. */
bool table_take_up(const struct session_call *c);

/* Sends for each application in turn, a bounded number. */
void clients_send(const struct session_call *c);

/* The application of a socket, mapped; NULL: there is none, or it is not. */
static inline struct client *client_of(const struct session_call *c, const struct session_socket *sk)
{
	struct client *cl = &c->s->clients->client[sk->client - 1];

	assert(sk->client && sk->client <= APP_CLIENTS_MAX && sk->incarnation);
	return cl->incarnation == sk->incarnation ? cl : NULL;
}

#endif
