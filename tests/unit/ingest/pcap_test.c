#include "tests/unit/ingest/lab.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

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

/* All frames that still come at `now`, a burst each time with chances to die; returns how many, numbers in
 * *number. */
static uint32_t receive_all(nanos_t now, uint32_t max, uint32_t *number, uint32_t die_every)
{
	uint32_t n, got = 0, round = 0;

	while ((n = lab_receive(&lab, now, max))) {
		if (die_every && ++round % die_every == 0) {
			lab_die(&lab);
			lab_adopt(&lab, now);
			continue;
		}
		for (uint32_t i = 0; i < n; i++)
			number[got++] = frame_number(lab.f.burst.frame[i]);
		lab_end(&lab);
	}
	return got;
}

Test(nic_pcap, goes_on_where_the_last_committed_burst_ended)
{
	static uint32_t number[1000];

	make_capture(lab_path(&lab, "long.pcap"), 1000, NANOS_PER_US);
	lab_port(&lab, 0, EPOCH_DRIVER_PCAP, "in=%s", lab_path(&lab, "long.pcap"));
	lab_adopt(&lab, 1);
	cr_assert_eq(receive_all(NANOS_PER_SEC, 7, number, 3), 1000);
	for (uint32_t i = 0; i < 1000; i++)
		cr_assert_eq(number[i], i + 1);
}

Test(nic_pcap, plays_again_and_again_from_memory)
{
	static uint32_t number[5 * FRAMES];

	lab_port(&lab, 0, EPOCH_DRIVER_PCAP, "in=%s;loop=5;pace=max", lab_path(&lab, "in.pcap"));
	lab_adopt(&lab, 1);
	cr_assert_eq(receive_all(1, 33, number, 4), 5 * FRAMES);
	for (uint32_t i = 0; i < 5 * FRAMES; i++)
		cr_assert_eq(number[i], i % FRAMES + 1);
	lab_port(&lab, 0, EPOCH_DRIVER_PCAP, "in=%s;loop=0;pace=max", lab_path(&lab, "in.pcap"));
	lab_adopt(&lab, 1);
	for (uint32_t i = 0; i < 50; i++) {
		cr_assert_eq(lab_receive(&lab, 1, 100), 100);
		lab_end(&lab);
	}
}

Test(nic_pcap, keeps_time_over_rounds)
{
	nanos_t next;

	lab_port(&lab, 0, EPOCH_DRIVER_PCAP, "in=%s;loop=3", lab_path(&lab, "in.pcap"));
	lab_adopt(&lab, 50);
	for (uint32_t i = 0; i < 3 * FRAMES; i++) {
		/* A round takes 99 ms and, to the next, the mean distance of its 100 frames. */
		next = 50 + i / FRAMES * (99 * NANOS_PER_MS + 99 * NANOS_PER_MS / 100) +
		       i % FRAMES * NANOS_PER_MS;
		cr_assert_eq(ingest_stage.port_next(lab.worker), next);
		cr_assert_eq(lab_receive(&lab, next, 64), 1);
		lab_end(&lab);
	}
	cr_assert_eq(ingest_stage.port_next(lab.worker), NANOS_NEVER);
}

Test(nic_pcap, plays_at_a_rate)
{
	lab_port(&lab, 0, EPOCH_DRIVER_PCAP, "in=%s;pace=1000000", lab_path(&lab, "in.pcap"));
	lab_adopt(&lab, 500);
	cr_assert_eq(lab_receive(&lab, 500, 64), 1);
	lab_end(&lab);
	cr_assert_eq(ingest_stage.port_next(lab.worker), 1500);
	cr_assert_eq(lab_receive(&lab, 1499, 64), 0);
	cr_assert_eq(lab_receive(&lab, 10500, 64), 10);
	lab_end(&lab);
}

Test(nic_pcap, keeps_several_captures_in_step)
{
	struct nic_wishes wishes = {.clock_origin = 77, .capture_origin = LAB_START - 5, .wall_offset = 1000};
	uint32_t number[4];
	nanos_t time[4];
	uint8_t frame[64];

	ingest_wish(&wishes);
	lab_port(&lab, 0, EPOCH_DRIVER_PCAP, "in=%s;out=%s", lab_path(&lab, "in.pcap"),
	        lab_path(&lab, "out.pcap"));
	lab_adopt(&lab, 50);
	cr_assert_eq(ingest_stage.port_next(lab.worker), 82);
	lab_begin_tx(&lab, 90);
	make_frame(frame, sizeof frame, 1);
	lab_add(&lab, frame, sizeof frame, 0);
	lab_send(&lab, 90);
	lab_end(&lab);
	cr_assert_eq(read_numbers(lab_path(&lab, "out.pcap"), number, time, 4), 1);
	cr_assert_eq(time[0], 1090);
	ingest_wish(NULL);
}

Test(nic_pcap, marks_the_frames_that_are_to_be_traced)
{
	struct nic_trace_wish trace[] = {
	        {PORT_NONE, 3, 3}, {{1}, 5, 8}, {{0}, 5, 9}, {{1}, 6, 7}, {PORT_NONE, 100, 100}};
	struct nic_wishes wishes = {.trace = trace, .n_trace = ARRAY_LEN(trace)};

	ingest_wish(&wishes);
	lab_port(&lab, 0, EPOCH_DRIVER_PCAP, "in=%s;pace=max", lab_path(&lab, "in.pcap"));
	lab_adopt(&lab, 50);
	cr_assert_eq(lab_receive(&lab, 50, 100), 100);
	for (uint32_t i = 0; i < FRAMES; i++) {
		uint32_t expected = i == 2 ? 3 : i == 4 ? 9 : i == 99 ? 100 : 0;

		cr_assert_eq(lab.f.burst.pkt[i].trace, expected);
	}
	cr_assert_eq(lab.f.trace.n, 3);
	cr_assert_eq(lab.f.trace.event[0].code, TRACE_RECEIVED);
	lab_end(&lab);
	ingest_wish(NULL);
}

Test(nic_pcap, shares_a_capture_out_over_queues)
{
	static uint32_t number[2 * FRAMES];
	uint32_t count[2], seen[FRAMES + 1] = {0};

	lab_free(&lab);
	lab_init(&lab, 2);
	make_capture(lab_path(&lab, "in.pcap"), FRAMES, 1);
	lab_port(&lab, 0, EPOCH_DRIVER_PCAP, "in=%s;out=%s;pace=max", lab_path(&lab, "in.pcap"),
	        lab_path(&lab, "out.pcap"));
	lab.port[0].queues = 2;
	for (uint32_t lane = 0; lane < 2; lane++) {
		ingest_stage.detach(lab.worker);
		lab.f.env.lane = lane;
		memset(lab.f.state, 0, 4096);
		cr_assert_eq(ingest_stage.attach(&lab.f.env, &lab.worker), 0);
		lab_adopt(&lab, 1);
		count[lane] = receive_all(1, 10, number, 5);
		for (uint32_t i = 0; i < count[lane]; i++)
			seen[number[i]]++;
	}
	cr_assert_eq(count[0] + count[1], FRAMES);
	cr_assert(count[0] && count[1]);
	for (uint32_t i = 1; i <= FRAMES; i++)
		cr_assert_eq(seen[i], 1);
}

Test(nic_pcap, tells_frames_too_long_from_those_too_short)
{
	static uint8_t frame[65535];
	struct bytes b = {0};
	struct nic_stats stats;

	put_classic(&b, 0xa1b23c4d, 1);
	make_frame(frame, 1856, 1);
	put_record(&b, 1, 0, frame, 1856, 9000);
	put_record(&b, 1, 0, frame, 1857, 1857);
	put_record(&b, 1, 0, frame, 65535, 65535);
	put_record(&b, 1, 0, frame, 13, 13);
	put_record(&b, 1, 0, frame, 0, 0);
	put_record(&b, 1, 0, frame, 14, 14);
	put32(&b, 9); /* and a record that was cut */
	put_file(&b, lab_path(&lab, "odd.pcap"));
	bytes_free(&b);
	lab_port(&lab, 3, EPOCH_DRIVER_PCAP, "in=%s", lab_path(&lab, "odd.pcap"));
	lab_adopt(&lab, 1);
	cr_assert_eq(lab_receive(&lab, 1, 64), 6);
	cr_assert_eq(lab.f.burst.verdict[0].kind, VERDICT_PASS);
	cr_assert_eq(lab.f.burst.pkt[0].len, 1856);
	cr_assert_eq(lab.f.burst.verdict[1].reason, DROP_RX_LENGTH);
	cr_assert_eq(lab.f.burst.verdict[2].reason, DROP_RX_LENGTH);
	cr_assert_eq(lab.f.burst.verdict[3].reason, DROP_PKT_TOO_SMALL);
	cr_assert_eq(lab.f.burst.verdict[4].reason, DROP_PKT_TOO_SMALL);
	cr_assert_eq(lab.f.burst.verdict[5].kind, VERDICT_PASS);
	lab_end(&lab);
	cr_assert(ingest_port_stats(lab.worker, (struct port_id){3}, &stats));
	cr_assert_eq(stats.rx_cut, 1);
	cr_assert_eq(stats.rx_errors, 1);
}

Test(nic_pcap, plays_other_link_types_as_ethernet)
{
	static const uint8_t ip[20] = {0x45, 0, 0, 20, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2};
	struct bytes b = {0};

	put_classic(&b, 0xa1b23c4d, 101);
	put_record(&b, 1, 0, ip, 20, 20);
	put_file(&b, lab_path(&lab, "raw.pcap"));
	bytes_free(&b);
	lab_port(&lab, 3, EPOCH_DRIVER_PCAP, "in=%s", lab_path(&lab, "raw.pcap"));
	lab_adopt(&lab, 1);
	cr_assert_eq(lab_receive(&lab, 1, 64), 1);
	cr_assert_eq(lab.f.burst.pkt[0].len, 34);
	cr_assert_eq(memcmp(lab.f.burst.frame[0], lab.port[3].mac.b, 6), 0);
	cr_assert_eq(memcmp(lab.f.burst.frame[0] + 14, ip, 20), 0);
	lab_end(&lab);
}

/* The errors of opening, as the host and as the worker hears them. */
static void cannot_open(const char *text, const char *says)
{
	struct port_id port = {0};
	char error[NIC_ERROR_BYTES];
	struct nic_stats stats;

	lab_port(&lab, 2, EPOCH_DRIVER_PCAP, "%s", text);
	lab_adopt(&lab, 1);
	cr_assert(ingest_port_error(lab.worker, (struct port_id){2}), "%s", text);
	cr_assert(strstr(ingest_port_error(lab.worker, (struct port_id){2}), says), "%s: %s", text,
	        ingest_port_error(lab.worker, (struct port_id){2}));
	cr_assert_not(ingest_port_stats(lab.worker, (struct port_id){2}, &stats));
	cr_assert_lt(ingest_probe(&lab.epoch, &port, error), 0, "%s", text);
	cr_assert_eq(port.v, 2);
	cr_assert(strstr(error, says), "%s: %s", text, error);
	cr_assert_eq(lab_receive(&lab, 1, 64), 0);
}

Test(nic_pcap, says_why_it_cannot_be_opened)
{
	struct bytes b = {0};
	char text[512];

	cannot_open("in=/nowhere/a.pcap", "/nowhere/a.pcap cannot be opened: No such file");
	cannot_open("in=/dev/null", "is no regular file");
	cannot_open("out=/dev/null", "/dev/null cannot be written: it is no regular file");
	cannot_open("out=/nowhere/a.pcap", "No such file");
	cannot_open("inn=a", "`inn` is not known");
	put_file(&b, lab_path(&lab, "empty"));
	snprintf(text, sizeof text, "in=%s", lab_path(&lab, "empty"));
	cannot_open(text, "is empty");
	put(&b, "text", 4);
	put_file(&b, lab_path(&lab, "text"));
	snprintf(text, sizeof text, "in=%s", lab_path(&lab, "text"));
	cannot_open(text, "is neither pcap nor pcapng");
	snprintf(text, sizeof text, "in=%s;out=%s", lab_path(&lab, "in.pcap"), lab_path(&lab, "in.pcap"));
	cannot_open(text, "cannot be read and written at once");
	bytes_free(&b);
	cr_assert_null(ingest_port_error(lab.worker, (struct port_id){0}));
}

Test(nic_pcap, refuses_to_loop_what_is_empty)
{
	struct bytes b = {0};

	put_classic(&b, 0xa1b23c4d, 1);
	put_file(&b, lab_path(&lab, "none.pcap"));
	bytes_free(&b);
	lab_port(&lab, 0, EPOCH_DRIVER_PCAP, "in=%s;loop=0", lab_path(&lab, "none.pcap"));
	lab_adopt(&lab, 1);
	cr_assert(strstr(ingest_port_error(lab.worker, (struct port_id){0}), "has no frame"));
	lab_port(&lab, 0, EPOCH_DRIVER_PCAP, "in=%s", lab_path(&lab, "none.pcap"));
	lab_adopt(&lab, 1);
	cr_assert_null(ingest_port_error(lab.worker, (struct port_id){0}));
	cr_assert_eq(ingest_stage.port_next(lab.worker), NANOS_NEVER);
}

Test(nic_pcap, probes_without_harm)
{
	struct port_id port;
	char error[NIC_ERROR_BYTES];
	struct stat st;

	lab_port(&lab, 0, EPOCH_DRIVER_PCAP, "in=%s;out=%s", lab_path(&lab, "in.pcap"), lab_path(&lab, "a"));
	lab_port(&lab, 1, EPOCH_DRIVER_PCAP, "out=%s", lab_path(&lab, "b"));
	lab_port(&lab, 5, EPOCH_DRIVER_LOOP, "%s", "");
	lab_port(&lab, 7, EPOCH_DRIVER_NONE, "%s", "anything");
	lab_publish(&lab);
	put_file(&(struct bytes){.b = (uint8_t[1]){1}, .n = 1}, lab_path(&lab, "a"));
	cr_assert_eq(ingest_probe(&lab.epoch, &port, error), 0, "%s", error);
	cr_assert_eq(stat(lab_path(&lab, "a"), &st), 0);
	cr_assert_eq(st.st_size, 1);
	cr_assert_eq(ingest_first_time(&lab.epoch), LAB_START);
	lab_port(&lab, 1, EPOCH_DRIVER_PCAP, "out=%s", lab_path(&lab, "a"));
	lab_publish(&lab);
	cr_assert_lt(ingest_probe(&lab.epoch, &port, error), 0);
	cr_assert_eq(port.v, 1);
	cr_assert(strstr(error, "is written by another port"));
}

Test(nic_pcap, drops_what_cannot_be_written)
{
	uint8_t frame[64];
	struct stat st;

	lab_port(&lab, 0, EPOCH_DRIVER_PCAP, "out=%s", lab_path(&lab, "out.pcap"));
	lab_adopt(&lab, 0);
	make_frame(frame, sizeof frame, 1);
	for (uint32_t round = 0; round < 2; round++) {
		struct rlimit all, little = {30, 30};

		cr_assert_eq(getrlimit(RLIMIT_FSIZE, &all), 0);
		little.rlim_max = all.rlim_max;
		signal(SIGXFSZ, SIG_IGN);
		if (!round)
			cr_assert_eq(setrlimit(RLIMIT_FSIZE, &little), 0);
		lab_begin_tx(&lab, 1);
		lab_add(&lab, frame, sizeof frame, 0);
		lab_send(&lab, 1);
		cr_assert_eq(setrlimit(RLIMIT_FSIZE, &all), 0);
		cr_assert_eq(lab.f.burst.verdict[0].kind, round ? VERDICT_SENT : VERDICT_DROP);
		if (!round)
			cr_assert_eq(lab.f.burst.verdict[0].reason, DROP_TX_FAILED);
		lab_end(&lab);
	}
	lab_port(&lab, 0, EPOCH_DRIVER_NONE, "%s", "");
	lab_adopt(&lab, 0);
	cr_assert_eq(stat(lab_path(&lab, "out.pcap"), &st), 0);
	cr_assert_eq(st.st_size, 24 + 16 + 64);
}

Test(nic_pcap, cuts_off_what_was_not_committed)
{
	uint8_t frame[64];
	struct stat st;

	lab_port(&lab, 0, EPOCH_DRIVER_PCAP, "out=%s", lab_path(&lab, "out.pcap"));
	lab_adopt(&lab, 0);
	make_frame(frame, sizeof frame, 1);
	for (uint32_t round = 0; round < 3; round++) {
		lab_begin_tx(&lab, 1);
		for (uint32_t i = 0; i < 1 + round; i++)
			lab_add(&lab, frame, sizeof frame, 0);
		lab_send(&lab, 1);
		if (round == 1)
			lab_die(&lab);
		else
			lab_end(&lab);
		lab_adopt(&lab, 1);
		cr_assert_eq(stat(lab_path(&lab, "out.pcap"), &st), 0);
		cr_assert_eq(st.st_size, 24 + (round < 2 ? 1 : 4) * (16 + 64));
	}
}

Test(nic_pcap, refuses_a_file_that_has_lost_what_was_written)
{
	uint8_t frame[64];

	lab_port(&lab, 0, EPOCH_DRIVER_PCAP, "out=%s", lab_path(&lab, "out.pcap"));
	lab_adopt(&lab, 0);
	make_frame(frame, sizeof frame, 1);
	lab_begin_tx(&lab, 1);
	lab_add(&lab, frame, sizeof frame, 0);
	lab_send(&lab, 1);
	lab_end(&lab);
	fixture_begin(&lab.f, INPUT_TX, 1);
	lab_die(&lab);
	unlink(lab_path(&lab, "out.pcap"));
	lab_adopt(&lab, 2);
	cr_assert(
	        strstr(ingest_port_error(lab.worker, (struct port_id){0}), "shorter than what was written"));
	lab_begin_tx(&lab, 3);
	lab_add(&lab, frame, sizeof frame, 0);
	lab_send(&lab, 3);
	cr_assert_eq(lab.f.burst.verdict[0].reason, DROP_PORT_DOWN);
	lab_end(&lab);
}

Test(nic_pcap, writes_what_tcpdump_reads)
{
	char command[256], line[256];
	uint8_t frame[64];
	uint32_t lines = 0;
	FILE *p;

	if (access("/usr/bin/tcpdump", X_OK) && access("/usr/sbin/tcpdump", X_OK))
		cr_skip_test("no tcpdump");
	lab_port(&lab, 0, EPOCH_DRIVER_PCAP, "out=%s", lab_path(&lab, "out.pcap"));
	lab_adopt(&lab, 0);
	lab_begin_tx(&lab, 1234567890123456789);
	for (uint32_t i = 0; i < 30; i++) {
		make_frame(frame, sizeof frame, i);
		lab_add(&lab, frame, sizeof frame, 0);
	}
	lab_send(&lab, 1234567890123456789);
	lab_end(&lab);
	snprintf(command, sizeof command, "PATH=$PATH:/usr/sbin tcpdump --nano -tt -nr %s 2>/dev/null",
	        lab_path(&lab, "out.pcap"));
	p = popen(command, "r");
	cr_assert(p);
	while (fgets(line, sizeof line, p)) {
		lines++;
		cr_assert(strstr(line, "1234567890.123456789 IP 10.0.0."), "%s", line);
	}
	pclose(p);
	cr_assert_eq(lines, 30);
}
