/* Which sockets applications may have. */
#include <criterion/criterion.h>

#include "common/wire/addr.h"
#include "services/keeper/broker.h"

static struct app_table table;
static struct broker_book book;
static uint32_t asked;

static struct ip6_addr v4(uint32_t host)
{
	return ip6_addr_mapped(be32_from_host(host));
}

static void setup(void)
{
	static const struct epoch_socket configured = {.local_port = 9000, .family = 0, .port = {UINT16_MAX}};
	static struct epoch_address own;
	static struct epoch epoch;

	own.addr = v4(0x0a000001);
	epoch = (struct epoch){
	        .addresses = &own, .n_addresses = 1, .sockets = &configured, .n_sockets = 1, .number = 1};
	book = (struct broker_book){.table = &table, .epoch = &epoch, .random = 1};
	for (uint32_t k = 0; k < 3; k++)
		table.client[k].incarnation = k + 1;
	book_open(&book);
}

static struct app_ask question(uint8_t family, struct ip6_addr local, uint16_t port)
{
	return (struct app_ask){.number = ++asked,
	        .what = APP_DO_SET,
	        .family = family,
	        .socket = APP_SOCKET_NONE,
	        .port = PORT_NONE.v,
	        .local_port = port,
	        .local = local};
}

static struct app_answer put(uint32_t k, const struct app_ask *ask)
{
	return book_ask(&book, k, ask, false);
}

static int bind_error(uint32_t k, uint8_t family, struct ip6_addr local, uint16_t port)
{
	struct app_ask ask = question(family, local, port);

	return put(k, &ask).error;
}

TestSuite(book, .init = setup);

Test(book, a_port_is_had_once)
{
	struct ip6_addr any = {0};

	cr_expect_eq(bind_error(0, 4, v4(0), 5000), 0);
	cr_expect_eq(bind_error(1, 4, v4(0x0a000001), 5000), EADDRINUSE);
	cr_expect_eq(bind_error(1, 0, any, 5000), EADDRINUSE);
	cr_expect_eq(bind_error(1, 6, any, 5000), 0);
	cr_expect_eq(bind_error(1, 4, v4(0), 9000), EADDRINUSE, "the configuration has it");
	cr_expect_eq(bind_error(1, 4, v4(0x0a000002), 5001), EADDRNOTAVAIL);
	cr_expect_eq(bind_error(1, 4, v4(0xe0000005), 5001), 0, "a group");
	cr_expect_eq(bind_error(1, 4, v4(0), 1023), EACCES);
	cr_expect_eq(bind_error(1, 6, v4(0), 5002), EAFNOSUPPORT);
	cr_expect_eq(bind_error(1, 5, v4(0), 5002), EINVAL);
	book_leave(&book, 0);
	cr_expect_eq(bind_error(1, 4, v4(0x0a000001), 5000), 0);
}

Test(book, who_does_not_mind_gets_every_port_once)
{
	static bool had[65536];

	for (uint32_t i = 0; i < 3000; i++) {
		struct app_ask ask = question(4, v4(0), 0);
		struct app_answer answer = put(0, &ask);

		cr_assert_eq(answer.error, 0);
		cr_assert(answer.local_port >= BROKER_PORT_FIRST && answer.local_port <= BROKER_PORT_LAST);
		cr_assert_not(had[answer.local_port]);
		had[answer.local_port] = true;
	}
	cr_expect_eq(table.client[0].sockets, 3000);
}

Test(book, the_same_question_has_the_same_answer)
{
	struct app_ask ask = question(4, v4(0), 0);
	struct app_answer first = put(0, &ask), second = put(0, &ask);

	cr_expect_eq(first.error, 0);
	cr_expect_eq(memcmp(&first, &second, sizeof first), 0);
	cr_expect_eq(table.client[0].sockets, 1);
}

Test(book, nobody_changes_another_s_socket)
{
	struct app_ask ask = question(4, v4(0), 5000);
	uint32_t socket = put(0, &ask).socket;

	ask.number = ++asked;
	ask.socket = socket;
	ask.remote = v4(0x0a000009);
	ask.remote_port = 7;
	cr_expect_eq(put(1, &ask).error, EBADF);
	ask.what = APP_DO_CLOSE;
	cr_expect_eq(put(2, &ask).error, EBADF);
	ask.socket = APP_SOCKETS_MAX;
	cr_expect_eq(
	        put(2, &(struct app_ask){.number = ++asked, .what = APP_DO_CLOSE, .socket = APP_SOCKETS_MAX})
	                .error,
	        EBADF);
	ask.socket = socket;
	ask.what = APP_DO_SET;
	cr_expect_eq(put(0, &ask).error, 0);
	cr_expect_eq(table.socket[socket].conf.remote_port, 7);
	cr_expect_eq(table.socket[socket].conf.local_port, 5000);
}

Test(book, one_application_has_so_many_and_no_more)
{
	for (uint32_t i = 0; i < BROKER_CLIENT_SOCKETS; i++)
		cr_assert_eq(bind_error(0, 4, v4(0), (uint16_t)(10000 + i)), 0);
	cr_expect_eq(bind_error(0, 4, v4(0), 5000), EMFILE);
	for (uint32_t i = 0; i < BROKER_CLIENT_SOCKETS; i++)
		cr_assert_eq(bind_error(1, 6, (struct ip6_addr){0}, (uint16_t)(10000 + i)), 0);
	cr_expect_eq(bind_error(2, 4, v4(0), 5000), ENFILE);
}

/* The broker died over an entry: it and who was being sent away are given up, the rest stands. */
Test(book, a_successor_finds_what_was_granted)
{
	struct app_ask ask = question(4, v4(0), 5000), other = question(4, v4(0), 5001),
	               third = question(4, v4(0), 5002);
	uint32_t stands = put(0, &ask).socket, torn = put(0, &other).socket, gone = put(1, &third).socket;
	struct app_socket copy;

	(void)app_socket_begin(&table, torn);
	table.client[1].incarnation = 0;
	book_open(&book);
	cr_expect(app_socket_read(&table, stands, &copy) && copy.client == 1);
	cr_expect(app_socket_read(&table, torn, &copy) && copy.client == 0);
	cr_expect(app_socket_read(&table, gone, &copy) && copy.client == 0);
	cr_expect_eq(table.client[0].sockets, 1);
	cr_expect_eq(bind_error(2, 4, v4(0), 5000), EADDRINUSE);
	cr_expect_eq(bind_error(2, 4, v4(0), 5001), 0);
}
