/* keeper: who holds the memory, so that everything else may die.
 *
 *     keeper_open(&k, blueprint, ...)          listens for attendants that a dead keeper left; takes over
 * from them, or makes the memory keeper_run(&k)                           until it is told to stop
 *
 * It makes the memory and the bells, forks an attendant a role, holds a copy of every descriptor, and starts
 * attendant and process again where an attendant dies, when both are proven dead.  Where attendants are apart
 * (attend.c), each in a container of its own, it waits for them to call instead, and somebody else starts
 * them.  It never looks into a packet and links no code that does.
 */
#ifndef SLUICE_SERVICES_KEEPER_KEEPER_H
#define SLUICE_SERVICES_KEEPER_KEEPER_H

#include "services/keeper/internal.h"

/* An attendant, as the keeper has it. */
struct slot {
	int sock;         /* -1: none lives */
	int pidfd;        /* of the attendant; -1: none */
	int child_fd;     /* pidfd of its process, as it told last; -1: none */
	pid_t pid, child; /* 0: none, or of another namespace of processes */
	bool ready;
	bool bare; /* it waits for the stock */
	struct kept kept;
	struct supervise life;
	nanos_t start_at; /* none lives: when one is to; else NANOS_NEVER */
};

struct keeper {
	struct stock stock;
	const char *programs; /* folder */
	bool apart;           /* attendants are started by others, and call in their roles' own folders */
	uint32_t n_listeners; /* one, or one a role where they are apart */
	int listener[ROLE_COUNT];
	int signals, lock;
	struct slot slot[ROLE_COUNT];
	bool stopping, told; /* that all run */
	nanos_t kill_at, opened_at;
};

/* 0 or a negative errno, told on stderr.  `lock` is the locked RUN/keeper.lock. */
[[nodiscard]] int keeper_open(struct keeper *k, int blueprint, int lock, const char *programs, bool apart);

/* Returns when all is stopped: 0, or a negative errno. */
int keeper_run(struct keeper *k);

/* slot.c: one attendant. */
void slot_start(struct keeper *k, enum role role, nanos_t now);
/* Hands a bare attendant the stock and what is held for its role. */
void slot_supply(struct keeper *k, enum role role);
/* Has nothing to do with it any more. */
void slot_leave(struct slot *s);
void slot_message(struct keeper *k, enum role role);
/* What a message of its attendant says. */
void slot_told(struct slot *s, struct handle *h);
void slot_died(struct keeper *k, enum role role, nanos_t now);
/* Its process is proven dead, behind it. */
void slot_child_died(struct keeper *k, enum role role, nanos_t now);

/* takeover.c: attendants that an earlier keeper left. */
int takeover_listen(struct keeper *k, const char *run_dir);
/* Accepts one that calls there. */
void takeover_accept(struct keeper *k, uint32_t listener);
/* Listens no more. */
void takeover_deaf(const struct keeper *k, const char *run_dir);
/* Waits for all that live.  How many there are, or a negative errno. */
int takeover_wait(struct keeper *k, const char *run_dir);
/* Kills processes whose attendants died while there was no keeper; their deaths are waited for as others. */
void takeover_left(struct keeper *k);

#endif
