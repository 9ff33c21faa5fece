#include "common/sluice/internal.h"

#include "common/handle/handle.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/un.h>
#include <unistd.h>

#define RUN_DIR  "/run/sluice"
#define RECEIVE  1024u
#define SEND     512u
#define HELLO_MS 10000
#define ON_CONN  UINT32_MAX
#define ON_NUDGE (UINT32_MAX - 1)

/* The conversation. */

static int call(const char *run_dir)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int sock, n, err;

	if (!run_dir)
		run_dir = getenv("SLUICE_RUN_DIR");
	n = snprintf(address.sun_path, sizeof address.sun_path, "%s/" APP_SOCKET_PATH,
	        run_dir ? run_dir : RUN_DIR);
	if (n < 0 || (size_t)n >= sizeof address.sun_path)
		return -ENAMETOOLONG;
	sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (sock < 0)
		return -errno;
	if (connect(sock, (const struct sockaddr *)&address, sizeof address) == 0)
		return sock;
	err = -errno;
	close(sock);
	return err;
}

static int say_hello(int conn, uint32_t receive, uint32_t send, struct handle *h, struct app_welcome *welcome)
{
	const struct app_hello hello = {.version = APP_VERSION, .rx_slots = receive, .tx_slots = send};
	int got = handle_send(conn, "hello", &hello, sizeof hello, NULL, 0);

	/* Who is refused at the door is told that before it is heard, and may find the door shut first. */
	if (!got || got == -EPIPE)
		got = handle_receive(conn, h, HELLO_MS);
	if (got == -EPIPE)
		got = handle_receive(conn, h, HELLO_MS);
	if (got <= 0)
		return got ? -ENETDOWN : -ETIMEDOUT;
	if (strcmp(h->name, "welcome") != 0 || h->bytes != sizeof *welcome)
		return -EPROTO;
	memcpy(welcome, h->body, sizeof *welcome);
	if (welcome->error)
		return -welcome->error;
	if (welcome->lanes < 1 || welcome->lanes > LANES_MAX || h->n_fds != 2 * welcome->lanes)
		return -EPROTO;
	return 0;
}

/* The memory. */

static void attach(struct lane *l, const struct app_layout *at)
{
	uint8_t *r = (uint8_t *)l->region;

	ring_cons_attach(&l->rx, &l->region->rx_cons, (void *)(r + at->rx_prod), at->rx_slots);
	ring_prod_attach(&l->fill, (void *)(r + at->fill_prod), &l->region->fill_cons, at->rx_slots);
	ring_prod_attach(&l->tx, (void *)(r + at->tx_prod), &l->region->tx_cons, at->tx_slots);
	for (; l->fill_prod < at->rx_slots; l->fill_prod++)
		ring_put(&l->fill, l->fill_prod, l->fill_prod);
	ring_publish(&l->fill, l->fill_prod);
}

static int watch(const struct sluice *s, int fd, uint32_t what)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u32 = what};

	return epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

static int take_lane(struct sluice *s, uint32_t l, int region, int bell)
{
	struct lane *lane = &s->lane[l];
	void *map = mmap(NULL, s->at.bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, region, 0);

	lane->bell = bell;
	close(region);
	if (map == MAP_FAILED)
		return -ENOMEM;
	lane->region = map;
	attach(lane, &s->at);
	return watch(s, bell, l);
}

static int join(struct sluice *s, const char *run_dir, uint32_t receive, uint32_t send)
{
	struct app_welcome welcome;
	struct handle h = {.n_fds = 0};
	int err;

	s->conn = call(run_dir);
	if (s->conn < 0)
		return s->conn;
	err = say_hello(s->conn, receive, send, &h, &welcome);
	if (!err)
		err = app_layout(&s->at, welcome.rx_slots, welcome.tx_slots);
	for (uint32_t l = 0; !err && l < welcome.lanes; l++) {
		s->lanes++;
		err = take_lane(s, l, handle_take(&h, l), handle_take(&h, welcome.lanes + l));
	}
	handle_close(&h);
	if (err)
		return err;
	s->received = calloc((size_t)s->lanes * s->at.chunks, sizeof *s->received);
	if (!s->received)
		return -ENOMEM;
	err = watch(s, s->nudge, ON_NUDGE);
	sluice_nudge(s); /* until it is armed */
	return err ? err : watch(s, s->conn, ON_CONN);
}

struct sluice *sluice_open_sized(const char *run_dir, uint32_t receive, uint32_t send)
{
	struct sluice *s = calloc(1, sizeof *s);
	int err;

	if (!s)
		return NULL;
	s->conn = -1;
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	s->nudge = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	err = s->epoll < 0 || s->nudge < 0 ? -errno : join(s, run_dir, receive, send);
	if (!err)
		return s;
	sluice_close(s);
	errno = -err;
	return NULL;
}

struct sluice *sluice_open(const char *run_dir)
{
	return sluice_open_sized(run_dir, RECEIVE, SEND);
}

/* The connection's end is what gives the sockets back. */
void sluice_close(struct sluice *s)
{
	while (s->all) {
		struct sluice_socket *k = s->all;

		s->all = k->next;
		free(k);
	}
	for (uint32_t l = 0; l < s->lanes; l++) {
		close(s->lane[l].bell);
		if (s->lane[l].region)
			munmap(s->lane[l].region, s->at.bytes);
	}
	if (s->conn >= 0)
		close(s->conn);
	if (s->epoll >= 0)
		close(s->epoll);
	if (s->nudge >= 0)
		close(s->nudge);
	free(s->received);
	free(s->by_number);
	free(s);
}

int sluice_descriptor(const struct sluice *s)
{
	return s->epoll;
}
