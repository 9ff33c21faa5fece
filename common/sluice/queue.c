#include "common/sluice/internal.h"

struct app_head *sluice_chunk_at(struct sluice *s, uint32_t id)
{
	return app_chunk(&s->at, s->lane[id / s->at.chunks].region, id % s->at.chunks);
}

/* Back to session.  There are as many slots as chunks to be received. */
static void chunk_return(struct sluice *s, uint32_t id)
{
	struct lane *l = &s->lane[id / s->at.chunks];

	if (ring_room(&l->fill, l->fill_prod, 1))
		ring_put(&l->fill, l->fill_prod++, id % s->at.chunks);
}

static void publish(struct sluice *s, uint32_t id)
{
	struct lane *l = &s->lane[id / s->at.chunks];

	ring_publish(&l->fill, l->fill_prod);
}

/* Lists. */

static void ready_remove(struct sluice_socket *k)
{
	struct sluice *s = k->s;

	*(k->ready_prev ? &k->ready_prev->ready_next : &s->ready) = k->ready_next;
	*(k->ready_next ? &k->ready_next->ready_prev : &s->ready_last) = k->ready_prev;
	k->is_ready = false;
}

static void ready_add(struct sluice_socket *k)
{
	struct sluice *s = k->s;

	k->ready_prev = s->ready_last;
	k->ready_next = NULL;
	*(k->ready_prev ? &k->ready_prev->ready_next : &s->ready) = k;
	s->ready_last = k;
	k->is_ready = true;
}

void sluice_ready_settle(struct sluice_socket *k)
{
	bool has = k->head != NONE || k->pending || k->told;

	if (has && !k->is_ready)
		ready_add(k);
	else if (!has && k->is_ready)
		ready_remove(k);
}

void sluice_ready_turn(struct sluice_socket *k)
{
	ready_remove(k);
	ready_add(k);
}

/* Arrivals. */

/* What session wrote; a copy, checked against the chunks. */
static bool head_read(struct sluice *s, uint32_t id, uint32_t n, struct app_head *head)
{
	memcpy(head, sluice_chunk_at(s, id), sizeof *head);
	return head->kind == APP_ERROR || (head->kind == APP_DATAGRAM && head->len <= APP_DATAGRAM_MAX &&
	                                          app_chunks_for(head->len) == n);
}

static void hear_error(struct sluice_socket *k, const struct app_head *head)
{
	const struct name peer = {head->peer, head->peer_port, head->port};
	socklen_t len = sizeof k->error.peer;

	k->error = (struct sluice_error){
	        .error = head->error, .type = head->icmp_type, .code = head->icmp_code, .mtu = head->mtu};
	sluice_name_write(k->family, &peer, (struct sockaddr *)&k->error.peer, &len);
	k->told = true;
	if (head->hard && k->remote_port)
		k->pending = head->error;
	sluice_ready_settle(k);
}

static void append(struct sluice_socket *k, const uint32_t *id, uint32_t n)
{
	struct received *all = k->s->received;

	for (uint32_t i = 0; i < n; i++)
		all[id[i]].next_chunk = i + 1 < n ? id[i + 1] : NONE;
	all[id[0]].next_datagram = NONE;
	if (k->head == NONE)
		k->head = id[0];
	else
		all[k->tail].next_datagram = id[0];
	k->tail = id[0];
	k->chunks += n;
	sluice_ready_settle(k);
}

void sluice_queue_arrived(struct sluice *s, const uint32_t *id, uint32_t n)
{
	struct sluice_socket *k = NULL;
	struct app_head head;

	if (head_read(s, id[0], n, &head) && head.socket < s->n_numbers)
		k = s->by_number[head.socket];
	if (k && head.kind == APP_DATAGRAM) {
		if (k->chunks + n <= s->lanes * s->at.rx_slots / 2) {
			append(k, id, n);
			return;
		}
		k->dropped++;
	} else if (k) {
		hear_error(k, &head);
	}
	for (uint32_t i = 0; i < n; i++)
		chunk_return(s, id[i]);
}

void sluice_queue_pop(struct sluice_socket *k)
{
	struct sluice *s = k->s;
	uint32_t at = k->head, next;

	k->head = s->received[at].next_datagram;
	for (; at != NONE; at = next) {
		next = s->received[at].next_chunk;
		chunk_return(s, at);
		publish(s, at);
		k->chunks--;
	}
	if (k->head == NONE)
		sluice_ready_settle(k);
}

void sluice_queue_clear(struct sluice_socket *k)
{
	while (k->head != NONE)
		sluice_queue_pop(k);
}
