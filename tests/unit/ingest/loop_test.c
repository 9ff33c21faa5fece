#include "tests/unit/ingest/lab.h"

#include <criterion/criterion.h>

static struct lab lab;
static uint8_t frame[64];

static void setup(void)
{
	lab_init(&lab, 1);
	make_frame(frame, sizeof frame, 0);
}

static void teardown(void)
{
	lab_free(&lab);
}

TestSuite(nic_loop, .init = setup, .fini = teardown);

/* Sends n numbered frames; returns how many the cable took. */
static uint32_t put_frames(uint32_t port, uint32_t first, uint32_t n)
{
	uint32_t sent = 0;

	lab_begin_tx(&lab, 1);
	for (uint32_t i = 0; i < n; i++) {
		make_frame(frame, sizeof frame, first + i);
		lab_add(&lab, frame, sizeof frame, port);
	}
	lab_send(&lab, 1);
	for (uint32_t i = 0; i < n; i++)
		sent += lab.f.burst.verdict[i].kind == VERDICT_SENT_KEPT;
	return sent;
}

static uint32_t buffers_held(void)
{
	static struct pkt_index index[FIXTURE_BUFFERS];
	static bool seen[FIXTURE_BUFFERS];
	uint32_t packets, n = ingest_stage.held(lab.worker, index, &packets);

	memset(seen, 0, sizeof seen);
	cr_assert_eq(packets, 0);
	for (uint32_t i = 0; i < n; i++) {
		cr_assert_not(seen[index[i].v]);
		seen[index[i].v] = true;
		cr_assert(lab.f.held[index[i].v]);
	}
	return n;
}

Test(nic_loop, brings_frames_to_the_peer_in_their_own_buffers)
{
	struct pkt_index index[10];
	uint32_t n_free = 0;

	lab_port(&lab, 0, EPOCH_DRIVER_LOOP, "peer=p1");
	lab_port(&lab, 1, EPOCH_DRIVER_LOOP, "peer=p0");
	lab_adopt(&lab, 1);
	cr_assert_eq(ingest_stage.port_next(lab.worker), NANOS_NEVER);
	cr_assert_eq(put_frames(0, 5, 10), 10);
	memcpy(index, lab.f.burst.index, sizeof index);
	cr_assert_eq(lab.f.burst.verdict[3].out.v, 0);
	lab_end(&lab);
	cr_assert_eq(buffers_held(), 10);
	cr_assert_eq(ingest_stage.port_next(lab.worker), 0);
	cr_assert_eq(lab_receive(&lab, 1, 64), 10);
	for (uint32_t i = 0; i < 10; i++) {
		cr_assert_eq(lab.f.burst.pkt[i].port.v, 1);
		cr_assert_eq(lab.f.burst.pkt[i].len, sizeof frame);
		cr_assert_eq(frame_number(lab.f.burst.frame[i]), 5 + i);
		cr_assert_eq(lab.f.burst.index[i].v, index[i].v);
		cr_assert_eq(lab.f.burst.verdict[i].kind, VERDICT_PASS);
	}
	for (uint32_t i = 0; i < lab.f.burst.n_out; i++)
		n_free += lab.f.burst.out[i].born == BORN_DELIVERED;
	cr_assert_eq(n_free, 10);
	lab_end(&lab);
	cr_assert_eq(buffers_held(), 0);
}

Test(nic_loop, goes_back_to_itself_without_a_peer)
{
	lab_port(&lab, 4, EPOCH_DRIVER_LOOP, "%s", "");
	lab_adopt(&lab, 1);
	cr_assert_eq(put_frames(4, 1, 1), 1);
	lab_end(&lab);
	cr_assert_eq(lab_receive(&lab, 1, 64), 1);
	cr_assert_eq(lab.f.burst.pkt[0].port.v, 4);
	lab_end(&lab);
}

Test(nic_loop, holds_no_more_than_its_capacity)
{
	lab_port(&lab, 0, EPOCH_DRIVER_LOOP, "capacity=7");
	lab_adopt(&lab, 1);
	cr_assert_eq(put_frames(0, 1, 10), 7);
	cr_assert_eq(lab.f.burst.verdict[7].reason, DROP_TX_FAILED);
	lab_end(&lab);
	cr_assert_eq(lab_receive(&lab, 1, 3), 3);
	lab_end(&lab);
	cr_assert_eq(put_frames(0, 8, 10), 3);
	lab_end(&lab);
	cr_assert_eq(buffers_held(), 7);
}

Test(nic_loop, loses_and_repeats_nothing_over_deaths)
{
	uint32_t sent = 0, seen = 0, n;
	uint64_t random = 5;

	lab_port(&lab, 0, EPOCH_DRIVER_LOOP, "peer=p1");
	lab_port(&lab, 1, EPOCH_DRIVER_LOOP, "peer=p0");
	lab_adopt(&lab, 1);
	for (uint32_t round = 0; round < 2000; round++) {
		bool dies = random_next(&random) >> 40 & 1;

		n = 1 + (uint32_t)(random_next(&random) >> 20) % 40;
		if (random_next(&random) >> 33 & 1) {
			n = put_frames(0, sent, n);
			sent += dies ? 0 : n;
		} else {
			n = lab_receive(&lab, 1, n);
			for (uint32_t i = 0; i < n; i++)
				cr_assert_eq(frame_number(lab.f.burst.frame[i]), seen + i);
			seen += dies ? 0 : n;
			if (!n)
				continue;
		}
		if (dies) {
			lab_die(&lab);
			lab_adopt(&lab, 1);
		} else {
			lab_end(&lab);
		}
		cr_assert_eq(buffers_held(), sent - seen);
	}
	cr_assert_gt(seen, 5000);
}

Test(nic_loop, gives_its_buffers_back_when_it_vanishes)
{
	lab_port(&lab, 0, EPOCH_DRIVER_LOOP, "peer=p1;capacity=512");
	lab_port(&lab, 1, EPOCH_DRIVER_LOOP, "peer=p0");
	lab_adopt(&lab, 1);
	for (uint32_t i = 0; i < 4; i++) {
		put_frames(0, 1, 100);
		lab_end(&lab);
	}
	cr_assert_eq(buffers_held(), 400);
	lab_port(&lab, 1, EPOCH_DRIVER_NONE, "%s", "");
	lab_adopt(&lab, 1);
	lab_retire(&lab, 1);
	cr_assert_eq(buffers_held(), 0);
	for (uint32_t i = 0; i < FIXTURE_BUFFERS; i++)
		cr_assert_not(lab.f.held[i]);
	/* and what was its peer has none now */
	cr_assert(strstr(ingest_port_error(lab.worker, (struct port_id){0}), "peer `p1`"));
	cr_assert_eq(put_frames(0, 1, 1), 0);
	cr_assert_eq(lab.f.burst.verdict[0].reason, DROP_PORT_DOWN);
	lab_end(&lab);
	lab_port(&lab, 1, EPOCH_DRIVER_LOOP, "peer=p0");
	lab_adopt(&lab, 1);
	cr_assert_eq(put_frames(0, 1, 1), 1);
	lab_end(&lab);
}

Test(nic_loop, needs_a_peer_of_its_kind)
{
	lab_port(&lab, 0, EPOCH_DRIVER_LOOP, "peer=nobody");
	lab_port(&lab, 1, EPOCH_DRIVER_LOOP, "peer=p2");
	lab_port(&lab, 2, EPOCH_DRIVER_PCAP, "%s", "");
	lab_adopt(&lab, 1);
	cr_assert(strstr(ingest_port_error(lab.worker, (struct port_id){0}), "peer `nobody`"));
	cr_assert(strstr(ingest_port_error(lab.worker, (struct port_id){1}), "peer `p2`"));
}
