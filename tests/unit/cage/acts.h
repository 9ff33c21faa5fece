/* acts: what a caged process must not be able to do, each as a function that tries it. */
#ifndef SLUICE_TESTS_UNIT_CAGE_ACTS_H
#define SLUICE_TESTS_UNIT_CAGE_ACTS_H

#include "common/board/board.h"
#include "common/host/host.h"

/* How an attempt ends. */
enum refusal {
	BY_KERNEL,  /* with an error */
	BY_SECCOMP, /* the process is ended by SIGSYS */
	BY_FAULT,   /* or by SIGSEGV: memory that is not writable, or not there */
	BY_NOBODY,  /* it may do that */
};

/* Where the attempt is made. */
struct place {
	const struct host_taken *taken;
	int sock; /* to the attendant */
	enum role role;
	pid_t outside; /* a living process that is not ours: the one that made the cage */
};

struct act {
	const char *name;
	long (*attempt)(const struct place *p); /* negative: refused, errno says how */
	enum refusal sealed;                    /* what ends it in a stage's whole cage */
	enum refusal left;                      /* and behind cage_leave alone; BY_SECCOMP: not tried there */
	enum refusal control;                   /* and in control's cage */
};

extern const struct act acts[];
extern const uint32_t n_acts;

#endif
