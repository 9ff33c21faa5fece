/* internal: what the parts of replay share. */
#ifndef SLUICE_SERVICES_REPLAY_INTERNAL_H
#define SLUICE_SERVICES_REPLAY_INTERNAL_H

#include "services/replay/replay.h"

/* fused.c: all workers on this thread until the clock has nowhere to go. */
int fused_run(struct replay *r);
/* Starts all workers in this process. */
int fused_start(struct replay *r);
/* processes.c: a process a stage. */
int processes_run(struct replay *r);

/* capture.c, where options.capture asks for it: opens the tap, writes what workers have published, closes. */
int capture_start(struct replay *r);
void capture_collect(struct replay *r);
int capture_end(struct replay *r);

/* explain.c: takes over events that workers have published. */
int explain_collect(struct replay *r);

#endif
