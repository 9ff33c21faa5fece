#include "services/ingest/nic/capture.h"

#include "tests/unit/ingest/lab.h"

#include <criterion/criterion.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define MICRO    0xa1b2c3d4u
#define NANO     0xa1b23c4du
#define MODIFIED 0xa1b2cd34u

static char error[256];

/* A copy whose end is the end of its memory, for AddressSanitizer. */
static uint8_t *exact(const struct bytes *b, size_t n)
{
	uint8_t *copy = malloc(n ? n : 1);

	memcpy(copy, b->b, n);
	return copy;
}

static void put_modified(struct bytes *to, uint32_t seconds, uint32_t fraction, const void *frame, uint32_t n)
{
	put32(to, seconds);
	put32(to, fraction);
	put32(to, n);
	put32(to, n + 5);
	put32(to, 7);
	put32(to, 9);
	put(to, frame, n);
}

Test(capture, reads_every_classic_form)
{
	static const uint32_t magics[] = {MICRO, NANO, MODIFIED};

	for (uint32_t form = 0; form < 6; form++) {
		uint32_t magic = magics[form / 2];
		struct bytes b = {.big = form & 1};
		struct capture_frame f;
		struct capture c;
		uint8_t *file;

		put_classic(&b, magic, 1);
		for (uint32_t i = 0; i < 3; i++) {
			uint8_t frame[3] = {(uint8_t)i, 1, 2};

			if (magic == MODIFIED)
				put_modified(&b, 10 + i, 20, frame, i);
			else
				put_record(&b, 10 + i, 20, frame, i, i + 5);
		}
		file = exact(&b, b.n);
		cr_assert_eq(capture_open(&c, file, b.n, error, sizeof error), 0);
		for (uint32_t i = 0; i < 3; i++) {
			cr_assert(capture_next(&c, &f));
			cr_assert_eq(f.number, i + 1);
			cr_assert_eq(f.len, i);
			cr_assert_eq(f.cut, 5);
			cr_assert_eq(f.link, 1);
			cr_assert_eq(f.time, (10 + i) * NANOS_PER_SEC + (magic == NANO ? 20 : 20000));
			cr_assert(!i || f.bytes[0] == i);
		}
		cr_assert_not(capture_next(&c, &f));
		cr_assert(!c.cut && !c.broken);
		free(file);
		bytes_free(&b);
	}
}

/* pcapng. */

static void put_block(struct bytes *to, uint32_t type, const struct bytes *body)
{
	uint32_t total = (uint32_t)ALIGN_UP(body->n, (size_t)4) + 12;

	put32(to, type);
	put32(to, total);
	put(to, body->b, body->n);
	put(to, "\0\0\0", total - 12 - body->n);
	put32(to, total);
}

static void put_section(struct bytes *to)
{
	struct bytes body = {.big = to->big};

	put32(&body, 0x1a2b3c4d);
	put16(&body, 1);
	put16(&body, 0);
	put32(&body, UINT32_MAX);
	put32(&body, UINT32_MAX);
	put_block(to, 0x0a0d0d0a, &body);
	bytes_free(&body);
}

static void put_interface(
        struct bytes *to, uint16_t link, uint32_t snaplen, int tsresol, uint64_t tsoffset, uint8_t fcs)
{
	struct bytes body = {.big = to->big};

	put16(&body, link);
	put16(&body, 0);
	put32(&body, snaplen);
	put16(&body, 2); /* if_name, to be stepped over */
	put16(&body, 3);
	put(&body, "abc", 4);
	if (tsresol >= 0) {
		put16(&body, 9);
		put16(&body, 1);
		put(&body, (uint8_t[4]){(uint8_t)tsresol}, 4);
	}
	if (tsoffset) {
		put16(&body, 14);
		put16(&body, 8);
		put32(&body, to->big ? (uint32_t)(tsoffset >> 32) : (uint32_t)tsoffset);
		put32(&body, to->big ? (uint32_t)tsoffset : (uint32_t)(tsoffset >> 32));
	}
	if (fcs) {
		put16(&body, 13);
		put16(&body, 1);
		put(&body, (uint8_t[4]){fcs}, 4);
	}
	put32(&body, 0);
	put_block(to, 1, &body);
	bytes_free(&body);
}

static void put_enhanced(struct bytes *to, uint32_t type, uint32_t interface, uint64_t ticks,
        const char *frame, uint32_t on_wire)
{
	struct bytes body = {.big = to->big};

	if (type == 6) {
		put32(&body, interface);
	} else {
		put16(&body, (uint16_t)interface);
		put16(&body, 0xffff);
	}
	put32(&body, (uint32_t)(ticks >> 32));
	put32(&body, (uint32_t)ticks);
	put32(&body, (uint32_t)strlen(frame));
	put32(&body, on_wire);
	put(&body, frame, strlen(frame));
	put_block(to, type, &body);
	bytes_free(&body);
}

static void put_simple(struct bytes *to, const char *frame, uint32_t on_wire)
{
	struct bytes body = {.big = to->big};

	put32(&body, on_wire);
	put(&body, frame, strlen(frame));
	put_block(to, 3, &body);
	bytes_free(&body);
}

static void put_ng(struct bytes *to)
{
	put_section(to);
	put_interface(to, 1, 4, -1, 0, 0);
	put_interface(to, 101, 0, 9, 0, 0);
	put_enhanced(to, 6, 0, 5000001, "micro", 5);
	put_enhanced(to, 6, 1, 5000001, "nano", 9);
	put_simple(to, "simple", 6);
	put_block(to, 0x00000bad, &(struct bytes){.b = (uint8_t[3]){1, 2, 3}, .n = 3});
	put_enhanced(to, 2, 1, 7, "old", 3);
	put_enhanced(to, 6, 2, 7, "no such interface", 3);
	to->big = !to->big;
	put_section(to);
	put_interface(to, 1, 0, 0x80 | 10, 100, 4);
	put_enhanced(to, 6, 0, 3 * 1024 + 512, "withFCS4", 8);
	put_enhanced(to, 6, 0, 3 * 1024 + 512, "cut", 8);
	put_interface(to, 4711, 0, -1, 0, 0);
	put_enhanced(to, 6, 1, 1, "unknown", 7);
}

static const struct expected {
	const char *bytes;
	uint32_t number;
	uint32_t cut;
	uint16_t link;
	nanos_t time;
} ng_expected[] = {
        {"micro", 1, 0, 1, 5000001000},
        {"nano", 2, 5, 101, 5000001},
        {"simp", 3, 2, 1, 5000001},
        {"old", 4, 0, 101, 7},
        {"with", 6, 0, 1, 103500000000},
        {"cut", 7, 5, 1, 103500000000},
};

Test(capture, reads_pcapng_of_either_order)
{
	for (uint32_t big = 0; big < 2; big++) {
		struct bytes b = {.big = big};
		struct capture_frame f;
		struct capture c;
		uint8_t *file;

		put_ng(&b);
		file = exact(&b, b.n);
		cr_assert_eq(capture_open(&c, file, b.n, error, sizeof error), 0);
		for (size_t i = 0; i < ARRAY_LEN(ng_expected); i++) {
			const struct expected *e = &ng_expected[i];

			cr_assert(capture_next(&c, &f));
			cr_assert_eq(f.len, strlen(e->bytes), "%s", e->bytes);
			cr_assert_eq(memcmp(f.bytes, e->bytes, f.len), 0);
			cr_assert_eq(f.number, e->number);
			cr_assert_eq(f.cut, e->cut, "%s", e->bytes);
			cr_assert_eq(f.link, e->link);
			cr_assert_eq(f.time, e->time, "%s: %llu", e->bytes, (unsigned long long)f.time);
		}
		cr_assert_not(capture_next(&c, &f));
		cr_assert_eq(c.left_out, 2);
		cr_assert(!c.cut && !c.broken);
		free(file);
		bytes_free(&b);
	}
}

static nanos_t time_of(int tsresol, uint64_t tsoffset, uint64_t ticks)
{
	struct bytes b = {0};
	struct capture_frame f;
	struct capture c;

	put_section(&b);
	put_interface(&b, 1, 0, tsresol, tsoffset, 0);
	put_enhanced(&b, 6, 0, ticks, "x", 1);
	cr_assert_eq(capture_open(&c, b.b, b.n, error, sizeof error), 0);
	cr_assert(capture_next(&c, &f));
	bytes_free(&b);
	return f.time;
}

Test(capture, understands_any_resolution)
{
	cr_assert_eq(time_of(0, 0, 3), 3 * NANOS_PER_SEC);
	cr_assert_eq(time_of(3, 0, 3), 3 * NANOS_PER_MS);
	cr_assert_eq(time_of(12, 0, 3999), 3);
	cr_assert_eq(time_of(127, 0, UINT64_MAX), 0);
	cr_assert_eq(time_of(0x80, 0, 3), 3 * NANOS_PER_SEC);
	cr_assert_eq(time_of(0x80 | 1, 0, 3), 1500000000);
	cr_assert_eq(time_of(0xff, 0, 3), 0);
	cr_assert_eq(time_of(6, 2, 1), 2 * NANOS_PER_SEC + 1000);
	cr_assert_eq(time_of(6, (uint64_t)-1, 1500000), 500000000);
	cr_assert_eq(time_of(6, (uint64_t)-3, 1500000), 0);
	cr_assert_eq(time_of(0, 0, UINT64_MAX), UINT64_MAX - 1);
}

/* Reads all that can be read; returns frames. */
static uint32_t read_all(const uint8_t *file, size_t n, struct capture *c)
{
	struct capture_frame f;
	uint32_t frames = 0;
	uint64_t sum = 0;

	if (capture_open(c, file, n, error, sizeof error))
		return 0;
	while (capture_next(c, &f)) {
		frames++;
		for (uint32_t i = 0; i < f.len; i++)
			sum += f.bytes[i];
	}
	cr_assert_neq(sum, 1);
	return frames;
}

/* A file cut at any byte gives the whole packets before the cut, and says that it was cut. */
static void cut_anywhere(const struct bytes *b, uint32_t frames)
{
	uint32_t before = 0;

	for (size_t n = 0; n <= b->n; n++) {
		uint8_t *file = exact(b, n);
		struct capture c;
		uint32_t now = read_all(file, n, &c);

		cr_assert(now == before || now == before + 1);
		before = now;
		free(file);
	}
	cr_assert_eq(before, frames);
}

Test(capture, reads_up_to_where_a_file_was_cut)
{
	struct bytes b = {0};

	put_ng(&b);
	cut_anywhere(&b, ARRAY_LEN(ng_expected));
	bytes_free(&b);
	put_classic(&b, NANO, 1);
	for (uint32_t i = 0; i < 3; i++)
		put_record(&b, 0, 0, "frame", 5, 5);
	cut_anywhere(&b, 3);
	bytes_free(&b);
}

Test(capture, survives_any_changed_byte)
{
	uint64_t random = 3;

	for (uint32_t form = 0; form < 2; form++) {
		struct bytes b = {0};

		if (form)
			put_ng(&b);
		else
			put_classic(&b, MICRO, 1);
		if (!form)
			for (uint32_t i = 0; i < 5; i++)
				put_record(&b, 0, 0, "frame", 5, 5);
		for (uint32_t round = 0; round < 20000; round++) {
			uint8_t *file = exact(&b, b.n);
			struct capture c;

			for (uint32_t k = 0; k < 1 + round % 4; k++)
				file[random_next(&random) % b.n] = (uint8_t)(random_next(&random) >> 17);
			read_all(file, b.n, &c);
			free(file);
		}
		bytes_free(&b);
	}
}

Test(capture, takes_the_frame_check_sequence_off)
{
	struct bytes b = {0};
	struct capture_frame f;
	struct capture c;

	put_classic(&b, MICRO, 1 | 0x24000000u);
	put_record(&b, 0, 0, "frameFCS4", 9, 9);
	put_record(&b, 0, 0, "fra", 3, 9);
	put_record(&b, 0, 0, "abc", 3, 3);
	cr_assert_eq(capture_open(&c, b.b, b.n, error, sizeof error), 0);
	cr_assert(capture_next(&c, &f) && f.len == 5);
	cr_assert(capture_next(&c, &f) && f.len == 3 && f.cut == 6);
	cr_assert(capture_next(&c, &f) && f.len == 0);
	bytes_free(&b);
}

Test(capture, says_what_is_no_capture)
{
	struct bytes b = {0};
	struct capture c;

	cr_assert_eq(capture_open(&c, "", 0, error, sizeof error), -EINVAL);
	cr_assert_str_eq(error, "is neither pcap nor pcapng");
	cr_assert_eq(
	        capture_open(&c, "GET / HTTP/1.1\r\nHost: example\r\n", 30, error, sizeof error), -EINVAL);
	put_classic(&b, MICRO, 105);
	cr_assert_eq(capture_open(&c, b.b, b.n, error, sizeof error), -EINVAL);
	cr_assert(strstr(error, "has link type 105"));
	bytes_free(&b);
}

Test(capture, stops_at_a_length_that_cannot_be)
{
	struct bytes b = {0};
	struct capture c;

	put_classic(&b, MICRO, 1);
	put_record(&b, 0, 0, "good", 4, 4);
	put32(&b, 0);
	put32(&b, 0);
	put32(&b, CAPTURE_FRAME_MAX + 1);
	put32(&b, 0);
	cr_assert_eq(read_all(b.b, b.n, &c), 1);
	cr_assert(c.broken);
	bytes_free(&b);
	put_section(&b);
	put32(&b, 6);
	put32(&b, 13);
	put32(&b, 13);
	cr_assert_eq(read_all(b.b, b.n, &c), 0);
	cr_assert(c.broken);
	bytes_free(&b);
	put_section(&b);
	put32(&b, 0x0a0d0d0a);
	put32(&b, 28);
	put32(&b, 0);
	cr_assert_eq(read_all(b.b, b.n, &c), 0);
	cr_assert(c.broken);
	bytes_free(&b);
}

/* Real captures. */

static uint32_t files, broken;

static int read_file(const char *path, const struct stat *st, int type, struct FTW *at)
{
	const char *dot = strrchr(path, '.');
	struct capture c;
	uint8_t *bytes;
	FILE *f;

	(void)at;
	if (type != FTW_F || !dot || !strstr(dot, "cap") || !st->st_size)
		return 0;
	f = fopen(path, "rb");
	cr_assert(f);
	bytes = malloc((size_t)st->st_size);
	cr_assert_eq(fread(bytes, 1, (size_t)st->st_size, f), (size_t)st->st_size);
	fclose(f);
	cr_assert_eq(
	        capture_open(&c, bytes, (uint64_t)st->st_size, error, sizeof error), 0, "%s %s", path, error);
	if (!read_all(bytes, (size_t)st->st_size, &c) || c.broken)
		broken++;
	files++;
	free(bytes);
	return 0;
}

Test(capture, opens_all_shared_captures)
{
	const char *dir = getenv("SLUICE_CAPTURES");
	struct stat st;

	if (!dir)
		dir = SOURCE_DIR "/../shared/captures";
	if (stat(dir, &st))
		cr_skip_test("no captures: set SLUICE_CAPTURES");
	cr_assert_eq(nftw(dir, read_file, 16, FTW_PHYS), 0);
	cr_assert_gt(files, 500);
	cr_assert_leq(broken, 3, "%u of %u", broken, files);
}
