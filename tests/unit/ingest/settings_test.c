#include "common/settings/settings.h"

#include <criterion/criterion.h>
#include <stdio.h>

static struct nic_settings s;
static char error[512];

static bool reads(enum epoch_driver driver, const char *text)
{
	memset(error, 0, sizeof error);
	return settings_parse(&s, driver, text, error, sizeof error) == 0;
}

static void refuses(enum epoch_driver driver, const char *text, const char *says)
{
	cr_assert_not(reads(driver, text), "%s", text);
	cr_assert(strstr(error, says), "`%s` gives: %s", text, error);
}

Test(settings, reads_all_keys)
{
	cr_assert(reads(EPOCH_DRIVER_PCAP,
	                  "in=/a b/c.pcap;out=d;pace=1000;loop=0;fault.seed=18446744073709551615"
	                  ";fault.drop=1000000;fault.repeat=2;fault.reorder=3;fault.corrupt=4;"
	                  "fault.truncate=5;fault.delay_ms=60000"),
	        "%s", error);
	cr_assert_str_eq(s.in, "/a b/c.pcap");
	cr_assert_str_eq(s.out, "d");
	cr_assert_eq(s.pace, PACE_RATE);
	cr_assert_eq(s.rate, 1000);
	cr_assert_eq(s.loop, 0);
	cr_assert_eq(s.fault.seed, UINT64_MAX);
	cr_assert_eq(s.fault.drop, 1000000);
	cr_assert_eq(s.fault.repeat, 2);
	cr_assert_eq(s.fault.reorder, 3);
	cr_assert_eq(s.fault.corrupt, 4);
	cr_assert_eq(s.fault.truncate, 5);
	cr_assert_eq(s.fault.delay_ms, 60000);
	cr_assert(settings_faulty(&s));
	cr_assert(reads(EPOCH_DRIVER_LOOP, "peer=lan;capacity=512"));
	cr_assert_str_eq(s.peer, "lan");
	cr_assert_eq(s.capacity, 512);
}

Test(settings, has_defaults)
{
	cr_assert(reads(EPOCH_DRIVER_PCAP, ""));
	cr_assert_eq(s.pace, PACE_CAPTURE);
	cr_assert_eq(s.loop, 1);
	cr_assert_eq(s.capacity, 256);
	cr_assert_eq(s.fault.seed, 1);
	cr_assert_not(settings_faulty(&s));
	cr_assert(reads(EPOCH_DRIVER_PCAP, "pace=7;"));
	cr_assert_eq(s.pace, PACE_RATE);
	cr_assert(reads(EPOCH_DRIVER_LOOP, "peer="));
	cr_assert_str_eq(s.peer, "");
}

Test(settings, says_what_is_wrong)
{
	char name[LOOP_CAPACITY_MAX], text[SETTINGS_FILE_BYTES + 8];

	refuses(EPOCH_DRIVER_PCAP, "inn=a", "`inn` is not known to the pcap driver");
	refuses(EPOCH_DRIVER_LOOP, "in=a", "`in` is not known to the loop driver");
	refuses(EPOCH_DRIVER_PCAP, "capacity=3", "`capacity`");
	refuses(EPOCH_DRIVER_PCAP, ";", "``");
	refuses(EPOCH_DRIVER_PCAP, "in", "`in` has no value");
	refuses(EPOCH_DRIVER_PCAP, "in=", "file name");
	refuses(EPOCH_DRIVER_PCAP, "in=a;in=b", "`in` is given twice");
	refuses(EPOCH_DRIVER_PCAP, "pace=slow", "capture, max, or a number of frames");
	refuses(EPOCH_DRIVER_PCAP, "pace=0", "`0`");
	refuses(EPOCH_DRIVER_PCAP, "pace=1x", "`1x`");
	refuses(EPOCH_DRIVER_PCAP, "loop=-1", "from 0 to");
	refuses(EPOCH_DRIVER_PCAP, "loop=18446744073709551616", "from 0 to");
	refuses(EPOCH_DRIVER_PCAP, "loop=18446744073709551615999", "from 0 to");
	refuses(EPOCH_DRIVER_PCAP, "fault.drop=1000001", "from 0 to 1000000");
	refuses(EPOCH_DRIVER_LOOP, "capacity=513", "from 1 to 512");
	refuses(EPOCH_DRIVER_LOOP, "peer=0123456789abcdef", "a port's name");
	memset(name, 'a', sizeof name);
	snprintf(text, sizeof text, "%.*s=1", (int)sizeof name - 1, name);
	refuses(EPOCH_DRIVER_PCAP, text, "is not known");
	memset(text, 'a', sizeof text - 1);
	memcpy(text, "in=", 3);
	text[sizeof text - 1] = 0;
	refuses(EPOCH_DRIVER_PCAP, text, "file name");
}

Test(settings, keeps_within_a_short_room_for_errors)
{
	char small[16];

	memset(small, 'x', sizeof small);
	cr_assert(settings_parse(&s, EPOCH_DRIVER_PCAP, "pace=zzzzzzzzzzzzzzzzzzzzzzz", small, 8));
	cr_assert_eq(small[7], 0);
	cr_assert_eq(small[8], 'x');
}
