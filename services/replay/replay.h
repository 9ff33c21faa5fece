/* replay: captures through the whole appliance, without privileges and without a NIC, by the capture's clock.
 *
 *     replay_run(&options, &replay, error, sizeof error)   0: all that came in is accounted for in replay
 *     replay_print(&replay, stdout) or replay_print_json(...)
 *     replay_end(&replay)
 *
 * In one process and one thread by default: the same input gives the same output, byte for byte.  With
 * `processes` a process a stage and a thread a lane; a stage that dies is started again and goes on.  This is
 * the only place that knows all stages.
 */
#ifndef SLUICE_SERVICES_REPLAY_REPLAY_H
#define SLUICE_SERVICES_REPLAY_REPLAY_H

#include "common/account/account.h"
#include "common/publish/publish.h"
#include "common/stage/worker.h"
#include "services/ingest/ingest.h"

#include <stdio.h>
#include <sys/types.h>

#define REPLAY_EXPLAIN_MAX 64u

struct replay_capture;

/* A packet to be explained: its number on a port, from 1 in the order of arrival (as other tools number a
 * capture's packets). */
struct replay_explain {
	char port[EPOCH_NAME_LEN]; /* empty: of any port */
	uint32_t number;
};

struct replay_options {
	const char *const *captures;
	uint32_t n_captures;
	const char *config;           /* file */
	struct config_errors *errors; /* gets what is wrong with it; not NULL */
	const char *out; /* folder for what leaves each port, made if missing; NULL: nothing is kept */
	bool processes;
	bool faults;
	uint64_t fault_seed;
	struct replay_explain explain[REPLAY_EXPLAIN_MAX];
	uint32_t n_explain;
	nanos_t linger; /* how long the clock goes on behind the last packet */
	bool pin;       /* with processes: lane l on processor l */
	FILE *capture;  /* pcapng of what comes in, leaves and is dropped; NULL: none */
	const struct tap_insn *capture_program; /* what of it, checked; with 0 instructions all */
	uint32_t capture_insns;
};

#define REPLAY_LINGER (65 * NANOS_PER_SEC)

struct replay {
	struct replay_options options;
	struct config *config;
	struct appliance appliance;
	struct publisher publisher;
	struct worker *worker[WORKERS_MAX];
	pid_t pid[STAGE_COUNT]; /* with processes; 0: none */
	uint32_t restarts;
	nanos_t now, end;
	struct nic_trace_wish wish[REPLAY_EXPLAIN_MAX];
	struct nic_wishes wishes;
	struct trace_event *events; /* of the packets to be explained, in order of publication */
	size_t n_events, room_events;
	uint64_t trace_seen[WORKERS_MAX];
	struct replay_capture *capture;
	uint64_t captured, missed; /* packets in options.capture, and those that came too fast for it */
	struct account account;
	struct account_buffers buffers;
	struct bell host; /* with processes: rung by who goes to sleep */
};

/* The stages' functions, for who lays out an appliance. */
extern const struct stage_ops *const replay_stages[STAGE_COUNT];

/* Runs everything.  0, or a negative errno with a sentence in `error` (errors of the configuration are
 * printed on stderr as they are). */
[[nodiscard]] int replay_run(
        const struct replay_options *options, struct replay *replay, char *error, size_t size);

/* Everything accounted for: balance 0, rings and buffers too. */
bool replay_balanced(const struct replay *replay);

void replay_print(const struct replay *replay, FILE *to, bool colour);
void replay_print_json(const struct replay *replay, FILE *to);
/* The path of each packet to be explained. */
void replay_print_explain(const struct replay *replay, FILE *to, bool colour);

void replay_end(struct replay *replay);

#endif
