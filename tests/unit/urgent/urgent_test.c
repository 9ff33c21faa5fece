/* The control class against a plain reading of its list. */
#include "common/urgent/urgent.h"
#include "tests/unit/urgent/frames.h"

#include <criterion/criterion.h>

Test(urgent, is_a_program_that_may_be_run)
{
	struct urgent_program p;

	for (uint32_t dscp = 0; dscp <= URGENT_DSCP_MAX; dscp++) {
		urgent_program(&p, dscp);
		cr_assert(tap_program_check(p.insn, p.n));
	}
}

Test(urgent, agrees_with_the_list_on_random_frames_of_any_length)
{
	uint8_t frame[FRAMES_MAX];
	uint64_t random = 1;
	uint32_t n = 0;

	for (uint32_t i = 0; i < 300000; i++) {
		uint32_t len = frames_make(frame, &random), dscp = i % (URGENT_DSCP_MAX + 1);
		bool urgent = frames_urgent(frame, len, dscp);
		struct urgent_program p;

		urgent_program(&p, dscp);
		cr_assert_eq(
		        urgent_frame(&p, frame, len), urgent, "frame %u, DSCP %u, %u bytes", i, dscp, len);
		urgent_inverse(&p);
		cr_assert_eq(urgent_frame(&p, frame, len), !urgent, "frame %u is in neither", i);
		n += urgent;
	}
	cr_assert(n > 50000 && n < 250000, "%u frames of the class", n);
}

Test(urgent, no_dscp_is_as_high_as_the_highest_setting)
{
	uint8_t frame[FRAMES_MAX] = {[12] = 8, [14] = 0x45, [15] = 0xff};
	struct urgent_program p;

	urgent_program(&p, URGENT_DSCP_MAX);
	cr_expect_not(urgent_frame(&p, frame, sizeof frame));
	urgent_program(&p, URGENT_DSCP_MAX - 1);
	cr_expect(urgent_frame(&p, frame, sizeof frame));
	urgent_program(&p, 0);
	frame[15] = 0;
	cr_expect(urgent_frame(&p, frame, sizeof frame));
}
