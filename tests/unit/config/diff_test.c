#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/config/config.h"

static struct config_text text_of(const char *text)
{
	return (struct config_text){"text.yaml", text, strlen(text)};
}

/* "~ports.wan.mtu: 1500 > 9000; +...", the whole of it. */
static const char *told(const char *before, const char *after)
{
	static const char sign[] = {'+', '-', '~', '^'};
	static char out[2048];
	struct config_text a = text_of(before), b = text_of(after);
	struct config_differences d;
	struct config_errors errors = {0};
	size_t at = 0;

	cr_assert_eq(config_diff(&a, &b, &d, &errors), 0);
	out[0] = 0;
	for (uint32_t i = 0; i < d.n; i++)
		at += (size_t)snprintf(out + at, sizeof out - at, "%s%c%s: %s > %s", i ? "; " : "",
		        sign[d.list[i].kind], d.list[i].path, d.list[i].before ? d.list[i].before : "",
		        d.list[i].after ? d.list[i].after : "");
	config_differences_free(&d);
	return out;
}

Test(config_diff, tells_what_the_texts_say_and_not_how)
{
	cr_expect_str_eq(told("a: 1\nb: {c: x}\n", "# a comment\n'b':\n  c: \"x\"\na: 1\n"), "");
	cr_expect_str_eq(told("a:\n", "a: {}\n"), "");
	cr_expect_str_eq(told("a: ~\nb: []\n", "b:\na: []\n"), "");
}

Test(config_diff, names_keys_by_their_path)
{
	cr_expect_str_eq(told("ports: {wan: {mtu: 1500}}", "ports: {wan: {mtu: 9000}}"),
	        "~ports.wan.mtu: 1500 > 9000");
	cr_expect_str_eq(told("vlans: {lan.10: {vid: 10}}", "vlans: {lan.10: {vid: 11}}"),
	        "~vlans[lan.10].vid: 10 > 11");
	cr_expect_str_eq(
	        told("a: 1\nb: [1, {c: d}]", "c: 'x, y'"), "-a: 1 > ; -b: [1, { c: d }] > ; +c:  > \"x, y\"");
	cr_expect_str_eq(told("a: 1", "a: {b: 1}"), "~a: 1 > { b: 1 }");
	cr_expect_str_eq(told("a: {b: 1}", "a:"), "-a.b: 1 > ");
	cr_expect_str_eq(told("", "a: 1"), "+a:  > 1");
	cr_expect_str_eq(told("x", ""), "~: x > ");
}

Test(config_diff, names_items_of_lists_by_what_names_them)
{
	cr_expect_str_eq(told("routes: [{to: default, via: 192.0.2.1}, {to: 10.0.0.0/8, via: 192.0.2.2}]",
	                         "routes: [{to: 10.0.0.0/8, via: 192.0.2.2}, {to: default, via: 192.0.2.9}]"),
	        "^routes[10.0.0.0/8]: 2 > 1; ~routes[default].via: 192.0.2.1 > 192.0.2.9");
	cr_expect_str_eq(told("wan: {addresses: [192.0.2.1/24, 192.0.2.2/24]}",
	                         "wan: {addresses: [192.0.2.2/24, 192.0.2.3/24]}"),
	        "-wan.addresses[192.0.2.1/24]: 192.0.2.1/24 > ; +wan.addresses[192.0.2.3/24]:  > "
	        "192.0.2.3/24");
	cr_expect_str_eq(told("r: [{to: a, metric: 1}, {to: a, metric: 2}]",
	                         "r: [{to: a, metric: 1}, {to: a, metric: 3}]"),
	        "~r[a#2].metric: 2 > 3");
	cr_expect_str_eq(
	        told("r: [{x: 1}]", "r: [{x: 2}]"), "-r[{ x: 1 }]: { x: 1 } > ; +r[{ x: 2 }]:  > { x: 2 }");
}

/* The first match decides, so the order of rules says something. */
Test(config_diff, tells_what_moved_and_not_what_was_pushed_along)
{
	cr_expect_str_eq(told("l: [a, b, c, d, e]", "l: [e, a, b, c, d]"), "^l[e]: 5 > 1");
	cr_expect_str_eq(told("l: [a, b, c, d]", "l: [x, a, c, d]"), "-l[b]: b > ; +l[x]:  > x");
	cr_expect_str_eq(told("l: [a, b, c]", "l: [c, b, a]"), "^l[c]: 3 > 1; ^l[b]: 2 > 2");
}

Test(config_diff, refuses_what_is_no_yaml_with_its_place)
{
	struct config_text a = text_of("a: 1"), b = text_of("a: 1\nb: [1\n");
	struct config_differences d;
	struct config_errors errors = {0};

	cr_expect_eq(config_diff(&a, &b, &d, &errors), -EINVAL);
	cr_assert_geq(errors.n, 1);
	cr_expect_str_eq(errors.list[0].file, "text.yaml");
	cr_expect_eq(d.n, 0);
	config_errors_free(&errors);
}

static uint32_t seed;

static uint32_t roll(uint32_t below)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 16) % below;
}

/* A mapping or list of up to four children, in flow style. */
static size_t grow(char *to, size_t size, uint32_t depth)
{
	bool list = roll(2);
	uint32_t n = roll(5), key = 0;
	size_t at = (size_t)snprintf(to, size, "%c", list ? '[' : '{');

	for (uint32_t i = 0; i < n; i++) {
		key += 1 + roll(2);
		at += (size_t)snprintf(to + at, size - at, "%s", i ? ", " : "");
		if (!list)
			at += (size_t)snprintf(to + at, size - at, "k%u: ", key);
		if (depth && roll(3) == 0)
			at += grow(to + at, size - at, depth - 1);
		else
			at += (size_t)snprintf(to + at, size - at, "v%u", roll(4));
	}
	return at + (size_t)snprintf(to + at, size - at, "%c", list ? ']' : '}');
}

static void count(const char *before, const char *after, uint32_t by_kind[4])
{
	struct config_text a = text_of(before), b = text_of(after);
	struct config_differences d;
	struct config_errors errors = {0};

	memset(by_kind, 0, 4 * sizeof *by_kind);
	cr_assert_eq(config_diff(&a, &b, &d, &errors), 0, "%s | %s", before, after);
	for (uint32_t i = 0; i < d.n; i++)
		by_kind[d.list[i].kind]++;
	config_differences_free(&d);
}

/* What is added one way is removed the other way; what is equal has no difference. */
Test(config_diff, is_the_same_in_both_directions)
{
	char a[4096], b[4096];
	uint32_t there[4], back[4], differing = 0;

	seed = 4;
	for (uint32_t i = 0; i < 3000; i++) {
		grow(a, sizeof a, 3);
		grow(b, sizeof b, 3);
		count(a, b, there);
		count(b, a, back);
		cr_assert_eq(there[CONFIG_ADDED], back[CONFIG_REMOVED], "%s | %s", a, b);
		cr_assert_eq(there[CONFIG_REMOVED], back[CONFIG_ADDED], "%s | %s", a, b);
		cr_assert_eq(there[CONFIG_CHANGED], back[CONFIG_CHANGED], "%s | %s", a, b);
		cr_assert_eq(there[CONFIG_MOVED], back[CONFIG_MOVED], "%s | %s", a, b);
		differing += there[0] + there[1] + there[2] + there[3] > 0;
		count(a, a, there);
		cr_assert_eq(there[0] + there[1] + there[2] + there[3], 0, "%s", a);
	}
	cr_expect_gt(differing, 2000);
}
