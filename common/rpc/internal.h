/* internal: what server.c (sockets, the loop), admit.c (who may connect), monitor.c (who has) and call.c (the
 * life of a call) share. */
#ifndef SLUICE_COMMON_RPC_INTERNAL_H
#define SLUICE_COMMON_RPC_INTERNAL_H

#include "common/rpc/rpc.h"

#include <uv.h>

#define LISTENERS_MAX 4u
#define PEER_MAX      255u /* bytes of ZeroMQ's routing id */
#define TICK_MS       50u  /* how late a deadline may be noticed */
#define HEARTBEAT_MS  1000u
#define VANISHED_MS   30000 /* without a word by tcp, and a machine is taken as gone */

struct rpc_peer {
	struct rpc_who who;
	enum rpc_role role;
	char key[RPC_KEY_TEXT]; /* by tcp */
	uint8_t len;
	uint8_t id[PEER_MAX];
};

/* A socket of ZeroMQ's that the loop wakes for. */
struct rpc_watched {
	void *socket; /* NULL: none */
	uv_poll_t poll;
};

/* A connection, as monitor.c has it. */
struct rpc_connection {
	int fd;    /* its socket, which is ZeroMQ's */
	int twin;  /* the same once more, which is ours; -1: not yet */
	bool sure; /* it is the same */
};

struct rpc_listener {
	struct rpc_server *server;
	struct rpc_watched calls, monitor; /* requests; connections that come and go */
	struct rpc_connection connection[RPC_CLIENTS_MAX];
	uint32_t n_connections;
	bool news;   /* some have no twin yet */
	bool failed; /* the one that ends next has not got as far as to be let in */
	enum rpc_role role;
	bool tcp;
	bool closing;
	uint8_t handles;  /* of the loop, to be closed */
	uint32_t clients; /* connected */
	char endpoint[128];
};

struct rpc_call {
	bool used;
	bool stream;
	bool gone; /* the client is: to be cancelled outside of any handler */
	struct rpc_listener *from;
	struct rpc_peer peer;
	enum rpc_role needs; /* of its service */
	uint64_t id;
	uint64_t deadline, sent; /* uv_now's milliseconds; deadline 0: none */
	uint64_t missed;
	void (*cancel)(void *context, struct rpc_call *call);
	void *cancel_context;
};

struct rpc_server {
	uv_loop_t *loop;
	void *zmq;
	struct rpc_watched zap; /* ZeroMQ's RFC 27: who asks whether a connection may be */
	struct rpc_listener listener[LISTENERS_MAX];
	/* Of each the bytes of replies not taken yet.  ZeroMQ's thread counts down, after a listener's end
	 * too. */
	uint64_t queued[LISTENERS_MAX];
	struct rpc_allowed *allowed;
	uint32_t n_allowed;
	const struct rpc_service *service; /* n_services */
	uint32_t n_services;
	void *context; /* of handlers */
	struct rpc_call call[RPC_CALLS_MAX];
	struct rpc_counts counts;
	uv_prepare_t prepare; /* before the loop sleeps: what has come */
	uv_idle_t idle;       /* while there is more than one round took */
	uv_timer_t tick;      /* while there are calls: deadlines, heartbeats */
	uint32_t open_handles;
	bool closing;
};

/* server.c: one message to a peer.  0, -EAGAIN (it does not take), -EHOSTUNREACH (it is gone), -ENOBUFS (too
 * much waits for the endpoint's clients), -ENOMEM. */
int rpc_peer_send(struct rpc_listener *to, const struct rpc_peer *peer, const struct rpc_response *response);

/* admit.c: binds what is asked about each connection, before there is any.  0 or a negative errno. */
int rpc_admit_open(struct rpc_server *server);
/* Has it asked of what comes by this socket.  0 or a negative errno. */
int rpc_admit_ask(struct rpc_listener *listener, const struct rpc_listen *listen);
/* Takes what came and went, and answers. */
void rpc_admit_look(struct rpc_server *server);
/* What a key may; NULL: nothing. */
const struct rpc_allowed *rpc_admit_find(const struct rpc_server *server, const char *key);

/* monitor.c: has connections told of, before there is any.  0 or a negative errno. */
int rpc_monitor_open(struct rpc_listener *listener);
/* Takes what came and went. */
void rpc_monitor_look(struct rpc_listener *listener);
/* Asks no more; sockets are closed by the caller. */
void rpc_monitor_end(struct rpc_listener *listener);

/* call.c: a request that came by `from`. */
void rpc_take_request(
        struct rpc_listener *from, const struct rpc_peer *peer, const uint8_t *bytes, size_t len);
/* Deadlines, clients gone, heartbeats. */
void rpc_tick(struct rpc_server *server);
/* Ends the calls that came by `from` with UNAVAILABLE. */
void rpc_end_all(struct rpc_server *server, const struct rpc_listener *from);
/* Ends the calls of keys that may not have them any more. */
void rpc_end_disallowed(struct rpc_server *server);

#endif
