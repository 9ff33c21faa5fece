/* internal: what the parts of control share. */
#ifndef SLUICE_SERVICES_CONTROL_INTERNAL_H
#define SLUICE_SERVICES_CONTROL_INTERNAL_H

#include "services/control/control.h"

#include "common/account/account.h"
#include "common/board/board.h"
#include "common/metric/metric.h"
#include "common/publish/publish.h"
#include "common/rpc/rpc.h"
#include "proto/control.pb-c.h"

#define APPLY_DEADLINE_MS 2000u
#define APPLY_TICK_MS     2u
#define HOLD_TICK_MS      1u
#define PROC_TICK_MS      1000u
#define HOLD_MAX_MS       250u /* that ingest may be kept from its ports for an account of buffers */

/* A configuration on its way into force. */
struct apply {
	struct rpc_call *call; /* who waits for it; NULL: nobody */
	struct config *config; /* NULL: nothing is on its way */
	bool published;
	bool undo;         /* it is what was in force before one that a stage did not take up */
	uint32_t number;   /* published */
	uint64_t deadline; /* uv_now's milliseconds */
	uint64_t began;    /* uv_hrtime, of publishing */
};

/* An account of buffers on its way: ingest is held meanwhile. */
struct hold {
	struct rpc_call *call; /* NULL: none */
	uint64_t deadline;
};

struct control {
	uv_loop_t *loop;
	struct appliance *appliance;
	struct publisher publisher;
	struct config *config; /* in force; NULL: published by a predecessor, or none */
	struct rpc_server *rpc;
	struct apply apply;
	struct hold hold;
	uv_timer_t apply_timer, hold_timer; /* run while there is such a thing */
	uv_timer_t proc_timer;
	char proc_dir[1024]; /* of the files as in /proc; empty: none could be made */
	struct captures *captures;
	uint64_t started; /* uv_hrtime */
	char config_path[1024];
	char problem[CONTROL_WHY_BYTES]; /* what could not be done; empty: nothing */
	uint64_t unexplained;            /* packets that the last account of one instant could not explain */
	uint32_t open_handles;
};

/* Handlers of proto/control.proto's services; context is the struct control. */
void control_status(void *context, struct rpc_call *call, const ProtobufCMessage *request);
void control_account(void *context, struct rpc_call *call, const ProtobufCMessage *request);
void control_ports(void *context, struct rpc_call *call, const ProtobufCMessage *request);
void control_counters(void *context, struct rpc_call *call, const ProtobufCMessage *request);
void control_buffers(void *context, struct rpc_call *call, const ProtobufCMessage *request);
void control_capture(void *context, struct rpc_call *call, const ProtobufCMessage *request);
void control_apply(void *context, struct rpc_call *call, const ProtobufCMessage *request);

/* apply.c: publishes a configuration, which it takes over, and answers the call, if any, when it is taken up.
 */
void apply_begin(struct control *c, struct config *config, struct rpc_call *call, uint32_t deadline_ms);
void apply_end(struct control *c);

/* capture.c: closes what a predecessor's clients had open.  0 or -ENOMEM. */
[[nodiscard]] int captures_open(struct control *c);
/* Once no call can come any more. */
void captures_close(struct control *c);

/* A physical port: what the epoch, the poll loops and the opener know of it. */
struct port_view {
	const struct epoch_port *port;
	uint32_t id;
	struct poll_port polls;     /* over all lanes; of its counters alone */
	struct board_port board;    /* zero where nobody opens it for ingest, or has not yet */
	const char *state, *reason; /* reason: why it is not up */
	bool carrier;
	char why[POLL_REASON_LEN];
};

/* ports.c.  Valid as long as the epoch in force. */
void port_view(struct port_view *view, const struct control *c, const struct epoch_port *port);

/* measure.c: the registry's values as they are now.  NULL: no memory.  free() it. */
struct metrics *measure(struct control *c);

/* proc.c: proc/net in the folder of the sockets, written anew each second.  A folder that cannot be made is
 * told of on stderr. */
void proc_begin(struct control *c, const char *dir);
void proc_end(struct control *c);

/* hold.c */
void hold_end(struct control *c);

/* Whether the stage's process lives: one that is being started again takes the newest epoch by itself. */
bool control_lives(const struct control *c, enum stage_id stage);
const struct board *control_board(const struct control *c);
const char *control_stage_name(enum stage_id stage);
void control_wake_all(struct control *c);

#endif
