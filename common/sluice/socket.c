#include "common/sluice/internal.h"

#include <netinet/in.h>
#include <stdlib.h>

static const struct ip6_addr any6;

static struct ip6_addr any_of(uint8_t family)
{
	return family == AF_INET ? ip6_addr_mapped((struct be32){0}) : any6;
}

static int fail(int err)
{
	errno = err;
	return err ? -1 : 0;
}

struct sluice_socket *sluice_socket(struct sluice *s, int family, int type)
{
	struct sluice_socket *k;

	if ((family != AF_INET && family != AF_INET6) || type != SOCK_DGRAM) {
		errno = family != AF_INET && family != AF_INET6 ? EAFNOSUPPORT : ESOCKTNOSUPPORT;
		return NULL;
	}
	k = calloc(1, sizeof *k);
	if (!k)
		return NULL;
	*k = (struct sluice_socket){.s = s,
	        .next = s->all,
	        .family = (uint8_t)family,
	        .number = NONE,
	        .port = PORT_NONE.v,
	        .local = any_of((uint8_t)family),
	        .remote = any_of((uint8_t)family),
	        .head = NONE,
	        .tail = NONE};
	if (s->all)
		s->all->prev = k;
	s->all = k;
	return k;
}

int sluice_v6only(struct sluice_socket *k, int on)
{
	if (k->family != AF_INET6 || k->number != NONE)
		return fail(EINVAL);
	k->v6only = on;
	return 0;
}

void sluice_socket_close(struct sluice_socket *k)
{
	struct app_ask question = {.what = APP_DO_CLOSE, .socket = k->number};
	struct sluice *s = k->s;
	struct app_answer answer;

	if (k->number != NONE) {
		(void)sluice_ask(s, &question, &answer); /* where the appliance is gone, so is the socket */
		s->by_number[k->number] = NULL;
	}
	sluice_queue_clear(k);
	k->pending = 0;
	k->told = false;
	sluice_ready_settle(k);
	*(k->prev ? &k->prev->next : &s->all) = k->next;
	if (k->next)
		k->next->prev = k->prev;
	free(k);
}

/* Binding. */

static bool note_number(struct sluice *s, uint32_t number, struct sluice_socket *k)
{
	uint32_t room = MAX(s->n_numbers, 64u);
	struct sluice_socket **all;

	while (room <= number)
		room *= 2;
	if (room > s->n_numbers) {
		all = realloc(s->by_number, room * sizeof(struct sluice_socket *));
		if (!all)
			return false;
		memset(all + s->n_numbers, 0, (room - s->n_numbers) * sizeof(struct sluice_socket *));
		s->by_number = all;
		s->n_numbers = room;
	}
	s->by_number[number] = k;
	return true;
}

/* As the session has it: an IPv6 socket of no address takes IPv4 too; a peer narrows that. */
static uint8_t family_of(
        const struct sluice_socket *k, const struct ip6_addr *local, const struct ip6_addr *remote)
{
	const struct ip6_addr *said = ip6_addr_equal(local, &any6) ? remote : local;

	if (k->family == AF_INET || ip6_addr_is_mapped(said))
		return 4;
	return k->v6only || !ip6_addr_equal(said, &any6) ? 6 : 0;
}

static struct app_ask question_of(
        const struct sluice_socket *k, const struct name *local, const struct name *remote)
{
	return (struct app_ask){.what = APP_DO_SET,
	        .family = family_of(k, &local->addr, &remote->addr),
	        .socket = k->number,
	        .port = local->port,
	        .local_port = local->l4_port,
	        .remote_port = remote->l4_port,
	        .local = local->addr,
	        .remote = remote->addr};
}

static int set(struct sluice_socket *k, const struct name *local, const struct name *remote)
{
	struct app_ask question = question_of(k, local, remote);
	struct app_answer answer;
	int err = sluice_ask(k->s, &question, &answer);

	if (err)
		return err;
	if (answer.socket > (1u << 20) || !note_number(k->s, answer.socket, k))
		return ENOMEM;
	k->number = answer.socket;
	k->local = local->addr;
	k->local_port = answer.local_port;
	k->port = local->port;
	k->remote = remote->addr;
	k->remote_port = remote->l4_port;
	return 0;
}

int sluice_bind_any(struct sluice_socket *k)
{
	const struct name local = {k->local, 0, PORT_NONE.v}, none = {any_of(k->family), 0, PORT_NONE.v};

	return k->number == NONE ? set(k, &local, &none) : 0;
}

int sluice_bind(struct sluice_socket *k, const struct sockaddr *address, socklen_t len)
{
	const struct name none = {any_of(k->family), 0, PORT_NONE.v};
	struct name local;
	int err = sluice_name_read(k, address, len, &local);

	if (!err && k->number != NONE)
		err = EINVAL;
	return fail(err ? err : set(k, &local, &none));
}

int sluice_connect(struct sluice_socket *k, const struct sockaddr *address, socklen_t len)
{
	const struct name local = {k->local, k->local_port, k->port};
	struct name remote = {any_of(k->family), 0, PORT_NONE.v};
	int err = 0;

	if (address->sa_family != AF_UNSPEC)
		err = sluice_name_read(k, address, len, &remote);
	if (!err && address->sa_family != AF_UNSPEC && !remote.l4_port)
		err = EINVAL;
	if (!err)
		err = set(k, &local, &remote);
	if (!err)
		k->pending = 0;
	return fail(err);
}

/* What it is. */

int sluice_getsockname(const struct sluice_socket *k, struct sockaddr *address, socklen_t *len)
{
	const struct name local = {k->local, k->local_port, k->port};

	sluice_name_write(k->family, &local, address, len);
	return 0;
}

int sluice_getpeername(const struct sluice_socket *k, struct sockaddr *address, socklen_t *len)
{
	const struct name remote = {k->remote, k->remote_port, k->port};

	if (!k->remote_port)
		return fail(ENOTCONN);
	sluice_name_write(k->family, &remote, address, len);
	return 0;
}

int sluice_error(struct sluice_socket *k, struct sluice_error *error)
{
	(void)sluice_pump(k->s);
	if (!k->told)
		return 0;
	*error = k->error;
	k->told = false;
	k->pending = 0;
	sluice_ready_settle(k);
	return 1;
}

void sluice_set_user(struct sluice_socket *k, void *user)
{
	k->user = user;
}

void *sluice_user(const struct sluice_socket *k)
{
	return k->user;
}

uint64_t sluice_dropped(struct sluice *s)
{
	uint64_t n = 0;

	for (uint32_t l = 0; l < s->lanes; l++)
		n += __atomic_load_n(&s->lane[l].region->dropped, __ATOMIC_RELAXED);
	for (const struct sluice_socket *k = s->all; k; k = k->next)
		n += k->dropped;
	return n;
}

uint64_t sluice_socket_dropped(const struct sluice_socket *k)
{
	return k->dropped;
}
