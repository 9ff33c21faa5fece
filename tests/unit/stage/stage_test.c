/* The frame: what it does with packets, and with neighbours that break the protocol. */
#include "tests/unit/stage/relay.h"

#include "common/ring/ring.h"

#include <criterion/criterion.h>

static void one_lane(void)
{
	relay_setup(1);
}

TestSuite(stage, .init = one_lane, .fini = relay_teardown);

static uint64_t sent(void)
{
	static struct account account;

	account_read(&account, &relay.a);
	return account.appliance.sent;
}

Test(stage, carries_packets_to_the_router_and_back_out)
{
	relay.left = 1000;
	relay_settle();
	cr_assert_eq(sent(), 1000);
	cr_assert(relay_sound());
}

Test(stage, takes_no_more_from_a_port_than_the_next_ring_has_room_for)
{
	relay.left = 500;
	relay_step(STAGE_INGEST, 0);
	relay_step(STAGE_INGEST, 0);
	cr_assert_eq(relay.left, 500 - 32, "half of 64 slots");
	cr_assert(relay_sound());
}

/* Whichever stage takes nothing, what comes meanwhile stays in the port. */
Test(stage, takes_no_more_from_a_port_than_all_rings_behind_have_room_for)
{
	static const enum stage_id stages[] = {STAGE_INGEST, STAGE_FILTER, STAGE_ROUTER};

	for (uint32_t idle = 1; idle < ARRAY_LEN(stages); idle++) {
		relay.left = 640;
		for (uint32_t k = 0; k < 100; k++)
			for (uint32_t s = 0; s < ARRAY_LEN(stages); s++)
				if (s != idle)
					relay_step(stages[s], 0);
		cr_assert_eq(relay.left, 640 - 32, "without stage %u", stages[idle]);
		relay_settle();
		cr_assert_eq(sent(), 640 * idle);
	}
	cr_assert(relay_sound());
}

Test(stage, drops_what_finds_no_room_and_says_where)
{
	relay.w[STAGE_INGEST]->n_way =
	        0; /* it does not look behind the filter, as who makes packets does not */
	relay.left = 320;
	for (uint32_t i = 0; i < 10; i++) {
		relay_step(STAGE_INGEST, 0);
		relay_step(STAGE_FILTER, 0); /* the router never takes anything */
	}
	cr_assert_eq(relay_dropped(STAGE_FILTER, DROP_RING_FULL), 320 - 64);
	relay_settle();
	cr_assert_eq(sent(), 64);
	cr_assert(relay_sound());
}

Test(stage, makes_packets_in_spare_buffers_and_goes_without_where_there_are_none)
{
	const struct stat_block *stats;

	relay.router_makes = true;
	relay.left = 30;
	relay_settle();
	cr_assert_eq(sent(), 60);
	relay.w[STAGE_ROUTER]->in[relay.w[STAGE_ROUTER]->spare_in].end.quarantined = true;
	relay.w[STAGE_ROUTER]->spare.n = 0;
	relay.left = 10;
	relay_settle();
	stats = appliance_stats(&relay.a, STAGE_ROUTER);
	cr_assert_eq(sent(), 70);
	cr_assert_eq(stats->v[STAT_NO_BUFFER], 10);
	cr_assert(relay_sound());
}

Test(stage, steers_over_two_lanes_and_brings_buffers_home)
{
	relay_teardown();
	relay_setup(2);
	relay.left = 1000;
	relay_settle();
	cr_assert_eq(sent(), 1000);
	cr_assert(relay_sound());
}

/* Neighbours that break the protocol. */

/* Brings three packets into the ring from filter to router; returns the ring. */
static struct ring_producer_half *three_before_the_router(uint32_t *slots)
{
	relay.left = 3;
	relay_step(STAGE_INGEST, 0);
	relay_step(STAGE_FILTER, 0);
	return relay_ring(RING_RX, STAGE_FILTER, STAGE_ROUTER, slots);
}

Test(stage, counts_a_descriptor_outside_the_pool_and_reads_nothing)
{
	uint32_t slots;
	struct ring_producer_half *ring = three_before_the_router(&slots);
	uint32_t lost = desc_unpack(ring->slots[1]).index.v;

	ring->slots[1] = desc_pack((struct desc){.index = {1u << 30}, .epoch = 1});
	relay_settle();
	cr_assert_eq(relay_dropped(STAGE_ROUTER, DROP_BAD_DESC), 1);
	cr_assert_eq(sent(), 2);
	cr_assert_eq(appliance_status(&relay.a, STAGE_ROUTER)->bad_desc, 1);
	(void)lost; /* the buffer is the neighbour's to lose */
}

Test(stage, drops_a_packet_of_an_epoch_that_is_not_live)
{
	uint32_t slots;
	struct ring_producer_half *ring = three_before_the_router(&slots);
	struct desc d = desc_unpack(ring->slots[0]);

	d.epoch = 77;
	ring->slots[0] = desc_pack(d);
	relay_settle();
	cr_assert_eq(relay_dropped(STAGE_ROUTER, DROP_BAD_EPOCH), 1);
	cr_assert(relay_sound());
}

Test(stage, drops_a_packet_whose_metadata_points_outside_its_buffer)
{
	static const struct pkt bad[] = {
	        {.data_off = PKT_META_BYTES - 1, .len = 60, .total_len = 60},
	        {.data_off = PKT_FRAME_OFF, .len = 60000, .total_len = 60000},
	        {.data_off = UINT16_MAX, .len = 1, .total_len = 1},
	        {.data_off = PKT_FRAME_OFF, .len = 60, .total_len = 60, .l3_off = 61},
	        {.data_off = PKT_FRAME_OFF, .len = 60, .total_len = 60, .l4_off = 65535},
	        {.data_off = PKT_FRAME_OFF, .len = 60, .total_len = 59},
	        {.data_off = PKT_FRAME_OFF, .len = 60, .total_len = 60, .type = PKT_OUTGOING + 1},
	        {.data_off = PKT_FRAME_OFF, .len = 60, .total_len = 60, .csum = 200},
	};
	uint32_t slots;

	for (uint32_t k = 0; k < ARRAY_LEN(bad); k++) {
		struct ring_producer_half *ring = three_before_the_router(&slots);
		uint64_t word = ring->slots[(ring->prod - 2) % slots];

		pkt_store(&relay.a.pool, desc_unpack(word).index, &bad[k]);
		relay_settle();
		cr_assert_eq(relay_dropped(STAGE_ROUTER, DROP_BAD_DESC), k + 1, "case %u", k);
		cr_assert_eq(sent(), 2 * (k + 1));
	}
	cr_assert(relay_sound());
}

Test(stage, drops_a_chain_that_never_ends)
{
	uint32_t slots;
	struct ring_producer_half *ring = three_before_the_router(&slots);

	for (uint32_t i = 0; i < 3; i++) {
		struct desc d = desc_unpack(ring->slots[i]);

		d.flags = DESC_MORE;
		ring->slots[i] = desc_pack(d);
	}
	relay_step(STAGE_ROUTER, 0);
	relay_settle();
	cr_assert_eq(relay_dropped(STAGE_ROUTER, DROP_BAD_DESC), 3);
	cr_assert_eq(sent(), 0);
}

Test(stage, stops_listening_to_a_ring_that_claims_more_than_it_has)
{
	uint32_t slots;
	struct ring_producer_half *ring = three_before_the_router(&slots);

	ring->prod += slots;
	relay_step(STAGE_ROUTER, 0);
	cr_assert_eq(relay_dropped(STAGE_ROUTER, DROP_BAD_DESC), 0);
	cr_assert_eq(sent(), 0);
}

Test(stage, does_not_take_the_same_buffer_home_twice)
{
	uint32_t slots, before;
	struct ring_producer_half *ring;

	relay_settle();
	ring = relay_ring(RING_FREE, STAGE_ROUTER, STAGE_INGEST, &slots);
	before = relay.w[STAGE_INGEST]->stack_height;
	ring->slots[ring->prod % slots] = desc_pack(
	        (struct desc){.index = {relay.w[STAGE_INGEST]->stack[0]}});
	ring->prod++;
	relay_step(STAGE_INGEST, 0);
	cr_assert_eq(relay.w[STAGE_INGEST]->stack_height, before);
	cr_assert_eq(appliance_status(&relay.a, STAGE_INGEST)->bad_desc, 1);
	cr_assert_eq(appliance_status(&relay.a, STAGE_INGEST)->quarantines, 0,
	        "who freed it may have been lied to");
	cr_assert_not(relay.w[STAGE_INGEST]->in[0].end.quarantined);
}

Test(stage, closes_a_free_ring_that_brings_what_is_no_buffer)
{
	uint32_t slots;
	struct ring_producer_half *ring;

	relay_settle();
	ring = relay_ring(RING_FREE, STAGE_ROUTER, STAGE_INGEST, &slots);
	ring->slots[ring->prod % slots] = desc_pack((struct desc){.index = {1u << 30}});
	ring->prod++;
	relay_step(STAGE_INGEST, 0);
	cr_assert_eq(appliance_status(&relay.a, STAGE_INGEST)->quarantines, 1);
}

Test(stage, closes_a_spare_ring_that_brings_what_is_no_buffer_and_counts_it)
{
	uint32_t slots;
	struct ring_producer_half *ring;

	relay_settle();
	ring = relay_ring(RING_SPARE, STAGE_INGEST, STAGE_ROUTER, &slots);
	for (uint32_t i = 0; i < slots; i++)
		ring->slots[i] = desc_pack((struct desc){.index = {1u << 30}});
	relay.w[STAGE_ROUTER]->spare.n = 0;
	relay.left = 1;
	relay_step(STAGE_INGEST, 0);
	relay_step(STAGE_FILTER, 0);
	relay_step(STAGE_ROUTER, 0);
	cr_assert_eq(appliance_status(&relay.a, STAGE_ROUTER)->quarantines, 1);
}

Test(stage, a_packet_sent_twice_does_not_free_its_buffer_twice)
{
	uint32_t slots;
	struct ring_producer_half *ring;

	relay.left = 2;
	relay_step(STAGE_INGEST, 0);
	relay_step(STAGE_FILTER, 0);
	relay_step(STAGE_ROUTER, 0);
	relay_step(STAGE_FILTER, 0);
	ring = relay_ring(RING_TX, STAGE_FILTER, STAGE_INGEST, &slots);
	ring->slots[1] = ring->slots[0];
	relay_settle();
	cr_assert_eq(appliance_status(&relay.a, STAGE_INGEST)->bad_desc, 1);
}

/* Epochs. */

Test(stage, an_epoch_retires_when_nothing_of_it_is_under_way)
{
	relay_settle();
	cr_assert_not(appliance_epoch_retired(&relay.a, 1));
	relay.left = 20;
	relay_step(STAGE_INGEST, 0);
	relay_publish(2);
	for (uint32_t i = 0; i < 5; i++)
		relay_step(STAGE_INGEST, 0);
	cr_assert_not(appliance_epoch_retired(&relay.a, 1), "packets of it stand before the filter");
	relay_settle();
	cr_assert(appliance_epoch_retired(&relay.a, 1));
	cr_assert_eq(sent(), 20);
	cr_assert_eq(relay.epochs_seen[2], 0, "all were stamped with the epoch in force when they came");
	relay.left = 10;
	relay_settle();
	cr_assert_gt(relay.epochs_seen[2], 0);
}

Test(stage, what_only_an_older_epoch_has_goes_when_nothing_of_it_comes_any_more)
{
	relay_settle();
	relay.left = 20;
	relay_step(STAGE_INGEST, 0);
	relay_publish(2);
	for (uint32_t i = 0; i < 5; i++)
		relay_step(STAGE_ROUTER, 0);
	cr_assert_eq(appliance_status(&relay.a, STAGE_ROUTER)->adopted, 2);
	cr_assert_eq(relay.retired, 1, "packets of it stand before the filter");
	relay_settle();
	cr_assert_eq(relay.retired, 2);
}

/* What lane 0 keeps for all is in line with an epoch before packets of it come to any lane. */
Test(stage, other_lanes_take_up_an_epoch_after_lane_0)
{
	relay_teardown();
	relay_setup(2);
	relay_settle();
	relay_publish(2);
	relay.left = 40;
	for (uint32_t lane = 0; lane < 2; lane++) {
		relay_step(STAGE_INGEST, lane);
		relay_step(STAGE_FILTER, lane);
	}
	relay_step(STAGE_FILTER, 1);
	cr_assert_not(relay_step(STAGE_ROUTER, 1));
	cr_assert_eq(relay.epochs_seen[2], 0, "its packets wait");
	relay_step(STAGE_ROUTER, 0);
	cr_assert_eq(relay.epochs_seen[2], 1);
	relay_step(STAGE_ROUTER, 1);
	cr_assert_eq(relay.epochs_seen[2], 2);
	relay_settle();
	cr_assert_eq(sent(), 40);
	cr_assert(relay_sound());
}

Test(stage, a_burst_sees_one_epoch)
{
	relay_settle();
	relay.left = 10;
	relay_step(STAGE_INGEST, 0);
	relay_publish(2);
	relay.left = 10;
	relay_step(STAGE_INGEST, 0);
	relay_settle();
	cr_assert_eq(relay.epochs_seen[1], 1);
	cr_assert_eq(relay.epochs_seen[2], 1);
	cr_assert_eq(sent(), 20);
}

Test(stage, what_a_stage_still_needs_keeps_an_epoch_alive)
{
	relay.pinned = 1;
	relay_settle();
	relay_publish(2);
	relay_settle();
	cr_assert_not(appliance_epoch_retired(&relay.a, 1));
	relay.pinned = 0;
	relay_settle();
	cr_assert(appliance_epoch_retired(&relay.a, 1));
}

Test(stage, an_epoch_that_does_not_pass_its_checks_is_not_taken_up)
{
	struct epoch_header *h = relay.a.map[REGION_EPOCH0];

	relay_settle();
	relay_publish(2);
	h->ports.off = 1u << 30;
	relay.left = 5;
	relay_settle();
	cr_assert_eq(relay.epochs_seen[2], 0);
	cr_assert_eq(sent(), 5);
	cr_assert_eq(appliance_status(&relay.a, STAGE_ROUTER)->adopted, 1);
}

/* Restarts. */

Test(stage, a_worker_started_again_finds_everything)
{
	relay.left = 200;
	for (uint32_t i = 0; i < 3; i++)
		for (uint32_t s = 0; s < STAGE_COUNT; s++)
			relay_step((enum stage_id)s, 0);
	for (uint32_t s = 0; s < STAGE_COUNT; s++) {
		worker_stop(relay.w[s]);
		cr_assert_eq(worker_start(relay.w[s], &relay.a, s), 0);
		cr_assert_not(relay.w[s]->interrupted);
	}
	relay_settle();
	cr_assert_eq(sent(), 200);
	cr_assert(relay_sound());
}

static struct worker *router_dies(int32_t signal)
{
	relay.left = 7;
	relay_step(STAGE_INGEST, 0);
	relay_step(STAGE_FILTER, 0);
	relay.router_dies = true;
	if (sigsetjmp(relay.death, 0) == 0)
		relay_step(STAGE_ROUTER, 0);
	relay.router_dies = false;
	worker_stop(relay.w[STAGE_ROUTER]);
	relay.a.own_fault = signal != 0;
	relay.a.death = (struct box_death){.crash = 5, .signal = signal};
	return relay.w[STAGE_ROUTER];
}

static uint32_t boxed(struct box_head *head)
{
	for (uint32_t slot = 0; slot < BOX_RECORDS; slot++)
		if (box_read(appliance_box(&relay.a, STAGE_ROUTER), slot, head))
			return slot;
	return BOX_RECORDS;
}

Test(stage, who_dies_by_its_own_fault_leaves_in_the_black_box_what_it_had_in_hand)
{
	struct worker *router = router_dies(11);
	struct box_packet p;
	uint8_t bytes[BOX_SNAP];
	struct box_head head;
	uint32_t slot;

	cr_assert_eq(worker_start(router, &relay.a, STAGE_ROUTER), 0);
	slot = boxed(&head);
	cr_assert_neq(slot, BOX_RECORDS);
	cr_assert(head.step == BOX_STEP_RX && head.from == STAGE_FILTER && head.n == 7 && head.have == 7);
	cr_assert(head.ended && head.death.crash == 5 && head.death.signal == 11);
	for (uint32_t k = 0; k < head.have; k++) {
		cr_assert(box_packet(appliance_box(&relay.a, STAGE_ROUTER), slot, &head, k, &p, bytes));
		cr_assert(p.have == 60 && p.pkt.len == 60 && bytes[0] == 0x55 && bytes[59] == 0x55);
	}
	cr_assert_eq(relay_dropped(STAGE_ROUTER, DROP_STAGE_CRASHED), 7);
	relay_settle();
	cr_assert(relay_sound());
}

Test(stage, who_is_killed_leaves_nothing_in_the_black_box)
{
	struct worker *router = router_dies(0);
	struct box_head head;

	cr_assert_eq(worker_start(router, &relay.a, STAGE_ROUTER), 0);
	cr_assert_eq(boxed(&head), BOX_RECORDS);
	cr_assert_eq(relay_dropped(STAGE_ROUTER, DROP_STAGE_CRASHED), 7);
	relay_settle();
	cr_assert(relay_sound());
}

/* Of a lane that was not even in a burst the first alone tells. */
Test(stage, a_death_without_anything_in_hand_is_told_once)
{
	struct box_head head;

	relay_teardown();
	relay_setup(2);
	relay_settle();
	relay.a.own_fault = true;
	for (uint32_t lane = 0; lane < 2; lane++) {
		uint32_t id = plan_worker_id(&relay.a.plan, STAGE_ROUTER, lane);

		worker_stop(relay.w[id]);
		cr_assert_eq(worker_start(relay.w[id], &relay.a, id), 0);
		cr_assert_eq(box_read(appliance_box(&relay.a, id), 1, &head), lane == 0);
	}
	cr_assert(head.step == BOX_STEP_NONE && head.ended && head.n == 0);
}

/* The one before was told, cleared its bell and died before it disarmed. */
Test(stage, a_new_process_does_not_sleep_under_an_arming_that_was_answered)
{
	struct worker *filter = relay.w[STAGE_FILTER], *router = relay.w[STAGE_ROUTER];
	struct worker_in *in = &router->in[0];
	struct worker_out *out;

	for (uint32_t k = 0; router->in[k].peer != STAGE_FILTER; k++)
		in = &router->in[k + 1];
	out = &filter->out[filter->out_of[out_id(OUT_RX, 0).v]];
	ring_arm(&in->end);
	cr_assert(ring_must_wake(&out->end));
	worker_stop(router);
	cr_assert_eq(worker_start(router, &relay.a, STAGE_ROUTER), 0);
	ring_arm(&in->end);
	cr_assert(ring_must_wake(&out->end));
}

/* Ingest sleeps where too much is under way; what a stage keeps is no longer, and comes back by no ring. */
Test(stage, who_keeps_packets_wakes_a_port_that_waits_for_room)
{
	struct worker *ingest = relay.w[STAGE_INGEST], *router = relay.w[STAGE_ROUTER];

	relay.router_holds = true;
	relay.left = 20;
	appliance_control(&relay.a)->in_flight = 10;
	relay_step(STAGE_INGEST, 0);
	relay_step(STAGE_FILTER, 0);
	cr_assert_eq(relay.left, 10);
	cr_assert_not(worker_has_work(ingest, 1));
	for (uint32_t k = 0; k < ingest->n_in; k++)
		ring_arm(&ingest->in[k].end);
	relay.a.bell[STAGE_INGEST].mark = 0;
	router->fused = false;
	cr_assert(relay_step(STAGE_ROUTER, 0));
	cr_assert_not(relay_step(STAGE_ROUTER, 0), "with nothing more to do it wakes whoever waits");
	cr_expect(relay.a.bell[STAGE_INGEST].mark);
	cr_assert(relay_step(STAGE_INGEST, 0));
	cr_expect_eq(relay.left, 0);
}

Test(plan, refuses_impossible_parameters)
{
	static const struct stage_params bad[] = {
	        {.lanes = 0, .buffers = 1024, .ring_slots = 64},
	        {.lanes = 9, .buffers = 9 * 1024, .ring_slots = 64},
	        {.lanes = 1, .buffers = 1000, .ring_slots = 64},
	        {.lanes = 2, .buffers = 1025, .ring_slots = 64},
	        {.lanes = 1, .buffers = 32, .ring_slots = 64},
	        {.lanes = 1, .buffers = 1024, .ring_slots = 100},
	};
	static struct plan plan;
	const struct stage_ops *ops[STAGE_COUNT];

	relay_setup(1);
	memcpy(ops, relay.a.ops, sizeof ops);
	for (uint32_t k = 0; k < ARRAY_LEN(bad); k++)
		cr_assert_eq(plan_make(&plan, &bad[k], ops), -EINVAL, "case %u", k);
	relay_teardown();
}

Test(plan, has_room_for_the_most_lanes)
{
	static struct plan plan;
	struct stage_params params = {.lanes = LANES_MAX, .buffers = LANES_MAX * 1024, .ring_slots = 64};

	relay_setup(1);
	cr_assert_eq(plan_make(&plan, &params, relay.a.ops), 0);
	relay_teardown();
}
