#include "services/filter/filter.h"

#include <stdlib.h>

#include "services/filter/state.h"

static uint64_t filter_state_bytes(const struct stage_params *params)
{
	(void)params;
	return sizeof(struct filter_state);
}

static void filter_init(void *state, const struct stage_params *params, uint32_t lane)
{
	struct filter_state *s = state;

	(void)params, (void)lane;
	s->magic = FILTER_MAGIC;
	s->version = FILTER_VERSION;
}

static int filter_attach(const struct stage_env *env, void **worker)
{
	struct filter_state *s = env->state;
	struct filter *f;

	if (s->magic != FILTER_MAGIC || s->version != FILTER_VERSION)
		return -EINVAL;
	f = calloc(1, sizeof *f);
	if (!f)
		return -ENOMEM;
	f->env = *env;
	f->state = s;
	for (uint32_t i = 0; i < BURST_MAX; i++)
		f->keys[i] = &f->key[i];
	*worker = f;
	return 0;
}

static void filter_detach(void *worker)
{
	free(worker);
}

static void view_make(struct filter *f, const struct epoch *epoch)
{
	struct filter_view *view = &f->view[epoch->number & 1];

	view->number = epoch->number;
	for (uint32_t d = 0; d < FILTER_DIRECTIONS; d++)
		rules_attach(f, epoch, (enum filter_direction)d, &view->rules[d]);
}

static bool filter_adopt(void *worker, const struct epoch *epoch, nanos_t now, struct burst *burst)
{
	struct filter *f = worker;
	uint32_t lines = FILTER_LINES_BURST - FILTER_DIRECTIONS * FILTER_BANKS;
	bool done = true;

	(void)now, (void)burst;
	for (uint32_t d = 0; done && d < FILTER_DIRECTIONS; d++)
		done = rules_adopt(f, epoch, (enum filter_direction)d, &lines);
	view_make(f, epoch);
	return done;
}

static void filter_burst(void *worker, const struct epoch *epoch, nanos_t now, struct burst *burst)
{
	struct filter *f = worker;
	const struct filter_view *view = &f->view[epoch->number & 1];

	(void)now;
	if (unlikely(view->number != epoch->number))
		view_make(f, epoch);
	if (burst->input == INPUT_TX)
		tx_burst(f, epoch, view, burst);
	else
		rx_burst(f, epoch, view, burst);
}

static void filter_timer(void *worker, const struct epoch *epoch, nanos_t now, struct burst *burst)
{
	(void)worker, (void)epoch, (void)now, (void)burst;
}

static nanos_t filter_next_timer(const void *worker)
{
	(void)worker;
	return NANOS_NEVER;
}

static uint32_t filter_held(const void *worker, struct pkt_index *index, uint32_t *packets)
{
	(void)worker, (void)index;
	*packets = 0;
	return 0;
}

static const char *bank_check(const struct filter_state *s, uint32_t direction, uint32_t k)
{
	const struct filter_bank *bank = &s->bank[direction][k];

	if (!bank->digest)
		return NULL;
	if (bank->n > CLASSIFY_RULES_MAX)
		return "a bank of rule counters has more rules than there can be";
	for (uint32_t i = bank->n; i <= CLASSIFY_RULES_MAX; i++)
		if (s->rule[direction][k][i])
			return "a rule that does not exist has matched";
	return NULL;
}

static const char *filter_check(const void *worker)
{
	const struct filter_state *s = ((const struct filter *)worker)->state;
	const char *wrong = tally_check(s);

	for (uint32_t d = 0; !wrong && d < FILTER_DIRECTIONS; d++) {
		for (uint32_t k = 0; !wrong && k < FILTER_BANKS; k++)
			wrong = bank_check(s, d, k);
		if (s->bank[d][0].digest && s->bank[d][0].digest == s->bank[d][1].digest)
			wrong = "two banks count for one ruleset";
	}
	return wrong;
}

struct port_count filter_port_count(const void *state, struct port_id port)
{
	const struct filter_state *s = state;

	return port.v < EPOCH_PORTS_MAX ? s->counts.port[port.v] : (struct port_count){0};
}

uint64_t filter_rules_uncounted(const void *state)
{
	return ((const struct filter_state *)state)->uncounted;
}

const struct stage_ops filter_stage = {
        .name = "filter",
        .state_bytes = filter_state_bytes,
        .init = filter_init,
        .attach = filter_attach,
        .detach = filter_detach,
        .adopt = filter_adopt,
        .burst = filter_burst,
        .timer = filter_timer,
        .next_timer = filter_next_timer,
        .held = filter_held,
        .check = filter_check,
        .lines_a_packet = FILTER_LINES_MAX,
        .lines_a_burst = FILTER_LINES_BURST,
};
