/* internal: what the keeper's parts share: the attendant as it is, and the words between it and the keeper.
 *
 * Messages (common/handle) from an attendant: `hello` {struct hello, with its own pidfd, first of all},
 * `child` {pid, with its pidfd}, `ready`, `keep` {key, body, descriptors}, `told` behind all this when it has
 * called a new keeper, `stopped`; where the keeper said `want`, its whole stock up to `go`. From the keeper:
 * to who is bare its whole stock up to `go`; `want`, `kept` {as keep}, `begin` behind the last of these,
 * `stop`. */
#ifndef SLUICE_SERVICES_KEEPER_INTERNAL_H
#define SLUICE_SERVICES_KEEPER_INTERNAL_H

#include "services/keeper/attendant.h"
#include "services/keeper/kept.h"
#include "services/keeper/stock.h"
#include "services/keeper/supervise.h"
#include "services/keeper/usage.h"
#include "services/keeper/watch.h"
#include "services/keeper/words.h"

#include <sys/types.h>
#include <sys/un.h>

struct hello {
	uint32_t role; /* enum role */
	uint32_t bare; /* 1: it has nothing yet: no memory, no process */
};

/* Of an attendant that the keeper has not forked (attend.c). */
struct apart {
	const char *folder; /* where they meet, which is this role's alone */
	int signals;        /* SIGTERM, SIGINT: to end */
};

struct attendant {
	enum role role;
	struct stock *stock;
	const struct duty *duty; /* NULL: none */
	void *context;
	const char *programs;      /* folder of the programs */
	const struct apart *apart; /* NULL: the keeper has forked it */
	int keeper;                /* socket; -1: it is gone */
	int lock;                  /* held as long as the attendant lives */
	struct kept kept;

	/* The role's process. */
	int sock, child_fd; /* -1: none lives */
	pid_t child;
	bool ready, stalled, stopping;
	struct supervise life;
	struct watch watch;
	struct usage usage;
	struct words words; /* what it writes to stderr */
	nanos_t start_at;   /* none lives: when one is to; else NANOS_NEVER */
	nanos_t kill_at;    /* by order, if it is not gone by then */
	nanos_t look_at;    /* for stalls */
	nanos_t usage_at;   /* and, at one of these looks, for what it costs */
	nanos_t deaf_since; /* it does not read what it is sent; 0: it does */
	nanos_t call_at;    /* the keeper is gone: when to look for a new one */
};

/* attendant.c: the life of an attendant's process; never returns.  `keeper` is the socket to the keeper;
 * `apart` is NULL where that has forked it. */
_Noreturn void attendant_main(
        struct stock *stock, enum role role, const char *programs, int keeper, const struct apart *apart);

/* attend.c: the same for a process that has nothing yet.  Returns where it is told to end (0) or cannot begin
 * (a negative errno). */
int attend(enum role role, const char *folder, const char *programs);

/* child.c: the role's process. */
void child_start(struct attendant *a, nanos_t now);
void child_died(struct attendant *a, nanos_t now);
void child_message(struct attendant *a, nanos_t now);
void child_look(struct attendant *a, nanos_t now);
void child_stop(struct attendant *a, nanos_t now);
void child_bury_others(const struct attendant *a);
/* The process is killed, because it stalls or will not stop. */
void child_kill(struct attendant *a);

/* How soon a machine without memory ends this process (oom_score_adj): the keeper and the attendants, which
 * hold all memory, last of all; a role, which comes back at once, before them, but no sooner than what eats
 * memory: its own is bounded.  Where that is forbidden nothing changes. */
#define MEMORY_RANK_KEEPER (-900)
#define MEMORY_RANK_ROLE   100
void memory_rank(int rank);

/* call.c: attendant and keeper. */
void call_message(struct attendant *a, nanos_t now);
/* Looks for a new keeper. */
void call_keeper(struct attendant *a, nanos_t now);
/* Where attendants that are apart meet their keeper: the folder of a role, in the run folder. */
#define CALL_APART "attend"
int call_folder(const char *run_dir, enum role role, char *path, size_t size);
/* The keeper that listens in that folder: a socket, or a negative errno. */
int call_connect(const char *folder);
int call_hello(int sock, enum role role, bool bare);
/* Tells the keeper of the process. */
int call_child(const struct attendant *a);
void call_ready(const struct attendant *a);
/* Where a keeper listens.  0 or -ENAMETOOLONG. */
int call_socket_path(const char *folder, struct sockaddr_un *address);

nanos_t keeper_now(void);

#endif
