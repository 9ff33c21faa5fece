/* The memory of receive queues, and what a death leaves of them. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "tests/unit/session/bed.h"

#define STRIDE PKT_STRIDE_DEFAULT

static struct bed bed;

static void setup(void)
{
	bed_init(&bed);
}

static void teardown(void)
{
	cr_assert_null(session_stage.check(bed.worker), "%s", session_stage.check(bed.worker));
	bed_free(&bed);
}

TestSuite(session_queue, .init = setup, .fini = teardown, .timeout = 250);

Test(session_queue, holds_what_the_receive_buffer_allows)
{
	struct epoch_socket s = bed_socket(0, 50, EPOCH_APP_HOLD);
	struct bed_packet p = bed_packet4(50, "x"), q = bed_packet6(50, "a text in pieces");

	s.rcvbuf = 3 * STRIDE + STRIDE / 2;
	bed_adopt(&bed, 1, &s, 1);
	for (uint32_t i = 0; i < 5; i++)
		cr_expect_eq(bed_receive(&bed, &p).kind, i < 3 ? VERDICT_QUEUED : VERDICT_DROP);
	cr_expect_eq(bed.f.burst.verdict[0].reason, DROP_SOCKET_RCVBUFF);
	cr_expect_eq(bed_count(&bed, 50).drops, 2);
	cr_expect_eq(bed_count(&bed, 50).rmem, 3 * STRIDE);
	cr_expect_eq(fixture_stat(&bed.f, STAT_UDP_RCVBUF_ERRORS), 2);
	cr_expect_eq(fixture_stat(&bed.f, STAT_UDP_IN_ERRORS), 2);
	cr_expect_eq(bed_receive(&bed, &q).kind, VERDICT_DROP);
	cr_expect_eq(fixture_stat(&bed.f, STAT_UDP6_RCVBUF_ERRORS), 1);
}

Test(session_queue, takes_one_datagram_whatever_its_size)
{
	struct epoch_socket s = bed_socket(0, 50, EPOCH_APP_HOLD);
	struct bed_packet p = bed_packet4(50, "a text in pieces");

	s.rcvbuf = STRIDE + 1;
	p.pieces = 5;
	bed_adopt(&bed, 1, &s, 1);
	cr_expect_eq(bed_receive(&bed, &p).kind, VERDICT_QUEUED);
	cr_expect_eq(bed_receive(&bed, &p).reason, DROP_SOCKET_RCVBUFF);
	cr_expect_eq(bed_count(&bed, 50).rmem, 5 * STRIDE);
}

Test(session_queue, all_sockets_share_one_memory)
{
	struct epoch_socket two[] = {bed_socket(4, 50, EPOCH_APP_HOLD), bed_socket(4, 51, EPOCH_APP_HOLD)};

	bed.limits.udp_mem_bytes = 10 * STRIDE;
	bed_adopt(&bed, 1, two, 2);
	for (uint32_t i = 0; i < 12; i++) {
		struct bed_packet p = bed_packet4((uint16_t)(50 + i % 2), "x");

		cr_expect_eq(bed_receive(&bed, &p).kind, i < 10 ? VERDICT_QUEUED : VERDICT_DROP);
	}
	cr_expect_eq(bed.f.burst.verdict[0].reason, DROP_PROTO_MEM);
	cr_expect_eq(fixture_stat(&bed.f, STAT_UDP_MEM_ERRORS), 2);
	cr_expect_eq(fixture_stat(&bed.f, STAT_UDP_IN_ERRORS), 2);
	cr_expect_eq(bed_count(&bed, 51).drops, 1);
}

Test(session_queue, half_of_the_pool_never_waits)
{
	struct epoch_socket s = bed_socket(4, 50, EPOCH_APP_HOLD);
	struct bed_packet p = bed_packet4(50, "x");
	uint32_t queued = 0;

	s.rcvbuf = UINT32_MAX;
	bed.limits.udp_mem_bytes = UINT32_MAX;
	bed_adopt(&bed, 1, &s, 1);
	for (uint32_t i = 0; i < FIXTURE_BUFFERS / 2 + 5; i++)
		queued += bed_receive(&bed, &p).kind == VERDICT_QUEUED;
	cr_expect_eq(queued, FIXTURE_BUFFERS / 2);
}

Test(session_queue, a_copy_that_cannot_be_made_is_a_drop_of_its_socket)
{
	struct epoch_socket three[] = {bed_socket(4, 50, EPOCH_APP_HOLD), bed_socket(0, 50, EPOCH_APP_HOLD),
	        bed_socket(4, 50, EPOCH_APP_HOLD)};
	struct bed_packet p = bed_packet4(50, "all");

	three[2].port = BED_ETH0;
	three[1].rcvbuf = 1;
	bed_adopt(&bed, 1, three, 3);
	p.dst = bed_v4(224, 0, 0, 1);
	fixture_begin(&bed.f, INPUT_RX, 1);
	bed_udp(&bed, &p);
	bed.f.spare.n = 1;
	bed_run(&bed);
	cr_expect_eq(bed.f.burst.verdict[0].kind, VERDICT_QUEUED);
	cr_expect_eq(bed.f.burst.n_out, 1);
	cr_expect_eq(bed.f.burst.no_buffer, 1);
	fixture_end(&bed.f);
	cr_expect_eq(fixture_stat(&bed.f, STAT_UDP_RCVBUF_ERRORS), 1);
	cr_expect_eq(fixture_stat(&bed.f, STAT_UDP_IN_ERRORS), 1);
	bed_receive(&bed, &p);
	cr_expect_eq(
	        fixture_stat(&bed.f, STAT_UDP_RCVBUF_ERRORS), 2, "the little one takes one datagram only");
}

Test(session_queue, a_full_log_keeps_copies_from_being_made)
{
	struct epoch_socket two[] = {bed_socket(4, 50, EPOCH_APP_HOLD), bed_socket(0, 50, EPOCH_APP_HOLD)};
	struct bed_packet p = bed_packet4(50, "all");

	bed_adopt(&bed, 1, two, 2);
	p.dst = bed_v4(224, 0, 0, 1);
	fixture_begin(&bed.f, INPUT_RX, 1);
	bed_udp(&bed, &p);
	bed.f.journal.undo_max = 100;
	bed_run(&bed);
	cr_expect_eq(bed.f.burst.verdict[0].kind, VERDICT_QUEUED);
	cr_expect_eq(bed.f.burst.n_out, 0);
	fixture_end(&bed.f);
}

Test(session_queue, what_is_held_is_what_waits)
{
	struct epoch_socket two[] = {bed_socket(4, 50, EPOCH_APP_HOLD), bed_socket(4, 51, EPOCH_APP_HOLD)};
	struct pkt_index index[FIXTURE_BUFFERS];
	bool seen[FIXTURE_BUFFERS] = {0};
	uint32_t packets = 9, n;

	bed_adopt(&bed, 1, two, 2);
	for (uint32_t i = 0; i < 20; i++) {
		struct bed_packet p = bed_packet4((uint16_t)(50 + i % 2), "pieces");

		p.pieces = 1 + i % 3;
		bed_receive(&bed, &p);
	}
	n = session_stage.held(bed.worker, index, &packets);
	cr_expect_eq(packets, 0, "delivered is not held");
	cr_expect_eq(n, 39);
	for (uint32_t i = 0; i < n; i++) {
		cr_expect_not(seen[index[i].v]);
		seen[index[i].v] = true;
	}
	for (uint32_t i = 0; i < FIXTURE_BUFFERS; i++)
		cr_expect_eq(seen[i], bed.f.held[i]);
}

/* Any traffic at all, some of it hostile. */
static void random_burst(uint64_t *random)
{
	static const char text[] = "any text that may come along";

	for (uint32_t i = 0; i < 20 && bed.f.burst.n < 200; i++) {
		uint64_t r = random_next(random);
		uint16_t port = (uint16_t)(50 + r % 5);
		struct bed_packet p = r & 64 ? bed_packet4(port, text) : bed_packet6(port, text);

		p.len = (uint32_t)(r >> 8) % sizeof text;
		p.pieces = 1 + (r >> 16) % 4;
		p.bad_sum = (r >> 20) % 8 == 0;
		p.sport = (uint16_t)((r >> 24) % 3);
		p.port = (struct port_id){(r >> 30) % 2};
		if ((r >> 32) % 4 == 0)
			p.dst = p.family == 4 ? bed_v4(224, 0, 0, 1) : bed_v6("ff02::1");
		if ((r >> 36) % 2) {
			bed_udp(&bed, &p);
		} else {
			uint8_t l4[40];

			for (uint32_t k = 0; k < sizeof l4; k++)
				l4[k] = (uint8_t)random_next(random);
			p.pieces = 1;
			bed_packet_add(&bed, &p, (r >> 37) % 2 ? IP_PROTO_TCP : IP_PROTO_UDP, l4,
			        (uint32_t)(r >> 40) % sizeof l4, (r >> 50) % 4 ? 16 : 0);
		}
	}
}

Test(session_queue, a_death_leaves_state_as_before_the_burst)
{
	struct epoch_socket sockets[] = {bed_socket(0, 50, EPOCH_APP_HOLD), bed_socket(4, 51, EPOCH_APP_SINK),
	        bed_socket(0, 52, EPOCH_APP_ECHO), bed_socket(6, 53, EPOCH_APP_ECHO)};
	uint64_t bytes = session_stage.state_bytes(&bed.f.params) + sizeof(struct stat_block), random = 3;
	void *before = malloc(bytes);

	for (uint32_t i = 0; i < ARRAY_LEN(sockets); i++)
		sockets[i].rcvbuf = 40 * STRIDE;
	bed_adopt(&bed, 1, sockets, ARRAY_LEN(sockets));
	for (uint32_t round = 0; round < 200; round++) {
		bool timer = session_stage.next_timer(bed.worker) == 0 && random_next(&random) % 2;

		fixture_begin(&bed.f, timer ? INPUT_TIMER : INPUT_RX, round);
		if (!timer)
			random_burst(&random);
		memcpy(before, bed.f.state, bytes);
		if (timer)
			session_stage.timer(bed.worker, &bed.epoch, round, &bed.f.burst);
		else
			bed_run(&bed);
		cr_assert_leq(bed.f.journal.undo,
		        timer ? session_stage.lines_a_burst : bed.f.burst.n * session_stage.lines_a_packet);
		if (random_next(&random) % 2) {
			fixture_end(&bed.f);
			if (round % 16 == 0)
				cr_assert_null(session_stage.check(bed.worker));
			continue;
		}
		fixture_cut(&bed.f);
		cr_assert_eq(memcmp(before, bed.f.state, bytes), 0);
		bed_restart(&bed);
		bed_adopt(&bed, 1, sockets, ARRAY_LEN(sockets));
		cr_assert_eq(memcmp(before, bed.f.state, bytes), 0);
	}
	cr_expect_gt(bed_count(&bed, 52).sent, 20);
	cr_expect_gt(bed_count(&bed, 51).read, 20);
	free(before);
}

/* The datagram at `at` of the burst comes in this buffer, as a neighbour hands it over that is broken: its
 * own words are there in place of what waits. */
static void in_the_buffer(uint32_t at, struct pkt_index index)
{
	bed.f.burst.index[at] = index;
}

static struct pkt_index waiting_buffer(void)
{
	struct pkt_index index[FIXTURE_BUFFERS] = {{0}};
	uint32_t packets;

	cr_assert_geq(session_stage.held(bed.worker, index, &packets), 1);
	return index[0];
}

/* Linked twice, a queue would go round in a circle, and the buffer would be freed twice. */
Test(session_queue, a_buffer_that_waits_already_is_refused)
{
	struct epoch_socket s = bed_socket(0, 50, EPOCH_APP_HOLD);
	struct bed_packet p = bed_packet4(50, "text");

	bed_adopt(&bed, 1, &s, 1);
	for (uint32_t round = 0; round < 3; round++) {
		struct pkt_index first;

		cr_assert_eq(bed_receive(&bed, &p).kind, VERDICT_QUEUED);
		first = waiting_buffer();
		fixture_begin(&bed.f, INPUT_RX, 1);
		in_the_buffer(bed_udp(&bed, &p), first);
		bed_run(&bed);
		cr_expect_eq(bed.f.burst.verdict[0].kind, VERDICT_DROP);
		cr_expect_eq(bed.f.burst.verdict[0].reason, DROP_BAD_DESC);
		journal_commit(&bed.f.journal);
		cr_expect_eq(bed_count(&bed, 50).waiting, round + 1);
		cr_assert_null(session_stage.check(bed.worker));
		bed_restart(&bed); /* who comes after a death knows it too */
		bed_adopt(&bed, 1, &s, 1);
	}
}

Test(session_queue, a_buffer_that_comes_twice_in_a_burst_waits_once)
{
	struct epoch_socket s = bed_socket(0, 50, EPOCH_APP_HOLD);
	struct bed_packet p = bed_packet4(50, "text"), chain = bed_packet4(50, "a text in pieces");
	uint32_t at;

	chain.pieces = 3;
	bed_adopt(&bed, 1, &s, 1);
	fixture_begin(&bed.f, INPUT_RX, 1);
	at = bed_udp(&bed, &p);
	in_the_buffer(bed_udp(&bed, &p), bed.f.burst.index[at]);
	at = bed_udp(&bed, &chain);
	in_the_buffer(at + 2, bed.f.burst.index[at]); /* in one datagram */
	at = bed_udp(&bed, &p);
	bed_run(&bed);
	cr_expect_eq(bed.f.burst.verdict[0].kind, VERDICT_QUEUED);
	cr_expect_eq(bed.f.burst.verdict[1].reason, DROP_BAD_DESC);
	cr_expect_eq(bed.f.burst.verdict[2].reason, DROP_BAD_DESC);
	cr_expect_eq(bed.f.burst.verdict[at].kind, VERDICT_QUEUED);
	journal_commit(&bed.f.journal);
	cr_expect_eq(bed_count(&bed, 50).waiting, 2);
}

Test(session_queue, a_buffer_that_was_read_may_come_again)
{
	struct epoch_socket s = bed_socket(0, 50, EPOCH_APP_SINK);
	struct bed_packet p = bed_packet4(50, "text");
	struct pkt_index first;

	bed_adopt(&bed, 1, &s, 1);
	cr_assert_eq(bed_receive(&bed, &p).kind, VERDICT_QUEUED);
	first = waiting_buffer();
	bed_timers(&bed);
	cr_expect_eq(bed_count(&bed, 50).read, 1);
	fixture_begin(&bed.f, INPUT_RX, 1);
	in_the_buffer(bed_udp(&bed, &p), first);
	bed_run(&bed);
	cr_expect_eq(bed.f.burst.verdict[0].kind, VERDICT_QUEUED);
	bed.f.held[first.v] = true;
	fixture_end(&bed.f);
	bed_timers(&bed);
	cr_expect_eq(bed_count(&bed, 50).read, 2);
}
