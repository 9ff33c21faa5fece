/* take_up: the sockets of applications become those that the table says. */
#include "services/session/client.h"

/* So far behind, the log of changes may be overwritten while it is read. */
#define LOG_SAFE (APP_LOG / 2)

static bool is_of(const struct session_socket *sk, const struct app_socket *e)
{
	return sk->client == e->client && sk->incarnation == e->incarnation &&
	       ip6_addr_equal(&sk->conf.local, &e->conf.local) && sk->conf.local_port == e->conf.local_port;
}

static bool entry_wanted(const struct session_state *st, const struct app_socket *e)
{
	return e->client && e->client <= APP_CLIENTS_MAX && e->conf.local_port &&
	       st->client[e->client - 1].incarnation == e->incarnation;
}

static void make(const struct session_call *c, uint32_t number, const struct app_socket *e)
{
	struct session_socket *sk = socket_make(c, &e->conf);

	if (!sk)
		return;
	sk->app = number + 1;
	sk->client = e->client;
	sk->incarnation = e->incarnation;
	touch(c, &c->s->state->app[number]);
	c->s->state->app[number] = socket_ref(c->s, sk);
}

static void drop(const struct session_call *c, uint32_t number, struct session_socket *sk)
{
	bool gone = socket_remove(c, sk);

	assert(gone); /* it has no queue */
	touch(c, &c->s->state->app[number]);
	c->s->state->app[number] = 0;
}

/* Brings one in line; returns whether it had to be changed. */
static bool settle(const struct session_call *c, uint32_t number)
{
	struct session_state *st = c->s->state;
	struct session_socket *sk = socket_at(c->s, st->app[number]);
	struct app_socket e;
	bool wanted;

	if (!app_socket_read(c->s->env.sockets, number, &e))
		return false; /* a change of its own follows */
	wanted = entry_wanted(st, &e);
	e.conf.app = EPOCH_APP_PROCESS;
	if (sk && wanted && is_of(sk, &e)) {
		if (!memcmp(&sk->conf, &e.conf, sizeof e.conf))
			return false;
		touch(c, &sk->conf);
		sk->conf = e.conf;
		return true;
	}
	if (!sk && !wanted)
		return false;
	if (sk)
		drop(c, number, sk);
	if (wanted)
		make(c, number, &e);
	return true;
}

static bool scan(const struct session_call *c, uint32_t budget)
{
	struct clients *all = c->s->clients;
	uint32_t used = MAX(app_table_used(c->s->env.sockets), all->scan_at);
	bool any = false;

	for (; all->scan_at < used && budget; all->scan_at++)
		if (settle(c, all->scan_at)) {
			any = true;
			budget--;
		}
	if (all->scan_at < used)
		return true;
	all->scanning = false;
	touch(c, c->s->state);
	c->s->state->taken_up = all->scan_to;
	return any;
}

bool table_take_up(const struct session_call *c)
{
	const struct app_table *table = c->s->env.sockets;
	struct clients *all = c->s->clients;
	struct session_state *st = c->s->state;
	uint32_t changes, budget = SESSION_ADOPTS / 2;
	bool any = false;

	if (!table)
		return false;
	changes = app_table_changes(table);
	if (changes - st->taken_up > LOG_SAFE)
		all->scanning = true;
	if (all->scanning) {
		if (!all->scan_at)
			all->scan_to = changes;
		any = scan(c, budget);
		all->scan_at = all->scanning ? all->scan_at : 0;
		return any;
	}
	for (; st->taken_up != changes && budget; budget--) {
		any |= settle(c, app_table_changed(table, st->taken_up));
		touch(c, st);
		st->taken_up++;
	}
	return any;
}
