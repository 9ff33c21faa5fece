#include "services/keeper/broker.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define LISTENER APP_CLIENTS_MAX /* among the numbers of applications */
#define TURN     16              /* messages between two looks at the process */

struct broker {
	struct attendant *attendant;
	int listener, epoll;
	bool resumed; /* what the keeper held has been taken up */
	struct epoch epoch;
	struct broker_book book;
	struct guest guest[APP_CLIENTS_MAX];
};

/* What the keeper holds for an application: its connection; its regions and bells. */
enum { KEEP_CONN, KEEP_FDS, KEEPS };

static void keep(struct broker *b, uint32_t k, uint32_t what, const int *fd, uint32_t n)
{
	int err = attendant_keep(b->attendant, (uint64_t)k * KEEPS + what, NULL, 0, fd, n);

	if (err)
		fprintf(stderr, "sluice: the keeper does not take an application's descriptors: %s\n",
		        strerror(-err));
}

static uint32_t lanes(const struct broker *b)
{
	return attendant_appliance(b->attendant)->plan.params.lanes;
}

/* Session. */

static void tell(struct broker *b, uint32_t k, enum app_what what, uint32_t lane)
{
	const struct guest *g = &b->guest[k];
	const struct app_client *client = &b->book.table->client[k];
	const struct app_word word = {
	        .magic = APP_MAGIC,
	        .what = (uint16_t)what,
	        .client = (uint16_t)k,
	        .incarnation = client->incarnation,
	        .lane = lane,
	        .rx_slots = client->rx_slots,
	        .tx_slots = client->tx_slots,
	};
	bool open = what == APP_WORD_OPEN;
	int fd[2] = {open ? g->fd[lane] : -1, open ? g->fd[lanes(b) + lane] : -1};

	/* Who is dead is told everything when it lives again; who does not listen is killed. */
	(void)attendant_send(b->attendant, "app", &word, sizeof word, fd, open ? 2 : 0);
}

static void tell_lanes(struct broker *b, uint32_t k, enum app_what what)
{
	for (uint32_t l = 0; l < lanes(b); l++)
		tell(b, k, what, l);
}

/* Its bells: a change of the table waits. */
static void wake_session(struct broker *b)
{
	struct appliance *a = attendant_appliance(b->attendant);

	for (uint32_t l = 0; l < a->plan.params.lanes; l++)
		bell_ring(&a->bell[plan_worker_id(&a->plan, STAGE_SESSION, l)]);
}

/* The end of an application. */

static void close_fds(struct guest *g)
{
	for (uint32_t i = 0; i < g->n_fds; i++)
		close(g->fd[i]);
	g->n_fds = 0;
}

static void leave(struct broker *b, uint32_t k)
{
	struct guest *g = &b->guest[k];
	struct app_client *client = &b->book.table->client[k];

	if (client->incarnation) {
		book_leave(&b->book, k);
		tell_lanes(b, k, APP_WORD_GONE);
		*client = (struct app_client){0};
		wake_session(b);
	}
	if (g->conn >= 0) {
		keep(b, k, KEEP_CONN, NULL, 0);
		(void)epoll_ctl(b->epoll, EPOLL_CTL_DEL, g->conn, NULL);
		close(g->conn);
	}
	if (g->n_fds)
		keep(b, k, KEEP_FDS, NULL, 0);
	close_fds(g);
	*g = (struct guest){.conn = -1};
}

/* Its beginning. */

static int make_region(uint64_t bytes)
{
	int fd = memfd_create("sluice-application", MFD_CLOEXEC | MFD_ALLOW_SEALING), err;

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)bytes) == 0 &&
	        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
		return fd;
	err = -errno;
	close(fd);
	return err;
}

/* Regions and bells; the application's ends of the bells into far[].  0 or a negative errno: then all are
 * closed. */
static int make_memory(struct broker *b, struct guest *g, uint64_t bytes, int far[LANES_MAX])
{
	uint32_t n = lanes(b), made = 0;
	int pair[2], err = 0;

	for (uint32_t l = 0; l < n && !err; l++) {
		g->fd[l] = make_region(bytes);
		err = MIN(g->fd[l], 0);
		g->n_fds += !err;
	}
	for (uint32_t l = 0; l < n && !err; l++, made++) {
		err = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) ? -errno : 0;
		if (err)
			break;
		g->fd[g->n_fds++] = pair[0];
		far[l] = pair[1];
	}
	if (!err)
		return 0;
	while (made)
		close(far[--made]);
	close_fds(g);
	return err;
}

static int answer_hello(struct broker *b, uint32_t k, const struct app_hello *hello, const int far[LANES_MAX])
{
	const struct app_welcome welcome = {
	        .lanes = lanes(b), .rx_slots = hello->rx_slots, .tx_slots = hello->tx_slots};
	const struct guest *g = &b->guest[k];
	int fd[2 * LANES_MAX];

	memcpy(fd, g->fd, welcome.lanes * sizeof *fd);
	memcpy(fd + welcome.lanes, far, welcome.lanes * sizeof *fd);
	return handle_send(g->conn, "welcome", &welcome, sizeof welcome, fd, 2 * welcome.lanes);
}

static int admit(struct broker *b, uint32_t k, const struct app_hello *hello)
{
	struct guest *g = &b->guest[k];
	struct app_layout at;
	int far[LANES_MAX] = {0}, err;

	if (hello->version != APP_VERSION)
		return -EPROTONOSUPPORT;
	if (app_layout(&at, hello->rx_slots, hello->tx_slots))
		return -EINVAL;
	if (at.bytes * lanes(b) > BROKER_CLIENT_BYTES)
		return -ENOBUFS;
	err = make_memory(b, g, at.bytes, far);
	if (err)
		return err;
	b->book.table->client[k] = (struct app_client){.incarnation = ++b->book.table->incarnations,
	        .uid = g->uid,
	        .pid = g->pid,
	        .rx_slots = hello->rx_slots,
	        .tx_slots = hello->tx_slots};
	keep(b, k, KEEP_CONN, &g->conn, 1);
	keep(b, k, KEEP_FDS, g->fd, g->n_fds);
	tell_lanes(b, k, APP_WORD_OPEN);
	err = answer_hello(b, k, hello, far);
	for (uint32_t l = 0; l < lanes(b); l++)
		close(far[l]);
	return err;
}

static void refuse(int conn, int err)
{
	const struct app_welcome welcome = {.error = err};

	(void)handle_send(conn, "welcome", &welcome, sizeof welcome, NULL, 0);
}

static int free_seat(const struct broker *b, uint32_t uid)
{
	uint32_t same = 0;
	int seat = -1;

	for (uint32_t k = 0; k < APP_CLIENTS_MAX; k++) {
		same += b->guest[k].conn >= 0 && b->guest[k].uid == uid;
		if (b->guest[k].conn < 0 && seat < 0)
			seat = (int)k;
	}
	return uid && same >= BROKER_USER_CLIENTS ? -1 : seat;
}

static void seat(struct broker *b, uint32_t k, int conn, uint32_t uid, int32_t pid)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u32 = k};

	b->guest[k] = (struct guest){.conn = conn, .uid = uid, .pid = pid};
	(void)epoll_ctl(b->epoll, EPOLL_CTL_ADD, conn, &event); /* without it the guest waits in vain */
}

static void accept_guest(struct broker *b)
{
	int conn = accept4(b->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK), k;
	struct ucred peer;
	socklen_t len = sizeof peer;

	if (conn < 0)
		return;
	if (getsockopt(conn, SOL_SOCKET, SO_PEERCRED, &peer, &len)) {
		close(conn);
		return;
	}
	k = free_seat(b, peer.uid);
	if (k < 0) {
		refuse(conn, EUSERS);
		close(conn);
		return;
	}
	seat(b, (uint32_t)k, conn, peer.uid, peer.pid);
}

/* What it says. */

/* The newest epoch, for addresses and configured sockets; it stays valid while the next one is written. */
static void look_at_epoch(struct broker *b)
{
	struct appliance *a = attendant_appliance(b->attendant);
	uint32_t number = __atomic_load_n(&appliance_control(a)->epoch, __ATOMIC_ACQUIRE);
	uint32_t region = REGION_EPOCH0 + (number & 1);

	if (!number || (b->book.epoch && b->epoch.number == number))
		return;
	b->book.epoch = epoch_attach(a->map[region], a->bytes[region], &b->epoch) == 0 ? &b->epoch : NULL;
}

static int hear_hello(struct broker *b, uint32_t k, const struct handle *h)
{
	struct app_hello hello;
	int err;

	if (h->bytes != sizeof hello || b->guest[k].n_fds)
		return -EPROTO;
	memcpy(&hello, h->body, sizeof hello);
	err = admit(b, k, &hello);
	if (err)
		refuse(b->guest[k].conn, -err);
	return err;
}

static int hear_ask(struct broker *b, uint32_t k, const struct handle *h)
{
	const struct guest *g = &b->guest[k];
	struct app_answer answer;
	struct app_ask ask;

	if (h->bytes != sizeof ask || !g->n_fds)
		return -EPROTO;
	memcpy(&ask, h->body, sizeof ask);
	look_at_epoch(b);
	answer = book_ask(&b->book, k, &ask, g->uid == 0 || g->uid == geteuid());
	wake_session(b);
	return handle_send(g->conn, "answer", &answer, sizeof answer, NULL, 0);
}

/* One message; who says what makes no sense, or does not read the answers, has to leave. */
static void hear(struct broker *b, uint32_t k)
{
	struct handle h;
	int got = handle_receive(b->guest[k].conn, &h, 0), err = -EPROTO;

	if (got == 0)
		return;
	if (got > 0) {
		if (!strcmp(h.name, "hello"))
			err = hear_hello(b, k, &h);
		else if (!strcmp(h.name, "ask"))
			err = hear_ask(b, k, &h);
		handle_close(&h);
	}
	if (err)
		leave(b, k);
}

/* The duty. */

static int listen_at(struct broker *b)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const char *run_dir = attendant_taken(b->attendant)->run_dir;
	char folder[BLUEPRINT_PATH + 16];
	int n = snprintf(address.sun_path, sizeof address.sun_path, "%s/" APP_SOCKET_PATH, run_dir);

	if (n < 0 || (size_t)n >= sizeof address.sun_path)
		return -ENAMETOOLONG;
	snprintf(folder, sizeof folder, "%s/applications", run_dir);
	if (mkdir(folder, 0755) && errno != EEXIST)
		return -errno;
	(void)unlink(address.sun_path);
	b->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (b->listener < 0 || bind(b->listener, (const struct sockaddr *)&address, sizeof address) ||
	        chmod(address.sun_path, 0666) || listen(b->listener, 64))
		return -errno;
	return 0;
}

static void raise_limit(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files))
		return;
	files.rlim_cur = files.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &files); /* with less there is room for fewer */
}

static int begin(struct attendant *a, void **context)
{
	static struct broker broker;
	struct broker *b = &broker;
	struct epoll_event event = {.events = EPOLLIN, .data.u32 = LISTENER};
	int err;

	raise_limit();
	*b = (struct broker){.attendant = a, .listener = -1};
	for (uint32_t k = 0; k < APP_CLIENTS_MAX; k++)
		b->guest[k].conn = -1;
	b->book.table = attendant_appliance(a)->map[REGION_SOCKETS];
	if (getrandom(&b->book.random, sizeof b->book.random, 0) < 0 || !b->book.random)
		b->book.random = 1;
	b->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (b->epoll < 0)
		return -errno;
	err = listen_at(b);
	if (!err && epoll_ctl(b->epoll, EPOLL_CTL_ADD, b->listener, &event))
		err = -errno;
	*context = b;
	return err;
}

static void kept(void *context, uint64_t key, struct handle *h)
{
	struct broker *b = context;
	uint64_t k = key / KEEPS;

	if (k >= APP_CLIENTS_MAX)
		return;
	if (key % KEEPS == KEEP_CONN && b->guest[k].conn < 0) {
		struct guest had = b->guest[k];

		seat(b, (uint32_t)k, handle_take(h, 0), b->book.table->client[k].uid,
		        b->book.table->client[k].pid);
		b->guest[k].n_fds = had.n_fds;
		memcpy(b->guest[k].fd, had.fd, sizeof had.fd);
	} else if (key % KEEPS == KEEP_FDS && h->n_fds == 2 * lanes(b)) {
		for (uint32_t i = 0; i < h->n_fds; i++)
			b->guest[k].fd[i] = handle_take(h, i);
		b->guest[k].n_fds = h->n_fds;
	}
}

/* Whoever a predecessor had not wholly admitted, or not wholly sent away, leaves. */
static void resume(struct broker *b)
{
	book_open(&b->book);
	for (uint32_t k = 0; k < APP_CLIENTS_MAX; k++) {
		const struct guest *g = &b->guest[k];
		bool whole = b->book.table->client[k].incarnation && g->conn >= 0 && g->n_fds;

		if (!whole && (b->book.table->client[k].incarnation || g->conn >= 0 || g->n_fds))
			leave(b, k);
	}
	b->resumed = true;
}

static void started(void *context, nanos_t now)
{
	struct broker *b = context;
	const struct app_word all = {.magic = APP_MAGIC, .what = APP_WORD_ALL};

	(void)now;
	if (!b->resumed)
		resume(b);
	for (uint32_t k = 0; k < APP_CLIENTS_MAX; k++)
		if (b->guest[k].n_fds)
			tell_lanes(b, k, APP_WORD_OPEN);
	(void)attendant_send(b->attendant, "app", &all, sizeof all, NULL, 0);
}

static int duty_fd(void *context)
{
	const struct broker *b = context;

	return b->resumed ? b->epoll : -1;
}

static void work(void *context, nanos_t now)
{
	struct broker *b = context;
	struct epoll_event events[TURN];
	int n = epoll_wait(b->epoll, events, TURN, 0);

	(void)now;
	for (int i = 0; i < n; i++) {
		if (events[i].data.u32 == LISTENER)
			accept_guest(b);
		else if (b->guest[events[i].data.u32].conn >= 0)
			hear(b, events[i].data.u32);
	}
}

static void end(void *context)
{
	const struct broker *b = context;
	char path[BLUEPRINT_PATH + 32];

	snprintf(path, sizeof path, "%s/" APP_SOCKET_PATH, attendant_taken(b->attendant)->run_dir);
	(void)unlink(path);
	*strrchr(path, '/') = 0;
	(void)rmdir(path);
}

const struct duty broker_duty = {
        .rights = APPLIANCE_BROKER,
        .begin = begin,
        .kept = kept,
        .fd = duty_fd,
        .work = work,
        .started = started,
        .end = end,
};
