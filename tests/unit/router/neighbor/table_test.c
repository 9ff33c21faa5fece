/* The table's bounds (RFC 6583), garbage collection, groups and broadcast, adoption, and readers in other
 * lanes. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>

#include "common/wire/arp.h"
#include "common/wire/nd.h"
#include "tests/unit/router/neighbor/setup.h"

static struct setup s;

static void begin(void)
{
	setup_init(&s);
	setup_adopt(&s, T0);
	setup_until(&s, T0 + 100 * SEC);
	setup_forget(&s);
}

#define NOW (T0 + 100 * SEC)

static void resolve(uint32_t i, nanos_t now)
{
	struct ip6_addr addr = host6(i), us = s.region->address[2].addr;
	struct mac_addr m = mac(i);

	setup_send(&s, now, P0, &addr, i);
	setup_na(&s, now, P0, &addr, &us, &addr, &m, ND_NA_SOLICITED | ND_NA_OVERRIDE);
	cr_assert_eq(setup_state(&s, P0, &addr), NUD_REACHABLE);
	setup_forget(&s);
}

static uint32_t count(enum neighbor_list list)
{
	return s.n.header->count[list];
}

Test(neighbor_table, a_scan_of_empty_addresses_does_not_push_out_who_answers)
{
	nanos_t now = NOW;

	begin();
	for (uint32_t i = 0; i < 500; i++)
		resolve(i, now += 5 * MS);
	for (uint32_t i = 0; i < 100000; i++) {
		struct ip6_addr random = host6(0x10000000 + i * 7919);

		now += 10000;         /* 100,000 a second */
		s.unchecked = i % 64; /* what is inconsistent once stays so */
		if (neighbor_next_timer(&s.n) <= now)
			setup_until(&s, now);
		setup_send(&s, now, P0, &random, i);
		setup_forget(&s);
		cr_assert_leq(count(LIST_INCOMPLETE) + count(LIST_FAILED), 256u);
	}
	s.unchecked = false;
	cr_assert_gt(fixture_stat(&s.f, STAT_NEIGH_TABLE_FULLS), 90000u, "resolutions are limited");
	for (uint32_t i = 0; i < 500; i++) {
		struct ip6_addr addr = host6(i);
		struct verdict v = setup_send(&s, now, P0, &addr, i);

		cr_assert_eq(v.kind, VERDICT_PASS, "neighbor %u was pushed out", i);
	}
	setup_free(&s);
}

Test(neighbor_table, a_full_table_of_neighbors_in_use_keeps_them_all)
{
	struct ip6_addr other = host6(5000);
	struct verdict v;
	nanos_t now = NOW;

	begin();
	for (uint32_t i = 0; i < 1024; i++)
		resolve(i, now += 5 * MS);
	v = setup_send(&s, now, P0, &other, 1);
	cr_assert(v.kind == VERDICT_DROP && v.reason == DROP_NEIGH_CREATEFAIL);
	cr_assert_eq(count(LIST_ACTIVE), 1024);
	setup_free(&s);
}

Test(neighbor_table, a_full_table_gives_up_the_longest_unused)
{
	struct ip6_addr us, other = host6(5000);
	nanos_t now = NOW;
	struct verdict v;

	begin();
	us = s.region->address[2].addr;
	for (uint32_t i = 0; i < 1024; i++)
		resolve(i, now += 5 * MS);
	for (uint32_t i = 0; i < 3; i++) { /* 700, 701, 702 turn stale in this order */
		struct ip6_addr addr = host6(700 + i);
		struct mac_addr m = mac(9000 + i);

		setup_na(&s, now, P0, &addr, &IP6_ALL_NODES, &addr, &m, ND_NA_OVERRIDE);
		cr_assert_eq(setup_state(&s, P0, &addr), NUD_STALE);
		now += SEC;
	}
	v = setup_send(&s, now, P0, &other, 1);
	cr_assert_eq(v.reason, DROP_NEIGH_CREATEFAIL, "what changed a moment ago is not evicted");
	now += 4 * SEC;
	s.cut = true;
	v = setup_send(&s, now, P0, &other, 1);
	cr_assert_eq(v.kind, VERDICT_HELD);
	for (uint32_t i = 0; i < 3; i++) {
		struct ip6_addr addr = host6(700 + i);

		cr_assert_eq(setup_state(&s, P0, &addr), i == 0 ? NUD_NONE : NUD_STALE);
	}
	cr_assert_eq(fixture_stat(&s.f, STAT_NEIGH_FORCED_GC_RUNS), 1);
	/* The next evicts the unresolved one before a second neighbor that has answered. */
	setup_forget(&s);
	for (uint32_t i = 1; i < 50; i++) {
		other = host6(5000 + i);
		v = setup_send(&s, now, P0, &other, 1);
		cr_assert_eq(v.kind, VERDICT_HELD);
	}
	cr_assert_eq(setup_count(&s, VERDICT_DROP, DROP_NEIGH_DEAD), 49);
	cr_assert_eq(count(LIST_STALE), 2);
	(void)us;
	setup_free(&s);
}

Test(neighbor_table, what_is_not_used_goes_after_its_time)
{
	nanos_t now = NOW;

	begin();
	for (uint32_t i = 0; i < 100; i++)
		resolve(i, now);
	setup_until(&s, now + (45 + 60) * SEC + SEC);
	for (uint32_t list = 0; list < NEIGHBOR_LISTS; list++)
		cr_assert_eq(count((enum neighbor_list)list), 0);
	cr_assert_eq(fixture_stat(&s.f, STAT_NEIGH_DESTROYS), fixture_stat(&s.f, STAT_NEIGH_ALLOCS));
	cr_assert_eq(neighbor_next_timer(&s.n), NANOS_NEVER, "idle costs nothing");
	setup_free(&s);
}

static void expect_mac(const struct ip6_addr *to, struct mac_addr want)
{
	struct verdict v = setup_send(&s, NOW, P0, to, 1);

	cr_assert_eq(v.kind, VERDICT_PASS);
	cr_assert_eq(memcmp(s.f.burst.frame[0], &want, sizeof want), 0);
	cr_assert_eq(count(LIST_INCOMPLETE), 0);
}

Test(neighbor_table, groups_and_broadcast_need_no_neighbor)
{
	struct ip6_addr group6 = {.b = {0xff, 0x05, [12] = 1, [13] = 2, [14] = 3, [15] = 4}};
	struct ip6_addr group4 = mapped(0xe1828384), all = mapped(0xffffffff), subnet = mapped(0x0a0000ff);

	begin();
	expect_mac(&group6, (struct mac_addr){{0x33, 0x33, 1, 2, 3, 4}});
	expect_mac(&group4, (struct mac_addr){{0x01, 0x00, 0x5e, 0x02, 0x83, 0x84}});
	expect_mac(&all, MAC_BROADCAST);
	expect_mac(&subnet, MAC_BROADCAST);
	setup_free(&s);
}

Test(neighbor_table, a_port_without_a_link_takes_nothing)
{
	struct ip6_addr to = host6(1);
	struct port_id none = {77};

	begin();
	cr_assert_eq(setup_send(&s, NOW, P_DOWN, &to, 1).reason, DROP_PORT_DOWN);
	cr_assert_eq(setup_send(&s, NOW, P_LO, &to, 1).reason, DROP_PORT_DOWN);
	cr_assert_eq(setup_send(&s, NOW, none, &to, 1).reason, DROP_PORT_DOWN);
	setup_free(&s);
}

static void no_room_event(struct setup *x, nanos_t now, const void *arg)
{
	struct burst *b = &x->f.burst;
	uint8_t frame[20] = {0x45};
	uint32_t i = fixture_add(&x->f, frame, sizeof frame, P1);

	b->pkt[i].out = P0;
	b->pkt[i].ethertype = ETHER_TYPE_IPV4;
	b->pkt[i].data_off = PKT_META_BYTES + 3;
	b->frame[i] = pool_buffer(&x->f.pool, b->index[i]) + b->pkt[i].data_off;
	neighbor_output(&x->n, &x->epoch, now, b, burst_ref(b, i), arg);
	cr_assert(b->verdict[i].kind == VERDICT_DROP && b->verdict[i].reason == DROP_BAD_DESC);
}

Test(neighbor_table, no_room_for_a_header_ends_the_packet)
{
	struct ip6_addr to = host6(1);

	begin();
	resolve(1, NOW);
	setup_burst(&s, NOW, INPUT_RX, no_room_event, &to);
	setup_free(&s);
}

/* --- adoption --- */

static void permanent(uint32_t i, uint32_t m)
{
	s.region->neighbor[s.region->h.neighbors.count++] = (struct epoch_neighbor){host6(i), mac(m), P0, 0};
}

/* To neighbor i: the last byte of the MAC that it goes to; 0: it waits. */
static uint8_t goes_to(const struct epoch *epoch, uint32_t i, nanos_t now)
{
	struct ip6_addr addr = host6(i);
	struct epoch newest = s.epoch;
	struct verdict v;

	s.epoch = *epoch;
	v = setup_send(&s, now, P0, &addr, i);
	s.epoch = newest;
	cr_assert(v.kind == VERDICT_PASS || v.kind == VERDICT_HELD, "to %u: %u", i, v.reason);
	return v.kind == VERDICT_HELD ? 0 : s.f.burst.frame[0][5];
}

/* The epoch as it is now, for packets that still bear it when the region has become another. */
static struct epoch keep_epoch(void *copy[1])
{
	struct epoch older;

	cr_assert_eq(epoch_copy(s.region, sizeof *s.region, copy, &older), 0);
	return older;
}

Test(neighbor_adopt, a_packet_finds_the_given_neighbors_of_its_own_epoch)
{
	struct epoch older;
	void *copy;

	begin();
	s.cut = true;
	resolve(3, NOW);
	permanent(1, 1);
	permanent(2, 2);
	permanent(5, 5);
	setup_publish(&s);
	setup_adopt(&s, NOW);
	older = keep_epoch(&copy);
	s.region->h.neighbors.count = 0;
	permanent(1, 11);
	permanent(3, 33);
	setup_publish(&s);
	cr_assert_eq(goes_to(&older, 2, NOW), 2);
	setup_take_up(&s, NOW);
	cr_assert_eq(goes_to(&older, 1, NOW), 1);
	cr_assert_eq(goes_to(&older, 2, NOW), 2, "the newest has it no longer");
	cr_assert_eq(goes_to(&older, 3, NOW), 3, "as it was learnt");
	cr_assert_eq(goes_to(&s.epoch, 1, NOW), 11);
	cr_assert_eq(goes_to(&s.epoch, 3, NOW), 33);
	cr_assert_eq(goes_to(&s.epoch, 2, NOW), 0, "is resolved");
	cr_assert_eq(goes_to(&older, 2, NOW), 2, "though others wait for it");
	setup_retire(&s, NOW);
	cr_assert_eq(goes_to(&s.epoch, 1, NOW), 11);
	cr_assert_eq(goes_to(&s.epoch, 5, NOW), 0);
	setup_until(&s, NOW + 10000 * SEC);
	cr_assert_eq(goes_to(&s.epoch, 1, NOW + 10000 * SEC), 11, "for ever");
	free(copy);
	setup_free(&s);
}

static void expect_answer_to(uint32_t m)
{
	uint32_t i = setup_find_icmp6(&s, 0, ICMP6_TYPE_NEIGHBOR_ADVERT);
	struct mac_addr want = mac(m);

	cr_assert_neq(i, UINT32_MAX, "no answer");
	cr_expect_eq(memcmp(s.sent[i].frame, &want, sizeof want), 0);
	setup_forget(&s);
}

/* The table has no entry of it. */
Test(neighbor_adopt, a_given_neighbor_that_asks_a_group_without_a_mac_is_answered)
{
	struct ip6_addr addr = host6(1), us, group, anycast;

	begin();
	us = s.region->address[2].addr;
	group = ip6_solicited_node(&us);
	permanent(1, 1);
	setup_publish(&s);
	setup_adopt(&s, T0);
	setup_until(&s, NOW);
	setup_forget(&s);
	cr_assert_eq(setup_ns(&s, NOW, P0, &addr, &group, &us, NULL).kind, VERDICT_DELIVERED);
	expect_answer_to(1);
	cr_assert(epoch_anycast(&s.epoch, &s.region->address[2], &anycast));
	group = ip6_solicited_node(&anycast);
	cr_assert_eq(setup_ns(&s, NOW, P0, &addr, &group, &anycast, NULL).kind, VERDICT_DELIVERED);
	expect_answer_to(1);
	setup_free(&s);
}

Test(neighbor_adopt, what_is_heard_of_a_given_neighbor_changes_nothing)
{
	struct ip6_addr addr = host6(1), us;
	struct mac_addr other = mac(9);

	begin();
	us = s.region->address[2].addr;
	permanent(1, 1);
	setup_publish(&s);
	setup_adopt(&s, NOW);
	setup_na(&s, NOW, P0, &addr, &us, &addr, &other, ND_NA_SOLICITED | ND_NA_OVERRIDE);
	setup_ns(&s, NOW, P0, &addr, &us, &us, &other);
	cr_assert_eq(goes_to(&s.epoch, 1, NOW), 1);
	s.region->h.neighbors.count = 0;
	setup_publish(&s);
	setup_adopt(&s, NOW);
	cr_assert_eq(goes_to(&s.epoch, 1, NOW), 9, "but is known when it is given no longer");
	setup_free(&s);
}

Test(neighbor_adopt, no_packet_goes_to_a_given_neighbor_on_a_port_that_is_down)
{
	struct ip6_addr addr = host6(3);
	struct verdict v;

	begin();
	s.region->neighbor[s.region->h.neighbors.count++] = (struct epoch_neighbor){addr, mac(3), P_DOWN, 0};
	setup_publish(&s);
	setup_adopt(&s, NOW);
	v = setup_send(&s, NOW, P_DOWN, &addr, 1);
	cr_assert(v.kind == VERDICT_DROP && v.reason == DROP_PORT_DOWN);
	setup_free(&s);
}

/* All that an epoch takes away is there for packets of the one before until these are through. */
Test(neighbor_adopt, what_goes_lasts_until_the_epoch_before_is_retired)
{
	struct ip6_addr group = mapped(0xefffff01);
	struct epoch older;
	void *copy;

	begin();
	s.cut = true;
	s.region->group[0] = group;
	s.region->port[0].groups.count = 1;
	setup_publish(&s);
	setup_adopt(&s, NOW);
	resolve(1, NOW);
	older = keep_epoch(&copy);
	s.region->port[0].flags &= (uint16_t)~EPOCH_PORT_UP;
	s.region->port[0].groups.count = 0;
	setup_publish(&s);
	setup_take_up(&s, NOW);
	cr_assert_eq(goes_to(&older, 1, NOW), 1);
	cr_assert(neighbor_group_joined(&s.n.table, P0, &group));
	cr_assert_neq(address_find(&s.n.table, P0, &s.region->address[0].addr), NEIGHBOR_NONE);
	setup_retire(&s, NOW);
	cr_assert_not(neighbor_group_joined(&s.n.table, P0, &group));
	free(copy);
	setup_free(&s);
}

Test(neighbor_adopt, the_same_epoch_again_changes_nothing)
{
	begin();
	permanent(1, 1);
	setup_publish(&s);
	setup_adopt(&s, NOW);
	setup_until(&s, NOW + 50 * SEC);
	memcpy(s.before, s.f.state, s.f.journal.state_bytes);
	setup_forget(&s);
	setup_adopt(&s, NOW + 60 * SEC);
	cr_assert_eq(memcmp(s.before, s.f.state, s.f.journal.state_bytes), 0);
	cr_assert_eq(s.n_sent, 0);
	setup_free(&s);
}

Test(neighbor_adopt, entries_of_a_port_that_went_down_go_with_what_waits)
{
	struct ip6_addr one, waits = host6(2);

	begin();
	one = host6(1);
	resolve(1, NOW);
	setup_send(&s, NOW, P0, &waits, 1);
	s.region->port[0].flags &= (uint16_t)~EPOCH_PORT_UP;
	setup_publish(&s);
	s.cut = true;
	setup_forget(&s);
	setup_adopt(&s, NOW);
	cr_assert_eq(setup_state(&s, P0, &one), NUD_NONE);
	cr_assert_eq(setup_state(&s, P0, &waits), NUD_NONE);
	cr_assert_eq(setup_count(&s, VERDICT_DROP, DROP_NEIGH_DEAD), 1);
	setup_free(&s);
}

Test(neighbor_adopt, a_timer_that_comes_before_it_finds_the_port_gone)
{
	struct ip6_addr one;

	begin();
	one = host6(1);
	resolve(1, NOW);
	s.region->port[0].flags &= (uint16_t)~EPOCH_PORT_UP;
	setup_until(&s, NOW + 50 * SEC);
	cr_assert_eq(setup_state(&s, P0, &one), NUD_NONE);
	setup_free(&s);
}

/* --- readers in other lanes --- */

#define HOSTS 4u

struct reader {
	struct neighbor_table table;
	bool stop;
	uint64_t found, wrong;
};

/* MACs follow from addresses: whoever finds one of another address has read a torn entry. */
static void *read_all(void *arg)
{
	struct reader *r = arg;

	while (!__atomic_load_n(&r->stop, __ATOMIC_RELAXED))
		for (uint32_t i = 0; i < HOSTS; i++) {
			struct ip6_addr addr = host6(i);
			const struct neighbor_entry *e = neighbor_find(&r->table, P0, &addr);
			struct mac_addr m, want = mac(i);

			if (!e || !neighbor_usable(e, P0, &addr, &m))
				continue;
			__atomic_fetch_add(&r->found, 1, __ATOMIC_RELAXED);
			r->wrong += !mac_equal(&m, &want);
		}
	return NULL;
}

/* In one burst the slot becomes neighbor i, in the next it is free again; some bursts die. */
static void reuse_slot(uint32_t i, nanos_t now, bool die)
{
	struct neighbor_call c = neighbor_call_alone(&s.n, &s.epoch, now, &s.f.burst);
	struct ip6_addr addr = host6(i);
	struct mac_addr m = mac(i);

	for (uint32_t step = 0; step < 2; step++) {
		uint32_t slot = entry_find(&s.n, P0, &addr);

		journal_open(&s.f.journal, 0, 0, 0);
		if (slot == NEIGHBOR_NONE)
			nud_event_send(&c, nud_event_ns(&c, P0, &addr, &m, UPDATE_OVERRIDE));
		else
			cr_assert(entry_remove(&c, slot, DROP_NEIGH_DEAD));
		if (die && step == 0) {
			fixture_cut(&s.f);
			return;
		}
		journal_commit(&s.f.journal);
	}
}

Test(neighbor_table, readers_in_other_lanes_never_get_another_neighbors_mac)
{
	struct reader r = {0};
	pthread_t thread;
	uint64_t random = 3;
	nanos_t now = NOW;

	begin();
	s.n.free_mask = 0; /* all take the same slot */
	neighbor_table_attach(&r.table, s.f.state, &s.f.params);
	fixture_begin(&s.f, INPUT_TIMER, now);
	cr_assert_eq(pthread_create(&thread, NULL, read_all, &r), 0);
	for (uint32_t i = 0; i < 400000 || !__atomic_load_n(&r.found, __ATOMIC_RELAXED); i++)
		reuse_slot(random_next(&random) % HOSTS, now += 1000, i % 8 == 0);
	__atomic_store_n(&r.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	cr_assert_eq(r.wrong, 0, "%lu of %lu", (unsigned long)r.wrong, (unsigned long)r.found);
	cr_assert_gt(r.found, 0u);
	setup_free(&s);
}
