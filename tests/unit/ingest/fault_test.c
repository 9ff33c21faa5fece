#include "services/ingest/nic/fault.h"

#include "services/ingest/nic/capture.h"

#include "tests/unit/ingest/lab.h"

#include <criterion/criterion.h>
#include <stdio.h>
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

TestSuite(fault, .init = setup, .fini = teardown);

#define FRAMES  2000u
#define EVENT_N (4 * FRAMES)

/* What became of the frames, in order: number, bytes and where they went. */
struct story {
	uint32_t n;
	uint32_t unused;
	struct event {
		uint32_t number;
		uint32_t len;
		uint32_t what;
		uint32_t unused;
		uint64_t bytes;
	} event[EVENT_N];
};

enum { WENT_ON, LOST, KEPT };

static uint64_t digest(const uint8_t *b, uint32_t n)
{
	uint64_t h = 1;

	for (uint32_t i = 0; i < n; i++)
		h = hash_mix(h, b[i]);
	return h;
}

static void tell(struct story *s, const struct pkt *p, const uint8_t *frame, const struct verdict *v)
{
	cr_assert_lt(s->n, EVENT_N);
	s->event[s->n++] = (struct event){
	        .number = p->len >= 46 ? frame_number(frame) : 0,
	        .len = p->len,
	        .bytes = digest(frame, p->len),
	        .what = v->kind == VERDICT_DROP   ? LOST
	                : v->kind == VERDICT_HELD ? KEPT
	                                          : WENT_ON,
	};
}

static void tell_burst(struct story *s)
{
	const struct burst *b = &lab.f.burst;
	uint32_t k = 0;

	for (uint32_t i = 0; i <= b->n; i++) {
		for (; k < b->n_out && b->out[k].at <= i; k++)
			tell(s, &b->out[k].pkt, b->out[k].frame, &b->out[k].verdict);
		if (i < b->n)
			tell(s, &b->pkt[i], b->frame[i], &b->verdict[i]);
	}
}

static void end_or_die(struct story *s, uint64_t *random, nanos_t now)
{
	if (random && random_next(random) >> 60 < 5) {
		lab_die(&lab);
		lab_adopt(&lab, now);
		return;
	}
	if (s)
		tell_burst(s);
	lab_end(&lab);
}

/* Plays FRAMES through the faults; with `random` in bursts of any size, with deaths. */
static void play(struct story *s, const char *faults, uint64_t *random)
{
	s->n = 0;
	make_capture(lab_path(&lab, "in"), FRAMES, NANOS_PER_MS);
	lab_port(&lab, 0, EPOCH_DRIVER_PCAP, "in=%s;%s", lab_path(&lab, "in"), faults);
	lab_adopt(&lab, 0);
	for (nanos_t now = 0;;) {
		nanos_t timer = ingest_stage.next_timer(lab.worker),
		        port = ingest_stage.port_next(lab.worker);

		if (MIN(timer, port) == NANOS_NEVER)
			break;
		now = MAX(now, MIN(timer, port));
		if (lab_receive(&lab, now, random ? 1 + (uint32_t)(random_next(random) >> 40) % 9 : 64)) {
			end_or_die(s, random, now);
			continue;
		}
		lab_timer(&lab, now);
		end_or_die(s, random, now);
	}
}

static uint32_t count(const struct story *s, uint32_t what)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < s->n; i++)
		n += s->event[i].what == what;
	return n;
}

static struct story one, two;

Test(fault, loses_its_share)
{
	play(&one, "fault.drop=100000", NULL);
	cr_assert_eq(one.n, FRAMES);
	cr_assert(count(&one, LOST) > 150 && count(&one, LOST) < 250, "%u", count(&one, LOST));
	for (uint32_t i = 0; i < FRAMES; i++)
		cr_assert_eq(one.event[i].number, i + 1);
}

Test(fault, repeats_its_share)
{
	uint32_t twice = 0;

	play(&one, "fault.repeat=100000", NULL);
	for (uint32_t i = 1; i < one.n; i++) {
		uint32_t step = one.event[i].number - one.event[i - 1].number;

		cr_assert_leq(step, 1);
		twice += step == 0;
		cr_assert(step || one.event[i].bytes == one.event[i - 1].bytes);
	}
	cr_assert_eq(one.n, FRAMES + twice);
	cr_assert(twice > 150 && twice < 250, "%u", twice);
}

Test(fault, lets_the_next_frame_overtake)
{
	uint32_t swapped = 0, last = 0;

	play(&one, "fault.reorder=100000", NULL);
	for (uint32_t i = 0; i < one.n; i++) {
		if (one.event[i].what == KEPT)
			continue;
		swapped += one.event[i].number < last;
		cr_assert_geq(one.event[i].number + 1, last);
		last = MAX(last, one.event[i].number);
	}
	cr_assert_eq(count(&one, WENT_ON), FRAMES);
	cr_assert_eq(count(&one, KEPT), swapped + (one.event[one.n - 2].what == KEPT));
	cr_assert(swapped > 120 && swapped < 250, "%u", swapped);
}

Test(fault, delays_at_random_up_to_a_bound)
{
	uint64_t seen[FRAMES + 1] = {0};
	uint32_t went = 0, out_of_order = 0, last = 0;

	play(&one, "fault.delay_ms=20", NULL);
	for (uint32_t i = 0; i < one.n; i++) {
		if (one.event[i].what != WENT_ON)
			continue;
		went++;
		cr_assert_eq(seen[one.event[i].number]++, 0);
		cr_assert_leq(last, one.event[i].number + 20);
		out_of_order += one.event[i].number < last;
		last = MAX(last, one.event[i].number);
	}
	cr_assert_eq(went, FRAMES);
	cr_assert_gt(out_of_order, 100);
}

Test(fault, changes_one_bit_or_cuts)
{
	uint32_t changed = 0, cut = 0;
	uint8_t frame[64];

	play(&one, "fault.corrupt=100000", NULL);
	for (uint32_t i = 0; i < FRAMES; i++) {
		make_frame(frame, 64, i + 1);
		cr_assert_eq(one.event[i].len, 64);
		changed += one.event[i].bytes != digest(frame, 64);
	}
	cr_assert(changed > 150 && changed < 250, "%u", changed);
	play(&one, "fault.truncate=100000", NULL);
	for (uint32_t i = 0; i < FRAMES; i++) {
		cr_assert(one.event[i].len > 0 && one.event[i].len <= 64);
		make_frame(frame, 64, i + 1);
		cr_assert_eq(one.event[i].bytes, digest(frame, one.event[i].len));
		cut += one.event[i].len < 64;
	}
	cr_assert(cut > 150 && cut < 250, "%u", cut);
}

#define ALL                                                                                                  \
	"fault.drop=50000;fault.repeat=50000;fault.reorder=50000;fault.corrupt=50000;fault.truncate=50000;"  \
	"fault.delay_ms=3;pace=max"

/* Frames without their order: with delays, what is told in which burst depends on the clock of bursts. */
static int by_number(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct event));
}

Test(fault, is_the_same_over_deaths_and_any_bursts)
{
	static const char *const faults[] = {
	        "fault.drop=50000;fault.repeat=50000;fault.corrupt=50000;fault.truncate=50000",
	        "fault.reorder=90000;fault.drop=50000;fault.repeat=30000;fault.seed=9", "fault.repeat=900000",
	        ALL};
	uint64_t random = 99;

	for (uint32_t i = 0; i < ARRAY_LEN(faults); i++) {
		play(&one, faults[i], NULL);
		lab_free(&lab);
		lab_init(&lab, 1);
		play(&two, faults[i], &random);
		if (i + 1 == ARRAY_LEN(faults)) {
			qsort(one.event, one.n, sizeof one.event[0], by_number);
			qsort(two.event, two.n, sizeof two.event[0], by_number);
		}
		cr_assert_eq(one.n, two.n);
		for (uint32_t k = 0; k < one.n; k++)
			cr_assert_eq(memcmp(&one.event[k], &two.event[k], sizeof one.event[k]), 0,
			        "%s: event %u", faults[i], k);
		lab_free(&lab);
		lab_init(&lab, 1);
	}
}

Test(fault, has_another_story_with_another_seed)
{
	play(&one, "fault.drop=50000;fault.seed=1", NULL);
	play(&two, "fault.drop=50000;fault.seed=2", NULL);
	cr_assert_neq(memcmp(&one, &two, sizeof one), 0);
}

static uint32_t packets_kept(void)
{
	static struct pkt_index index[FIXTURE_BUFFERS];
	uint32_t packets, n = ingest_stage.held(lab.worker, index, &packets);

	cr_assert_eq(packets, n);
	for (uint32_t i = 0; i < n; i++)
		cr_assert(lab.f.held[index[i].v]);
	return n;
}

Test(fault, keeps_a_bounded_number_of_frames)
{
	uint32_t n, got = 0, kept = 0;

	make_capture(lab_path(&lab, "in"), FRAMES, NANOS_PER_MS);
	lab_port(&lab, 0, EPOCH_DRIVER_PCAP, "in=%s;pace=max;fault.delay_ms=60000", lab_path(&lab, "in"));
	lab_adopt(&lab, 0);
	while ((n = lab_receive(&lab, 0, 64))) {
		for (uint32_t i = 0; i < n; i++) {
			kept += lab.f.burst.verdict[i].kind == VERDICT_HELD;
			cr_assert(lab.f.burst.verdict[i].kind == VERDICT_HELD ||
			          lab.f.burst.verdict[i].reason == DROP_FAULT);
		}
		got += n;
		lab_end(&lab);
	}
	cr_assert_eq(got, FRAMES);
	cr_assert_eq(kept, FAULT_HELD);
	cr_assert_eq(packets_kept(), FAULT_HELD);
	lab_timer(&lab, 61 * NANOS_PER_SEC);
	cr_assert_eq(lab.f.burst.n_out, FAULT_HELD);
	lab_end(&lab);
	cr_assert_eq(packets_kept(), 0);
}

Test(fault, gives_what_it_kept_back_when_the_port_vanishes)
{
	make_capture(lab_path(&lab, "in"), FRAMES, NANOS_PER_MS);
	lab_port(&lab, 0, EPOCH_DRIVER_PCAP, "in=%s;pace=max;fault.delay_ms=60000", lab_path(&lab, "in"));
	lab_adopt(&lab, 0);
	cr_assert_eq(lab_receive(&lab, 0, 64), 64);
	lab_end(&lab);
	cr_assert_geq(packets_kept(), 60);
	lab_port(&lab, 0, EPOCH_DRIVER_NONE, "%s", "");
	lab_adopt(&lab, 0);
	lab_retire(&lab, 0);
	cr_assert_eq(packets_kept(), 0);
	for (uint32_t i = 0; i < FIXTURE_BUFFERS; i++)
		cr_assert_not(lab.f.held[i]);
}

/* Sending. */

static uint32_t sent_numbers(const char *path, uint32_t *number, uint32_t max)
{
	static uint8_t bytes[1 << 20];
	char error[256];
	struct capture c;
	struct capture_frame f;
	uint32_t n = 0;
	FILE *file = fopen(path, "rb");
	size_t size = fread(bytes, 1, sizeof bytes, file);

	fclose(file);
	cr_assert_eq(capture_open(&c, bytes, size, error, sizeof error), 0);
	while (n < max && capture_next(&c, &f))
		number[n++] = f.len >= 46 ? frame_number(f.bytes) : 0;
	return n;
}

/* Sends FRAMES, and waits; returns how many the file has. */
static uint32_t send_frames(const char *faults, uint32_t *number, uint64_t *random, uint32_t *lost)
{
	uint8_t frame[64];
	nanos_t now = 0;

	*lost = 0;
	lab_port(&lab, 0, EPOCH_DRIVER_PCAP, "out=%s;%s", lab_path(&lab, "out"), faults);
	lab_adopt(&lab, 0);
	for (uint32_t i = 1; i <= FRAMES; now += NANOS_PER_MS) {
		lab_begin_tx(&lab, now);
		make_frame(frame, 64, i);
		lab_add(&lab, frame, 64, 0);
		lab_send(&lab, now);
		if (random && random_next(random) >> 62 == 0) {
			lab_die(&lab);
			lab_adopt(&lab, now);
			continue;
		}
		*lost += lab.f.burst.verdict[0].kind == VERDICT_DROP;
		lab_end(&lab);
		i++;
		while (ingest_stage.next_timer(lab.worker) <= now) {
			lab_timer(&lab, now);
			lab_end(&lab);
		}
	}
	while ((now = ingest_stage.next_timer(lab.worker)) != NANOS_NEVER) {
		lab_timer(&lab, now);
		for (uint32_t i = 0; i < lab.f.burst.n_out; i++)
			cr_assert_eq(lab.f.burst.out[i].verdict.kind, VERDICT_SENT);
		lab_end(&lab);
	}
	lab_port(&lab, 0, EPOCH_DRIVER_NONE, "%s", "");
	lab_adopt(&lab, now);
	return sent_numbers(lab_path(&lab, "out"), number, 2 * FRAMES);
}

static uint32_t there[2 * FRAMES], again[2 * FRAMES];

Test(fault, spoils_what_is_sent_too)
{
	uint32_t n, lost, twice = 0, back = 0;

	n = send_frames("fault.drop=50000;fault.repeat=50000;fault.reorder=50000", there, NULL, &lost);
	for (uint32_t i = 1; i < n; i++) {
		twice += there[i] == there[i - 1];
		back += there[i] < there[i - 1];
	}
	cr_assert(lost > 60 && lost < 140, "%u", lost);
	cr_assert(twice > 50 && twice < 140, "%u", twice);
	cr_assert(back > 50 && back < 140, "%u", back);
	cr_assert_geq(n, FRAMES - lost + twice);
}

Test(fault, sends_the_same_over_deaths)
{
	static const char faults[] =
	        "fault.drop=50000;fault.repeat=50000;fault.reorder=50000;fault.corrupt=100000";
	uint64_t random = 4;
	uint32_t n, m, lost;

	n = send_frames(faults, there, NULL, &lost);
	lab_free(&lab);
	lab_init(&lab, 1);
	m = send_frames(faults, again, &random, &lost);
	cr_assert_eq(n, m);
	cr_assert_eq(memcmp(there, again, n * sizeof there[0]), 0);
}

Test(fault, delays_over_a_cable)
{
	uint8_t frame[64];
	uint32_t n, got = 0;

	lab_port(&lab, 0, EPOCH_DRIVER_LOOP, "fault.delay_ms=5;fault.repeat=1000000");
	lab_adopt(&lab, 0);
	lab_begin_tx(&lab, 0);
	for (uint32_t i = 0; i < 50; i++) {
		make_frame(frame, 64, i);
		lab_add(&lab, frame, 64, 0);
	}
	lab_send(&lab, 0);
	lab_end(&lab);
	for (nanos_t now = 0; now < 20 * NANOS_PER_MS; now += NANOS_PER_MS / 10) {
		while (ingest_stage.next_timer(lab.worker) <= now) {
			lab_timer(&lab, now);
			lab_end(&lab);
		}
		while ((n = lab_receive(&lab, now, 7))) {
			for (uint32_t i = 0; i < n; i++)
				got += lab.f.burst.verdict[i].kind != VERDICT_DROP;
			lab_end(&lab);
		}
	}
	cr_assert_eq(got, 100); /* each once from the cable, and each repeated on reception alone */
	cr_assert_eq(packets_kept(), 0);
	for (uint32_t i = 0; i < FIXTURE_BUFFERS; i++)
		cr_assert_not(lab.f.held[i]);
}

Test(fault, hands_on_errors_of_the_driver)
{
	lab_port(&lab, 0, EPOCH_DRIVER_PCAP, "in=/nowhere;fault.drop=1");
	lab_adopt(&lab, 0);
	cr_assert(strstr(ingest_port_error(lab.worker, (struct port_id){0}), "cannot be opened"));
}
