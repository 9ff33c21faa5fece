#include "services/keeper/kept.h"

#include <stdlib.h>
#include <unistd.h>

static void close_all(const int *fd, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (fd[i] >= 0)
			close(fd[i]);
}

static void forget(struct kept *k, uint64_t key)
{
	for (uint32_t i = 0; i < k->n; i++) {
		if (k->list[i].key != key)
			continue;
		close_all(k->list[i].fd, k->list[i].n_fds);
		free(k->list[i].body);
		k->list[i] = k->list[--k->n];
		return;
	}
}

static int grow(struct kept *k)
{
	uint32_t room = k->room ? 2 * k->room : 16;
	struct kept_entry *list;

	if (k->n < k->room)
		return 0;
	if (room > KEPT_MAX)
		return -ENOSPC;
	list = realloc(k->list, room * sizeof *list);
	if (!list)
		return -ENOMEM;
	k->list = list;
	k->room = room;
	return 0;
}

static int add(struct kept *k, uint64_t key, const void *body, size_t bytes, const int *fd, uint32_t n_fds)
{
	struct kept_entry e = {.key = key, .bytes = (uint32_t)bytes, .n_fds = n_fds};
	int err = grow(k);

	if (err)
		return err;
	e.body = malloc(MAX(bytes, (size_t)1));
	if (!e.body)
		return -ENOMEM;
	if (bytes)
		memcpy(e.body, body, bytes);
	memcpy(e.fd, fd, n_fds * sizeof *fd);
	k->list[k->n++] = e;
	return 0;
}

int kept_put(struct kept *k, uint64_t key, const void *body, size_t bytes, const int *fd, uint32_t n_fds)
{
	int err;

	assert(n_fds <= HANDLE_FDS_MAX && bytes <= KEPT_BODY);
	forget(k, key);
	if (!n_fds)
		return 0;
	err = add(k, key, body, bytes, fd, n_fds);
	if (err)
		close_all(fd, n_fds);
	return err;
}

int kept_receive(struct kept *k, struct handle *h)
{
	int fd[HANDLE_FDS_MAX];
	uint32_t n = h->n_fds;

	if (h->bytes < sizeof(uint64_t))
		return -EPROTO;
	for (uint32_t i = 0; i < n; i++)
		fd[i] = handle_take(h, i);
	return kept_put(k, load_u64(h->body), h->body + sizeof(uint64_t), h->bytes - sizeof(uint64_t), fd, n);
}

int kept_send(const struct kept_entry *e, int sock, const char *name)
{
	uint8_t body[HANDLE_BODY_MAX];

	memcpy(body, &e->key, sizeof e->key);
	memcpy(body + sizeof e->key, e->body, e->bytes);
	return handle_send(sock, name, body, sizeof e->key + e->bytes, e->fd, e->n_fds);
}

int kept_send_all(const struct kept *k, int sock, const char *name)
{
	int err = 0;

	for (uint32_t i = 0; i < k->n && !err; i++)
		err = kept_send(&k->list[i], sock, name);
	return err;
}

void kept_clear(struct kept *k)
{
	for (uint32_t i = 0; i < k->n; i++) {
		close_all(k->list[i].fd, k->list[i].n_fds);
		free(k->list[i].body);
	}
	free(k->list);
	*k = (struct kept){0};
}
