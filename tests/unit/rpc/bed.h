/* bed: a server on a thread of its own, and what the tests of its two kinds of endpoints both ask it.
 *
 *     bed_open(services, n);  rpc_server_listen(bed.server, ...);  bed_run();
 *     ... clients, on the test's thread ...
 *     bed_close();
 */
#ifndef SLUICE_TESTS_UNIT_RPC_BED_H
#define SLUICE_TESTS_UNIT_RPC_BED_H

#include "common/rpc/rpc.h"

#include <pthread.h>
#include <uv.h>

#define WAIT_MS 30000u

struct bed {
	struct rpc_server *server;
	uv_loop_t loop;
	uv_async_t stop, change;
	void (*on_change)(void); /* on the server's thread, some time after uv_async_send(&bed.change) */
	pthread_t thread;
	uint32_t kept,
	        cancelled;    /* calls that are never answered, and those of them that ended by themselves */
	struct rpc_who asked; /* who asked for the status last, and by which socket */
	char by[64];
	struct rpc_error error; /* of the client's last call that failed */
};

extern struct bed bed;

void bed_open(const struct rpc_service *services, uint32_t n);
void bed_run(void);
void bed_close(void);

/* Handlers: one answers with epoch 7, one never does (BuffersRequest, a stream). */
void bed_status(void *context, struct rpc_call *call, const ProtobufCMessage *request);
void bed_keep(void *context, struct rpc_call *call, const ProtobufCMessage *request);
void bed_cancelled(void *context, struct rpc_call *call);

/* Calls of a client; what fails stands in bed.error. */
enum rpc_status bed_call(struct rpc_client *c, const ProtobufCServiceDescriptor *service, const char *method,
        const ProtobufCMessage *request, uint32_t deadline_ms);
enum rpc_status bed_ask_status(struct rpc_client *c);
/* Begins the stream that is never answered, and waits until the server has it. */
void bed_start_kept(struct rpc_client *c);

void bed_await(const uint32_t *what, uint32_t value);
/* Who comes and goes is counted when the server's thread looks, which may be behind what a client sees. */
void bed_await_clients(uint32_t clients);
struct rpc_counts bed_counts(void);

#endif
