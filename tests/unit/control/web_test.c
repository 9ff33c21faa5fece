/* The web server before clients that are good, many, slow, large, deaf or no clients of HTTP at all. */
#include "services/control/metrics/web.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

/* The library forgets some of its own when it ends on a loop of ours. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libwebsockets.so";
}

#define TOKEN "a-token-of-this-test"

static struct web *web;
static uv_loop_t loop;
static uv_async_t stop, change;
static pthread_t thread;
static struct web_setup wanted; /* of on_change */
static int changed;             /* what came of it; 1: nothing yet */
static struct sockaddr_in address;
static size_t page_bytes = 100000;
static uint32_t seconds = 200; /* nobody is cut off, however slow the machine is */

static const char *page(void *context, const char *accept, FILE *to)
{
	(void)context;
	fprintf(to, "accept=%s\n", accept);
	for (size_t i = 0; i < page_bytes; i++)
		fputc('x', to);
	fputs("end\n", to);
	return "text/plain";
}

static void on_stop(uv_async_t *handle)
{
	web_close(web);
	uv_close((uv_handle_t *)&change, NULL);
	uv_close((uv_handle_t *)handle, NULL);
}

static int take_up(const struct web_setup *setup, char *why)
{
	struct web_site *site;
	int err = web_prepare(&site, web, setup, why);

	if (!err)
		web_switch(web, site);
	return err;
}

static void on_change(uv_async_t *handle)
{
	char why[WEB_WHY_BYTES];

	(void)handle;
	__atomic_store_n(&changed, take_up(&wanted, why), __ATOMIC_SEQ_CST);
}

/* On the loop's thread. */
static int change_to(const struct web_setup *setup)
{
	wanted = *setup;
	wanted.address = (struct sockaddr *)&address;
	wanted.address_len = sizeof address;
	__atomic_store_n(&changed, 1, __ATOMIC_SEQ_CST);
	uv_async_send(&change);
	while (__atomic_load_n(&changed, __ATOMIC_SEQ_CST) == 1)
		poll(NULL, 0, 1);
	return changed;
}

static void *run(void *arg)
{
	(void)arg;
	uv_run(&loop, UV_RUN_DEFAULT);
	return NULL;
}

/* A port that is free now. */
static void choose_port(void)
{
	socklen_t len = sizeof address;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	address = (struct sockaddr_in){.sin_family = AF_INET};
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	cr_assert_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
	cr_assert_eq(getsockname(fd, (struct sockaddr *)&address, &len), 0);
	close(fd);
}

/* Somebody else may take the port first. */
static int open_web(const struct web_setup *first, char *why)
{
	struct web_setup setup = *first;
	int err = -EADDRINUSE;

	cr_assert_eq(web_open(&web, &loop, "/metrics", seconds), 0);
	for (uint32_t i = 0; i < 100 && err == -EADDRINUSE; i++) {
		choose_port();
		setup.address = (struct sockaddr *)&address;
		setup.address_len = sizeof address;
		err = take_up(&setup, why);
	}
	return err;
}

static void start(const char *token)
{
	char why[WEB_WHY_BYTES];

	uv_loop_init(&loop);
	uv_async_init(&loop, &stop, on_stop);
	uv_async_init(&loop, &change, on_change);
	cr_assert_eq(open_web(&(struct web_setup){.token = token}, why), 0, "%s", why);
	web_serve(web, page, NULL);
	cr_assert_eq(pthread_create(&thread, NULL, run, NULL), 0);
}

static void setup_open(void)
{
	start(NULL);
}

/* Where somebody is to be cut off. */
static void setup_hasty(void)
{
	seconds = 1;
	start(NULL);
}

static void setup_token(void)
{
	start(TOKEN);
}

static void teardown(void)
{
	uv_async_send(&stop);
	pthread_join(thread, NULL);
	cr_expect_eq(uv_loop_close(&loop), 0);
}

TestSuite(web, .init = setup_open, .fini = teardown, .timeout = 250);
TestSuite(web_hasty, .init = setup_hasty, .fini = teardown, .timeout = 250);
TestSuite(web_token, .init = setup_token, .fini = teardown, .timeout = 250);

static int dial(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	cr_assert_eq(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
	return fd;
}

static bool refuses(const struct sockaddr_in *at)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	bool refused = connect(fd, (const struct sockaddr *)at, sizeof *at) && errno == ECONNREFUSED;

	close(fd);
	return refused;
}

static void say(int fd, const char *text)
{
	cr_assert_eq(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

/* All until `until` has come, or the server closes. */
static char *hear(int fd, const char *until)
{
	char *text = calloc(1, page_bytes + 65536);
	size_t n = 0;
	ssize_t got = 1;

	while (got > 0 && !(until && strstr(text + (n > 70000 ? n - 70000 : 0), until))) {
		got = recv(fd, text + n, page_bytes + 65535 - n, 0);
		n += got > 0 ? (size_t)got : 0;
	}
	return text;
}

static void expect_answer(int fd, const char *request, const char *status, const char *until)
{
	char *text;

	say(fd, request);
	text = hear(fd, until);
	cr_expect(strncmp(text, status, strlen(status)) == 0, "%s: %.60s", request, text);
	free(text);
}

static void expect_end(int fd)
{
	free(hear(fd, NULL));
	close(fd);
}

/* Counts are the loop's: they follow what a client sees. */
#define wait_count(field, value)                                                                             \
	do {                                                                                                 \
		struct web_counts counts_;                                                                   \
		for (web_counts(web, &counts_); counts_.field != (value); web_counts(web, &counts_))         \
			poll(NULL, 0, 1);                                                                    \
	} while (0)

#define GET(path, more) "GET " path " HTTP/1.1\r\nHost: a\r\n" more "\r\n"

Test(web, answers_again_and_again_over_one_connection)
{
	int fd = dial();

	for (uint32_t i = 0; i < 5; i++)
		expect_answer(fd, GET("/metrics", "Accept: some/thing\r\n"), "HTTP/1.1 200 ", "end\n");
	wait_count(requests, 5);
	close(fd);
	wait_count(clients, 0);
	wait_count(incomplete, 0);
}

Test(web, hands_the_header_accept_to_the_page)
{
	int fd = dial();
	char *text;

	say(fd, GET("/metrics", "Accept: some/thing\r\n"));
	text = hear(fd, "end\n");
	cr_expect_not_null(strstr(text, "\r\n\r\naccept=some/thing\n"));
	free(text);
	close(fd);
}

Test(web, answers_for_what_is_not_there_and_what_cannot_be_done)
{
	int fd = dial();

	expect_answer(fd, GET("/", ""), "HTTP/1.1 404 ", "\r\n\r\n");
	expect_answer(fd, GET("/metrics/x", ""), "HTTP/1.1 404 ", "\r\n\r\n");
	expect_answer(fd, "DELETE /metrics HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 405 ", "\r\n\r\n");
	close(fd);
	wait_count(errors, 3);
	wait_count(requests, 0);
}

Test(web_token, refuses_who_does_not_bear_it)
{
	int fd = dial();

	expect_answer(fd, GET("/metrics", ""), "HTTP/1.1 401 ", "\r\n\r\n");
	expect_answer(fd, GET("/", ""), "HTTP/1.1 401 ", "\r\n\r\n");
	expect_answer(fd, GET("/metrics", "Authorization: Bearer wrong\r\n"), "HTTP/1.1 401 ", "\r\n\r\n");
	expect_answer(fd, GET("/metrics", "Authorization: Basic " TOKEN "\r\n"), "HTTP/1.1 401 ", "\r\n\r\n");
	expect_answer(
	        fd, GET("/metrics", "Authorization: Bearer " TOKEN "x\r\n"), "HTTP/1.1 401 ", "\r\n\r\n");
	expect_answer(fd, GET("/metrics", "Authorization: Bearer " TOKEN "\r\n"), "HTTP/1.1 200 ", "end\n");
	close(fd);
	wait_count(unauthorized, 5);
	wait_count(requests, 1);
}

Test(web_hasty, closes_who_never_ends_a_request)
{
	int fd = dial();

	say(fd, "GET /metrics HTTP/1.1\r\nHost:");
	expect_end(fd);
	wait_count(incomplete, 1);
	wait_count(clients, 0);
}

Test(web_hasty, closes_who_says_nothing)
{
	expect_end(dial());
	wait_count(incomplete, 1);
}

Test(web_hasty, closes_who_does_not_take_the_answer)
{
	int fd;

	page_bytes = 32 << 20;
	fd = dial();
	say(fd, GET("/metrics", ""));
	wait_count(incomplete, 1);
	wait_count(clients, 0);
	close(fd);
}

Test(web_hasty, closes_who_sends_too_much)
{
	char *header = calloc(1, 4 * WEB_HEADER_BYTES);
	int fd = dial();

	memset(header, 'a', 4 * WEB_HEADER_BYTES - 1);
	say(fd, "GET /metrics HTTP/1.1\r\nAccept: ");
	(void)!send(fd, header, strlen(header), MSG_NOSIGNAL);
	expect_end(fd);
	wait_count(incomplete, 1);
	free(header);
}

Test(web_hasty, closes_who_speaks_something_else)
{
	static const uint8_t tls[] = {
	        22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3, 0, 0xff, 0xfe, '\r', '\n', '\r', '\n'};
	int fd = dial();

	(void)!send(fd, tls, sizeof tls, MSG_NOSIGNAL);
	expect_end(fd);
	wait_count(incomplete, 1);
	wait_count(requests, 0);
}

Test(web, refuses_more_clients_than_it_serves_and_serves_again)
{
	int fd[WEB_CLIENTS], more[8], last;

	for (uint32_t i = 0; i < WEB_CLIENTS; i++) {
		fd[i] = dial();
		expect_answer(fd[i], GET("/metrics", ""), "HTTP/1.1 200 ", "end\n");
	}
	for (uint32_t i = 0; i < ARRAY_LEN(more); i++)
		more[i] = dial();
	for (uint32_t i = 0; i < ARRAY_LEN(more); i++)
		expect_end(more[i]);
	wait_count(refused, ARRAY_LEN(more));
	for (uint32_t i = 0; i < WEB_CLIENTS; i++)
		close(fd[i]);
	wait_count(clients, 0);
	last = dial();
	expect_answer(last, GET("/metrics", ""), "HTTP/1.1 200 ", "end\n");
	close(last);
}

/* The last bytes of what is being said, and nothing behind it. */
static bool ends_well(int fd)
{
	char *text = hear(fd, NULL);
	size_t len = strlen(text);
	bool well = len > 4 && !strcmp(text + len - 4, "end\n");

	free(text);
	close(fd);
	return well;
}

Test(web, goes_to_another_address_and_ends_what_came_to_the_first)
{
	struct sockaddr_in before = address;
	int busy, idle, fd;
	char byte;

	page_bytes = 8 << 20;
	busy = dial();
	idle = dial();
	expect_answer(idle, GET("/metrics", ""), "HTTP/1.1 200 ", "end\n");
	say(busy, GET("/metrics", ""));
	cr_assert_eq(recv(busy, &byte, 1, 0), 1);
	do
		choose_port();
	while (change_to(&(struct web_setup){0}) == -EADDRINUSE);
	cr_assert_eq(changed, 0);
	expect_end(idle);
	cr_expect(ends_well(busy));
	fd = dial();
	expect_answer(fd, GET("/metrics", ""), "HTTP/1.1 200 ", "end\n");
	close(fd);
	while (!refuses(&before))
		poll(NULL, 0, 5);
	wait_count(clients, 0);
	wait_count(incomplete, 0);
}

Test(web, asks_for_a_token_at_the_same_address)
{
	int fd;

	for (uint32_t i = 0; i < 20; i++) {
		cr_assert_eq(change_to(&(struct web_setup){.token = i % 2 ? NULL : TOKEN}), 0);
		fd = dial();
		expect_answer(fd, GET("/metrics", ""), i % 2 ? "HTTP/1.1 200 " : "HTTP/1.1 401 ",
		        i % 2 ? "end\n" : "\r\n\r\n");
		close(fd);
	}
}

Test(web, stays_where_it_is_if_the_other_address_is_taken)
{
	struct sockaddr_in before = address;
	int fd, other = socket(AF_INET, SOCK_STREAM, 0);

	do
		choose_port();
	while (bind(other, (struct sockaddr *)&address, sizeof address) || listen(other, 1));
	cr_expect_eq(change_to(&(struct web_setup){0}), -EADDRINUSE);
	close(other);
	address = before;
	fd = dial();
	expect_answer(fd, GET("/metrics", ""), "HTTP/1.1 200 ", "end\n");
	close(fd);
}

Test(web, says_why_it_cannot_listen)
{
	struct web_setup second = {.address = (struct sockaddr *)&address, .address_len = sizeof address};
	char why[WEB_WHY_BYTES];
	struct web_site *site;
	struct web *other;
	uv_loop_t unused;

	uv_loop_init(&unused);
	cr_assert_eq(web_open(&other, &unused, "/metrics", 1), 0);
	cr_expect_eq(web_prepare(&site, other, &second, why), -EADDRINUSE);
	cr_expect_not_null(strstr(why, strerror(EADDRINUSE)));
	cr_expect_null(site);
	web_close(other);
	uv_run(&unused, UV_RUN_DEFAULT);
	cr_expect_eq(uv_loop_close(&unused), 0);
}

Test(web_start, says_why_a_certificate_does_not_serve)
{
	char why[WEB_WHY_BYTES] = "";

	uv_loop_init(&loop);
	cr_expect_eq(
	        open_web(&(struct web_setup){.certificate = "/dev/null", .key = "/dev/null"}, why), -EINVAL);
	cr_expect_gt(strlen(why), strlen("cannot serve: "), "%s", why);
	web_close(web);
	uv_run(&loop, UV_RUN_DEFAULT);
	cr_expect_eq(uv_loop_close(&loop), 0);
}
