#include "common/base/utf8.h"

#include <criterion/criterion.h>
#include <stdio.h>

Test(utf8, is_what_the_rfc_says)
{
	static const struct {
		const char *bytes;
		uint32_t want;
	} cases[] = {
	        {"a", 1},
	        {"\xc3\xa4", 2},
	        {"\xe2\x82\xac", 3},
	        {"\xf0\x9f\x98\x80", 4},
	        {"\x80", 0},
	        {"\xc0\x80", 0},
	        {"\xc1\xbf", 0},
	        {"\xe0\x80\x80", 0},
	        {"\xed\xa0\x80", 0},
	        {"\xf4\x90\x80\x80", 0},
	        {"\xf5\x80\x80\x80", 0},
	        {"\xc3", 0},
	        {"\xc3z", 0},
	        {"", 0},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		cr_expect_eq(
		        utf8_bytes(cases[i].bytes, strlen(cases[i].bytes)), cases[i].want, "case %zu", i);
}

Test(utf8, a_text_is_good_where_all_of_it_is)
{
	cr_expect(utf8_good(""));
	cr_expect(utf8_good("wan \xe2\x82\xac\033"));
	cr_expect_not(utf8_good("wan\xff"));
	cr_expect_not(utf8_good("cut \xe2\x82"));
}

Test(utf8, nothing_that_steers_a_terminal_is_left)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
	        {"", ""},
	        {"eth0 \xc3\xa4\t\xe2\x82\xac", "eth0 \xc3\xa4\t\xe2\x82\xac"},
	        {"\033[2J\033]0;x\007", "?[2J?]0;x?"},
	        {"a\nb\rc\bd\x7f", "a?b?c?d?"},
	        {"\xc2\x9b"
	         "2J \xc2\xa0",
	                "??2J \xc2\xa0"},
	        {"\xff\xfe cut \xe2\x82", "?? cut ??"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char text[64];

		snprintf(text, sizeof text, "%s", cases[i].text);
		utf8_tame(text);
		cr_expect_str_eq(text, cases[i].want, "case %zu", i);
	}
}
