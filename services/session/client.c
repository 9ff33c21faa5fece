/* client: applications come and go; their rings' published copies and bells. */
#include "services/session/client.h"

#include "services/session/words.h"

#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

/* Coming and going. */

static void attach_rings(struct client *cl, const struct session_client *st)
{
	uint8_t *r = (uint8_t *)cl->region;

	ring_cons_attach(&cl->fill, &cl->region->fill_cons, (void *)(r + cl->at.fill_prod), cl->at.rx_slots);
	ring_cons_attach(&cl->tx, &cl->region->tx_cons, (void *)(r + cl->at.tx_prod), cl->at.tx_slots);
	ring_prod_attach(&cl->rx, (void *)(r + cl->at.rx_prod), &cl->region->rx_cons, cl->at.rx_slots);
	/* The predecessor's arming may have been answered: ours need numbers of their own. */
	ring_disarm(&cl->tx);
	ring_release(&cl->fill, st->fill_cons);
	ring_release(&cl->tx, st->tx_cons);
	ring_publish(&cl->rx, st->rx_prod);
}

/* The region stays mapped without its descriptor. */
static bool open_region(struct client *cl, const struct app_word *word, const int fd[2], int sleep)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u32 = word->client};
	void *region;

	if (app_layout(&cl->at, word->rx_slots, word->tx_slots))
		return false;
	region = mmap(NULL, cl->at.bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd[0], 0);
	if (region == MAP_FAILED)
		return false;
	if (sleep < 0 || epoll_ctl(sleep, EPOLL_CTL_ADD, fd[1], &event)) {
		munmap(region, cl->at.bytes);
		return false;
	}
	cl->region = region;
	cl->bell = fd[1];
	close(fd[0]);
	return true;
}

static void client_open(struct session *s, const struct app_word *word)
{
	struct clients *all = s->clients;
	struct client *cl = &all->client[word->client];
	uint32_t bit = 1u << word->client;
	int fd[2];

	if (all->sleep < 0)
		all->sleep = epoll_create1(EPOLL_CLOEXEC);
	if (!words_take(word->client, s->env.lane, word->incarnation, fd))
		return;
	if (!open_region(cl, word, fd, all->sleep)) {
		close(fd[0]);
		close(fd[1]);
		return;
	}
	cl->incarnation = word->incarnation;
	attach_rings(cl, &s->state->client[word->client]);
	all->mapped |= bit;
	all->touched |= bit;
	all->unwoken |= bit; /* the predecessor may have died between publishing and waking */
}

static void client_close(struct session *s, uint32_t k)
{
	struct client *cl = &s->clients->client[k];

	if (!(s->clients->mapped >> k & 1))
		return;
	close(cl->bell); /* epoll forgets it */
	munmap(cl->region, cl->at.bytes);
	*cl = (struct client){0};
	s->clients->mapped &= ~(1u << k);
	s->clients->touched &= ~(1u << k);
	s->clients->unwoken &= ~(1u << k);
}

int clients_attach(struct session *s)
{
	struct clients *all = calloc(1, sizeof *all);

	s->clients = all;
	if (!all)
		return -ENOMEM;
	all->sleep = -1;
	all->scanning = s->env.sockets != NULL;
	for (uint32_t k = 0; k < APP_CLIENTS_MAX; k++)
		if (s->state->client[k].incarnation)
			all->awaits = NANOS_NEVER;
	return 0;
}

void clients_detach(struct session *s)
{
	if (!s->clients)
		return;
	for (uint32_t k = 0; k < APP_CLIENTS_MAX; k++)
		client_close(s, k);
	if (s->clients->sleep >= 0)
		close(s->clients->sleep);
	free(s->clients);
}

/* Those that the state knows need no burst. */
static void open_known(struct session *s)
{
	struct app_word word;

	for (uint32_t k = 0; k < APP_CLIENTS_MAX; k++)
		if (words_last(k, s->env.lane, &word) && word.what == APP_WORD_OPEN &&
		        word.incarnation == s->state->client[k].incarnation)
			client_open(s, &word);
}

nanos_t clients_await(struct session *s, nanos_t now)
{
	struct clients *all = s->clients;

	if (likely(!all->awaits))
		return 0;
	if (all->awaits == NANOS_NEVER)
		all->awaits = now + CLIENT_AWAIT;
	if (now < all->awaits && !words_all())
		return all->awaits;
	open_known(s);
	all->awaits = 0;
	return 0;
}

/* A new application's rings begin at 0. */
static void client_reset(const struct session_call *c, uint32_t k, uint64_t incarnation)
{
	struct session_client *st = &c->s->state->client[k];

	client_close(c->s, k);
	touch(c, st);
	*st = (struct session_client){.incarnation = incarnation};
}

void clients_take(const struct session_call *c)
{
	struct session *s = c->s;
	uint32_t count = words_count();
	struct app_word word;

	if (likely(count == s->clients->heard))
		return;
	s->clients->heard = count;
	for (uint32_t k = 0; k < APP_CLIENTS_MAX; k++) {
		uint64_t known = s->state->client[k].incarnation;
		bool told = words_last(k, s->env.lane, &word);

		if (told && word.what == APP_WORD_OPEN) {
			if (word.incarnation != known)
				client_reset(c, k, word.incarnation);
			client_open(s, &word);
		} else if (known && (told || words_all())) {
			client_reset(c, k, 0);
		}
	}
}

/* Publishing. */

static void publish(struct client *cl, const struct session_client *st)
{
	ring_release(&cl->fill, st->fill_cons);
	ring_release(&cl->tx, st->tx_cons);
	ring_publish(&cl->rx, st->rx_prod);
	__atomic_store_n(&cl->region->dropped, st->dropped, __ATOMIC_RELAXED);
}

static void tell_taken_up(struct clients *all, uint32_t taken_up)
{
	for (uint32_t left = all->mapped; left; left &= left - 1)
		__atomic_store_n(
		        &all->client[__builtin_ctz(left)].region->taken_up, taken_up, __ATOMIC_RELEASE);
	all->told = taken_up;
	all->unwoken |= all->mapped;
}

void clients_apply(struct session *s)
{
	struct clients *all = s->clients;

	if (unlikely(all->told != s->state->taken_up))
		tell_taken_up(all, s->state->taken_up);
	for (uint32_t left = all->touched; left; left &= left - 1) {
		uint32_t k = (uint32_t)__builtin_ctz(left);

		publish(&all->client[k], &s->state->client[k]);
	}
	all->unwoken |= all->touched;
	all->touched = 0;
}

/* Waking.  A bell is one end of a pair of sockets, since an application could make session wait at an eventfd
 * (by F_SETFL and a full count), but not at a socket that is told not to wait each time. */

static void ring_bell(int bell)
{
	uint8_t byte = 0;
	struct iovec part = {&byte, 1};
	struct msghdr msg = {.msg_iov = &part, .msg_iovlen = 1};

	/* Full: it has been rung, and does not listen.  Gone: the broker says so in a moment. */
	(void)sendmsg(bell, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void clients_kick(struct session *s)
{
	struct clients *all = s->clients;

	if (likely(!all->unwoken))
		return;
	__atomic_thread_fence(
	        __ATOMIC_SEQ_CST); /* with the application's, between arming and looking again */
	for (uint32_t left = all->unwoken; left; left &= left - 1) {
		struct client *cl = &all->client[__builtin_ctz(left)];
		bool waits = ring_must_wake(&cl->rx);

		if (waits || __atomic_load_n(&cl->region->wants_room, __ATOMIC_RELAXED))
			ring_bell(cl->bell);
	}
	all->unwoken = 0;
}

/* Forgets what was rung; what is left in a bell wakes again. */
static void drain(struct clients *all)
{
	struct epoll_event events[APP_CLIENTS_MAX];
	int n = epoll_wait(all->sleep, events, APP_CLIENTS_MAX, 0);
	uint8_t bytes[256];

	for (int i = 0; i < n; i++) {
		struct iovec part = {bytes, sizeof bytes};
		struct msghdr msg = {.msg_iov = &part, .msg_iovlen = 1};

		if (recvmsg(all->client[events[i].data.u32].bell, &msg, MSG_DONTWAIT) == 0)
			(void)epoll_ctl(
			        all->sleep, EPOLL_CTL_DEL, all->client[events[i].data.u32].bell, NULL);
	}
}

uint32_t clients_arm(struct session *s, bool on, int *fd)
{
	struct clients *all = s->clients;

	if (!all->mapped)
		return 0;
	for (uint32_t left = all->mapped; left; left &= left - 1) {
		struct ring_cons *tx = &all->client[__builtin_ctz(left)].tx;

		(on ? ring_arm : ring_disarm)(tx);
	}
	if (on)
		fd[0] = all->sleep;
	else
		drain(all);
	return 1;
}

static bool wants_to_send(struct clients *all, const struct session_state *st)
{
	for (uint32_t left = all->mapped; left; left &= left - 1) {
		uint32_t k = (uint32_t)__builtin_ctz(left);

		if (ring_used(&all->client[k].tx, st->client[k].tx_cons))
			return true;
	}
	return false;
}

nanos_t clients_next(const struct session *s)
{
	struct clients *all = s->clients;

	if (words_count() != all->heard || all->scanning ||
	        (s->env.sockets && app_table_changes(s->env.sockets) != s->state->taken_up))
		return 0;
	return wants_to_send(all, s->state) ? all->retry_at : NANOS_NEVER;
}
