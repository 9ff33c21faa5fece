/* What the opener does about an epoch that is offered, in force, withdrawn, and in which order: control takes
 * its answer for done. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "tests/unit/keeper/opener_bed.h"

/* Both ports with that MTU, and a MAC that ends so. */
static const char *text_of(const char *driver, uint32_t mtu, uint32_t mac)
{
	static char text[1024];

	snprintf(text, sizeof text,
	        "appliance: {buffers: 1024}\n"
	        "ports:\n"
	        "  p0: {driver: %s, mtu: %u, rx_ring: 64, mac: \"02:00:00:00:00:%02x\", addresses: "
	        "[192.0.2.1/24]}\n"
	        "  p1: {driver: %s, mtu: %u, rx_ring: 64, mac: \"02:00:00:00:01:%02x\"}\n",
	        driver, mtu, mac, driver, mtu, mac);
	return text;
}

static uint32_t offered(void)
{
	return appliance_control(&bed.whole.a)->offered;
}

static uint32_t in_force(void)
{
	return appliance_control(&bed.whole.a)->epoch;
}

static void expect_mtu(uint32_t mtu)
{
	for (uint32_t i = 0; i < BED_PORTS; i++)
		cr_expect_eq(
		        bed.interface[i].mtu, mtu, "port %u has %u and not %u", i, bed.interface[i].mtu, mtu);
}

static void setup(void)
{
	bed_setup(text_of("af_packet", 1400, 1));
}

static void expect_still_open(void)
{
	for (uint32_t i = 0; i < BED_PORTS; i++)
		cr_expect_eq(bed.interface[i].opened, 1);
}

TestSuite(opener, .init = setup, .fini = bed_teardown);

Test(opener, has_opened_the_ports_of_what_is_in_force_when_it_says_so)
{
	expect_mtu(1400);
	expect_still_open();
	cr_expect(bed_answer().lives);
	cr_expect_eq(bed_answer().adopted, in_force());
}

Test(opener, raises_an_mtu_before_it_answers)
{
	bed_offer(text_of("af_packet", 1600, 1));
	bed_work();
	expect_mtu(1600);
	cr_expect_eq(bed_answer().ready, offered());
	cr_expect_eq(bed_answer().refused, BOARD_REFUSED_NOT);
	for (uint32_t i = 0; i < BED_PORTS; i++)
		cr_expect_neq(bed.interface[i].told_after, offered(), "it has answered before");
	bed_in_force();
	bed_work();
	cr_expect_eq(bed_answer().adopted, in_force());
	bed_settle();
	expect_mtu(1600);
	expect_still_open();
}

Test(opener, lowers_an_mtu_when_nothing_of_the_epoch_before_is_under_way)
{
	bed_offer(text_of("af_packet", 1300, 1));
	bed_work();
	cr_expect_eq(bed_answer().ready, offered());
	expect_mtu(1400);
	bed_in_force();
	bed_work();
	expect_mtu(1400);
	bed_settle();
	expect_mtu(1300);
	expect_still_open();
}

Test(opener, takes_frames_to_two_macs_while_both_may_come)
{
	bed_offer(text_of("af_packet", 1400, 2));
	bed_work();
	cr_expect(bed_takes(0, 1) && bed_takes(0, 2) && bed_takes(1, 1) && bed_takes(1, 2));
	bed_in_force();
	bed_work();
	cr_expect(bed_takes(0, 1) && bed_takes(0, 2));
	bed_settle();
	cr_expect(!bed_takes(0, 1) && bed_takes(0, 2) && !bed_takes(1, 1) && bed_takes(1, 2));
	expect_still_open();
}

Test(opener, puts_all_back_that_is_withdrawn)
{
	bed_offer(text_of("af_packet", 1600, 2));
	bed_work();
	expect_mtu(1600);
	bed_withdraw();
	bed_work();
	expect_mtu(1400);
	cr_expect(bed_takes(0, 1) && !bed_takes(0, 2));
	cr_expect_eq(bed_answer().ready, in_force());
}

static void expect_refused(enum board_refusal what, uint32_t by)
{
	struct board_opener said;

	bed_work();
	said = bed_answer();
	cr_expect_eq(said.ready, offered());
	cr_expect_eq(said.refused, what);
	cr_expect_eq(said.phys, by);
	cr_expect(said.why[0]);
	expect_mtu(1400);
	cr_expect(bed_takes(0, 1) && !bed_takes(0, 2) && !bed_takes(1, 2));
	for (uint32_t i = 0; i < BED_PORTS; i++)
		cr_expect_neq(
		        bed.interface[i].told_after, offered(), "it has answered before all was put back");
	bed_withdraw();
	bed_offer(text_of("af_packet", 1500, 2));
	bed_work();
	cr_expect_eq(bed_answer().ready, offered());
	cr_expect_eq(bed_answer().refused, BOARD_REFUSED_NOT);
	expect_mtu(1500);
}

Test(opener, refuses_what_the_kernel_refuses_and_puts_back_what_another_port_had_got)
{
	bed.interface[1].refuses = 1600;
	bed_offer(text_of("af_packet", 1600, 2));
	expect_refused(BOARD_REFUSED_MTU, 1);
}

Test(opener, refuses_what_the_kernel_says_that_it_would_refuse)
{
	bed.interface[1].mtu_max = 1599;
	bed_offer(text_of("af_packet", 1600, 2));
	expect_refused(BOARD_REFUSED_MTU, 1);
}

Test(opener, refuses_an_mtu_that_no_buffer_of_af_xdp_holds)
{
	bed_offer(text_of("af_xdp", 1800, 2));
	expect_refused(BOARD_REFUSED_MTU, 0);
}

Test(opener, refuses_a_mac_that_finds_no_room)
{
	bed.refuses_mac = true;
	bed_offer(text_of("af_packet", 1600, 2));
	bed_work();
	bed.refuses_mac = false;
	expect_refused(BOARD_REFUSED_MAC, 0);
}

Test(opener, puts_in_force_what_control_insists_on_though_it_was_refused)
{
	bed.interface[1].refuses = 1600;
	bed_offer(text_of("af_packet", 1600, 2));
	bed_work();
	bed_in_force();
	bed_work();
	bed_settle();
	cr_expect_eq(bed.interface[0].mtu, 1600);
	cr_expect_eq(bed_answer().adopted, in_force());
	cr_expect(!bed_takes(0, 1) && bed_takes(0, 2));
}

/* At each act of two offers, the first of which is withdrawn. */

static uint32_t step;

/* What control would do next, whether or not there is an answer. */
static void control(void)
{
	switch (step) {
	case 0: bed_offer(text_of("af_packet", 1600, 2)); break;
	case 1: bed_withdraw(); break;
	case 2: bed_offer(text_of("af_packet", 1300, 3)); break;
	case 3: bed_in_force(); break;
	case 4: cr_assert(whole_settle(&bed.whole)); break;
	default: break;
	}
}

/* It works; or dies before the at-th act, and the next one comes, `late`: when control has gone on. */
static bool works(uint32_t at, bool late)
{
	if (bed_survives(bed_work, at))
		return true;
	if (late) {
		step++;
		control();
	}
	bed_follow();
	bed_work();
	return false;
}

/* Whether there is such an act in that step. */
static bool dies(uint32_t in, uint32_t at, bool late)
{
	bool died = false;

	setup();
	for (step = 0; step < 6; step++) {
		control();
		if (step == in)
			died = !works(at, late);
		else
			bed_work();
		cr_expect(step != 0 || (bed.interface[0].mtu == 1600 && bed_takes(1, 2)), "not as offered");
		cr_expect(step != 1 || (bed.interface[0].mtu == 1400 && !bed_takes(1, 2)), "not put back");
	}
	expect_mtu(1300);
	cr_expect(bed_takes(0, 3) && !bed_takes(0, 2) && !bed_takes(0, 1));
	cr_expect_eq(bed_answer().adopted, in_force());
	expect_still_open();
	bed_teardown();
	return died;
}

Test(opener_death, leaves_to_its_successor_what_makes_it_right, .timeout = 300)
{
	uint32_t deaths = 0;

	for (uint32_t late = 0; late < 2; late++)
		for (uint32_t in = 0; in < 6; in++)
			for (uint32_t at = 1; dies(in, at, late); at++)
				deaths++;
	cr_assert_gt(deaths, 40, "%u deaths only", deaths);
}
