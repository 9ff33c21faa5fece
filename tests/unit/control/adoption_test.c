/* When what ports have taken over may come into force: with all of them. */
#include "services/control/internal.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct board board;
static struct config *config;

static void setup(void)
{
	static const char text[] = "ports:\n"
	                           "  a: {driver: af_packet, adopt: true}\n"
	                           "  b: {driver: af_packet, adopt: true}\n"
	                           "  c: {driver: af_packet, addresses: [192.0.2.1/24]}\n";
	struct config_errors errors = {0};

	memset(&board, 0, sizeof board);
	cr_assert_eq(config_parse("test.yaml", text, sizeof text - 1, &config, &errors), 0);
}

static void teardown(void)
{
	config_free(config);
}

TestSuite(adoption, .init = setup, .fini = teardown);

static void show(uint32_t phys, const char *name, enum board_port_state state)
{
	board_port_begin(&board.port[phys]);
	snprintf(board.port[phys].name, sizeof board.port[phys].name, "%s", name);
	board.port[phys].state = state;
	board_port_end(&board.port[phys]);
}

Test(adoption, waits_for_each_port_that_adopts)
{
	cr_expect(adoption_opening(&board, config), "nothing is shown yet");
	show(0, "a", BOARD_PORT_UP);
	cr_expect(adoption_opening(&board, config), "b is not shown yet");
	show(1, "b", BOARD_PORT_CLOSED);
	cr_expect(adoption_opening(&board, config), "b is closed");
	show(1, "b", BOARD_PORT_OPENING);
	cr_expect(adoption_opening(&board, config), "b is being opened");
	show(1, "b", BOARD_PORT_UP);
	cr_expect_not(adoption_opening(&board, config), "c adopts nothing");
}

Test(adoption, does_not_wait_for_what_cannot_be_opened)
{
	show(0, "a", BOARD_PORT_ABSENT);
	show(1, "b", BOARD_PORT_DOWN);
	cr_expect_not(adoption_opening(&board, config));
}
