/* internal: what server.c (sockets, the loop) and call.c (the life of a call) share. */
#ifndef SLUICE_COMMON_RPC_INTERNAL_H
#define SLUICE_COMMON_RPC_INTERNAL_H

#include "common/rpc/rpc.h"

#include <uv.h>

#define LISTENERS_MAX 4u
#define SERVICES_MAX  8u
#define PEER_MAX      255u /* bytes of ZeroMQ's routing id */
#define TICK_MS       50u  /* how late a deadline may be noticed */
#define HEARTBEAT_MS  1000u

struct rpc_peer {
	struct rpc_who who;
	uint8_t len;
	uint8_t id[PEER_MAX];
};

struct rpc_listener {
	struct rpc_server *server;
	void *socket;
	uv_poll_t poll;
	enum rpc_role role;
	char path[108]; /* of the socket's file */
};

struct rpc_call {
	bool used;
	bool stream;
	bool gone; /* the client is: to be cancelled outside of any handler */
	struct rpc_listener *from;
	struct rpc_peer peer;
	uint64_t id;
	uint64_t deadline, sent; /* uv_now's milliseconds; deadline 0: none */
	uint64_t missed;
	void (*cancel)(void *context, struct rpc_call *call);
	void *cancel_context;
};

struct rpc_server {
	uv_loop_t *loop;
	void *zmq;
	struct rpc_listener listener[LISTENERS_MAX];
	uint32_t n_listeners;
	struct rpc_service service[SERVICES_MAX];
	uint32_t n_services;
	struct rpc_call call[RPC_CALLS_MAX];
	struct rpc_counts counts;
	uv_prepare_t prepare; /* before the loop sleeps: what has come */
	uv_idle_t idle;       /* while there is more than one round took */
	uv_timer_t tick;      /* while there are calls: deadlines, heartbeats */
	uint32_t open_handles;
};

/* server.c: one message to a peer.  0, -EAGAIN (it does not take), -EHOSTUNREACH (it is gone), -ENOMEM. */
int rpc_peer_send(struct rpc_listener *to, const struct rpc_peer *peer, const struct rpc_response *response);

/* call.c: a request that came by `from`. */
void rpc_take_request(
        struct rpc_listener *from, const struct rpc_peer *peer, const uint8_t *bytes, size_t len);
/* Deadlines, clients gone, heartbeats. */
void rpc_tick(struct rpc_server *server);
/* Ends every call with UNAVAILABLE. */
void rpc_end_all(struct rpc_server *server);

#endif
