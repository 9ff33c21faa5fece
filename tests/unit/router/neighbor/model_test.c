/* Random traffic beside a naive model: of every neighbor the model keeps a state, a MAC and how many packets
 * wait, by the rules of RFC 4861 written down once more, without lists, wheels or journals.  Every burst is
 * cut once. */
#include <criterion/criterion.h>

#include "common/wire/nd.h"
#include "tests/unit/router/neighbor/setup.h"

#define HOSTS 24u

struct naive {
	uint8_t state;
	uint32_t mac;
	uint32_t waiting;
	nanos_t since; /* the first of them waits */
	nanos_t due;   /* of what the state's timer does next */
	nanos_t confirmed;
	uint32_t probes;
};

struct world {
	struct setup s;
	struct naive host[HOSTS];
	uint64_t random;
	nanos_t now;
	struct ip6_addr us, group;
	uint32_t losses;
	bool down;
};

static uint32_t below(struct world *w, uint32_t bound)
{
	return (uint32_t)(random_next(&w->random) % bound);
}

static void enter(struct world *w, struct naive *h, uint8_t state)
{
	h->state = state;
	h->probes = 0;
	switch (state) {
	case NUD_INCOMPLETE:
	case NUD_PROBE:
		h->probes = 1;
		h->due = w->now + SEC;
		break;
	case NUD_DELAY: h->due = w->now + 5 * SEC; break;
	case NUD_STALE: h->due = w->now + 60 * SEC; break;
	case NUD_FAILED:
		h->due = w->now + NEIGHBOR_FAILED_KEPT;
		h->waiting = 0;
		break;
	}
}

static bool is_valid(const struct naive *h)
{
	return nud_in(h->state, NUD_VALID);
}

static void model_send(struct world *w, struct naive *h)
{
	if (h->state == NUD_STALE)
		enter(w, h, NUD_DELAY);
	if (h->state == NUD_NONE || h->state == NUD_FAILED)
		enter(w, h, NUD_INCOMPLETE);
	if (is_valid(h))
		return;
	if (!h->waiting)
		h->since = w->now;
	h->waiting = MIN(h->waiting + 1, 16u);
}

/* What waited has gone. */
static void model_flush(struct world *w, struct naive *h)
{
	if (h->waiting && is_valid(h)) {
		h->waiting = 0;
		if (h->state == NUD_STALE)
			enter(w, h, NUD_DELAY);
	}
}

static void model_ns(struct world *w, struct naive *h, uint32_t m)
{
	if (!is_valid(h) || h->mac != m) {
		h->mac = m;
		enter(w, h, NUD_STALE);
	}
	model_flush(w, h);
	model_send(w, h); /* the answer */
}

static void model_na(struct world *w, struct naive *h, uint32_t m, bool solicited, bool override)
{
	uint8_t heard = solicited ? NUD_REACHABLE : NUD_STALE;

	if (h->state == NUD_NONE || h->state == NUD_FAILED)
		return;
	if (is_valid(h) && h->mac != m && !override) {
		if (solicited)
			h->confirmed = w->now;
		if (h->state == NUD_REACHABLE)
			enter(w, h, NUD_STALE);
		return;
	}
	if (solicited)
		h->confirmed = w->now;
	if (!is_valid(h) || h->mac != m || heard == NUD_REACHABLE) {
		if (h->mac != m || h->state != heard) {
			if (h->state != heard)
				enter(w, h, heard);
			if (!solicited)
				h->confirmed = 0;
		}
		h->mac = m;
	}
	model_flush(w, h);
}

/* The link goes: nobody is known any more.  It comes: who is asked for is asked anew. */
static void model_link(struct world *w)
{
	for (uint32_t i = 0; i < HOSTS; i++) {
		if (w->down)
			w->host[i] = (struct naive){0};
		else if (w->host[i].state == NUD_INCOMPLETE)
			enter(w, &w->host[i], NUD_INCOMPLETE);
	}
}

/* Whether `real` is what the timers may have made of the model since it was looked at; how long REACHABLE
 * lasts is random, so there the real one leads within its bounds. */
static void model_time(struct world *w, struct naive *h, uint8_t real)
{
	if (w->now >= h->since + NEIGHBOR_HOLD_MAX)
		h->waiting = 0;
	for (;;) {
		if (h->state == NUD_REACHABLE) {
			nanos_t age = w->now - h->confirmed;

			cr_assert(real == NUD_REACHABLE ? age <= 45 * SEC + 2 * MS : age + 2 * MS >= 15 * SEC,
			        "reachable for %lu ms, now %u", (unsigned long)(age / MS), real);
			if (real == NUD_REACHABLE)
				return;
			enter(w, h, NUD_STALE);
			return;
		}
		if (h->state == NUD_NONE || h->due > w->now)
			return;
		if (h->state == NUD_DELAY && h->confirmed && h->due - h->confirmed <= 5 * SEC) {
			enter(w, h, NUD_REACHABLE);
		} else if (h->state == NUD_DELAY) {
			nanos_t due = h->due;

			enter(w, h, NUD_PROBE);
			h->due = due + SEC;
		} else if ((h->state == NUD_INCOMPLETE || h->state == NUD_PROBE) && h->probes < 3) {
			h->probes++;
			h->due += SEC;
		} else if (h->state == NUD_INCOMPLETE || h->state == NUD_PROBE) {
			nanos_t due = h->due;

			enter(w, h, NUD_FAILED);
			h->due = due + NEIGHBOR_FAILED_KEPT;
		} else {
			h->state = NUD_NONE;
		}
	}
}

static uint32_t waiting(const struct world *w, const struct ip6_addr *a)
{
	uint32_t slot = entry_find(&w->s.n, P0, a);

	return slot == NEIGHBOR_NONE ? 0 : w->s.n.cold[slot].queue_count;
}

static void compare(struct world *w, uint32_t round)
{
	for (uint32_t i = 0; i < HOSTS; i++) {
		struct ip6_addr a = host6(i);
		struct naive *h = &w->host[i];
		uint8_t real = (uint8_t)setup_state(&w->s, P0, &a);
		struct mac_addr m = setup_mac(&w->s, P0, &a), want = mac(h->mac);

		model_time(w, h, real);
		cr_assert_eq(
		        real, h->state, "round %u, host %u: state %u and not %u", round, i, real, h->state);
		cr_assert_eq(waiting(w, &a), h->waiting, "round %u, host %u: %u wait and not %u", round, i,
		        waiting(w, &a), h->waiting);
		cr_assert(!is_valid(h) || mac_equal(&m, &want), "round %u, host %u: MAC", round, i);
	}
}

static void change_link(struct world *w)
{
	w->down = !w->down;
	w->losses += w->down;
	setup_link(&w->s, P0, 1, w->losses, !w->down);
	setup_until(&w->s, w->now);
	model_link(w);
}

static void act(struct world *w)
{
	uint32_t i = below(w, HOSTS), m = 100 * i + below(w, 2), what = below(w, 10);
	struct ip6_addr a = host6(i);
	struct mac_addr its = mac(m);
	bool solicited = below(w, 2), override = below(w, 2);

	if (what < 5) {
		setup_send(&w->s, w->now, P0, &a, i);
		model_send(w, &w->host[i]);
	} else if (below(w, 20) == 0) {
		change_link(w);
	} else if (what < 7) {
		setup_ns(&w->s, w->now, P0, &a, &w->group, &w->us, &its);
		model_ns(w, &w->host[i], m);
	} else {
		setup_na(&w->s, w->now, P0, &a, solicited ? &w->us : &IP6_ALL_NODES, &a, &its,
		        (uint8_t)((solicited ? ND_NA_SOLICITED : 0) | (override ? ND_NA_OVERRIDE : 0)));
		model_na(w, &w->host[i], m, solicited, override);
	}
}

static void play(uint64_t seed, uint32_t rounds)
{
	static struct world w;

	memset(&w, 0, sizeof w);
	w.random = seed;
	setup_init(&w.s);
	w.us = w.s.region->address[2].addr;
	w.group = ip6_solicited_node(&w.us);
	setup_adopt(&w.s, T0);
	setup_link(&w.s, P0, 1, 0, true);
	setup_until(&w.s, T0 + 30 * SEC);
	w.s.cut = true;
	w.now = T0 + 30 * SEC;
	for (uint32_t round = 0; round < rounds; round++) {
		act(&w);
		setup_forget(&w.s);
		compare(&w, round);
		for (nanos_t end = w.now + (below(&w, 50) ? below(&w, 3000) : below(&w, 90000)) * MS;
		        w.now < end;) {
			w.now = MAX(w.now, MIN(end, neighbor_next_timer(&w.s.n)));
			setup_until(&w.s, w.now);
			setup_forget(&w.s);
			compare(&w, round);
		}
	}
	setup_free(&w.s);
}

Test(neighbor_model, random_traffic_follows_the_rules)
{
	for (uint64_t seed = 1; seed <= 6; seed++)
		play(seed, 700);
}
