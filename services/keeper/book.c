/* book: which sockets applications have, and whether they may have another. */
#include "services/keeper/broker.h"

#include "common/wire/addr.h"

#include <stdio.h>

static bool is_any(const struct ip6_addr *a)
{
	const struct ip6_addr any4 = ip6_addr_mapped((struct be32){0});

	return ip6_is_unspecified(a) || ip6_addr_equal(a, &any4);
}

/* The table. */

static void entry_free(struct broker_book *book, uint32_t i)
{
	struct app_socket *e = app_socket_begin(book->table, i);

	if (e->client && e->client <= APP_CLIENTS_MAX && book->table->client[e->client - 1].sockets)
		book->table->client[e->client - 1].sockets--;
	if (book->ports[e->conf.local_port])
		book->ports[e->conf.local_port]--;
	e->client = 0;
	e->incarnation = 0;
	e->conf = (struct epoch_socket){0};
	app_socket_end(book->table, i);
}

static bool entry_stands(const struct app_table *table, const struct app_socket *e)
{
	return !(e->seq & 1) && e->client && e->client <= APP_CLIENTS_MAX &&
	       table->client[e->client - 1].incarnation == e->incarnation;
}

void book_open(struct broker_book *book)
{
	struct app_table *table = book->table;

	memset(book->ports, 0, sizeof book->ports);
	for (uint32_t k = 0; k < APP_CLIENTS_MAX; k++)
		table->client[k].sockets = 0;
	for (uint32_t i = 0; i < app_table_used(table); i++) {
		const struct app_socket *e = &table->socket[i];

		if ((e->seq & 1 || e->client) && !entry_stands(table, e))
			entry_free(book, i);
	}
	for (uint32_t i = 0; i < app_table_used(table); i++) {
		const struct app_socket *e = &table->socket[i];

		if (!e->client)
			continue;
		book->ports[e->conf.local_port]++;
		table->client[e->client - 1].sockets++;
	}
}

void book_leave(struct broker_book *book, uint32_t k)
{
	for (uint32_t i = 0; i < app_table_used(book->table); i++)
		if (book->table->socket[i].client == k + 1)
			entry_free(book, i);
}

static uint32_t free_number(struct broker_book *book)
{
	for (uint32_t tries = 0; tries < APP_SOCKETS_MAX; tries++) {
		uint32_t i = book->free_at++ % APP_SOCKETS_MAX;

		if (!book->table->socket[i].client)
			return i;
	}
	return APP_SOCKET_NONE;
}

/* What may be. */

static bool is_group(const struct ip6_addr *a)
{
	return ip6_addr_is_mapped(a) ? ipv4_is_multicast(a->w32[3]) : ip6_is_multicast(a);
}

static bool is_ours(const struct epoch *epoch, const struct ip6_addr *a)
{
	for (uint32_t i = 0; epoch && i < epoch->n_addresses; i++)
		if (ip6_addr_equal(&epoch->addresses[i].addr, a))
			return true;
	return false;
}

static bool family_fits(uint8_t family, const struct ip6_addr *a)
{
	if (family == 0)
		return ip6_is_unspecified(a);
	return ip6_addr_is_mapped(a) == (family == 4);
}

static bool addresses_overlap(const struct ip6_addr *a, const struct ip6_addr *b)
{
	return is_any(a) || is_any(b) || ip6_addr_equal(a, b);
}

/* Linux inet_rcv_saddr_equal, for sockets without SO_REUSEADDR. */
static bool collide(const struct epoch_socket *a, const struct epoch_socket *b)
{
	if (a->local_port != b->local_port || (a->family && b->family && a->family != b->family))
		return false;
	if (!port_id_equal(a->port, PORT_NONE) && !port_id_equal(b->port, PORT_NONE) &&
	        !port_id_equal(a->port, b->port))
		return false;
	return addresses_overlap(&a->local, &b->local);
}

static bool in_use(const struct broker_book *book, const struct epoch_socket *conf)
{
	for (uint32_t i = 0; book->epoch && i < book->epoch->n_sockets; i++)
		if (collide(&book->epoch->sockets[i], conf))
			return true;
	for (uint32_t i = 0; book->ports[conf->local_port] && i < app_table_used(book->table); i++)
		if (book->table->socket[i].client && collide(&book->table->socket[i].conf, conf))
			return true;
	return false;
}

static int choose_port(struct broker_book *book, struct epoch_socket *conf)
{
	const uint32_t n = BROKER_PORT_LAST - BROKER_PORT_FIRST + 1;
	uint32_t from = (uint32_t)(random_next(&book->random) % n);

	for (uint32_t i = 0; i < n; i++) {
		conf->local_port = (uint16_t)(BROKER_PORT_FIRST + (from + i) % n);
		if (!in_use(book, conf))
			return 0;
	}
	return EADDRINUSE;
}

static int check_new(struct broker_book *book, uint32_t k, struct epoch_socket *conf, bool privileged)
{
	if (book->table->client[k].sockets >= BROKER_CLIENT_SOCKETS)
		return EMFILE;
	if (!is_any(&conf->local) && !is_group(&conf->local) && !is_ours(book->epoch, &conf->local))
		return EADDRNOTAVAIL;
	if (!conf->local_port)
		return choose_port(book, conf);
	if (conf->local_port < 1024 && !privileged)
		return EACCES;
	return in_use(book, conf) ? EADDRINUSE : 0;
}

/* The requests. */

static void entry_write(struct broker_book *book, uint32_t i, uint32_t k, const struct epoch_socket *conf)
{
	struct app_socket *e = app_socket_begin(book->table, i);

	e->client = k + 1;
	e->incarnation = book->table->client[k].incarnation;
	e->conf = *conf;
	app_socket_end(book->table, i);
}

static int set_new(
        struct broker_book *book, uint32_t k, const struct app_ask *ask, bool privileged, uint32_t *number)
{
	struct epoch_socket conf = {
	        .local = ask->local,
	        .remote = ask->remote,
	        .local_port = ask->local_port,
	        .remote_port = ask->remote_port,
	        .family = ask->family,
	        .app = EPOCH_APP_PROCESS,
	        .port = {ask->port},
	};
	int err = check_new(book, k, &conf, privileged);

	if (err)
		return err;
	*number = free_number(book);
	if (*number == APP_SOCKET_NONE)
		return ENFILE;
	snprintf(conf.name, sizeof conf.name, "pid %d", book->table->client[k].pid);
	entry_write(book, *number, k, &conf);
	book->ports[conf.local_port]++;
	book->table->client[k].sockets++;
	return 0;
}

/* Where it is bound it stays. */
static void set_remote(struct broker_book *book, uint32_t k, const struct app_ask *ask)
{
	struct epoch_socket conf = book->table->socket[ask->socket].conf;

	conf.remote = ask->remote;
	conf.remote_port = ask->remote_port;
	conf.family = ask->family;
	entry_write(book, ask->socket, k, &conf);
}

static int do_ask(
        struct broker_book *book, uint32_t k, const struct app_ask *ask, bool privileged, uint32_t *number)
{
	bool has = *number < APP_SOCKETS_MAX && book->table->socket[*number].client == k + 1;

	if ((ask->what != APP_DO_SET && ask->what != APP_DO_CLOSE) ||
	        (ask->family != 0 && ask->family != 4 && ask->family != 6))
		return EINVAL;
	if (!has && (*number != APP_SOCKET_NONE || ask->what == APP_DO_CLOSE))
		return EBADF;
	if (ask->what == APP_DO_CLOSE) {
		entry_free(book, *number);
		return 0;
	}
	if (!is_any(&ask->remote) && !family_fits(ask->family, &ask->remote))
		return EAFNOSUPPORT;
	if (!has)
		return family_fits(ask->family, &ask->local) ? set_new(book, k, ask, privileged, number)
		                                             : EAFNOSUPPORT;
	set_remote(book, k, ask);
	return 0;
}

struct app_answer book_ask(struct broker_book *book, uint32_t k, const struct app_ask *ask, bool privileged)
{
	struct app_client *client = &book->table->client[k];
	struct app_answer answer = {.number = ask->number, .socket = ask->socket};

	if (ask->number == client->answer.number)
		return client->answer;
	answer.error = do_ask(book, k, ask, privileged, &answer.socket);
	if (!answer.error && ask->what == APP_DO_SET)
		answer.local_port = book->table->socket[answer.socket].conf.local_port;
	answer.changes = app_table_changes(book->table);
	client->answer = answer;
	return answer;
}
