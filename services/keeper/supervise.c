#include "services/keeper/supervise.h"

#include <signal.h>

/* Signals that a process brings upon itself. */
static bool own_signal(int signal)
{
	switch (signal) {
	case SIGSEGV:
	case SIGBUS:
	case SIGILL:
	case SIGFPE:
	case SIGABRT:
	case SIGSYS:
	case SIGTRAP: return true;
	default: return false;
	}
}

bool supervise_own_fault(const struct supervise_death *death)
{
	if (death->ordered)
		return false;
	return death->stalled || death->signal == 0 || own_signal(death->signal);
}

void supervise_started(struct supervise *s, nanos_t now)
{
	s->started_at = now;
}

nanos_t supervise_died(struct supervise *s, const struct supervise_death *death, nanos_t now)
{
	if (!supervise_own_fault(death))
		return now;
	if (s->faults && now - s->fault_at >= SUPERVISE_CALM + (supervise_failed(s) ? SUPERVISE_SELDOM : 0))
		s->faults = 0;
	s->faults++;
	s->fault_at = now;
	if (s->faults <= 1)
		return now;
	if (supervise_failed(s))
		return now + SUPERVISE_SELDOM;
	return now + (SUPERVISE_FIRST << (s->faults - 2));
}

bool supervise_failed(const struct supervise *s)
{
	return s->faults >= SUPERVISE_LIMIT;
}

bool supervise_stalled(struct supervise_watch *w, uint64_t steps, bool has_work, nanos_t now)
{
	nanos_t late = now - w->looked > SUPERVISE_LOOK ? now - w->looked - SUPERVISE_LOOK : 0;

	w->looked = now;
	if (!has_work || steps != w->steps || !w->since) {
		w->steps = steps;
		w->since = has_work ? now : 0;
		return false;
	}
	w->since += late;
	return now - w->since >= SUPERVISE_STALLED;
}
