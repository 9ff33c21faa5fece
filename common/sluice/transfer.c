/* transfer: datagrams between an application's buffers and the chunks. */
#include "common/sluice/internal.h"

static ssize_t fail(int err)
{
	errno = err;
	return -1;
}

/* Sending. */

/* Slot i of the ring has a chunk of its own, behind those to be received into. */
static uint32_t chunk_of_slot(const struct sluice *s, uint32_t at)
{
	return s->at.rx_slots + (at & (s->at.tx_slots - 1));
}

static bool has_room(struct sluice *s, struct lane *l, uint32_t n)
{
	(void)s;
	return ring_room(&l->tx, l->tx_prod, n) >= n;
}

/* Until session has read enough of what is there. */
static int wait_for_room(struct sluice *s, struct lane *l, uint32_t n, int flags)
{
	int err = 0;

	while (!err && !has_room(s, l, n)) {
		if (flags & MSG_DONTWAIT)
			return EAGAIN;
		__atomic_store_n(&l->region->wants_room, 1, __ATOMIC_RELAXED);
		__atomic_thread_fence(__ATOMIC_SEQ_CST); /* with clients_kick's */
		if (!has_room(s, l, n) && !sluice_pump_or_arm(s) && sluice_sleep_on(s, -1) < 0)
			err = ENETDOWN;
		__atomic_store_n(&l->region->wants_room, 0, __ATOMIC_RELAXED);
	}
	return err;
}

static void put(struct sluice *s, struct lane *l, const struct app_head *head, const uint8_t *bytes)
{
	uint32_t left = head->len, n = MIN(left, APP_FIRST_BYTES), words = app_chunks_for(head->len);
	uint8_t *at = app_chunk(&s->at, l->region, chunk_of_slot(s, l->tx_prod));

	memcpy(at, head, sizeof *head);
	at += sizeof *head;
	for (uint32_t i = 0; i < words; i++) {
		if (i)
			at = app_chunk(&s->at, l->region, chunk_of_slot(s, l->tx_prod));
		if (n)
			memcpy(at, bytes, n);
		ring_put(&l->tx, l->tx_prod, chunk_of_slot(s, l->tx_prod) | (i + 1 < words ? APP_MORE : 0));
		l->tx_prod++;
		bytes += n;
		left -= n;
		n = MIN(left, APP_CHUNK);
	}
	ring_publish(&l->tx, l->tx_prod);
}

/* To whom: all zero where the socket's own peer is meant. */
static int peer_of(
        const struct sluice_socket *k, const struct sockaddr *address, socklen_t len, struct app_head *head)
{
	struct name name;
	int err;

	head->port = k->port;
	if (!address)
		return k->remote_port ? 0 : EDESTADDRREQ;
	err = sluice_name_read(k, address, len, &name);
	if (!err && !name.l4_port)
		err = EINVAL;
	head->peer = name.addr;
	head->peer_port = name.l4_port;
	if (!err && name.port != PORT_NONE.v)
		head->port = name.port;
	return err;
}

static int take_pending(struct sluice_socket *k)
{
	int err = k->pending;

	k->pending = 0;
	if (err) {
		k->told = false;
		sluice_ready_settle(k);
	}
	return err;
}

ssize_t sluice_sendto(struct sluice_socket *k, const void *bytes, size_t n, int flags,
        const struct sockaddr *address, socklen_t len)
{
	struct app_head head = {.kind = APP_DATAGRAM, .len = (uint32_t)n};
	struct sluice *s = k->s;
	struct lane *l;
	int err;

	if (flags & ~(MSG_DONTWAIT | MSG_NOSIGNAL))
		return fail(EOPNOTSUPP);
	if (n > APP_DATAGRAM_MAX)
		return fail(EMSGSIZE);
	err = peer_of(k, address, len, &head);
	if (!err)
		err = sluice_bind_any(k);
	if (!err)
		err = take_pending(k);
	if (err)
		return fail(err);
	head.socket = k->number;
	l = &s->lane[k->number % s->lanes];
	err = wait_for_room(s, l, app_chunks_for(head.len), flags);
	if (err)
		return fail(err);
	put(s, l, &head, bytes);
	sluice_wake_session(l);
	return (ssize_t)n;
}

/* Receiving. */

static void copy_out(struct sluice *s, uint32_t id, uint32_t len, uint8_t *to)
{
	const uint8_t *at = (const uint8_t *)(sluice_chunk_at(s, id) + 1);
	uint32_t n = MIN(len, APP_FIRST_BYTES);

	while (len) {
		memcpy(to, at, n);
		to += n;
		len -= n;
		id = s->received[id].next_chunk;
		if (id == NONE)
			return;
		at = (const uint8_t *)sluice_chunk_at(s, id);
		n = MIN(len, APP_CHUNK);
	}
}

/* 0: there is a datagram; else an errno. */
static int wait_for_datagram(struct sluice_socket *k, int flags)
{
	while (k->head == NONE) {
		int err = k->pending ? take_pending(k) : 0;

		if (err)
			return err;
		if (sluice_pump(k->s) && k->head != NONE)
			return 0;
		if (k->pending || sluice_pump_or_arm(k->s))
			continue;
		if (flags & MSG_DONTWAIT)
			return k->s->gone ? ENETDOWN : EAGAIN;
		if (sluice_sleep_on(k->s, -1) < 0)
			return ENETDOWN;
	}
	return take_pending(k);
}

ssize_t sluice_recvfrom(
        struct sluice_socket *k, void *bytes, size_t n, int flags, struct sockaddr *address, socklen_t *len)
{
	const struct app_head *shared;
	uint32_t whole, copied;
	struct name peer;
	int err;

	if (flags & ~(MSG_DONTWAIT | MSG_PEEK | MSG_TRUNC))
		return fail(EOPNOTSUPP);
	if (k->number == NONE && (flags & MSG_DONTWAIT))
		return fail(EAGAIN);
	err = sluice_bind_any(k);
	if (!err)
		err = wait_for_datagram(k, flags);
	if (err)
		return fail(err);
	shared = sluice_chunk_at(k->s, k->head);
	whole = MIN(__atomic_load_n(&shared->len, __ATOMIC_RELAXED), APP_DATAGRAM_MAX);
	copied = (uint32_t)MIN((size_t)whole, n);
	copy_out(k->s, k->head, copied, bytes);
	if (address) {
		peer = (struct name){shared->peer, shared->peer_port, shared->port};
		sluice_name_write(k->family, &peer, address, len);
	}
	if (!(flags & MSG_PEEK))
		sluice_queue_pop(k);
	return (ssize_t)(flags & MSG_TRUNC ? whole : copied);
}

ssize_t sluice_send(struct sluice_socket *k, const void *bytes, size_t n, int flags)
{
	return sluice_sendto(k, bytes, n, flags, NULL, 0);
}

ssize_t sluice_recv(struct sluice_socket *k, void *bytes, size_t n, int flags)
{
	return sluice_recvfrom(k, bytes, n, flags, NULL, NULL);
}
