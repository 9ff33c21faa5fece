#include <criterion/criterion.h>
#include <stdio.h>

#include "services/cli/names.h"

static const char *const names[] = {"address", "account", "capture", "config", "counter", "status"};

#define N ARRAY_LEN(names)

Test(names, finds_a_whole_name_or_the_beginning_of_one_alone)
{
	for (uint32_t i = 0; i < N; i++) {
		for (size_t len = 1; len <= strlen(names[i]); len++) {
			char text[16];
			uint32_t begin = 0;

			snprintf(text, sizeof text, "%.*s", (int)len, names[i]);
			for (uint32_t k = 0; k < N; k++)
				begin += !strncmp(names[k], text, len);
			cr_assert_eq(
			        names_find(names, N, text), begin > 1 ? NAMES_SEVERAL : (int)i, "%s", text);
		}
	}
	cr_assert_eq(names_find(names, N, ""), NAMES_NONE);
	cr_assert_eq(names_find(names, N, "statusx"), NAMES_NONE);
	cr_assert_eq(names_find((const char *const[]){"man", "manual"}, 2, "man"), 0);
	cr_assert_eq(names_find((const char *const[]){"manual", "man"}, 2, "man"), 1);
}

/* One letter that is missing, too many, another, or exchanged with the next. */
static void spoil(const char *name, size_t at, int how, char *out)
{
	const size_t len = strlen(name);

	memcpy(out, name, len + 1);
	if (how == 0)
		memmove(out + at, out + at + 1, len - at);
	else if (how == 1)
		snprintf(out, 24, "%.*sz%s", (int)at, name, name + at);
	else if (how == 2)
		out[at] = 'z';
	else if (at + 1 < len) {
		out[at] = name[at + 1];
		out[at + 1] = name[at];
	}
}

Test(names, nearest_is_the_one_of_which_a_letter_is_wrong)
{
	char text[24];

	for (uint32_t i = 0; i < N; i++)
		for (size_t at = 0; at < strlen(names[i]); at++)
			for (int how = 0; how < 4; how++) {
				spoil(names[i], at, how, text);
				cr_assert_str_eq(names_nearest(names, N, text), names[i], "%s", text);
			}
	cr_assert_str_eq(
	        names_nearest(names, N, "adresses"), "address", "the longer a word, the more may be wrong");
	cr_assert_null(names_nearest(names, N, "fly"));
	cr_assert_null(names_nearest(names, N, ""));
	cr_assert_null(names_nearest(names, N, "a-word-that-is-longer-than-any-name-may-be"));
}

Test(names, list_has_those_that_begin_so_and_never_more_than_fits)
{
	char all[64], out[24];

	names_list(names, N, "co", all, sizeof all);
	cr_assert_str_eq(all, "config, counter");
	names_list(names, N, "", all, sizeof all);
	for (size_t size = 1; size < sizeof out; size++) {
		memset(out, '#', sizeof out);
		names_list(names, N, "", out, size);
		cr_assert(memchr(out, 0, size) && !strncmp(out, all, size - 1));
		cr_assert_eq(out[size], '#');
	}
}
