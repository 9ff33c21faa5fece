#include "tests/unit/ingest/lab.h"

#include "common/wire/checksum.h"
#include "services/ingest/nic/rss.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static struct lab lab;

static void setup(void)
{
	lab_init(&lab, 1);
}

static void teardown(void)
{
	lab_free(&lab);
}

TestSuite(ingest, .init = setup, .fini = teardown);

static void drops(uint32_t i, enum drop_reason reason)
{
	cr_assert_eq(lab.f.burst.verdict[i].kind, VERDICT_DROP);
	cr_assert_eq(lab.f.burst.verdict[i].reason, reason, "%s",
	        drop_reason_label(lab.f.burst.verdict[i].reason));
}

Test(ingest, is_idle_without_ports)
{
	lab_adopt(&lab, 1);
	cr_assert_eq(lab_receive(&lab, 1, 64), 0);
	cr_assert_eq(ingest_stage.next_timer(lab.worker), NANOS_NEVER);
	cr_assert_eq(ingest_stage.port_next(lab.worker), NANOS_NEVER);
}

Test(ingest, receives_from_ports_in_turn)
{
	uint32_t got[3] = {0};

	for (uint32_t i = 0; i < 3; i++) {
		char name[8] = {(char)('a' + i)};

		make_capture(lab_path(&lab, name), 30, 1);
		lab_port(&lab, i * 7, EPOCH_DRIVER_PCAP, "in=%s;pace=max", lab_path(&lab, name));
	}
	lab_adopt(&lab, 1);
	for (uint32_t round = 0; round < 9; round++) {
		uint32_t port;

		cr_assert_eq(lab_receive(&lab, 1, 10), 10);
		port = lab.f.burst.pkt[9].port.v;
		cr_assert_eq(port % 7, 0);
		got[port / 7] += 10;
		for (uint32_t i = 0; i < 3; i++)
			cr_assert_leq(got[i], (round / 3 + 1) * 10);
		lab_end(&lab);
	}
	cr_assert_eq(lab_receive(&lab, 1, 10), 0);
}

Test(ingest, drops_what_comes_on_a_port_that_is_down)
{
	make_capture(lab_path(&lab, "in"), 3, 1);
	lab_port(&lab, 0, EPOCH_DRIVER_PCAP, "in=%s;pace=max", lab_path(&lab, "in"));
	lab.port[0].flags = 0;
	lab_adopt(&lab, 1);
	cr_assert_eq(lab_receive(&lab, 1, 10), 3);
	drops(2, DROP_PORT_DOWN);
	lab_end(&lab);
}

Test(ingest, steers_by_the_hash_of_the_flow)
{
	uint32_t lanes = 0;

	lab_free(&lab);
	lab_init(&lab, 4);
	make_capture(lab_path(&lab, "in"), 200, 1);
	lab_port(&lab, 0, EPOCH_DRIVER_PCAP, "in=%s;pace=max", lab_path(&lab, "in"));
	lab_adopt(&lab, 1);
	lab.f.params.lanes = 4;
	cr_assert_eq(lab_receive(&lab, 1, 200), 200);
	for (uint32_t i = 0; i < 200; i++) {
		const struct pkt *p = &lab.f.burst.pkt[i];
		uint32_t hash = rss_frame(lab.f.burst.frame[i], 64);

		cr_assert(p->flags & PKT_F_HASHED);
		cr_assert_eq(p->hash, hash);
		cr_assert_eq(lab.f.burst.verdict[i].out.v, out_id(OUT_RX, hash % RSS_TABLE % 4).v);
		lanes |= 1u << hash % 4;
	}
	cr_assert_eq(lanes, 15);
	lab_end(&lab);
}

Test(ingest, leaves_ports_of_other_lanes_alone)
{
	lab_free(&lab);
	lab_init(&lab, 4);
	make_capture(lab_path(&lab, "in"), 200, 1);
	lab_port(&lab, 0, EPOCH_DRIVER_PCAP, "in=%s;pace=max", lab_path(&lab, "in"));
	lab.port[0].lane = 1;
	lab.port[0].queues = 3; /* of lanes 1, 2 and 3 */
	lab_adopt(&lab, 1);
	cr_assert_eq(lab_receive(&lab, 1, 200), 0);
	lab.port[0].queues = 200; /* no more than there are lanes */
	lab_adopt(&lab, 1);
	cr_assert_gt(lab_receive(&lab, 1, 200), 0);
	lab_end(&lab);
}

/* Sending. */

static void two_wires(void)
{
	lab_port(&lab, 0, EPOCH_DRIVER_PCAP, "%s", "");
	lab_port(&lab, 1, EPOCH_DRIVER_PCAP, "out=%s", lab_path(&lab, "out"));
	lab_port(&lab, 2, EPOCH_DRIVER_NONE, "%s", "");
	lab_port(&lab, 3, EPOCH_DRIVER_PCAP, "%s", "");
	lab.port[3].flags = 0;
	lab.port[4] = lab.port[1]; /* a sub-port */
	lab.port[4].kind = EPOCH_PORT_VLAN;
	lab_adopt(&lab, 1);
}

Test(ingest, sends_each_packet_on_its_port)
{
	uint8_t frame[64];
	uint32_t to[6] = {1, 0, 4, 1, 0, 0};

	two_wires();
	make_frame(frame, sizeof frame, 1);
	lab_begin_tx(&lab, 1);
	for (uint32_t i = 0; i < ARRAY_LEN(to); i++)
		lab_add(&lab, frame, 50 + i, to[i]);
	lab_send(&lab, 1);
	for (uint32_t i = 0; i < ARRAY_LEN(to); i++) {
		cr_assert_eq(lab.f.burst.verdict[i].kind, VERDICT_SENT);
		cr_assert_eq(lab.f.burst.verdict[i].out.v, to[i] == 4 ? 1 : to[i]);
	}
	lab_end(&lab);
	cr_assert_eq(fixture_stat(&lab.f, STAT_TX_BYTES), 6 * 50 + 15);
}

Test(ingest, drops_what_no_port_can_send)
{
	static uint8_t frame[2000];
	uint32_t i;

	two_wires();
	make_frame(frame, sizeof frame, 1);
	lab_begin_tx(&lab, 1);
	lab_add(&lab, frame, 60, 2);     /* no driver */
	lab_add(&lab, frame, 60, 3);     /* down */
	lab_add(&lab, frame, 60, 5);     /* no port */
	lab_add(&lab, frame, 60, 60000); /* no number of a port */
	lab_add(&lab, frame, 13, 0);
	lab_add(&lab, frame, 1522, 0);
	lab_add(&lab, frame, 1523, 0);
	i = lab_add(&lab, frame, 60, 0);
	lab.f.burst.more[i] = DESC_MORE;
	lab_add(&lab, frame, 60, 0);
	lab_add(&lab, frame, 60, 0);
	lab_send(&lab, 1);
	for (i = 0; i < 4; i++)
		drops(i, DROP_PORT_DOWN);
	drops(4, DROP_PKT_TOO_SMALL);
	cr_assert_eq(lab.f.burst.verdict[5].kind, VERDICT_SENT);
	drops(6, DROP_TX_LENGTH);
	drops(7, DROP_TX_LENGTH);
	cr_assert_eq(lab.f.burst.verdict[8].kind, VERDICT_NONE); /* the first's counts */
	cr_assert_eq(lab.f.burst.verdict[9].kind, VERDICT_SENT);
	burst_deliver(&lab.f.burst, 8);
	lab_end(&lab);
}

Test(ingest, completes_checksums_where_the_port_does_not_take_partial_ones)
{
	struct csum pseudo;
	struct be16 partial;
	uint8_t frame[64], *udp = frame + 34;
	uint32_t i[4];

	two_wires();
	lab.port[1].flags |= EPOCH_PORT_CSUM_PARTIAL;
	lab_adopt(&lab, 2);
	make_frame(frame, sizeof frame, 12345);
	pseudo = csum_pseudo_ipv4((struct be32){load_u32(frame + 26)}, (struct be32){load_u32(frame + 30)},
	        17, sizeof frame - 34);
	partial = csum_fold(pseudo);
	memcpy(udp + 6, &partial, 2);
	lab_begin_tx(&lab, 1);
	for (uint32_t k = 0; k < 4; k++) {
		i[k] = lab_add(&lab, frame, sizeof frame, k == 1);
		lab.f.burst.pkt[i[k]].csum = PKT_CSUM_PARTIAL;
		lab.f.burst.pkt[i[k]].csum_start = k == 2 ? 64 : 34;
		lab.f.burst.pkt[i[k]].csum_off = k == 3 ? 29 : 6;
	}
	lab_send(&lab, 1);
	cr_assert_eq(csum_verify(pseudo, lab.f.burst.frame[0] + 34, 30, 6), CSUM_GOOD);
	cr_assert_eq(memcmp(lab.f.burst.frame[1], frame, sizeof frame), 0);
	cr_assert_eq(lab.f.burst.verdict[1].kind, VERDICT_SENT);
	drops(2, DROP_TX_FAILED);
	drops(3, DROP_TX_FAILED);
	lab_end(&lab);
	cr_assert_eq(fixture_stat(&lab.f, STAT_CSUM_PARTIAL_COMPLETED), 1);
}

/* Configurations come and go. */

Test(ingest, keeps_a_port_open_whose_driver_stays_the_same)
{
	make_capture(lab_path(&lab, "in"), 30, 1);
	lab_port(&lab, 0, EPOCH_DRIVER_PCAP, "in=%s;pace=max", lab_path(&lab, "in"));
	lab_adopt(&lab, 1);
	cr_assert_eq(lab_receive(&lab, 1, 10), 10);
	lab_end(&lab);
	lab.port[0].mtu = 1400;
	lab_adopt(&lab, 2);
	cr_assert_eq(lab_receive(&lab, 1, 1), 1);
	cr_assert_eq(frame_number(lab.f.burst.frame[0]), 11);
	lab_end(&lab);
}

static uint8_t sent_as(const struct epoch *epoch)
{
	uint8_t frame[60] = {0}, kind;

	lab_begin_tx(&lab, 1);
	lab_add(&lab, frame, sizeof frame, 0);
	ingest_stage.burst(lab.worker, epoch, 1, &lab.f.burst);
	kind = lab.f.burst.verdict[0].kind;
	lab_end(&lab);
	return kind;
}

Test(ingest, a_port_that_only_an_older_epoch_has_sends_until_that_is_through)
{
	struct epoch older;
	void *region;

	make_capture(lab_path(&lab, "in"), 30, 1);
	lab_port(&lab, 0, EPOCH_DRIVER_PCAP, "in=%s;out=%s;pace=max", lab_path(&lab, "in"),
	        lab_path(&lab, "out"));
	lab_adopt(&lab, 1);
	older = lab.epoch;
	region = lab.region;
	lab.region = NULL; /* it goes on living */
	cr_assert_neq(sent_as(&older), VERDICT_DROP);
	lab_port(&lab, 0, EPOCH_DRIVER_NONE, "%s", "");
	lab_adopt(&lab, 1);
	cr_assert_eq(lab_receive(&lab, 1, 10), 0, "it takes no more frames");
	cr_assert_eq(ingest_stage.port_next(lab.worker), NANOS_NEVER);
	cr_assert_neq(sent_as(&older), VERDICT_DROP);
	cr_assert_eq(sent_as(&lab.epoch), VERDICT_DROP);
	lab_retire(&lab, 1);
	cr_assert_eq(sent_as(&older), VERDICT_DROP);
	free(region);
}

Test(ingest, starts_anew_with_a_new_text)
{
	make_capture(lab_path(&lab, "in"), 30, 1);
	lab_port(&lab, 0, EPOCH_DRIVER_PCAP, "in=%s;pace=max", lab_path(&lab, "in"));
	lab_adopt(&lab, 1);
	cr_assert_eq(lab_receive(&lab, 1, 10), 10);
	lab_end(&lab);
	lab_port(&lab, 0, EPOCH_DRIVER_PCAP, "pace=max;in=%s", lab_path(&lab, "in"));
	lab_adopt(&lab, 1);
	cr_assert_eq(lab_receive(&lab, 1, 1), 1);
	cr_assert_eq(frame_number(lab.f.burst.frame[0]), 1);
	lab_end(&lab);
	lab_port(&lab, 0, EPOCH_DRIVER_NONE, "%s", "");
	lab_adopt(&lab, 1);
	cr_assert_eq(lab_receive(&lab, 1, 1), 0);
}

Test(ingest, changes_nothing_when_it_adopts_the_same_again)
{
	uint64_t bytes = ingest_stage.state_bytes(&lab.f.params);
	void *before = malloc(bytes);

	make_capture(lab_path(&lab, "in"), 30, 1);
	lab_port(&lab, 0, EPOCH_DRIVER_PCAP, "in=%s;pace=max", lab_path(&lab, "in"));
	lab_port(&lab, 1, EPOCH_DRIVER_LOOP, "%s", "");
	lab_adopt(&lab, 1);
	memcpy(before, lab.f.state, bytes);
	fixture_begin(&lab.f, INPUT_CALL, 2);
	lab_die(&lab);
	lab_adopt(&lab, 3);
	cr_assert_eq(memcmp(before, lab.f.state, bytes), 0);
	free(before);
}

Test(ingest, takes_the_frames_of_a_dead_worker_before_it_adopts)
{
	make_capture(lab_path(&lab, "in"), 30, 1);
	lab_port(&lab, 0, EPOCH_DRIVER_PCAP, "in=%s;pace=max", lab_path(&lab, "in"));
	lab_adopt(&lab, 1);
	cr_assert_eq(lab_receive(&lab, 1, 10), 10);
	lab_die(&lab);
	fixture_begin(&lab.f, INPUT_PORT, 1);
	for (uint32_t i = 0; i < 10; i++)
		fixture_add(&lab.f, "", 0, PORT_NONE);
	ingest_stage.port_rx(lab.worker, &lab.epoch, 1, (struct port_id){0}, &lab.f.burst);
	for (uint32_t i = 0; i < 10; i++)
		burst_drop(&lab.f.burst, i, DROP_STAGE_CRASHED);
	lab_end(&lab);
	lab_adopt(&lab, 1);
	cr_assert_eq(lab_receive(&lab, 1, 10), 10);
	cr_assert_eq(frame_number(lab.f.burst.frame[0]), 11);
	lab_end(&lab);
}

Test(ingest, gives_empty_frames_where_a_dead_workers_port_is_gone)
{
	make_capture(lab_path(&lab, "in"), 30, 1);
	lab_port(&lab, 0, EPOCH_DRIVER_PCAP, "in=%s;pace=max", lab_path(&lab, "in"));
	lab_adopt(&lab, 1);
	cr_assert_eq(lab_receive(&lab, 1, 10), 10);
	lab_die(&lab);
	lab_port(&lab, 0, EPOCH_DRIVER_PCAP, "pace=max;in=%s", lab_path(&lab, "in"));
	lab_publish(&lab);
	fixture_begin(&lab.f, INPUT_PORT, 1);
	for (uint32_t i = 0; i < 10; i++)
		fixture_add(&lab.f, "", 0, PORT_NONE);
	ingest_stage.port_rx(lab.worker, &lab.epoch, 1, (struct port_id){0}, &lab.f.burst);
	for (uint32_t i = 0; i < 10; i++) {
		cr_assert_eq(lab.f.burst.pkt[i].len, 0);
		burst_drop(&lab.f.burst, i, DROP_STAGE_CRASHED);
	}
	lab_end(&lab);
}

Test(ingest, tells_nothing_of_ports_it_does_not_have)
{
	struct nic_stats stats;

	lab_adopt(&lab, 1);
	cr_assert_null(ingest_port_error(lab.worker, PORT_NONE));
	cr_assert_not(ingest_port_stats(lab.worker, PORT_NONE, &stats));
	lab_begin_tx(&lab, 1);
	lab_end(&lab);
}
