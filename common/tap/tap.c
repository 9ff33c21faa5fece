#include "common/tap/tap.h"

const char *tap_point_name(enum tap_point point)
{
	switch (point) {
	case TAP_INGRESS: return "ingress";
	case TAP_EGRESS: return "egress";
	case TAP_DROP: return "drop";
	case TAP_POINTS: break;
	}
	return "unknown";
}

/* Odd: readers of what follows look again later. */
static void change_begin(struct tap_control *c)
{
	__atomic_store_n(&c->seq, c->seq | 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE); /* with renew's, in writer.c */
}

static void change_end(struct tap_control *c)
{
	__atomic_store_n(&c->seq, c->seq + 1, __ATOMIC_RELEASE);
}

void tap_reset(struct tap_control *control)
{
	change_begin(control);
	memset(control->tap, 0, sizeof control->tap);
	change_end(control);
}

static bool wish_ok(const struct tap *wish)
{
	return wish->points && wish->points < 1u << TAP_POINTS && wish->snap_bytes <= TAP_SNAP_MAX &&
	       (!wish->n_insns || tap_program_check(wish->insn, wish->n_insns));
}

int tap_open(struct tap_control *control, const struct tap *wish, uint32_t *slot, uint32_t *number)
{
	uint32_t free = 0;

	if (!wish_ok(wish))
		return -EINVAL;
	while (free < TAPS_MAX && control->tap[free].number)
		free++;
	if (free == TAPS_MAX)
		return -EBUSY;
	change_begin(control);
	control->opened += control->opened == UINT32_MAX ? 2 : 1; /* never 0 */
	control->tap[free] = *wish;
	control->tap[free].number = control->opened;
	change_end(control);
	*slot = free;
	*number = control->opened;
	return 0;
}

void tap_close(struct tap_control *control, uint32_t slot)
{
	assert(slot < TAPS_MAX);
	change_begin(control);
	control->tap[slot].number = 0;
	change_end(control);
}
