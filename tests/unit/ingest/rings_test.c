/* Live ports in ingest: the opener's words, the ledger, NAPI, over a TAP whose other end is a socket of the
 * test. */
#include "common/stage/poll_stats.h"
#include "services/ingest/grants.h"
#include "services/ingest/ingest_internal.h"
#include "tests/unit/ingest/lab.h"

#include <criterion/criterion.h>
#include <sys/socket.h>
#include <unistd.h>

static struct lab lab;
static int far = -1; /* the test's end */

static void teardown(void)
{
	lab_free(&lab);
	grants_forget();
	if (far >= 0)
		close(far);
}

static void setup(void)
{
	lab_init(&lab, 1);
	lab_port(&lab, 0, EPOCH_DRIVER_TAP, "interface=t0;poll.weight=4");
}

TestSuite(ingest_live, .init = setup, .fini = teardown);

static struct grant word(enum grant_what what, uint64_t incarnation)
{
	return (struct grant){
	        .magic = GRANT_MAGIC,
	        .what = (uint16_t)what,
	        .driver = EPOCH_DRIVER_TAP,
	        .incarnation = incarnation,
	        .queues = 1,
	        .n_fds = what == GRANT_OPEN,
	        .link = what == GRANT_OPEN,
	        .reason = "as the test wants it",
	};
}

static void say(enum grant_what what, uint64_t incarnation)
{
	struct grant g = word(what, incarnation);
	const char *wrong;
	int pair[2] = {-1, -1};

	if (what == GRANT_OPEN) {
		cr_assert_eq(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, pair), 0);
		if (far >= 0)
			close(far);
		far = pair[1];
	}
	cr_assert_eq(ingest_grant(&g, sizeof g, pair, g.n_fds, &wrong), 0);
}

/* What is due until nothing is. */
static void settle(nanos_t now)
{
	for (uint32_t k = 0; k < 50 && ingest_stage.next_timer(lab.worker) <= now; k++) {
		lab_timer(&lab, now);
		lab_end(&lab);
		ingest_stage.port_apply(lab.worker);
	}
	cr_assert_gt(ingest_stage.next_timer(lab.worker), now);
}

static const struct ingest *ingest(void)
{
	return lab.worker;
}

static void send_in(uint32_t from, uint32_t n)
{
	uint8_t frame[64];

	for (uint32_t i = 0; i < n; i++) {
		make_frame(frame, sizeof frame, from + i);
		cr_assert_eq(write(far, frame, sizeof frame), sizeof frame);
	}
}

static void send_out(uint32_t n, nanos_t now)
{
	uint8_t frame[64];

	lab_begin_tx(&lab, now);
	for (uint32_t i = 0; i < n; i++) {
		make_frame(frame, sizeof frame, i + 1);
		lab_add(&lab, frame, sizeof frame, 0);
	}
	lab_send(&lab, now);
}

Test(ingest_live, waits_for_its_opener_and_opens_when_it_speaks)
{
	lab_adopt(&lab, 1);
	cr_assert_str_eq(ingest_port_error(lab.worker, (struct port_id){0}), "it waits for its opener");
	say(GRANT_OPEN, 3);
	settle(2);
	cr_assert_null(ingest_port_error(lab.worker, (struct port_id){0}));
	cr_assert_eq(ingest()->unseen.port[0].state, POLL_PORT_UP);
	send_in(1, 3);
	cr_assert_eq(lab_receive(&lab, 3, 64), 3);
	cr_assert_eq(frame_number(lab.f.burst.frame[2]), 3);
	lab_end(&lab);
	cr_assert_eq(ingest()->unseen.port[0].rx_packets, 3);
}

Test(ingest_live, sends_behind_the_commit_and_says_what_has_been_sent)
{
	struct pkt_index index[8];
	struct port_id port;
	uint8_t got[128];

	say(GRANT_OPEN, 3);
	lab_adopt(&lab, 1);
	settle(1);
	send_out(2, 2);
	cr_assert_eq(lab.f.burst.verdict[1].kind, VERDICT_DRIVER);
	cr_assert_lt(read(far, got, sizeof got), 0, "not before the commit");
	lab_end(&lab);
	ingest_stage.port_apply(lab.worker);
	ingest_stage.port_kick(lab.worker, 3);
	cr_assert_eq(read(far, got, sizeof got), 64);
	cr_assert_eq(frame_number(got), 1);
	cr_assert(ingest_stage.port_pending(lab.worker));
	fixture_begin(&lab.f, INPUT_FREE, 4);
	cr_assert_eq(ingest_stage.port_done(lab.worker, &port, index, 8), 2);
	lab_end(&lab);
	cr_assert_not(ingest_stage.port_pending(lab.worker));
}

Test(ingest_live, a_burst_that_dies_is_never_sent)
{
	uint8_t got[128];

	say(GRANT_OPEN, 3);
	lab_adopt(&lab, 1);
	settle(1);
	send_out(2, 2);
	lab_die(&lab);
	cr_assert_not(ingest_stage.port_pending(lab.worker));
	ingest_stage.port_kick(lab.worker, 3);
	cr_assert_lt(read(far, got, sizeof got), 0);
}

Test(ingest_live, without_a_carrier_what_is_sent_is_dropped_until_there_is_one)
{
	struct grant g = word(GRANT_LINK, 3);
	const char *wrong;

	say(GRANT_OPEN, 3);
	lab_adopt(&lab, 1);
	settle(1);
	say(GRANT_LINK, 3);
	settle(2);
	cr_assert_str_eq(ingest_port_error(lab.worker, (struct port_id){0}), "as the test wants it");
	send_out(1, 3);
	cr_assert_eq(lab.f.burst.verdict[0].kind, VERDICT_DROP);
	cr_assert_eq(lab.f.burst.verdict[0].reason, DROP_PORT_DOWN);
	lab_end(&lab);
	g.link = 1;
	cr_assert_eq(ingest_grant(&g, sizeof g, NULL, 0, &wrong), 0);
	settle(4);
	send_out(1, 5);
	cr_assert_eq(lab.f.burst.verdict[0].kind, VERDICT_DRIVER);
	lab_end(&lab);
}

/* The opener died, the carrier came, and its successor says once more what is open. */
Test(ingest_live, what_is_said_twice_tells_of_the_link_as_it_is_by_now)
{
	struct grant g = word(GRANT_LINK, 3);
	const char *wrong;

	say(GRANT_OPEN, 3);
	lab_adopt(&lab, 1);
	settle(1);
	cr_assert_eq(ingest_grant(&g, sizeof g, NULL, 0, &wrong), 0);
	settle(2);
	cr_assert_not_null(ingest_port_error(lab.worker, (struct port_id){0}));
	say(GRANT_OPEN, 3);
	settle(3);
	cr_assert_null(ingest_port_error(lab.worker, (struct port_id){0}));
}

Test(ingest_live, what_a_gone_incarnation_had_is_dropped_and_the_next_one_begins_empty)
{
	struct pkt_index held[8];
	uint32_t packets;

	say(GRANT_OPEN, 3);
	lab_adopt(&lab, 1);
	settle(1);
	send_out(3, 2);
	lab_end(&lab);
	say(GRANT_CLOSE, 3);
	settle(3);
	cr_assert_str_eq(ingest_port_error(lab.worker, (struct port_id){0}), "as the test wants it");
	cr_assert_eq(ingest_stage.held(lab.worker, held, &packets), 3, "they stay until they are gone");
	say(GRANT_OPEN, 2);
	settle(4);
	cr_assert_eq(ingest_stage.held(lab.worker, held, &packets), 3, "older words are not heard");
	say(GRANT_OPEN, 4);
	lab_timer(&lab, 5);
	cr_assert_eq(lab.f.burst.n_out, 3);
	cr_assert_eq(lab.f.burst.out[0].verdict.reason, DROP_PORT_DOWN);
	lab_end(&lab);
	settle(5);
	cr_assert_eq(ingest_stage.held(lab.worker, held, &packets), 0);
	cr_assert_null(ingest_port_error(lab.worker, (struct port_id){0}));
}

Test(ingest_live, a_new_worker_rests_until_it_hears_of_its_predecessors_rings)
{
	say(GRANT_OPEN, 3);
	lab_adopt(&lab, 1);
	settle(1);
	grants_forget();
	fixture_begin(&lab.f, INPUT_CALL, 2);
	lab_die(&lab);
	cr_assert_eq(ingest_stage.port_awaits(lab.worker, 10), 10 + PORTS_AWAIT);
	cr_assert_eq(ingest_stage.port_awaits(lab.worker, 20), 10 + PORTS_AWAIT);
	say(GRANT_OPEN, 3);
	cr_assert_eq(ingest_stage.port_awaits(lab.worker, 30), 0);
}

Test(ingest_live, rests_no_longer_than_a_second)
{
	say(GRANT_OPEN, 3);
	lab_adopt(&lab, 1);
	settle(1);
	grants_forget();
	fixture_begin(&lab.f, INPUT_CALL, 2);
	lab_die(&lab);
	cr_assert_neq(ingest_stage.port_awaits(lab.worker, 10), 0);
	cr_assert_eq(ingest_stage.port_awaits(lab.worker, 10 + PORTS_AWAIT), 0);
}

Test(ingest_live, frames_that_a_predecessor_had_in_hand_are_dropped_when_the_port_opens)
{
	say(GRANT_OPEN, 3);
	lab_adopt(&lab, 1);
	settle(1);
	fixture_begin(&lab.f, INPUT_CALL, 2);
	ingest_stage.port_owe(lab.worker, (struct port_id){0}, 2);
	lab_end(&lab);
	send_in(1, 3);
	cr_assert_eq(lab_receive(&lab, 3, 64), 3);
	cr_assert_eq(lab.f.burst.verdict[1].reason, DROP_STAGE_CRASHED);
	cr_assert_eq(lab.f.burst.verdict[2].kind, VERDICT_PASS);
	lab_end(&lab);
	cr_assert_eq(ingest()->ports.state[0].owed, 0);
}

/* NAPI. */

static const struct pace_queue *queue(void)
{
	return &ingest()->ports.port[0].queue;
}

Test(ingest_live, a_queue_gives_its_weight_and_is_armed_when_it_runs_dry)
{
	struct port_id port;
	int fd[8];

	say(GRANT_OPEN, 3);
	lab_adopt(&lab, 1);
	settle(1);
	send_in(1, 6);
	cr_assert_eq(lab_receive(&lab, 2, 64), 4);
	lab_end(&lab);
	cr_assert_eq(queue()->state, PACE_SCHEDULED);
	cr_assert_eq(lab_receive(&lab, 3, 64), 2);
	lab_end(&lab);
	cr_assert_eq(queue()->state, PACE_ARMED);
	cr_assert_eq(ingest_stage.port_arm(lab.worker, true, fd), 1);
	cr_assert_eq(ingest_stage.port_ready(lab.worker, &lab.epoch, 4, 64, &port), 0);
	send_in(7, 1);
	cr_assert_eq(lab_receive(&lab, 5, 64), 1);
	lab_end(&lab);
	cr_assert_eq(queue()->wakeups, 1);
}

Test(ingest_live, settings_of_polling_change_while_the_port_stays_open)
{
	int fd[8], before;

	say(GRANT_OPEN, 3);
	lab_adopt(&lab, 1);
	settle(1);
	before = ingest()->ports.port[0].nic.fd[0];
	lab_port(&lab, 0, EPOCH_DRIVER_TAP,
	        "interface=t0;poll.defer_hard_irqs=2;poll.gro_flush_timeout_us=50");
	lab_adopt(&lab, 2);
	cr_assert_eq(ingest()->ports.port[0].nic.fd[0], before);
	send_in(1, 6);
	cr_assert_eq(lab_receive(&lab, 1000, 64), 6);
	lab_end(&lab);
	cr_assert_eq(queue()->state, PACE_SCHEDULED, "deferred: it stays masked");
	cr_assert_eq(ingest_stage.port_next(lab.worker), 1000 + 50 * NANOS_PER_US);
	cr_assert_eq(ingest_stage.port_arm(lab.worker, true, fd), 0);
	send_in(7, 1);
	cr_assert_eq(lab_receive(&lab, 2000, 64), 0, "not before its time");
	cr_assert_eq(lab_receive(&lab, 1000 + 50 * NANOS_PER_US, 64), 1);
	lab_end(&lab);
}

Test(ingest_live, what_is_no_grant_is_refused_with_a_sentence)
{
	struct grant g = word(GRANT_CLOSE, 3);
	const char *wrong;

	cr_assert_eq(ingest_grant(&g, sizeof g - 1, NULL, 0, &wrong), -EPROTO);
	cr_assert_not_null(wrong);
	g.phys = EPOCH_PHYS_MAX;
	cr_assert_not_null(grant_check(&g, sizeof g, 0));
	g = word(GRANT_OPEN, 3);
	cr_assert_not_null(grant_check(&g, sizeof g, 0), "without its descriptor");
	g = word(GRANT_OPEN, 0);
	cr_assert_not_null(grant_check(&g, sizeof g, 1));
	g = word(GRANT_CLOSE, 3);
	memset(g.reason, 'x', sizeof g.reason);
	cr_assert_not_null(grant_check(&g, sizeof g, 0));
	g = word(GRANT_OPEN, 3);
	g.driver = EPOCH_DRIVER_AF_XDP;
	g.mode = GRANT_XDP_NATIVE;
	cr_assert_not_null(grant_check(&g, sizeof g, 1), "rings of no size");
}

/* The ledger. */

Test(ingest_live, what_a_dead_burst_began_to_move_is_not_carried_out_by_the_next_commit)
{
	struct ledger *l = &((struct ingest *)lab.worker)->ports.ledger;

	fixture_begin(&lab.f, INPUT_CALL, 1);
	ledger_give(l, (struct pkt_index){5}, (struct port_id){0}, LEDGER_TX);
	lab_die(&lab);
	fixture_begin(&lab.f, INPUT_CALL, 2);
	lab_end(&lab); /* has moved nothing */
	fixture_begin(&lab.f, INPUT_CALL, 3);
	lab_die(&lab);
	cr_assert_eq(ledger_count(&ingest()->ports.ledger, PORT_NONE, LEDGER_TX), 0);
}

Test(ingest_live, what_a_commit_moved_is_carried_out_after_a_death_before_it_was)
{
	struct ledger *l = &((struct ingest *)lab.worker)->ports.ledger;

	fixture_begin(&lab.f, INPUT_CALL, 1);
	ledger_give(l, (struct pkt_index){5}, (struct port_id){0}, LEDGER_RX);
	lab_end(&lab); /* and dies before port_apply */
	fixture_begin(&lab.f, INPUT_CALL, 2);
	lab_die(&lab);
	cr_assert_eq(ledger_count(&ingest()->ports.ledger, (struct port_id){0}, LEDGER_RX), 1);
}

Test(ingest_live, a_port_of_files_that_could_not_be_opened_is_tried_again_each_second)
{
	lab_port(&lab, 0, EPOCH_DRIVER_PCAP, "in=%s;pace=max", lab_path(&lab, "late"));
	lab_adopt(&lab, 1);
	cr_assert_not_null(ingest_port_error(lab.worker, (struct port_id){0}));
	cr_assert_eq(ingest_stage.next_timer(lab.worker), 1 + PORTS_RETRY);
	make_capture(lab_path(&lab, "late"), 3, 1);
	settle(1 + PORTS_RETRY);
	cr_assert_null(ingest_port_error(lab.worker, (struct port_id){0}));
	cr_assert_eq(lab_receive(&lab, 2 + PORTS_RETRY, 64), 3);
	lab_end(&lab);
}
