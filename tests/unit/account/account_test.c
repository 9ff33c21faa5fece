/* The account: that it balances where all is well, and says what is wrong where it is not. */
#include "tests/unit/journal/restless.h"
#include "tests/unit/stage/relay.h"

#include "common/ring/ring.h"

#include <criterion/criterion.h>

static struct account account;
static struct account_buffers buffers;

static void two_lanes(void)
{
	relay_setup(2);
}

TestSuite(account, .init = two_lanes, .fini = relay_teardown, .timeout = 280);

static int count_buffers(void)
{
	const void *stage[WORKERS_MAX] = {0};

	return account_count_buffers(&buffers, &relay.a, stage);
}

/* The record in force of a worker, to be spoilt. */
static struct record *record_of(enum stage_id stage, uint32_t lane)
{
	struct journal_shared *j = appliance_journal(&relay.a, plan_worker_id(&relay.a.plan, stage, lane));

	return &j->record[j->epoch & 1];
}

static const struct ring_plan *ring_between(enum ring_role role, enum stage_id from, enum stage_id to)
{
	for (uint32_t k = 0; k < relay.a.plan.n_rings; k++) {
		const struct ring_plan *r = &relay.a.plan.ring[k];

		if (r->role == role && r->from == plan_worker_id(&relay.a.plan, from, 0) &&
		        r->to == plan_worker_id(&relay.a.plan, to, 0))
			return r;
	}
	cr_assert_fail("no such ring");
	return NULL;
}

/* What the sums are made of, added up once more in the plainest way. */
static void expect_sums(void)
{
	struct account_terms all = {0};

	for (uint32_t s = 0; s < STAGE_COUNT; s++)
		all.queued += account.stage[s].queued;
	cr_expect_eq(all.queued, account.in_rings);
	cr_expect_eq(account.appliance.queued, account.in_rings);
	for (uint32_t id = 0; id < relay.a.plan.n_workers; id++) {
		all.received += account.worker[id].received;
		all.sent += account.worker[id].sent;
		all.generated += account.worker[id].generated;
		all.dropped += account.worker[id].dropped;
		all.held += account.worker[id].held;
		all.by_reason[DROP_RING_FULL] += account.worker[id].by_reason[DROP_RING_FULL];
	}
	cr_expect_eq(account.appliance.received, all.received);
	cr_expect_eq(account.appliance.sent, all.sent);
	cr_expect_eq(account.appliance.generated, all.generated);
	cr_expect_eq(account.appliance.dropped, all.dropped);
	cr_expect_eq(account.appliance.held, all.held + account.in_rings);
	cr_expect_eq(account.appliance.by_reason[DROP_RING_FULL], all.by_reason[DROP_RING_FULL]);
}

static void expect_balance(void)
{
	account_read(&account, &relay.a);
	for (uint32_t id = 0; id < relay.a.plan.n_workers; id++)
		cr_expect_eq(account.worker[id].balance, 0, "worker %u", id);
	for (uint32_t s = 0; s < STAGE_COUNT; s++)
		cr_expect_eq(account.stage[s].balance, 0, "stage %u", s);
	cr_expect_eq(account.appliance.balance, 0);
	cr_expect_eq(account.rings_off, 0);
	cr_expect_eq(account.unread, 0);
	expect_sums();
}

Test(account, balances_at_every_commit_on_the_way)
{
	uint64_t random = 5;

	relay.router_makes = true;
	for (uint32_t i = 0; i < 400; i++) {
		relay.left += i % 8 == 0 ? 90 : 0;
		relay_step((enum stage_id)(random_next(&random) >> 20) % STAGE_COUNT, i & 1);
		expect_balance();
		cr_assert_eq(count_buffers(), 0);
		cr_assert_eq(buffers.lost + buffers.twice, 0, "step %u", i);
		cr_assert_eq(buffers.free + buffers.spare + buffers.ring + buffers.held,
		        relay.a.plan.params.buffers);
	}
	cr_expect_gt(account.appliance.generated, 100);
	cr_expect_gt(account.in_rings, 0, "nothing was on the way at the end");
}

Test(account, says_where_packets_are_that_are_under_way)
{
	relay.left = 7;
	relay_step(STAGE_INGEST, 0);
	account_read(&account, &relay.a);
	cr_expect_eq(account.appliance.received, 7);
	cr_expect_eq(account.port_in[0], 7);
	cr_expect_eq(account.in_rings, 7);
	cr_expect_eq(account.appliance.held, 7);
	relay_settle();
	account_read(&account, &relay.a);
	cr_expect_eq(account.port_out[0], 7);
	cr_expect_eq(account.appliance.sent, 7);
	cr_expect_eq(account.in_rings, 0);
}

Test(account, a_packet_of_several_buffers_is_one)
{
	uint32_t slots;
	struct ring_producer_half *ring;
	const struct ring_plan *plan = ring_between(RING_RX, STAGE_INGEST, STAGE_FILTER);

	relay.left = 4;
	relay_step(STAGE_INGEST, 0);
	ring = relay_ring(RING_RX, STAGE_INGEST, STAGE_FILTER, &slots);
	cr_assert_geq(ring->prod, 2);
	ring->slots[0] |= desc_pack((struct desc){.flags = DESC_MORE});
	record_of(STAGE_INGEST, 0)->packets[plan->from_link]--;
	account_read(&account, &relay.a);
	cr_expect_eq(account.rings_off, 0);
	cr_expect_eq(account.in_rings, 3);
}

Test(account, a_packet_that_vanishes_shows_at_its_worker_and_its_ring)
{
	const struct ring_plan *plan = ring_between(RING_RX, STAGE_FILTER, STAGE_ROUTER);

	relay.left = 10;
	relay_settle();
	record_of(STAGE_ROUTER, 0)->packets[plan->to_link]--;
	account_read(&account, &relay.a);
	cr_expect_eq(account.worker[plan->to].balance, -1);
	cr_expect_eq(account.stage[STAGE_ROUTER].balance, -1);
	cr_expect_eq(account.rings_off, 1);
	record_of(STAGE_ROUTER, 0)->packets[plan->to_link]++;
	record_of(STAGE_SESSION, 1)->sum[SUM_DROPPED]++;
	account_read(&account, &relay.a);
	cr_expect_eq(account.stage[STAGE_SESSION].balance, -1);
	cr_expect_eq(account.appliance.balance, -1);
	cr_expect_eq(account.rings_off, 0);
}

Test(account, buffers_that_are_lost_or_in_two_places_are_named)
{
	uint32_t slots, gone;
	struct ring_producer_half *ring;

	relay_settle();
	cr_assert_eq(count_buffers(), 0);
	cr_expect_eq(buffers.lost + buffers.twice + buffers.ring + buffers.held, 0);
	cr_expect_gt(buffers.spare, 0);
	relay.left = 2;
	relay_step(STAGE_INGEST, 0);
	ring = relay_ring(RING_RX, STAGE_INGEST, STAGE_FILTER, &slots);
	gone = desc_unpack(ring->slots[0]).index.v;
	ring->slots[0] = desc_pack((struct desc){.index = {relay.w[STAGE_INGEST]->stack[0]}});
	cr_assert_eq(count_buffers(), 0);
	cr_expect_eq(buffers.lost, 1);
	cr_expect_eq(buffers.first_lost, gone);
	cr_expect_eq(buffers.twice, 1);
	cr_expect_eq(buffers.first_twice, relay.w[STAGE_INGEST]->stack[0]);
	ring->slots[0] = desc_pack((struct desc){.index = {1u << 30}});
	cr_assert_eq(count_buffers(), 0);
	cr_expect_eq(buffers.lost, 1, "an impossible number is no buffer");
	cr_expect_eq(buffers.twice, 0);
}

/* A stage may write anything into its own record: reading ends, and stays inside the memory. */
Test(account, a_hostile_record_is_read_without_harm)
{
	uint64_t random = 77;

	relay.left = 100;
	relay_settle();
	for (uint32_t i = 0; i < 200; i++) {
		uint64_t *words = (uint64_t *)record_of((enum stage_id)(i % STAGE_COUNT), i / 4 % 2);

		for (uint32_t k = 0; k < 20; k++)
			words[(random_next(&random) >> 8) % (sizeof(struct record) / 8)] = random_next(
			        &random);
		account_read(&account, &relay.a);
		cr_assert_eq(count_buffers(), 0);
	}
	cr_expect_neq(account.appliance.balance, 0);
}

Test(account, a_worker_that_never_holds_still_is_counted_and_left_out)
{
	uint32_t id = plan_worker_id(&relay.a.plan, STAGE_SESSION, 0);

	relay.left = 100;
	relay_settle();
	restless = appliance_journal(&relay.a, id);
	account_read(&account, &relay.a);
	cr_expect_eq(account.unread, 1);
	cr_expect_eq(account.worker[id].bursts, 0);
	cr_expect_eq(account.appliance.sent, 100, "the others are read");
	cr_expect_eq(count_buffers(), -EBUSY);
	restless = NULL;
}
