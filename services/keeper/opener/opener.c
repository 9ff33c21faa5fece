/* opener: what ingest's attendant does besides: the ports of the newest epoch are opened, watched, given
 * back.
 *
 * It wakes for news of the kernel's links, for what a port has due, and a few times a second to see whether
 * there is a new epoch; then each port makes a step (port.h). */
#include "services/keeper/opener/adopt.h"
#include "services/keeper/attendant.h"
#include "services/keeper/opener/port.h"

#include "common/settings/settings.h"

#include <dirent.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define LOOK_EPOCH (50 * NANOS_PER_MS)
#define LOOK_SOON  (5 * NANOS_PER_MS) /* while ingest is held, or an older epoch lives */
#define HOLD_MAX   NANOS_PER_SEC
#define START_TIME (5 * NANOS_PER_SEC)
#define LOOK_PORTS NANOS_PER_SEC /* for the counters */

#define FOLDER     "ports" /* in the run dir: what interfaces had */
#define PATH_BYTES (BLUEPRINT_PATH + 64u)

struct opener {
	struct attendant *attendant;
	struct netlink nl;
	struct netlink watch;
	struct port_host host;
	struct port port[EPOCH_PHYS_MAX];
	uint32_t epoch;       /* that the ports' wishes are of; 0: none */
	nanos_t held_until;   /* ingest, at the start, at the longest; 0: not */
	bool resumed;         /* what the keeper held has been taken up */
	nanos_t looked_epoch; /* when */
	nanos_t looked_ports;
	char path[PATH_BYTES];
	struct nic_settings settings;
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

/* All that makes a port be opened anew when it changes. */
static uint64_t identity_of(const struct epoch_port *e, const struct port_want *w, const char *text)
{
	uint64_t id = hash_mix(settings_identity(text),
	        (uint64_t)e->driver << 32 | w->wish.queues << 1 | w->wish.promiscuous);

	for (const char *c = w->wish.interface; *c; c++)
		id = hash_mix(id, (uint8_t)*c);
	for (uint32_t i = 0; i < sizeof e->mac.b; i++)
		id = hash_mix(id, e->mac.b[i]);
	return id | 1;
}

static struct port_want want_of(struct opener *o, const struct epoch *epoch, const struct epoch_port *e)
{
	const char *text = e->driver_text ? epoch_text(epoch, e->driver_text) : "";
	const struct live_settings *live = &o->settings.live;
	struct port_want w = {0};
	char error[OPEN_ERROR_BYTES];

	if (e->kind != EPOCH_PORT_PHYSICAL || !epoch_driver_live(e->driver) ||
	        settings_parse(&o->settings, (enum epoch_driver)e->driver, text, error, sizeof error))
		return w;
	memcpy(w.name, e->name, sizeof w.name);
	w.wish = (struct open_wish){
	        .driver = (enum epoch_driver)e->driver,
	        .mode = live->mode,
	        .queues = MIN(MAX((uint32_t)e->queues, 1u), o->host.pool->lanes),
	        .rx_ring = live->rx_ring,
	        .tx_ring = live->tx_ring,
	        .control_dscp = live->control_dscp,
	        .busy_poll_us = o->settings.poll.busy_poll_us,
	        .mtu = e->mtu,
	        .promiscuous = e->flags & EPOCH_PORT_PROMISC,
	        .mac = e->mac,
	};
	memcpy(w.wish.interface, live->interface[0] ? live->interface : e->name, sizeof w.wish.interface);
	w.adopt = live->adopt;
	w.identity = identity_of(e, &w, text);
	return w;
}

/* Whether there is a new one, and all ports know what it wants. */
static bool read_epoch(struct opener *o)
{
	struct appliance *a = attendant_appliance(o->attendant);
	struct control_block *control = appliance_control(a);
	uint32_t number = __atomic_load_n(&control->epoch, __ATOMIC_ACQUIRE),
	         region = REGION_EPOCH0 + (number & 1);
	struct epoch epoch;
	void *copy;

	if (!number || number == o->epoch)
		return false;
	/* Control may write there at any time, and is not trusted with this process's rights. */
	if (epoch_copy(a->map[region], a->bytes[region], &copy, &epoch))
		return false;
	if (epoch.number != number) {
		free(copy);
		return false;
	}
	for (uint32_t i = 0; i < EPOCH_PHYS_MAX; i++) {
		struct port_want w = {0};

		if (i < epoch.n_ports)
			w = want_of(o, &epoch, &epoch.ports[i]);
		port_want(&o->port[i], &w);
	}
	free(copy);
	o->epoch = number;
	return true;
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

static int opener_begin(struct attendant *a, void **context)
{
	struct opener *o = calloc(1, sizeof *o);
	int err;

	if (!o)
		return -ENOMEM;
	o->attendant = a;
	o->watch.fd = -1;
	err = netlink_open(&o->nl, 0);
	if (!err)
		err = netlink_open(&o->watch, NETLINK_LINKS);
	if (err) {
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

	return o->watch.fd;
}

static nanos_t opener_next(void *context)
{
	const struct opener *o = context;
	nanos_t next = o->looked_epoch + (o->held_until || o->host.older ? LOOK_SOON : LOOK_EPOCH);

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

/* Whether nothing of an older epoch is under way any more since the last look. */
static bool older_ends(struct opener *o)
{
	bool before = o->host.older;

	o->host.older = o->epoch && !appliance_epoch_retired(attendant_appliance(o->attendant), o->epoch - 1);
	return before && !o->host.older;
}

static void opener_work(void *context, nanos_t now)
{
	struct opener *o = context;
	bool all = netlink_drain(&o->watch), first = !o->epoch;

	resume(o);
	all |= read_epoch(o);
	all |= older_ends(o);
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
