#include "common/pace/pace.h"

void pace_round_start(struct pace_round *round, const struct pace_settings *settings, nanos_t now)
{
	round->left = settings->budget;
	round->until = now + settings->budget_time;
}

uint32_t pace_allowance(const struct pace_round *round, const struct pace_settings *settings, nanos_t now)
{
	return now >= round->until ? 0 : MIN(settings->weight, round->left);
}

enum pace_next pace_polled(struct pace_round *round, const struct pace_settings *settings,
        struct pace_queue *q, nanos_t now, uint32_t allowance, uint32_t got)
{
	round->left -= MIN(got, round->left);
	q->polls++;
	q->again = 0;
	if (got)
		q->deferred = 0;
	if (got >= allowance)
		return PACE_AGAIN;
	if (settings->gro_flush_timeout && q->deferred < settings->defer_hard_irqs) {
		q->deferred++;
		q->deferrals++;
		q->again = now + settings->gro_flush_timeout;
		return PACE_DEFER;
	}
	q->deferred = 0;
	q->state = PACE_ARMED;
	q->completes++;
	return PACE_COMPLETE;
}

void pace_squeeze(struct pace_round *round)
{
	round->squeezes++;
}

bool pace_wake_due(
        const struct pace_settings *settings, uint32_t fill, uint32_t slots, nanos_t waited, bool more)
{
	return !more || waited >= settings->wake_wait ||
	       (uint64_t)fill * 256 >= (uint64_t)slots * settings->wake_fill;
}
