#include "tests/unit/session/guest.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

struct app_table *guest_table(struct bed *bed)
{
	struct app_table *table = calloc(1, sizeof *table);

	assert(table);
	bed->f.env.sockets = table;
	bed_restart(bed);
	return table;
}

static void say(const struct guest *g, enum app_what what, const int *fd)
{
	const struct app_word word = {.magic = APP_MAGIC,
	        .what = (uint16_t)what,
	        .client = (uint16_t)g->client,
	        .incarnation = g->incarnation,
	        .rx_slots = GUEST_SLOTS,
	        .tx_slots = GUEST_SLOTS};
	int err = session_word(&word, sizeof word, fd, fd ? 2 : 0);

	assert(!err);
}

void guest_join(struct guest *g, struct app_table *table, uint32_t client, uint64_t incarnation)
{
	int pair[2], err;
	uint8_t *r;

	*g = (struct guest){.table = table, .client = client, .incarnation = incarnation};
	err = app_layout(&g->at, GUEST_SLOTS, GUEST_SLOTS);
	assert(!err);
	g->fd = memfd_create("guest", 0);
	err = ftruncate(g->fd, (off_t)g->at.bytes);
	assert(!err);
	r = mmap(NULL, g->at.bytes, PROT_READ | PROT_WRITE, MAP_SHARED, g->fd, 0);
	assert(r != MAP_FAILED);
	g->region = (struct app_lane *)r;
	ring_cons_attach(&g->rx, &g->region->rx_cons, (void *)(r + g->at.rx_prod), GUEST_SLOTS);
	ring_prod_attach(&g->fill, (void *)(r + g->at.fill_prod), &g->region->fill_cons, GUEST_SLOTS);
	ring_prod_attach(&g->tx, (void *)(r + g->at.tx_prod), &g->region->tx_cons, GUEST_SLOTS);
	for (; g->fill_prod < GUEST_SLOTS; g->fill_prod++)
		ring_put(&g->fill, g->fill_prod, g->fill_prod);
	ring_publish(&g->fill, g->fill_prod);
	err = socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair);
	assert(!err);
	g->bell = pair[1];
	g->far = pair[0];
	table->client[client].incarnation = incarnation;
	say(g, APP_WORD_OPEN, (const int[]){dup(g->fd), dup(g->far)});
}

void guest_say_again(const struct guest *g)
{
	const struct app_word all = {.magic = APP_MAGIC, .what = APP_WORD_ALL};
	int err;

	say(g, APP_WORD_OPEN, (const int[]){dup(g->fd), dup(g->far)});
	err = session_word(&all, sizeof all, NULL, 0);
	assert(!err);
}

void guest_say_gone(const struct guest *g)
{
	say(g, APP_WORD_GONE, NULL);
}

void guest_leave(struct guest *g)
{
	munmap(g->region, g->at.bytes);
	close(g->fd);
	close(g->bell);
	close(g->far);
}

void guest_bind(struct guest *g, uint32_t number, const struct epoch_socket *conf)
{
	struct app_socket *e = app_socket_begin(g->table, number);

	e->client = conf ? g->client + 1 : 0;
	e->incarnation = conf ? g->incarnation : 0;
	e->conf = conf ? *conf : (struct epoch_socket){0};
	app_socket_end(g->table, number);
}

static uint32_t take_chunk(struct guest *g, uint64_t word, uint32_t from, uint8_t *to)
{
	const uint8_t *chunk = app_chunk(&g->at, g->region, (uint32_t)word);

	memcpy(to, chunk + from, APP_CHUNK - from);
	ring_put(&g->fill, g->fill_prod++, (uint32_t)word);
	return APP_CHUNK - from;
}

bool guest_take(struct guest *g, struct app_head *head, uint8_t *payload)
{
	uint64_t word;

	if (!ring_used(&g->rx, g->rx_cons))
		return false;
	word = ring_get(&g->rx, g->rx_cons++);
	memcpy(head, app_chunk(&g->at, g->region, (uint32_t)word), sizeof *head);
	payload += take_chunk(g, word, sizeof *head, payload);
	while (word & APP_MORE) {
		word = ring_get(&g->rx, g->rx_cons++);
		payload += take_chunk(g, word, 0, payload);
	}
	ring_release(&g->rx, g->rx_cons);
	ring_publish(&g->fill, g->fill_prod);
	return true;
}

void guest_send(struct guest *g, const struct app_head *head, const uint8_t *payload)
{
	uint32_t n = app_chunks_for(head->len), left = head->len;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t number = GUEST_SLOTS + (g->tx_prod & (GUEST_SLOTS - 1)), from = i ? 0 : sizeof *head;
		uint8_t *chunk = app_chunk(&g->at, g->region, number);
		uint32_t here = MIN(left, APP_CHUNK - from);

		if (!i)
			memcpy(chunk, head, sizeof *head);
		memcpy(chunk + from, payload, here);
		payload += here;
		left -= here;
		ring_put(&g->tx, g->tx_prod++, number | (i + 1 < n ? APP_MORE : 0));
	}
	ring_publish(&g->tx, g->tx_prod);
}
