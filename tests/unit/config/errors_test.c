#include <criterion/criterion.h>
#include <stdlib.h>

#include "common/config/errors.h"

/* What is printed about a text, both ways. */
static char *said(const char *text, size_t len, void (*print)(FILE *, const struct config_errors *))
{
	struct config_errors errors = {0};
	struct config *config;
	char *out;
	size_t n;
	FILE *f = open_memstream(&out, &n);

	cr_assert_eq(config_parse("a \"b\".yaml", text, len, &config, &errors), -EINVAL);
	cr_assert_null(config);
	print(f, &errors);
	cr_assert_eq(fclose(f), 0);
	config_errors_free(&errors);
	cr_expect_eq(errors.n, 0);
	return out;
}

Test(config_errors, stand_under_their_line_with_a_caret)
{
	static const char text[] = "ports:\n  wän: {}\n  wan: {mac: \"ä\", mtuu: 5}\n";
	char *out = said(text, sizeof text - 1, config_errors_print);

	cr_expect_not_null(
	        strstr(out, "a \"b\".yaml:3:19: error: the unknown key 'mtuu' in a port; expected one of "),
	        "%s", out);
	cr_expect_not_null(strstr(out, "\n      wan: {mac: \"ä\", mtuu: 5}\n"
	                               "                      ^\n    hint: Did you mean 'mtu'?\n"),
	        "%s", out);
	free(out);
}

Test(config_errors, are_json_whatever_the_text_holds)
{
	static const char text[] = "ports:\n  wan: {mac: \"\\\"\\\\\\e\\t\", \"q\\\"\": 1}\n";
	char *out = said(text, sizeof text - 1, config_errors_json);

	cr_expect_not_null(strstr(out, "\"file\":\"a \\\"b\\\".yaml\""), "%s", out);
	cr_expect_not_null(strstr(out, "{\"line\":2,\"column\":14,"), "%s", out);
	cr_expect_not_null(strstr(out, "'\\\"\\\\?\\u0009' for 'mac'"), "%s", out);
	cr_expect_null(strchr(out, 0x1b));
	free(out);
}

Test(config_errors, no_more_than_can_be_read)
{
	size_t len = 0, room = 100000;
	char *text = malloc(room), *out;

	len += (size_t)snprintf(text, room, "ports: {wan: {}}\nroutes:\n");
	for (int i = 0; i < 1000; i++)
		len += (size_t)snprintf(text + len, room - len, "- {to: 10.0.0.0/33}\n");
	out = said(text, len, config_errors_print);
	cr_expect_not_null(strstr(out, "and 800 more"));
	free(text);
	free(out);
}

Test(config_errors, a_file_that_is_not_there_has_a_reason)
{
	struct config_errors errors = {0};
	struct config *config;

	cr_expect_eq(config_load("/nonexistent/x.yaml", &config, &errors), -ENOENT);
	cr_assert_eq(errors.n, 1);
	cr_expect_eq(errors.list[0].line, 0);
	cr_expect_not_null(strstr(errors.list[0].found, "No such file"));
	cr_expect_not_null(errors.list[0].hint);
	config_errors_free(&errors);
	cr_expect_eq(config_load("/", &config, &errors), -EISDIR);
	cr_assert_eq(errors.n, 1);
	config_errors_free(&errors);
}

Test(config_errors, a_text_of_no_bytes_may_be_nowhere)
{
	char *out = said(NULL, 0, config_errors_print);

	cr_expect_not_null(strstr(out, "an empty file"), "%s", out);
	free(out);
}

Test(config_errors, names_that_are_near_are_found)
{
	static const char *const names[] = {"mtu", "mac", "addresses", "groups"};

	cr_expect_str_eq(nearest_name("mtuu", names, 4), "mtu");
	cr_expect_str_eq(nearest_name("mut", names, 4), "mtu");
	cr_expect_str_eq(nearest_name("adress", names, 4), "addresses");
	cr_expect_null(nearest_name("zzzz", names, 4));
	cr_expect_null(nearest_name("", names, 0));
}
