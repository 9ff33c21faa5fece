/* events: what has happened between two looks at an appliance.
 *
 *     struct event_sink sink = {emit, context};
 *     events_role(&sink, "router", &was, &is);        each pair of looks, by what was looked at
 *     events_port(&sink, &was, &is);
 *     events_neighbor(&sink, &was, &is);
 *     events_clients(&sink, &was, &is);
 *     events_route(&sink, &route);                    each change of a dynamic route
 *     events_entry(&sink, &entry);                    each entry of the journal of configurations
 *
 * Pure functions: no clock, no I/O.  What began and ended again between two looks is told of where a count
 * betrays it (a process that died and runs again), else not.
 */
#ifndef SLUICE_SERVICES_CONTROL_WATCH_EVENTS_H
#define SLUICE_SERVICES_CONTROL_WATCH_EVENTS_H

#include "common/board/board.h"
#include "common/wire/text.h"
#include "services/control/config/entry.h"

/*  X(NAME, word) */
#define EVENT_KINDS(X)                                                                                       \
	X(PORT, "port")                                                                                      \
	X(PROCESS, "process")                                                                                \
	X(CONFIG, "config")                                                                                  \
	X(NEIGHBOR, "neighbor")                                                                              \
	X(ROUTE, "route")                                                                                    \
	X(CLIENT, "client")

enum event_kind {
#define X(name, word) EVENT_##name,
	EVENT_KINDS(X)
#undef X
	        EVENT_KINDS_N
};

struct event {
	enum event_kind kind;
	nanos_t at;       /* CLOCK_MONOTONIC; 0: when it was seen */
	const char *what; /* static */
	char name[64], port[EPOCH_NAME_LEN], mac[18], text[512];
	uint32_t pid;
};

struct event_sink {
	void (*emit)(void *context, const struct event *event);
	void *context;
};

/* A port as it was seen; an empty name: none. */
struct event_port {
	char name[EPOCH_NAME_LEN];
	const char *state; /* static: up, down, absent, opening, closed */
	bool carrier;
	uint64_t incarnation;    /* 0: none */
	char how[32];            /* driver and mode; empty: none */
	char reason[BOARD_TEXT]; /* why it is not up */
};

/* A neighbor as it was seen; an empty address: none. */
struct event_neighbor {
	char address[46], port[EPOCH_NAME_LEN];
	struct mac_addr mac;
	bool resolved, failed;
};

/* A dynamic route that changed. */
struct event_route {
	const char *what;              /* static */
	char to[TEXT_IP6_PREFIX_SIZE]; /* the prefix */
	char protocol[16];             /* as `ip route` names it */
	char gateway[TEXT_IP6_SIZE];   /* of its first way; empty: none */
	char port[EPOCH_NAME_LEN];     /* that its first way leads to; empty: none */
	uint32_t metric, ways;
};

struct event_clients {
	uint64_t refused, malformed;
};

const char *event_kind_name(enum event_kind kind);
/* EVENT_KINDS_N: there is none of that name. */
enum event_kind event_kind_of(const char *name);

void events_role(const struct event_sink *to, const char *name, const struct board_role *was,
        const struct board_role *is);
void events_port(const struct event_sink *to, const struct event_port *was, const struct event_port *is);
void events_neighbor(
        const struct event_sink *to, const struct event_neighbor *was, const struct event_neighbor *is);
void events_route(const struct event_sink *to, const struct event_route *route);
void events_clients(
        const struct event_sink *to, const struct event_clients *was, const struct event_clients *is);
void events_entry(const struct event_sink *to, const struct entry *entry);

#endif
