/* opener: what ingest's attendant does besides: the ports of the newest epoch are opened, watched, given
 * back.
 *
 * It wakes for news of the kernel's links, for what a port has due, and when control rings its bell for an
 * epoch. One that is offered it answers as the stages do, once each port has what packets of it need
 * (port_offer); one in force says what each port is to be, and each makes a step towards that (port.h). */
#include "services/keeper/attendant.h"
#include "services/keeper/opener/adopt.h"
#include "services/keeper/opener/wants.h"

#include <dirent.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOOK_SOON  (5 * NANOS_PER_MS) /* while ingest is held, or an older epoch lives */
#define HOLD_MAX   NANOS_PER_SEC
#define START_TIME (5 * NANOS_PER_SEC)
#define LOOK_PORTS NANOS_PER_SEC /* for the counters; for epochs too, whose bell rang while nobody lived */

#define FOLDER     "ports" /* in the run dir: what interfaces had */
#define PATH_BYTES (BLUEPRINT_PATH + 64u)

struct opener {
	struct attendant *attendant;
	struct netlink nl;
	struct netlink watch;
	int epoll; /* on watch and the bell */
	struct port_host host;
	struct port port[EPOCH_PHYS_MAX];
	uint32_t epoch;   /* that the ports' wishes are of; 0: none */
	uint32_t offered; /* the epoch that was answered, and that `wants` are of; 0: none is offered */
	enum board_refusal refused; /* then: why not */
	uint32_t refused_by;        /* and the port */
	char why[OPEN_ERROR_BYTES];
	nanos_t held_until;   /* ingest, at the start, at the longest; 0: not */
	bool resumed;         /* what the keeper held has been taken up */
	nanos_t looked_epoch; /* when */
	nanos_t looked_ports;
	char path[PATH_BYTES];
	struct wants wants;
};

/* What the ports ask of us. */

static int say_grant(void *context, const struct grant *grant, const int *fd, uint32_t n_fds)
{
	struct opener *o = context;

	return attendant_send(o->attendant, "grant", grant, sizeof *grant, fd, n_fds);
}

static void keep(void *context, uint64_t key, const void *body, size_t bytes, const int *fd, uint32_t n_fds)
{
	struct opener *o = context;
	int err = attendant_keep(o->attendant, key, body, bytes, fd, n_fds);

	if (err)
		fprintf(stderr, "sluice: the keeper does not take port %u's descriptors: %s\n",
		        (unsigned)(key >> 8), strerror(-err));
}

/* A name of an interface has no slash (Linux dev_valid_name); one of two dots has none either. */
static const char *file_of(void *context, const char *interface)
{
	struct opener *o = context;

	snprintf(o->path, sizeof o->path, "%s/" FOLDER "/%s.had", attendant_taken(o->attendant)->run_dir,
	        interface);
	return strchr(interface, '/') ? NULL : o->path;
}

static struct board_port *board_of(void *context, uint32_t phys)
{
	struct opener *o = context;

	return &attendant_board(o->attendant)->port[phys];
}

static struct board_adopted *adopted_of(void *context, uint32_t phys)
{
	struct opener *o = context;

	return &attendant_board(o->attendant)->adopted[phys];
}

/* Neighbors are lane 0's. */
static void wake_router(struct opener *o)
{
	struct appliance *a = attendant_appliance(o->attendant);

	bell_ring(&a->bell[plan_worker_id(&a->plan, STAGE_ROUTER, 0)]);
}

static void tell_link(void *context, uint32_t phys, uint64_t link)
{
	struct opener *o = context;

	if (board_link_set(&attendant_board(o->attendant)->links, phys, link))
		wake_router(o);
}

/* Epochs. */

/* Whether nothing of an older epoch is under way any more since the last look. */
static bool older_ends(struct opener *o)
{
	bool before = o->host.older;

	o->host.older = o->epoch && !appliance_epoch_retired(attendant_appliance(o->attendant), o->epoch - 1);
	return before && !o->host.older;
}

/* What was read of it when it was offered is what it wants. */
static bool take_up(struct opener *o, uint32_t number)
{
	if (number != o->offered && wants_read(&o->wants, attendant_appliance(o->attendant), number))
		return false;
	for (uint32_t i = 0; i < EPOCH_PHYS_MAX; i++)
		port_want(&o->port[i], &o->wants.port[i]);
	o->epoch = number;
	o->offered = 0;
	(void)older_ends(o);
	return true;
}

static void withdraw(struct opener *o)
{
	for (uint32_t i = 0; i < EPOCH_PHYS_MAX; i++)
		port_withdraw(&o->port[i], &o->host);
	o->offered = 0;
}

/* All ports or none can take packets of what is offered. */
static void answer_offer(struct opener *o, uint32_t number)
{
	enum board_refusal refused;

	if (wants_read(&o->wants, attendant_appliance(o->attendant), number))
		return; /* again with the next look, while control waits */
	o->refused = BOARD_REFUSED_NOT;
	for (uint32_t i = 0; i < EPOCH_PHYS_MAX && !o->refused; i++)
		if (port_offer(&o->port[i], &o->host, &o->wants.port[i], &refused, o->why)) {
			o->refused = refused;
			o->refused_by = i;
			withdraw(o);
		}
	o->offered = number;
}

/* Whether there is a new one in force, and all ports know what it wants.  What is offered is read first:
 * while it is put in force it stands in both places. */
static bool follow_epochs(struct opener *o)
{
	const struct control_block *control = appliance_control(attendant_appliance(o->attendant));
	uint32_t offered = __atomic_load_n(&control->offered, __ATOMIC_ACQUIRE),
	         number = __atomic_load_n(&control->epoch, __ATOMIC_ACQUIRE);
	bool news;

	if (o->offered && o->offered != offered && o->offered != number)
		withdraw(o);
	news = number && number != o->epoch && take_up(o, number);
	if (offered && offered != number && offered != o->offered)
		answer_offer(o, offered);
	return news;
}

/* Says how far it is, where that is news. */
static void tell_control(struct opener *o)
{
	struct board_opener *b = &attendant_board(o->attendant)->opener;
	char why[BOARD_WHY] = "";
	uint32_t ready = o->offered ? o->offered : o->epoch;
	bool settled = true;

	for (uint32_t i = 0; i < EPOCH_PHYS_MAX; i++)
		settled &= port_settled(&o->port[i]);
	if (b->lives && b->ready == ready && (!settled || b->adopted == o->epoch))
		return;
	snprintf(why, sizeof why, "%.155s", o->why);
	board_opener_begin(b);
	b->lives = 1;
	b->ready = ready;
	b->refused = o->offered ? o->refused : BOARD_REFUSED_NOT;
	b->phys = o->refused_by;
	memcpy(b->why, why, sizeof why);
	if (settled)
		b->adopted = o->epoch;
	board_opener_end(b);
}

/* What a whole appliance left behind that was killed: files without a port that is still held. */
static void give_back_left(struct opener *o)
{
	const char *dir = attendant_taken(o->attendant)->run_dir;
	char path[PATH_BYTES + 256];
	const struct dirent *e;
	DIR *d;

	snprintf(path, sizeof path, "%s/" FOLDER, dir);
	d = opendir(path);
	while (d && (e = readdir(d))) {
		size_t n = strlen(e->d_name);
		bool held = false;

		if (n < 5 || n >= EPOCH_NAME_LEN + 4 || strcmp(e->d_name + n - 4, ".had") != 0)
			continue;
		for (uint32_t i = 0; i < EPOCH_PHYS_MAX; i++)
			held |= o->port[i].identity && strlen(o->port[i].opened.interface) == n - 4 &&
			        !memcmp(o->port[i].opened.interface, e->d_name, n - 4);
		snprintf(path, sizeof path, "%s/" FOLDER "/%s", dir, e->d_name);
		if (!held)
			(void)adopt_give_back(&o->nl, path);
	}
	if (d)
		closedir(d);
}

/* The attendant's duty. */

static int listen_on(const struct opener *o, int fd)
{
	struct epoll_event event = {.events = EPOLLIN};

	return epoll_ctl(o->epoll, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

/* What it speaks to the kernel by, and what it is woken by. */
static int open_ears(struct opener *o)
{
	int err = netlink_open(&o->nl, 0);

	if (!err)
		err = netlink_open(&o->watch, NETLINK_LINKS);
	if (err)
		return err;
	o->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (o->epoll < 0)
		return -errno;
	err = listen_on(o, o->watch.fd);
	return err ? err : listen_on(o, attendant_appliance(o->attendant)->opener.fd);
}

static int opener_begin(struct attendant *a, void **context)
{
	struct opener *o = calloc(1, sizeof *o);
	int err;

	if (!o)
		return -ENOMEM;
	o->attendant = a;
	o->nl.fd = o->watch.fd = -1;
	err = open_ears(o);
	if (err) {
		netlink_close(&o->watch);
		netlink_close(&o->nl);
		free(o);
		return err;
	}
	o->host = (struct port_host){
	        .context = o,
	        .nl = &o->nl,
	        .pool = &attendant_appliance(a)->pool,
	        .say = say_grant,
	        .keep = keep,
	        .file = file_of,
	        .board = board_of,
	        .adopted = adopted_of,
	        .link = tell_link,
	};
	for (uint16_t i = 0; i < EPOCH_PHYS_MAX; i++)
		port_init(&o->port[i], i, netlink_namespace(&o->nl));
	board_links_again(&attendant_board(a)->links);
	board_opener_gone(&attendant_board(a)->opener);
	wake_router(o);
	snprintf(o->path, sizeof o->path, "%s/" FOLDER, attendant_taken(a)->run_dir);
	if (mkdir(o->path, 0755) && errno != EEXIST)
		fprintf(stderr, "sluice: %s cannot be made: %s\n", o->path, strerror(errno));
	*context = o;
	return 0;
}

static void opener_kept(void *context, uint64_t key, struct handle *h)
{
	struct opener *o = context;
	int fd[HANDLE_FDS_MAX];

	if (key >> 8 >= EPOCH_PHYS_MAX)
		return;
	for (uint32_t i = 0; i < h->n_fds; i++)
		fd[i] = handle_take(h, i);
	port_resume(&o->port[key >> 8], (uint32_t)(key & 0xff), h->body, h->bytes, fd, h->n_fds);
}

static void resume(struct opener *o)
{
	if (o->resumed)
		return;
	o->resumed = true;
	for (uint32_t i = 0; i < EPOCH_PHYS_MAX; i++)
		port_resumed(&o->port[i]);
	give_back_left(o);
}

static int opener_fd(void *context)
{
	const struct opener *o = context;

	return o->epoll;
}

static nanos_t opener_next(void *context)
{
	const struct opener *o = context;
	nanos_t next = o->looked_epoch + (o->held_until || o->host.older ? LOOK_SOON : LOOK_PORTS);

	for (uint32_t i = 0; i < EPOCH_PHYS_MAX; i++)
		next = MIN(next, port_next(&o->port[i]));
	return MAX(next, o->looked_epoch + NANOS_PER_MS); /* what cannot be said now waits a little */
}

/* Whether all ports have been tried, and ingest has every one that is open and has a carrier. */
static bool all_taken(const struct opener *o)
{
	const struct appliance *a = attendant_appliance(o->attendant);

	for (uint32_t i = 0; i < EPOCH_PHYS_MAX; i++) {
		const struct port *p = &o->port[i];
		uint32_t queues = p->identity && p->state == BOARD_PORT_UP ? p->opened.queues : 0;

		for (uint32_t l = 0; l < a->plan.params.lanes && queues; l++) {
			const struct poll_port *told =
			        &appliance_polls(a, plan_worker_id(&a->plan, STAGE_INGEST, l))->port[i];

			queues -= __atomic_load_n(&told->state, __ATOMIC_ACQUIRE) == POLL_PORT_UP &&
			          told->incarnation == p->incarnation;
		}
		if (queues || p->state == BOARD_PORT_OPENING)
			return false;
	}
	return true;
}

/* Before that nothing is taken from any: a packet that is to leave by one that is not open yet would be lost,
 * or the question for its neighbor, and the next comes a second later. */
static void hold(struct opener *o, bool on)
{
	struct appliance *a = attendant_appliance(o->attendant);
	uint32_t *word = &appliance_control(a)->hold;

	if (on) {
		__atomic_fetch_or(word, CONTROL_HOLD_OPENING, __ATOMIC_RELEASE);
		return;
	}
	__atomic_fetch_and(word, ~CONTROL_HOLD_OPENING, __ATOMIC_RELEASE);
	for (uint32_t l = 0; l < a->plan.params.lanes; l++)
		bell_ring(&a->bell[plan_worker_id(&a->plan, STAGE_INGEST, l)]);
}

static void hold_at_start(struct opener *o, bool first, nanos_t now)
{
	if (first) {
		hold(o, true);
		o->held_until = now + HOLD_MAX;
	} else if (o->held_until && (now >= o->held_until || all_taken(o))) {
		hold(o, false);
		o->held_until = 0;
	}
}

static void opener_work(void *context, nanos_t now)
{
	struct opener *o = context;
	bool all = netlink_drain(&o->watch), first = !o->epoch;

	bell_clear(&attendant_appliance(o->attendant)->opener);
	resume(o);
	all |= older_ends(o);
	all |= follow_epochs(o);
	first &= o->epoch && now - attendant_board(o->attendant)->started_at < START_TIME;
	hold_at_start(o, first, now);
	all |= now >= o->looked_ports + LOOK_PORTS;
	o->looked_epoch = now;
	if (all)
		o->looked_ports = now;
	/* Until an epoch has said what is wanted nothing is closed. */
	for (uint32_t i = 0; i < EPOCH_PHYS_MAX && o->epoch; i++)
		if (all || port_next(&o->port[i]) <= now)
			port_step(&o->port[i], &o->host, now);
	tell_control(o);
}

static void opener_started(void *context, nanos_t now)
{
	struct opener *o = context;

	resume(o);
	for (uint32_t i = 0; i < EPOCH_PHYS_MAX; i++)
		port_retell(&o->port[i]);
	opener_work(o, now);
}

static void opener_died(void *context, nanos_t now)
{
	(void)context, (void)now; /* its successor is told anew */
}

static void opener_message(void *context, struct handle *h)
{
	(void)context, (void)h; /* ingest says nothing */
}

static bool opener_waiting(void *context)
{
	struct opener *o = context;

	for (uint32_t i = 0; i < EPOCH_PHYS_MAX; i++)
		for (uint32_t q = 0; o->port[i].identity && q < o->port[i].opened.queues; q++) {
			struct pollfd p = {.fd = o->port[i].opened.queue[q], .events = POLLIN};

			if (poll(&p, 1, 0) == 1 && p.revents & POLLIN)
				return true;
		}
	return false;
}

static void opener_end(void *context)
{
	struct opener *o = context;

	for (uint32_t i = 0; i < EPOCH_PHYS_MAX; i++)
		port_end(&o->port[i], &o->host);
	netlink_close(&o->nl);
	netlink_close(&o->watch);
	close(o->epoll);
	free(o);
}

const struct duty opener_duty = {
        .rights = APPLIANCE_OPENER,
        .begin = opener_begin,
        .kept = opener_kept,
        .fd = opener_fd,
        .next = opener_next,
        .work = opener_work,
        .started = opener_started,
        .died = opener_died,
        .message = opener_message,
        .waiting = opener_waiting,
        .end = opener_end,
};
