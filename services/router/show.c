/* show: the router's tables for people, read beside lane 0. */
#include "services/router/neighbor/neighbor.h"
#include "services/router/router.h"
#include "services/router/router_internal.h"

static const char *const state_names[NUD_STATES] = {
        [NUD_NONE] = "none",
        [NUD_INCOMPLETE] = "incomplete",
        [NUD_REACHABLE] = "reachable",
        [NUD_STALE] = "stale",
        [NUD_DELAY] = "delay",
        [NUD_PROBE] = "probe",
        [NUD_FAILED] = "failed",
};

static bool table_of(const void *state, const struct stage_params *params, struct neighbor_table *table)
{
	const struct router_state *s = state;

	if (s->magic != ROUTER_STATE_MAGIC)
		return false;
	neighbor_table_attach(table, (const uint8_t *)state + s->neighbor_off, params);
	return true;
}

uint32_t router_neighbor_slots(const void *state, const struct stage_params *params)
{
	struct neighbor_table table;

	return table_of(state, params, &table) ? table.slots : 0;
}

static void fill(struct router_neighbor *out, const struct neighbor_entry *e)
{
	struct neighbor_link link = neighbor_link_of(e);

	*out = (struct router_neighbor){
	        .port = {__atomic_load_n(&e->port.v, __ATOMIC_RELAXED)},
	        .mac = link.mac,
	        .resolved = nud_in(link.state, NUD_VALID),
	        .router = link.flags & NEIGHBOR_ROUTER,
	        .waiting = link.flags & NEIGHBOR_WAITING,
	        .state = link.state < NUD_STATES ? state_names[link.state] : "none",
	        .used_ms = __atomic_load_n(&e->used_ms, __ATOMIC_RELAXED),
	        .confirmed_ms = __atomic_load_n(&e->confirmed_ms, __ATOMIC_RELAXED),
	        .updated_ms = __atomic_load_n(&e->updated_ms, __ATOMIC_RELAXED),
	};
	for (uint32_t i = 0; i < 2; i++) {
		uint64_t word = __atomic_load_n(&e->addr[i], __ATOMIC_RELAXED);

		memcpy(out->addr.b + 8 * i, &word, sizeof word);
	}
}

bool router_neighbor_read(
        const void *state, const struct stage_params *params, uint32_t slot, struct router_neighbor *out)
{
	const struct neighbor_entry *e;
	struct neighbor_table table;
	uint32_t seq;

	if (!table_of(state, params, &table) || slot >= table.slots)
		return false;
	e = &table.entry[slot];
	for (uint32_t tries = 0; tries < 100; tries++) {
		seq = __atomic_load_n(&e->seq, __ATOMIC_ACQUIRE);
		fill(out, e);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (!(seq & 1) && __atomic_load_n(&e->seq, __ATOMIC_RELAXED) == seq)
			return neighbor_link_of(e).state != NUD_NONE;
	}
	return false;
}
