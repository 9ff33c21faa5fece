#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <stdio.h>
#include <stdlib.h>

#include "services/cli/commands.h"
#include "services/cli/parse.h"

enum { LOUD, TIMES, COLOR, WAIT, QUIET };

static int run(const struct cli_call *call)
{
	(void)call;
	return CLI_FINE;
}

static const struct cli_command command_paint = {
        .name = "paint",
        .about = "",
        .options = {[LOUD] = {.name = "loud", .letter = 'l', .meaning = "m"},
                [TIMES] = {.name = "times", .letter = 'n', .takes = {"N", CLI_NUMBER, 2, 9}, .meaning = "m"},
                [COLOR] = {.name = "color",
                        .takes = {"COLOR", CLI_CHOICE, .choices = "red dark-red"},
                        .meaning = "m"},
                [WAIT] = {.name = "wait", .takes = {"TIME", CLI_TIME}, .meaning = "m"},
                [QUIET] = {.letter = 'q', .meaning = "m"}},
        .arguments = {{{"WALL", CLI_TEXT}, .needed = true, .meaning = "m"},
                {{"COAT", CLI_NUMBER, 1, 3}, .many = true, .meaning = "m"}},
        .json = "m",
        .run = run,
};

static const struct cli_command command_say = {
        .name = "say",
        .options = {[LOUD] = {.name = "loud", .letter = 'l', .meaning = "m"}},
        .arguments = {{{"WORD", CLI_TEXT}, .many = true, .rest = true, .meaning = "m"}},
        .run = run,
};

static const struct cli_command command_house = {
        .name = "house",
        .shows = true,
        .verbs = {&command_paint, &command_say},
        .run = run,
};

static const struct cli_command command_help_page = {.name = "painter", .run = run};

const struct commands_entry commands[COMMANDS_MAX + 1] = {{&command_house, NULL},
        {&command_paint, "house paint"}, {&command_help_page, NULL}, {&command_say, NULL}};

static struct cli_call call;
static char *words[64];
static char bytes[4096];

/* Finds and reads a line of words. */
static int read_line(const char *line)
{
	char **at = words, *rest = bytes;
	uint32_t n = 0;
	int code;

	call = (struct cli_call){0};
	snprintf(bytes, sizeof bytes, "%s", line);
	while ((words[n] = strsep(&rest, " ")))
		n++;
	code = commands_find(&call, &at);
	return code ? code : parse_words(&call, at);
}

Test(parse, reads_every_way_to_write_an_option)
{
	static const char *const lines[] = {"paint --times 7 wall", "paint --times=7 wall", "paint -n7 wall",
	        "paint -n 7 wall", "paint wall -n 7", "paint -lqn7 wall", "paint -n 3 wall --times=7",
	        "house paint wall -n 7", "ho pai wall -n 7", "paint -n 7 -- wall"};

	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		cr_assert_eq(read_line(lines[i]), 0, "%s", lines[i]);
		cr_assert_eq(cli_number(&call, TIMES, 0), 7, "%s", lines[i]);
		cr_assert_str_eq(cli_word(&call, 0), "wall", "%s", lines[i]);
		cr_assert_str_eq(cli_word(&call, 1), "", "%s", lines[i]);
	}
	cr_assert_eq(read_line("paint -lq wall --wait 5m --color dark-red 1 2 3"), 0);
	cr_assert(cli_flag(&call, LOUD) && cli_flag(&call, QUIET) && !cli_flag(&call, TIMES));
	cr_assert_eq(cli_number(&call, WAIT, 0), 300);
	cr_assert_eq(cli_number(&call, TIMES, 4), 4);
	cr_assert_str_eq(cli_text(&call, COLOR), "dark-red");
	cr_assert_eq(call.n_words, 4);
	cr_assert_eq(cli_word_number(&call, 3, 0), 3);
	cr_assert(!call.words[4] && !call.json);
}

Test(parse, leaves_what_stands_behind_the_first_word_of_the_rest)
{
	cr_assert_eq(read_line("say -l a -l --times b"), 0);
	cr_assert_eq(call.n_words, 4);
	cr_assert_str_eq(call.words[1], "-l");
	cr_assert_eq(call.n_given, 1);
	cr_assert_eq(read_line("say -- -l"), 0);
	cr_assert_eq(call.n_given, 0);
	cr_assert_str_eq(call.words[0], "-l");
}

Test(parse, finds_a_command_by_the_beginning_of_its_words)
{
	cr_assert_eq(read_line("h p w"), 0);
	cr_assert_str_eq(call.path, "house paint");
	cr_assert_eq(read_line("paint w"), 0, "a whole name that another begins with");
	cr_assert_eq(call.command, &command_paint);
	cr_assert_eq(read_line("house show"), 0);
	cr_assert_str_eq(call.path, "house");
	cr_assert_eq(read_line("house help"), 0);
	cr_assert(call.help);
}

Test(parse, refuses_what_is_not_described, .init = cr_redirect_stderr)
{
	static const char *const lines[] = {"pain", "", "fly", "house fly", "house paint", "paint",
	        "paint w 4", "paint w 0", "paint w x", "paint w 1 --times 1", "paint w --times 10",
	        "paint w --times 99999999999999999999", "paint w --times -3", "paint w --times",
	        "paint w --times=", "paint w --time 3", "paint w --loud=1", "paint w --color blue",
	        "paint w --color dark", "paint w --color red dark", "paint w --wait 0", "paint w --wait 25h",
	        "paint w --wait 5x", "paint w -x", "paint w -lx", "--loud", "painter word", "house -l"};

	for (size_t i = 0; i < ARRAY_LEN(lines); i++)
		cr_expect_eq(read_line(lines[i]), CLI_USAGE, "%s", lines[i]);
}

static void silent(void)
{
	cr_redirect_stdout();
	cr_redirect_stderr();
}

/* Whatever is typed ends with what is described, or is told. */
Test(parse, keeps_what_it_promises_of_random_words, .init = silent)
{
	static const char *const pieces[] = {"house", "paint", "say", "w", "--loud", "-l", "--times",
	        "--times=5", "-n", "-n9", "5", "0", "--color", "red", "--", "--wait", "1h", "-", "--json",
	        "--help", "show", "help", "", "=", "-lqn"};
	uint32_t seed = 1;

	for (uint32_t round = 0; round < 20000; round++) {
		char line[256] = "paint";
		size_t len = strlen(line);
		int code;

		for (uint32_t n = (seed >> 20) % 8; n; n--) {
			seed = seed * 1664525 + 1013904223;
			len += (size_t)snprintf(line + len, sizeof line - len, " %s",
			        pieces[(seed >> 16) % ARRAY_LEN(pieces)]);
		}
		seed = seed * 1664525 + 1013904223;
		code = read_line(line);
		cr_assert(code == 0 || code == CLI_USAGE);
		if (code || call.help)
			continue;
		cr_assert_geq(call.n_words, 1, "%s", line);
		cr_assert(!cli_flag(&call, TIMES) ||
		          (cli_number(&call, TIMES, 0) >= 2 && cli_number(&call, TIMES, 0) <= 9));
		cr_assert(!cli_flag(&call, WAIT) || cli_number(&call, WAIT, 0) == 5 ||
		          cli_number(&call, WAIT, 0) == 3600);
		for (uint32_t w = 1; w < call.n_words; w++)
			cr_assert(cli_word_number(&call, w, 0) >= 1 && cli_word_number(&call, w, 0) <= 3,
			        "%s", line);
	}
}
