#include "tests/unit/ingest/lab.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define FRAMES 100u

static struct lab lab;

static void setup(void)
{
	lab_init(&lab, 1);
	make_capture(lab_path(&lab, "in.pcap"), FRAMES, NANOS_PER_MS);
}

static void teardown(void)
{
	lab_free(&lab);
}

TestSuite(nic_pcap, .init = setup, .fini = teardown);

/* The numbers of the frames in a capture that we wrote; returns how many. */
static uint32_t read_numbers(const char *path, uint32_t *number, nanos_t *time, uint32_t max)
{
	static uint8_t bytes[1 << 20];
	FILE *f = fopen(path, "rb");
	struct capture_frame frame;
	struct capture c;
	char error[NIC_ERROR_BYTES];
	uint32_t n = 0;
	size_t size;

	cr_assert(f);
	size = fread(bytes, 1, sizeof bytes, f);
	fclose(f);
	cr_assert_eq(capture_open(&c, bytes, size, error, sizeof error), 0, "%s", error);
	while (n < max && capture_next(&c, &frame)) {
		cr_assert_geq(frame.len, 46);
		number[n] = frame_number(frame.bytes);
		if (time)
			time[n] = frame.time;
		n++;
	}
	cr_assert(!c.broken && !c.cut);
	return n;
}

Test(nic_pcap, plays_all_frames_in_order)
{
	uint32_t seen = 0, n;

	lab_port(&lab, 0, EPOCH_DRIVER_PCAP, "in=%s;pace=max", lab_path(&lab, "in.pcap"));
	lab_adopt(&lab, 5);
	while ((n = lab_receive(&lab, 5, 13))) {
		for (uint32_t i = 0; i < n; i++) {
			const struct pkt *p = &lab.f.burst.pkt[i];

			cr_assert_eq(frame_number(lab.f.burst.frame[i]), ++seen);
			cr_assert_eq(p->len, 64);
			cr_assert_eq(p->total_len, 64);
			cr_assert_eq(p->port.v, 0);
			cr_assert_eq(lab.f.burst.verdict[i].kind, VERDICT_PASS);
			cr_assert_eq(lab.f.burst.verdict[i].out.v, out_id(OUT_RX, 0).v);
		}
		lab_end(&lab);
	}
	cr_assert_eq(seen, FRAMES);
	cr_assert_eq(fixture_stat(&lab.f, STAT_RX_BYTES), FRAMES * 64);
	cr_assert_eq(ingest_stage.port_next(lab.worker), NANOS_NEVER);
}

Test(nic_pcap, keeps_the_captures_time)
{
	uint32_t seen = 0, n;

	lab_port(&lab, 0, EPOCH_DRIVER_PCAP, "in=%s", lab_path(&lab, "in.pcap"));
	lab_adopt(&lab, 7000);
	for (nanos_t now = 7000; (now = ingest_stage.port_next(lab.worker)) != NANOS_NEVER;) {
		cr_assert_eq(now, 7000 + seen * NANOS_PER_MS);
		cr_assert_eq(
		        ingest_stage.port_ready(lab.worker, &lab.epoch, now - 1, 64, &(struct port_id){0}),
		        0);
		n = lab_receive(&lab, now, 64);
		cr_assert_eq(n, 1);
		seen += n;
		lab_end(&lab);
	}
	cr_assert_eq(seen, FRAMES);
}

Test(nic_pcap, sends_to_a_file_what_is_committed_once)
{
	uint32_t number[FRAMES], n;
	nanos_t time[FRAMES];
	uint8_t frame[64];

	lab_port(&lab, 0, EPOCH_DRIVER_PCAP, "out=%s", lab_path(&lab, "out.pcap"));
	lab_adopt(&lab, 0);
	for (uint32_t sent = 1; sent <= 60; sent++) {
		nanos_t now = 3 * NANOS_PER_SEC + sent;
		bool dies = sent % 3 == 0;

		do {
			lab_begin_tx(&lab, now);
			make_frame(frame, sizeof frame, sent);
			lab_add(&lab, frame, 46 + sent % 19, 0);
			if (dies) /* what dies with the burst was longer */
				lab_add(&lab, frame, 64, 0);
			lab_send(&lab, now);
			cr_assert_eq(lab.f.burst.verdict[0].kind, VERDICT_SENT);
			cr_assert_eq(lab.f.burst.verdict[0].out.v, 0);
			if (dies)
				lab_die(&lab);
			else
				lab_end(&lab);
			dies = !dies;
		} while (!dies);
		if (sent % 3 == 0 && sent % 2)
			lab_adopt(&lab, now);
	}
	lab_port(&lab, 0, EPOCH_DRIVER_NONE, "%s", "");
	lab_adopt(&lab, 0);
	n = read_numbers(lab_path(&lab, "out.pcap"), number, time, FRAMES);
	cr_assert_eq(n, 60);
	for (uint32_t i = 0; i < n; i++) {
		cr_assert_eq(number[i], i + 1);
		cr_assert_eq(time[i], 3 * NANOS_PER_SEC + i + 1);
	}
}
