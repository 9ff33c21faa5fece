#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>

#include "tests/unit/wire/exercise.h"
#include "tests/unit/wire/guard.h"

/* A neighbour that writes what it likes into a frame while it is read.  Nothing is asserted about what is
 * read: that no view leaves the buffer is asserted by the exercise, and no read does, or the page behind the
 * frame would tell. */

struct writer {
	uint8_t *bytes;
	uint32_t len;
	atomic_bool stop;
};

static void *scribble(void *arg)
{
	struct writer *w = arg;
	uint64_t seed = 11;

	while (!atomic_load_explicit(&w->stop, memory_order_relaxed)) {
		uint64_t r = random_next(&seed);
		volatile uint8_t *b = w->bytes + (uint32_t)(r >> 32) % w->len;

		*b = r & 0x100 ? (uint8_t)(r >> 24) : *b ^ (uint8_t)(1u << (r & 7));
	}
	return NULL;
}

/* Frames that lead deep, so that the writer can change a length between a check and its use. */
static const struct {
	uint8_t len;
	uint8_t bytes[102];
} frames[] = {
        /* IPv4 with options, UDP */
        {14 + 32 + 8, {[12] = 8,
                              0,
                              [14] = 0x48,
                              0,
                              0,
                              40,
                              [22] = 64,
                              17,
                              [34] = 7,
                              7,
                              4,
                              [41] = 0x94,
                              4,
                              0,
                              0,
                              [46] = 0,
                              1,
                              0,
                              2,
                              0,
                              8}},
        /* IPv4, TCP with options */
        {14 + 20 + 40, {[12] = 8,
                               0,
                               [14] = 0x45,
                               0,
                               0,
                               60,
                               [22] = 64,
                               6,
                               [46] = 0xa0,
                               2,
                               [54] = 2,
                               4,
                               5,
                               0xb4,
                               4,
                               2,
                               8,
                               10,
                               [68] = 1,
                               3,
                               3,
                               7}},
        /* IPv6, hop-by-hop with router alert, destination options, fragment, UDP */
        {14 + 40 + 24 + 8, {[12] = 0x86,
                                   0xdd,
                                   [14] = 0x60,
                                   [19] = 32,
                                   0,
                                   1,
                                   [54] = 60,
                                   0,
                                   5,
                                   2,
                                   0,
                                   0,
                                   1,
                                   0,
                                   44,
                                   0,
                                   0x1e,
                                   1,
                                   0,
                                   1,
                                   1,
                                   0,
                                   17,
                                   0,
                                   0,
                                   0,
                                   0,
                                   0,
                                   0,
                                   1,
                                   0,
                                   1,
                                   0,
                                   2,
                                   0,
                                   8}},
        /* IPv6, neighbor solicitation with options (its checksum is made right by chance only) */
        {14 + 40 + 32, {[12] = 0x86, 0xdd, [14] = 0x60, [19] = 32, 58, 255, [54] = 135, [78] = 1, 1}},
};

Test(race, never_leaves_the_buffer)
{
	exercise_racing = true;
	for (uint32_t round = 0; round < 400; round++) {
		uint32_t kind = round % ARRAY_LEN(frames), len = frames[kind].len;
		struct writer w = {.bytes = guard_copy(frames[kind].bytes, len), .len = len};
		pthread_t thread;

		cr_assert_eq(pthread_create(&thread, NULL, scribble, &w), 0);
		for (uint32_t i = 0; i < 500; i++) {
			exercise_frame(w.bytes, len);
			if (i % 4 == 0)
				memcpy(w.bytes, frames[kind].bytes, len);
		}
		atomic_store_explicit(&w.stop, true, memory_order_relaxed);
		pthread_join(thread, NULL);
	}
	cr_assert(exercise_tally.ipv4 > 0 && exercise_tally.ipv6_chain > 0);
}
