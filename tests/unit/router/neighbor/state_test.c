/* The states of RFC 4861 7.3 and appendix C: every state beside every event, and what follows.  The neighbor
 * has MAC A; B is another. */
#include <criterion/criterion.h>

#include "common/wire/nd.h"
#include "tests/unit/router/neighbor/setup.h"

enum event {
	SEND,           /* a packet for it */
	NS_A,           /* it asks for us, from A */
	NS_B,           /* ... from B */
	NA_SOL_A,       /* solicited, not Override, A */
	NA_SOL_OVR_B,   /* solicited, Override, B */
	NA_SOL_B,       /* solicited, not Override, B */
	NA_UNSOL_OVR_A, /* unsolicited, Override, A */
	NA_UNSOL_OVR_B,
	NA_UNSOL_B,
	NA_SOL_BARE, /* solicited, without a link-layer address */
	NA_UNSOL_BARE,
	TIMEOUT, /* its timer, until something has changed */
	CONFIRM, /* an upper layer has seen progress, then the timer */
	EVENTS
};

/* What a state and an event come to: the new state, and whether the MAC is then B. */
struct want {
	uint8_t state;
	char mac;         /* 'A', 'B', '-' none */
	uint8_t solicits; /* sent: 'u'nicast, 'm'ulticast, 0 none */
};

#define KEEP(s, m)                                                                                           \
	{                                                                                                    \
		NUD_##s, m, 0                                                                                \
	}

static const struct want table[NUD_STATES][EVENTS] =
        {
                [NUD_NONE] =
                        {
                                [SEND] = {NUD_INCOMPLETE, '-', 'm'},
                                [NS_A] = {NUD_DELAY, 'A', 0},
                                [NS_B] = {NUD_DELAY, 'B', 0},
                                [NA_SOL_A] = KEEP(NONE, '-'),
                                [NA_SOL_OVR_B] = KEEP(NONE, '-'),
                                [NA_SOL_B] = KEEP(NONE, '-'),
                                [NA_UNSOL_OVR_A] = KEEP(NONE, '-'),
                                [NA_UNSOL_OVR_B] = KEEP(NONE, '-'),
                                [NA_UNSOL_B] = KEEP(NONE, '-'),
                                [NA_SOL_BARE] = KEEP(NONE, '-'),
                                [NA_UNSOL_BARE] = KEEP(NONE, '-'),
                                [TIMEOUT] = KEEP(NONE, '-'),
                                [CONFIRM] = KEEP(NONE, '-'),
                        },
                [NUD_INCOMPLETE] =
                        {
                                [SEND] = KEEP(INCOMPLETE, '-'),
                                [NS_A] = {NUD_DELAY, 'A', 0},
                                [NS_B] = {NUD_DELAY, 'B', 0},
                                [NA_SOL_A] = {NUD_REACHABLE, 'A', 0},
                                [NA_SOL_OVR_B] = {NUD_REACHABLE, 'B', 0},
                                [NA_SOL_B] = {NUD_REACHABLE, 'B', 0},
                                [NA_UNSOL_OVR_A] = {NUD_DELAY, 'A', 0},
                                [NA_UNSOL_OVR_B] = {NUD_DELAY, 'B', 0},
                                [NA_UNSOL_B] = {NUD_DELAY, 'B', 0},
                                [NA_SOL_BARE] = KEEP(INCOMPLETE, '-'),
                                [NA_UNSOL_BARE] = KEEP(INCOMPLETE, '-'),
                                [TIMEOUT] = {NUD_FAILED, '-', 'm'},
                                [CONFIRM] = {NUD_FAILED, '-', 'm'},
                        },
                [NUD_REACHABLE] =
                        {
                                [SEND] = KEEP(REACHABLE, 'A'),
                                [NS_A] = KEEP(REACHABLE, 'A'),
                                [NS_B] = {NUD_DELAY, 'B', 0},
                                [NA_SOL_A] = KEEP(REACHABLE, 'A'),
                                [NA_SOL_OVR_B] = {NUD_REACHABLE, 'B', 0},
                                [NA_SOL_B] = {NUD_STALE, 'A', 0},
                                [NA_UNSOL_OVR_A] = KEEP(REACHABLE, 'A'),
                                [NA_UNSOL_OVR_B] = {NUD_STALE, 'B', 0},
                                [NA_UNSOL_B] = {NUD_STALE, 'A', 0},
                                [NA_SOL_BARE] = KEEP(REACHABLE, 'A'),
                                [NA_UNSOL_BARE] = KEEP(REACHABLE, 'A'),
                                [TIMEOUT] = {NUD_STALE, 'A', 0},
                                [CONFIRM] = {NUD_STALE, 'A', 0},
                        },
                [NUD_STALE] =
                        {
                                [SEND] = {NUD_DELAY, 'A', 0},
                                [NS_A] = {NUD_DELAY, 'A', 0},
                                [NS_B] = {NUD_DELAY, 'B', 0},
                                [NA_SOL_A] = {NUD_REACHABLE, 'A', 0},
                                [NA_SOL_OVR_B] = {NUD_REACHABLE, 'B', 0},
                                [NA_SOL_B] = KEEP(STALE, 'A'),
                                [NA_UNSOL_OVR_A] = KEEP(STALE, 'A'),
                                [NA_UNSOL_OVR_B] = {NUD_STALE, 'B', 0},
                                [NA_UNSOL_B] = KEEP(STALE, 'A'),
                                [NA_SOL_BARE] = {NUD_REACHABLE, 'A', 0},
                                [NA_UNSOL_BARE] = KEEP(STALE, 'A'),
                                [TIMEOUT] = KEEP(NONE, '-'),
                                [CONFIRM] = KEEP(NONE, '-'),
                        },
                [NUD_DELAY] =
                        {
                                [SEND] = KEEP(DELAY, 'A'),
                                [NS_A] = KEEP(DELAY, 'A'),
                                [NS_B] = {NUD_DELAY, 'B', 0},
                                [NA_SOL_A] = {NUD_REACHABLE, 'A', 0},
                                [NA_SOL_OVR_B] = {NUD_REACHABLE, 'B', 0},
                                [NA_SOL_B] = KEEP(DELAY, 'A'),
                                [NA_UNSOL_OVR_A] = KEEP(DELAY, 'A'),
                                [NA_UNSOL_OVR_B] = {NUD_STALE, 'B', 0},
                                [NA_UNSOL_B] = KEEP(DELAY, 'A'),
                                [NA_SOL_BARE] = {NUD_REACHABLE, 'A', 0},
                                [NA_UNSOL_BARE] = KEEP(DELAY, 'A'),
                                [TIMEOUT] = {NUD_PROBE, 'A', 'u'},
                                [CONFIRM] = {NUD_REACHABLE, 'A', 0},
                        },
                [NUD_PROBE] =
                        {
                                [SEND] = KEEP(PROBE, 'A'),
                                [NS_A] = KEEP(PROBE, 'A'),
                                [NS_B] = {NUD_DELAY, 'B', 0},
                                [NA_SOL_A] = {NUD_REACHABLE, 'A', 0},
                                [NA_SOL_OVR_B] = {NUD_REACHABLE, 'B', 0},
                                [NA_SOL_B] = KEEP(PROBE, 'A'),
                                [NA_UNSOL_OVR_A] = KEEP(PROBE, 'A'),
                                [NA_UNSOL_OVR_B] = {NUD_STALE, 'B', 0},
                                [NA_UNSOL_B] = KEEP(PROBE, 'A'),
                                [NA_SOL_BARE] = {NUD_REACHABLE, 'A', 0},
                                [NA_UNSOL_BARE] = KEEP(PROBE, 'A'),
                                [TIMEOUT] = {NUD_FAILED, 'A', 'u'},
                                [CONFIRM] = {NUD_FAILED, 'A', 'u'},
                        },
                [NUD_FAILED] =
                        {
                                [SEND] = {NUD_INCOMPLETE, '-', 'm'},
                                [NS_A] = {NUD_DELAY, 'A', 0},
                                [NS_B] = {NUD_DELAY, 'B', 0},
                                [NA_SOL_A] = KEEP(FAILED, '-'),
                                [NA_SOL_OVR_B] = KEEP(FAILED, '-'),
                                [NA_SOL_B] = KEEP(FAILED, '-'),
                                [NA_UNSOL_OVR_A] = KEEP(FAILED, '-'),
                                [NA_UNSOL_OVR_B] = KEEP(FAILED, '-'),
                                [NA_UNSOL_B] = KEEP(FAILED, '-'),
                                [NA_SOL_BARE] = KEEP(FAILED, '-'),
                                [NA_UNSOL_BARE] = KEEP(FAILED, '-'),
                                [TIMEOUT] = KEEP(NONE, '-'),
                                [CONFIRM] = KEEP(NONE, '-'),
                        },
};

struct play {
	struct setup s;
	nanos_t now;
	struct ip6_addr it, us, group;
	struct mac_addr a, b;
};

static void play_init(struct play *p)
{
	setup_init(&p->s);
	p->now = T0;
	p->it = host6(99);
	p->us = p->s.region->address[2].addr;
	p->group = ip6_solicited_node(&p->us);
	p->a = mac(0xa);
	p->b = mac(0xb);
	setup_publish(&p->s);
	setup_adopt(&p->s, p->now);
	setup_until(&p->s, p->now + 30 * SEC); /* what is said of our groups is over */
	p->now += 30 * SEC;
}

static void ns(struct play *p, const struct mac_addr *mac)
{
	setup_ns(&p->s, p->now, P0, &p->it, &p->group, &p->us, mac);
}

static void na(struct play *p, const struct mac_addr *mac, uint8_t flags)
{
	setup_na(&p->s, p->now, P0, &p->it, flags & ND_NA_SOLICITED ? &p->us : &IP6_ALL_NODES, &p->it, mac,
	        flags);
}

static enum nud_state state(const struct play *p)
{
	return setup_state(&p->s, P0, &p->it);
}

/* Lets time pass until the state is another, or nothing is due within ten minutes. */
static void wait_for_change(struct play *p)
{
	enum nud_state was = state(p);
	nanos_t end = p->now + 600 * SEC;

	for (nanos_t next; state(p) == was && (next = neighbor_next_timer(&p->s.n)) <= end;) {
		p->now = MAX(next, p->now);
		setup_until(&p->s, p->now);
	}
}

static void bring_to(struct play *p, enum nud_state to)
{
	switch (to) {
	case NUD_NONE: break;
	case NUD_INCOMPLETE: setup_send(&p->s, p->now, P0, &p->it, 1); break;
	case NUD_FAILED:
		bring_to(p, NUD_INCOMPLETE);
		wait_for_change(p);
		break;
	case NUD_STALE:
		ns(p, &p->b);
		na(p, &p->a, ND_NA_OVERRIDE);
		break;
	case NUD_DELAY:
		bring_to(p, NUD_STALE);
		p->now += 2 * SEC;
		setup_send(&p->s, p->now, P0, &p->it, 1);
		break;
	case NUD_PROBE:
		bring_to(p, NUD_DELAY);
		wait_for_change(p);
		break;
	case NUD_REACHABLE:
		bring_to(p, NUD_STALE);
		na(p, &p->a, ND_NA_SOLICITED);
		break;
	case NUD_STATES: cr_assert(false);
	}
	cr_assert_eq(state(p), to, "state %d instead of %d", state(p), to);
}

static void confirm_event(struct setup *s, nanos_t now, const void *arg)
{
	const struct play *p = arg;

	neighbor_confirm(&s->n, &s->epoch, now, &s->f.burst, P0, &p->it);
}

static void happen(struct play *p, enum event event)
{
	switch (event) {
	case SEND: setup_send(&p->s, p->now, P0, &p->it, 2); break;
	case NS_A: ns(p, &p->a); break;
	case NS_B: ns(p, &p->b); break;
	case NA_SOL_A: na(p, &p->a, ND_NA_SOLICITED); break;
	case NA_SOL_OVR_B: na(p, &p->b, ND_NA_SOLICITED | ND_NA_OVERRIDE); break;
	case NA_SOL_B: na(p, &p->b, ND_NA_SOLICITED); break;
	case NA_UNSOL_OVR_A: na(p, &p->a, ND_NA_OVERRIDE); break;
	case NA_UNSOL_OVR_B: na(p, &p->b, ND_NA_OVERRIDE); break;
	case NA_UNSOL_B: na(p, &p->b, 0); break;
	case NA_SOL_BARE: na(p, NULL, ND_NA_SOLICITED); break;
	case NA_UNSOL_BARE: na(p, NULL, 0); break;
	case CONFIRM:
		p->now += 4 * SEC / 2;
		setup_burst(&p->s, p->now, INPUT_TIMER, confirm_event, p);
		wait_for_change(p);
		break;
	case TIMEOUT: wait_for_change(p); break;
	case EVENTS: break;
	}
}

/* 'u', 'm' or 0: the neighbor solicitations sent. */
static uint8_t solicits(const struct setup *s)
{
	uint32_t i = setup_find_icmp6(s, 0, ICMP6_TYPE_NEIGHBOR_SOLICIT);

	if (i == UINT32_MAX)
		return 0;
	return s->sent[i].frame[0] & 1 ? 'm' : 'u';
}

static void check_case(enum nud_state from, enum event event, bool cut)
{
	const struct want *w = &table[from][event];
	static struct play p;
	struct mac_addr got;

	play_init(&p);
	p.s.cut = cut;
	bring_to(&p, from);
	setup_forget(&p.s);
	happen(&p, event);
	got = setup_mac(&p.s, P0, &p.it);
	cr_assert_eq(
	        state(&p), w->state, "state %d, event %d: %d and not %d", from, event, state(&p), w->state);
	cr_assert(w->mac == '-' || mac_equal(&got, w->mac == 'A' ? &p.a : &p.b), "state %d, event %d: MAC",
	        from, event);
	cr_assert_eq(solicits(&p.s), w->solicits, "state %d, event %d: solicitation %c", from, event,
	        solicits(&p.s));
	setup_free(&p.s);
}

Test(neighbor_states, every_state_beside_every_event)
{
	for (uint32_t from = 0; from < NUD_STATES; from++)
		for (uint32_t event = 0; event < EVENTS; event++)
			check_case((enum nud_state)from, (enum event)event, false);
}

Test(neighbor_states, the_same_with_every_burst_cut_once)
{
	for (uint32_t from = 0; from < NUD_STATES; from++)
		for (uint32_t event = 0; event < EVENTS; event++)
			check_case((enum nud_state)from, (enum event)event, true);
}

Test(neighbor_states, solicitations_are_sent_as_often_as_configured)
{
	static struct play p;
	uint32_t n = 0;

	play_init(&p);
	setup_forget(&p.s);
	bring_to(&p, NUD_INCOMPLETE);
	wait_for_change(&p);
	cr_assert_eq(p.now, T0 + 33 * SEC, "three multicast solicitations, a second apart");
	for (uint32_t i = 0; (i = setup_find_icmp6(&p.s, i, ICMP6_TYPE_NEIGHBOR_SOLICIT)) != UINT32_MAX; i++)
		n++;
	cr_assert_eq(n, 3);
	cr_assert_eq(fixture_stat(&p.s.f, STAT_NEIGH_RES_FAILED), 1);
	setup_free(&p.s);
}

Test(neighbor_states, reachable_lasts_between_half_and_one_and_a_half_of_the_base_and_is_prolonged)
{
	nanos_t least = NANOS_NEVER, most = 0;
	static struct play p;

	play_init(&p);
	for (uint32_t i = 0; i < 200; i++) {
		nanos_t from;

		ns(&p, &p.a);
		na(&p, &p.a, ND_NA_SOLICITED);
		from = p.now;
		if (i % 2) { /* confirmed once more after 10 s: counts from there */
			p.now += 10 * SEC;
			setup_until(&p.s, p.now);
			na(&p, &p.a, ND_NA_SOLICITED);
			from = p.now;
		}
		wait_for_change(&p);
		least = MIN(least, p.now - from);
		most = MAX(most, p.now - from);
	}
	cr_assert(least >= 15 * SEC - MS && least < 17 * SEC);
	cr_assert(most <= 45 * SEC + MS && most > 43 * SEC);
	setup_free(&p.s);
}

Test(neighbor_states, the_router_flag_follows_advertisements)
{
	static struct play p;
	const struct neighbor_entry *e;

	play_init(&p);
	bring_to(&p, NUD_REACHABLE);
	e = neighbor_find(&p.s.n.table, P0, &p.it);
	cr_assert_not(neighbor_link_of(e).flags & NEIGHBOR_ROUTER);
	na(&p, &p.a, ND_NA_SOLICITED | ND_NA_ROUTER);
	cr_assert(neighbor_link_of(e).flags & NEIGHBOR_ROUTER);
	na(&p, &p.b, 0); /* refused: the flag stays */
	cr_assert(neighbor_link_of(e).flags & NEIGHBOR_ROUTER);
	na(&p, &p.a, ND_NA_SOLICITED);
	cr_assert_not(neighbor_link_of(e).flags & NEIGHBOR_ROUTER);
	setup_free(&p.s);
}

Test(neighbor_states, without_solicitations_a_packet_fails_at_once)
{
	static struct play p;
	struct verdict v;

	play_init(&p);
	p.s.region->port[0].mcast_solicit = 0;
	v = setup_send(&p.s, p.now, P0, &p.it, 1);
	cr_assert(v.kind == VERDICT_DROP && v.reason == DROP_NEIGH_FAILED);
	cr_assert_eq(state(&p), NUD_FAILED);
	setup_free(&p.s);
}
