/* Rates of two samples, and pictures of them on terminals of every size. */
#include "services/cli/remote.h"
#include "services/cli/top/top.h"

#include <criterion/criterion.h>
#include <stdlib.h>

/* All that a picture needs of remote.c, which needs the whole command. */
const char *remote_time(char text[32], uint64_t ns)
{
	snprintf(text, 32, "%.1f s", (double)ns / NANOS_PER_SEC);
	return text;
}

static struct top_view view;
static struct top_sample sample;

static void setup(void)
{
	view = (struct top_view){0};
	sample = (struct top_sample){
	        .at = NANOS_PER_SEC, .received = 100, .n_processes = 1, .n_ports = 1, .n_drops = 1};
	sample.process[0] = (struct top_process){.name = "router",
	        .state = "running",
	        .moves = true,
	        .pid = 7,
	        .in = 50,
	        .usage_at = NANOS_PER_SEC,
	        .ring_slots = 512};
	sample.port[0] = (struct top_port){.name = "wan", .state = "up", .rx_bytes = 1000};
	sample.drop[0] = (struct top_drop){.stage = "router", .reason = "ttl_expired", .packets = 3};
}

TestSuite(top, .init = setup);

static void later(void)
{
	top_view_add(&view, &sample);
	sample.at += 2 * NANOS_PER_SEC;
}

Test(top, rates_are_a_second)
{
	later();
	cr_expect_eq(view.rates.received, 0, "of the first nothing is known");
	sample.received += 500;
	sample.process[0].in += 50;
	sample.process[0].usage_at += 2 * NANOS_PER_SEC;
	sample.process[0].cpu_ns += NANOS_PER_SEC;
	sample.process[0].switches += 8;
	sample.port[0].rx_bytes += 1000;
	sample.n_drops = 2;
	sample.drop[1] = (struct top_drop){.stage = "filter", .reason = "tc_ingress", .packets = 8};
	later();
	cr_expect_float_eq(view.rates.received, 250, 1e-6);
	cr_expect_float_eq(view.rates.process[0].in, 25, 1e-6);
	cr_expect_float_eq(view.rates.process[0].cpu, 0.5, 1e-6);
	cr_expect_float_eq(view.rates.process[0].switches, 4, 1e-6);
	cr_expect_float_eq(view.rates.port[0].rx_bits, 4000, 1e-6);
	cr_expect_float_eq(view.rates.drop[0], 0, 1e-6);
	cr_expect_float_eq(view.rates.drop[1], 4, 1e-6, "a reason that is new began at zero");
	cr_expect_float_eq(view.history[TOP_HISTORY - 1], 250, 1e-6);
}

Test(top, what_counts_anew_has_no_rate)
{
	later();
	sample.received = 5;
	later();
	cr_expect_eq(view.rates.received, 0);
}

Test(top, what_a_process_costs_holds_until_it_is_looked_at_again)
{
	later();
	cr_expect_lt(view.rates.process[0].cpu, 0, "of the first nothing is known");
	sample.process[0].usage_at += NANOS_PER_SEC;
	sample.process[0].cpu_ns += NANOS_PER_SEC / 4;
	later();
	cr_expect_float_eq(view.rates.process[0].cpu, 0.25, 1e-6, "by the clock of who looked");
	later();
	cr_expect_float_eq(view.rates.process[0].cpu, 0.25, 1e-6);
	sample.process[0].usage_at = NANOS_PER_SEC / 2;
	later();
	cr_expect_lt(view.rates.process[0].cpu, 0, "another machine's clock");
}

Test(top, numbers_fit_their_columns)
{
	static const struct {
		double value;
		const char *text;
	} cases[] = {{0, "0"}, {7, "7"}, {999, "999"}, {999.6, "1.0k"}, {1234, "1.2k"}, {99940, "99.9k"},
	        {123456, "123k"}, {1e6, "1.0M"}, {2.5e9, "2.5G"}};
	char text[16];

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		cr_expect_str_eq(top_number(text, cases[i].value), cases[i].text);
}

Test(top, draws_on_every_size_and_stays_within_it)
{
	struct top_wish wish = {.interval_ms = 1000};

	sample.n_drops = TOP_DROPS;
	sample.n_ports = TOP_PORTS;
	sample.n_processes = TOP_PROCESSES;
	for (uint32_t i = 0; i < TOP_PORTS; i++)
		sample.port[i] = sample.port[0];
	for (uint32_t i = 0; i < TOP_PROCESSES; i++)
		sample.process[i] = sample.process[0];
	for (uint32_t i = 0; i < TOP_DROPS; i++)
		sample.drop[i] = sample.drop[0];
	later();
	later();
	for (uint32_t lines = 0; lines <= 60; lines++)
		for (uint32_t columns = 0; columns <= 200; columns += 20) {
			struct frame *f = frame_new(lines, columns);
			uint32_t used = top_draw(&view, &wish, f);

			cr_expect(used <= MAX(lines, 16u), "%u of %u lines", used, lines);
			wish.help = !wish.help;
			free(f);
		}
}

Test(top, keys_change_what_is_wished_for_and_q_ends_it)
{
	struct top_wish w = {.interval_ms = 1000};

	cr_expect(top_key(&w, 'z') && w.hide_idle);
	cr_expect(top_key(&w, '+') && w.interval_ms == 500);
	cr_expect(top_key(&w, '-') && top_key(&w, '-') && w.interval_ms == 2000);
	for (int i = 0; i < 20; i++)
		cr_expect(top_key(&w, '+'));
	cr_expect_eq(w.interval_ms, 100);
	cr_expect(top_key(&w, 's') && w.sort == TOP_SORT_NAME);
	cr_expect(top_key(&w, 'x'), "a key without a meaning");
	cr_expect_not(top_key(&w, 'q'));
}
