#include "common/host/host.h"

#include <sched.h>
#include <unistd.h>

/* Both are for speed alone; a container may forbid them. */
void host_lane_settle(const struct host_lane *lane)
{
	struct sched_param param = {0};
	cpu_set_t set;

	if (lane->core >= 0) {
		CPU_ZERO(&set);
		CPU_SET((size_t)lane->core, &set);
		(void)sched_setaffinity(0, sizeof set, &set);
	}
	if (lane->batch)
		(void)sched_setscheduler(0, SCHED_BATCH, &param);
}

void host_lane_run(struct host_lane *lane)
{
	struct worker *w = lane->worker;

	while (!__atomic_load_n(&w->control->stop, __ATOMIC_RELAXED)) {
		nanos_t now = worker_now(w);

		if (worker_step(w, now))
			continue;
		if (worker_sleep(w, now))
			_exit(1);
	}
	worker_stop(w);
}
