/* internal: what the parts of libsluice share. */
#ifndef SLUICE_COMMON_SLUICE_INTERNAL_H
#define SLUICE_COMMON_SLUICE_INTERNAL_H

#include "common/app/app.h"
#include "common/sluice/sluice.h"

#define NONE UINT32_MAX

/* A lane's memory. */
struct lane {
	struct app_lane *region;
	int bell;
	bool armed; /* since it was last found empty: a ring may be in the bell */
	struct ring_cons rx;
	struct ring_prod fill, tx;
	uint32_t rx_cons, fill_prod, tx_prod;
};

/* A chunk that was received, by lane * chunks + number: its links in a socket's queue. */
struct received {
	uint32_t next_datagram; /* of a datagram's first chunk */
	uint32_t next_chunk;    /* of the same datagram */
};

struct sluice {
	int conn, epoll;
	int nudge; /* eventfd in epoll: what was received over a question is to be looked at */
	bool nudged;
	bool gone; /* the appliance is */
	uint32_t lanes;
	struct app_layout at;
	struct lane lane[LANES_MAX];
	struct received *received;
	uint32_t asked;                                 /* number of the last question */
	struct sluice_socket *all, *ready, *ready_last; /* lists */
	struct sluice_socket **by_number;
	uint32_t n_numbers; /* room in by_number */
};

struct sluice_socket {
	struct sluice *s;
	struct sluice_socket *next, *prev;             /* of all */
	struct sluice_socket *ready_next, *ready_prev; /* of those with something to receive */
	bool is_ready, v6only;
	uint8_t family;  /* AF_ */
	uint32_t number; /* in the table of sockets; NONE: not bound */
	uint16_t port;   /* struct port_id that it is bound to */
	uint16_t local_port, remote_port;
	struct ip6_addr local, remote; /* IPv4 mapped */
	uint32_t head, tail;           /* datagrams, by their first chunks */
	uint32_t chunks;               /* of them all */
	uint64_t dropped;
	int pending; /* errno for the next call */
	bool told;   /* `error` says something */
	struct sluice_error error;
	void *user;
};

/* names.c: addresses as applications have them.  0 or an errno. */
struct name {
	struct ip6_addr addr; /* IPv4 mapped */
	uint16_t l4_port, port;
};

int sluice_name_read(
        const struct sluice_socket *k, const struct sockaddr *address, socklen_t len, struct name *name);
void sluice_name_write(uint8_t family, const struct name *name, struct sockaddr *address, socklen_t *len);

/* ask.c: the broker.  0 or an errno. */
int sluice_ask(struct sluice *s, struct app_ask *question, struct app_answer *answer);

/* wait.c: sleeping and waking. */

/* Takes what has arrived to the sockets; returns whether anything had. */
bool sluice_pump(struct sluice *s);

/* pump, and where nothing has arrived it asks to be woken, drains the bells and looks again: who is told
 * false may sleep on the descriptor. */
bool sluice_pump_or_arm(struct sluice *s);

/* Sleeps on the descriptor.  1: something happened; 0: time; -1: the appliance is gone (errno). */
int sluice_sleep_on(struct sluice *s, int timeout_ms);

int64_t sluice_clock_ms(void);

/* Makes the descriptor readable, until pump_or_arm finds nothing. */
void sluice_nudge(struct sluice *s);

/* Behind ring_publish: wakes session where it sleeps. */
void sluice_wake_session(struct lane *l);

/* queue.c: a socket's datagrams. */

/* Where it was received, and what stands at its head. */
struct app_head *sluice_chunk_at(struct sluice *s, uint32_t id);

/* A datagram of n chunks whose ids are id[0 .. n - 1]: to its socket, or back. */
void sluice_queue_arrived(struct sluice *s, const uint32_t *id, uint32_t n);

/* The oldest datagram is read: its chunks go back. */
void sluice_queue_pop(struct sluice_socket *k);
void sluice_queue_clear(struct sluice_socket *k);

/* In the list of those that have something, or out of it. */
void sluice_ready_settle(struct sluice_socket *k);
void sluice_ready_turn(struct sluice_socket *k);

/* socket.c: a port of its own where it has none.  0 or an errno. */
int sluice_bind_any(struct sluice_socket *k);

#endif
