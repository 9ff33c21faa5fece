/* internal: what the parts of control share. */
#ifndef SLUICE_SERVICES_CONTROL_INTERNAL_H
#define SLUICE_SERVICES_CONTROL_INTERNAL_H

#include "services/control/control.h"

#include "common/account/account.h"
#include "common/board/board.h"
#include "common/metric/metric.h"
#include "common/publish/publish.h"
#include "common/rpc/rpc.h"
#include "common/wire/text.h"
#include "proto/control.pb-c.h"
#include "services/control/config/state.h"
#include "services/control/metrics/web.h"

#define APPLY_DEADLINE_MS 2000u
#define APPLY_TICK_MS     1u
#define APPLY_LOOK_NS     500000u           /* of each tick, to whether stages have answered */
#define APPLY_FILL_NS     UINT64_C(4000000) /* of each tick, to a FIB that is being made */
#define CONFIRM_MAX_S     86400u
#define HOLD_TICK_MS      1u
#define ADOPTION_TICK_MS  100u
#define ADOPTION_WAIT_MS  5000u
#define LISTEN_TEXT       80u /* bytes of tcp://ADDRESS:PORT */
#define PROC_TICK_MS      1000u
#define HOLD_MAX_MS       250u /* that ingest may be kept from its ports for an account of buffers */

/* Addresses that a configuration is to be heard at, taken before anything changes. */
struct claim {
	bool commands; /* fd is held: the listening socket of commands by tcp */
	int fd;
	struct web_site *metrics; /* NULL: none is held */
	bool metrics_wait;        /* for the next start, since control has not the rights */
};

enum apply_phase {
	APPLY_WAITS,    /* for room: an epoch before the one in force is not retired */
	APPLY_FILLS,    /* its FIB with dynamic routes, some at a time */
	APPLY_OFFERED,  /* for the stages to answer */
	APPLY_IN_FORCE, /* for them to take it up, which packets of it wait for as well */
};

/* A configuration on its way into force. */
struct apply {
	struct rpc_call *call; /* who waits for it; NULL: nobody */
	struct config *config; /* NULL: nothing is on its way */
	uint32_t change;       /* its number in the history */
	uint32_t confirm_s;    /* it is to be confirmed in that time; 0: it stays */
	bool restore;          /* it was in force before, and comes back */
	bool adopted;          /* it is the one in force, whose ports have taken something over */
	enum apply_phase phase;
	uint32_t number;   /* of its epoch */
	uint64_t deadline; /* uv_now's milliseconds */
	uint64_t looked;   /* likewise: the last tick */
	uint64_t began;    /* uv_hrtime, of the offer */
	struct claim claim;
};

/* An account of buffers on its way: ingest is held meanwhile. */
struct hold {
	struct rpc_call *call; /* NULL: none */
	uint64_t deadline;
};

/* Who watches the health of a process. */
struct health_watch {
	struct rpc_call *call; /* NULL: nobody */
	uint32_t role;         /* ROLE_COUNT: of all */
	uint32_t told;         /* a bit for each that served */
};

struct control {
	uv_loop_t *loop;
	struct appliance *appliance;
	struct publisher publisher;
	struct state state;
	struct config *config; /* in force; NULL: published by a predecessor whose state is lost, or none */
	struct config *before; /* while state.history.waits: what comes back unless it is confirmed */
	struct rpc_server *rpc;
	struct apply apply;
	struct hold hold;
	uv_timer_t apply_timer, hold_timer, confirm_timer; /* run while there is such a thing */
	uv_timer_t proc_timer, adoption_timer;
	uint32_t adoptions;      /* of the board, when `config` was told of them last; 0: not yet */
	uint64_t adoption_due;   /* uv_now's milliseconds: news of them is taken by then; 0: there is none */
	uv_timer_t health_timer; /* runs while somebody watches */
	struct health_watch health[RPC_STREAMS_MAX];
	char proc_dir[1024];          /* of the files as in /proc; empty: none could be made */
	struct rpc_key_pair key;      /* of commands by tcp; empty: not needed yet */
	char tcp[LISTEN_TEXT];        /* where they are heard; empty: nowhere */
	char deaf[CONTROL_WHY_BYTES]; /* why they are not, though they should be */
	char mute[CONTROL_WHY_BYTES]; /* why metrics are not told, though they should be */
	uv_timer_t listen_timer;      /* runs while one of them is so */
	struct captures *captures;
	struct dynamic *dynamic;
	struct monitor *monitor;
	struct web *web;                 /* NULL: metrics are told nowhere */
	uint64_t metrics;                /* config_metrics_digest of where they are told */
	bool metrics_wait;               /* for the next start, to be told where the configuration says */
	uint64_t started;                /* uv_hrtime */
	char config_path[1024];          /* the file of the start */
	uint32_t begun_number;           /* the change that `begun_with` is of; 0: none yet */
	struct config_cores begun_with;  /* as the appliance was started */
	char problem[CONTROL_WHY_BYTES]; /* what could not be done; empty: nothing */
	uint64_t unexplained;            /* packets that the last account of one instant could not explain */
	uint32_t open_handles;
};

/* Handlers of proto/control.proto's services; context is the struct control. */
void control_status(void *context, struct rpc_call *call, const ProtobufCMessage *request);
void control_account(void *context, struct rpc_call *call, const ProtobufCMessage *request);
void control_ports(void *context, struct rpc_call *call, const ProtobufCMessage *request);
void control_counters(void *context, struct rpc_call *call, const ProtobufCMessage *request);

/* Words of a route, as `ip route` has them. */
#define ROUTE_PROTOCOL_TEXT 16u
char *route_prefix_text(char text[TEXT_IP6_PREFIX_SIZE], const struct fib_prefix *p);
char *route_protocol_text(char text[ROUTE_PROTOCOL_TEXT], uint8_t protocol);

/* Of proto/tables.proto's. */
void control_routes(void *context, struct rpc_call *call, const ProtobufCMessage *request);
void control_route_sources(void *context, struct rpc_call *call, const ProtobufCMessage *request);
void control_neighbors(void *context, struct rpc_call *call, const ProtobufCMessage *request);
void control_rules(void *context, struct rpc_call *call, const ProtobufCMessage *request);
void control_sockets(void *context, struct rpc_call *call, const ProtobufCMessage *request);
void control_buffers(void *context, struct rpc_call *call, const ProtobufCMessage *request);
void control_capture(void *context, struct rpc_call *call, const ProtobufCMessage *request);
/* Of proto/crash.proto's, and of Taps the packets. */
void control_crashes(void *context, struct rpc_call *call, const ProtobufCMessage *request);
void control_crash_packets(void *context, struct rpc_call *call, const ProtobufCMessage *request);
/* Of proto/monitor.proto's. */
void control_events(void *context, struct rpc_call *call, const ProtobufCMessage *request);
void control_apply(void *context, struct rpc_call *call, const ProtobufCMessage *request);

void control_rollback(void *context, struct rpc_call *call, const ProtobufCMessage *request);
void control_confirm(void *context, struct rpc_call *call, const ProtobufCMessage *request);
void control_config_text(void *context, struct rpc_call *call, const ProtobufCMessage *request);
void control_config_history(void *context, struct rpc_call *call, const ProtobufCMessage *request);

/* Of proto/health.proto's. */
void control_health_check(void *context, struct rpc_call *call, const ProtobufCMessage *request);
void control_health_watch(void *context, struct rpc_call *call, const ProtobufCMessage *request);

/* Of proto/keys.proto's. */
void control_keys_list(void *context, struct rpc_call *call, const ProtobufCMessage *request);

/* listen.c: has commands by tcp heard where, and of whom, the configuration in force says.  Not within a call
 * that has no end yet. */
void listen_take_up(struct control *c);
/* Has metrics told where it says; before listen_take_up, which tries both again where they could not be. */
void metrics_take_up(struct control *c);
/* "tcp://ADDRESS:PORT". */
void listen_text(char text[LISTEN_TEXT], const struct config_endpoint *e);
/* A listening socket, or a negative errno. */
int listen_open(const struct config_endpoint *e);

/* claim.c: takes the addresses that `config`, read from `text`, wants and the one in force has not.  0; or a
 * negative errno with an error in `errors`, and nothing is held. */
[[nodiscard]] int claim_make(struct claim *claim, const struct control *c, const struct config *config,
        const struct config_text *text, struct config_errors *errors);
/* Gives back what is still held. */
void claim_drop(struct claim *claim);
/* The address's length. */
socklen_t listen_address(struct sockaddr_storage *to, const struct config_endpoint *from);

/* apply.c: from the offer to the end.  `how` says call, config (taken over), change, confirm_s. */
void apply_begin(struct control *c, const struct apply *how, uint32_t deadline_ms);
/* A change's configuration that was in force before comes back, as soon as there is room for an epoch. */
void apply_restore(struct control *c, uint32_t change, struct config *config, struct rpc_call *call);
/* The configuration in force, with what its ports have taken over since. */
void apply_adopted(struct control *c);
/* Whether another one has to wait.  What ports have taken over makes room: the next one has it too. */
bool apply_busy(struct control *c);
/* A predecessor has offered it, or put it in force, and died. */
void apply_resume(struct control *c, const struct apply *how);
void apply_end(struct control *c);
void apply_gone(void *context, struct rpc_call *call);

/* change.c: a configuration that somebody wants in force. */
struct change_wanted {
	struct rpc_call *call; /* NULL: the start does */
	enum entry_act act;
	uint32_t of; /* a rollback's origin */
	const char *file;
	const char *text;
	size_t len;
	struct config *config; /* what the text is, read already, taken over; NULL: it is to be read */
	bool check;            /* it is only judged */
	uint32_t deadline_ms, confirm_s;
};
/* Judges it, notes it, and has it applied; the call gets its answer now or then. */
void change_want(struct control *c, const struct change_wanted *w);
/* The keys of a configuration that take effect at the next start: how many, into `key`. `metrics`: whether
 * these do. */
#define NEXT_START_KEYS 2u
uint32_t change_next_start(
        struct control *c, const struct config *config, bool metrics, const char *key[NEXT_START_KEYS]);
/* Answers a call with errors of a configuration, of which nothing was done. */
void change_fail(struct rpc_call *call, const struct config_errors *errors);
/* past.c: what is known of a change, for an answer; valid as long as the history does not change. */
void change_message(Sluice__Change *to, const struct change *c);
/* The beginning of a change's entry. */
void change_entry(const struct control *c, const struct change_wanted *w, struct entry *r);
/* Notes what became of a change; where that cannot be written, Status tells. */
void change_note(struct control *c, enum entry_event event, uint32_t number, uint32_t epoch, const char *why);
/* The configuration of a change, read from its text; NULL with a sentence in `why`. */
struct config *change_load(struct control *c, uint32_t number, char why[CONTROL_WHY_BYTES]);
/* The first error, in a sentence. */
void change_explain(const char *file, const struct config_errors *errors, char why[CONTROL_WHY_BYTES]);

/* confirm.c: has the change in force rolled back in `ms` unless it is confirmed. */
void confirm_wait(struct control *c, uint64_t ms);
/* What waits to be confirmed is rolled back now; `call` is answered when it is. */
void confirm_roll_back(struct control *c, enum entry_event event, struct rpc_call *call);
/* Milliseconds that are left. */
uint64_t confirm_left_ms(const struct control *c);

/* adoption.c: whether a port that adopts is still being opened: what all of them take over comes into force
 * at once. */
[[nodiscard]] bool adoption_opening(const struct board *board, const struct config *config);
/* Gives a configuration what its ports have taken over.  0 or -ENOMEM. */
[[nodiscard]] int adoption_take(const struct control *c, struct config *config);
/* Looks from now on whether they have. */
void adoption_begin(struct control *c);

/* start.c: goes on from what the state and the shared memory tell; a new appliance gets its first epoch, of
 * `first`, which is taken over, or of what was in force last. */
void start_take_up(struct control *c, struct control_first *first);

/* dynamic.c: routes that come and go.  `netlink` are follow_sockets', taken over; NULL: there are none.  0 or
 * -ENOMEM. */
[[nodiscard]] int dynamic_open(struct control *c, const int *netlink);
/* c->config is in force: the sources are as it says. */
void dynamic_configure(struct control *c);
/* Whether what a predecessor had in force is still being read: no epoch is to be made meanwhile. */
bool dynamic_inherits(const struct control *c);
/* An epoch was published. */
void dynamic_published(struct control *c);
/* The FIB that is being made gets what is in force, a part with each dynamic_fill: 1: more is to be done, 0,
 * or -ENOMEM.  dynamic_withdraw ends it, and withdraws what is made or offered. */
[[nodiscard]] int dynamic_fill_begin(struct control *c);
[[nodiscard]] int dynamic_fill(struct control *c);
void dynamic_withdraw(struct control *c);
/* `closed` is called for what it has in the loop, with data = c; then all is freed. */
void dynamic_close(struct control *c, uv_close_cb closed);
void dynamic_free(struct control *c);

/* start.c: the configuration in force is published again, as the next epoch.  false: its text cannot be read.
 */
bool start_again(struct control *c);

/* capture.c: closes what a predecessor's clients had open.  0 or -ENOMEM. */
[[nodiscard]] int captures_open(struct control *c);
/* Once no call can come any more. */
void captures_close(struct control *c);

/* monitor.c.  0 or -ENOMEM. */
[[nodiscard]] int monitor_open(struct control *c);
/* Once no call can come any more. */
void monitor_close(struct control *c);

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
/* NULL: no keeper has written one, as in a test's appliance. */
const struct board *control_board(const struct control *c);
const char *control_stage_name(enum stage_id stage);
/* A port's name in the epoch in force; "": it has none of that number. */
char *control_port_name(const struct control *c, struct port_id id);
/* Of either family: IPv4's are mapped. */
char *control_address_text(char text[TEXT_IP6_SIZE], const struct ip6_addr *addr);
/* What the epoch in force was compiled from; NULL: not known. */
const struct config *control_config(const struct control *c);
/* The state of a stage on a lane, for the reading functions of its public header. */
const void *control_state(const struct control *c, enum stage_id stage, uint32_t lane);
void control_wake_all(struct control *c);
/* What is to be added to the stages' clock for nanoseconds since 1970. */
int64_t control_wall_offset(void);
/* "af_xdp". */
const char *port_driver_name(uint8_t driver);

#endif
