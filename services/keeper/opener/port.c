#include "services/keeper/opener/port_internal.h"

#include "services/keeper/opener/adopt.h"

#include <linux/if.h>
#include <stdio.h>

void port_init(struct port *p, uint16_t phys, uint64_t space)
{
	memset(p, 0, sizeof *p);
	p->phys = phys;
	p->space = space;
	p->state = BOARD_PORT_CLOSED;
	p->due = NANOS_NEVER;
	memset(p->opened.queue, 0xff, sizeof p->opened.queue);
	memset(p->opened.urgent, 0xff, sizeof p->opened.urgent);
	memset(p->opened.part, 0xff, sizeof p->opened.part);
}

void port_want(struct port *p, const struct port_want *want)
{
	p->want = *want;
	p->offer = (struct port_want){0};
	p->tried = false;
	p->due = 0;
}

bool port_settled(const struct port *p)
{
	return p->identity == p->want.identity || p->tried || !p->want.identity;
}

void port_retell(struct port *p)
{
	if (p->word == GRANT_LINK)
		p->word = GRANT_OPEN;
	p->untold = p->word != 0;
}

nanos_t port_next(const struct port *p)
{
	nanos_t next = p->due;

	if (p->gone_at)
		next = MIN(next, p->gone_at);
	return p->untold ? 0 : next;
}

/* What is said of it. */

static bool has_link(const struct port *p)
{
	return p->link.ifindex && p->link.carrier;
}

static struct grant grant_of(const struct port *p, uint32_t queue)
{
	struct grant g = p->opened.grant[queue];

	g.magic = GRANT_MAGIC;
	g.what = (uint16_t)p->word;
	g.driver = (uint16_t)p->driver;
	g.incarnation = p->incarnation;
	g.phys = p->phys;
	g.queue = (uint16_t)queue;
	g.queues = (uint16_t)p->queues;
	g.n_fds = p->word == GRANT_OPEN ? g.n_fds : 0;
	g.link = has_link(p);
	g.mtu = (uint16_t)MIN(p->link.mtu, (uint32_t)UINT16_MAX);
	g.mac = p->link.mac;
	g.ifindex = p->link.ifindex;
	snprintf(g.reason, sizeof g.reason, "%.95s", p->reason);
	return g;
}

/* Ingest hears the last word, for each queue; it may hear it twice. */
static void tell(struct port *p, const struct port_host *host)
{
	if (!p->untold)
		return;
	for (uint32_t q = 0; q < p->queues; q++) {
		struct grant g = grant_of(p, q);
		int fd[GRANT_FDS_MAX], err;

		(void)open_fds(&p->opened, q, fd);
		err = host->say(host->context, &g, fd, g.n_fds);
		if (err == -EAGAIN)
			return;
	}
	p->untold = false;
}

/* The neighbors behind a link go with it. */
static void tell_link(const struct port *p, const struct port_host *host)
{
	bool up = p->identity && has_link(p);

	if (p->incarnation)
		host->link(host->context, p->phys, board_link_make(p->incarnation, p->link.losses, up));
}

static void say(struct port *p, enum grant_what word)
{
	/* Who has not heard of the port yet hears of its link together with it. */
	if (word == GRANT_LINK && p->untold && p->word == GRANT_OPEN)
		return;
	p->word = word;
	p->untold = true;
}

static void set_state(struct port *p, enum board_port_state state, const char *reason)
{
	p->state = state;
	if (reason != p->reason)
		snprintf(p->reason, sizeof p->reason, "%s", reason);
}

/* Opening and closing. */

static void give_back(struct port *p, const struct port_host *host)
{
	const char *file = host->file(host->context, p->interface);

	if (file)
		(void)adopt_give_back(
		        host->nl, file); /* what could not be given back is gone with its interface */
	adopt_forget(host->adopted(host->context, p->phys));
}

static void close_port(
        struct port *p, const struct port_host *host, nanos_t now, const char *why, bool vanished)
{
	if (!p->identity)
		return;
	set_state(p, BOARD_PORT_CLOSED, why);
	port_forget(p, host);
	open_close(&p->opened);
	give_back(p, host);
	p->identity = 0;
	p->tried = false;
	memset(&p->link, 0, sizeof p->link);
	say(p, vanished ? GRANT_GONE : GRANT_CLOSE);
	p->gone_at = vanished ? 0 : now + PORT_SETTLE;
}

static int prepare(struct port *p, const struct port_host *host)
{
	const struct adopt_wish wish = {
	        .port = p->want.name,
	        .mtu = p->want.wish.mtu,
	        .addresses = p->want.adopt,
	};
	const char *file = host->file(host->context, p->interface);
	struct board_adopted *board = host->adopted(host->context, p->phys);

	return file ? adopt_take(host->nl, &p->link, &wish, file, board, p->reason) : 0;
}

/* Whether the driver lies behind the kernel's merging of received packets. */
static bool gets_merged(const struct port *p)
{
	return p->driver == EPOCH_DRIVER_AF_PACKET || p->opened.mode == GRANT_XDP_GENERIC;
}

static int open_as(struct port *p, const struct port_host *host, enum epoch_driver driver)
{
	struct open_wish wish = p->want.wish;
	int err;

	p->driver = wish.driver = driver;
	err = p->link.ifindex ? prepare(p, host) : 0;
	if (err)
		return err;
	wish.ifindex = p->link.ifindex;
	wish.rx_queues = p->link.rx_queues;
	wish.veth = strcmp(p->link.kind, "veth") == 0;
	wish.pool = host->pool;
	err = open_port(&p->opened, &wish, p->reason);
	if (err) {
		give_back(p, host);
		return err;
	}
	if (gets_merged(p))
		adopt_no_gro(p->opened.interface);
	if (!p->link.ifindex) { /* a TAP that was made just now; it goes with its descriptor */
		(void)netlink_link_mtu(host->nl, p->opened.ifindex, wish.mtu);
		(void)netlink_link_up(host->nl, p->opened.ifindex, true);
	}
	return 0;
}

/* A container may forbid BPF, without which AF_PACKET does; whoever names a mode of AF_XDP insists on it. */
static int open_now(struct port *p, const struct port_host *host)
{
	const struct open_wish *wish = &p->want.wish;
	int err = open_as(p, host, wish->driver);

	if (wish->driver != EPOCH_DRIVER_AF_XDP || wish->mode != MODE_AUTO ||
	        (err != -EPERM && err != -EACCES))
		return err;
	err = open_as(p, host, EPOCH_DRIVER_AF_PACKET);
	if (!err)
		snprintf(p->opened.why_not, sizeof p->opened.why_not,
		        "bpf() is refused: neither af_xdp nor a silent kernel (CAP_BPF or CAP_SYS_ADMIN)");
	return err;
}

static void try_open(struct port *p, const struct port_host *host, nanos_t now)
{
	bool tap = p->want.wish.driver == EPOCH_DRIVER_TAP;
	int err;

	p->tried = true;
	if (!p->link.ifindex && !tap) {
		snprintf(p->reason, sizeof p->reason, "there is no interface %s", p->want.wish.interface);
		set_state(p, BOARD_PORT_ABSENT, p->reason);
		p->due = NANOS_NEVER;
		return;
	}
	memcpy(p->interface, p->want.wish.interface, sizeof p->interface);
	err = open_now(p, host);
	if (err) {
		set_state(p, err == -EBUSY ? BOARD_PORT_OPENING : BOARD_PORT_DOWN, p->reason);
		p->due = now + (err == -EBUSY ? PORT_RETRY_NOW : PORT_RETRY);
		return;
	}
	port_follow_begin(p);
	p->identity = p->want.identity;
	p->queues = p->opened.queues;
	p->incarnation = MAX(p->incarnation + 1, now);
	p->gone_at = 0;
	p->due = 0;
	p->packet_drops = p->urgent_drops = 0;
	set_state(p, BOARD_PORT_OPENING, "");
	port_keep(p, host);
	say(p, GRANT_OPEN);
}

/* The link as it is now. */
static void look(struct port *p, const struct port_host *host, nanos_t now)
{
	const char *name = p->identity ? p->opened.interface : p->want.wish.interface;
	struct netlink_link was = p->link;

	if (netlink_link(host->nl, name, &p->link))
		memset(&p->link, 0, sizeof p->link);
	if (!p->identity)
		return;
	if (p->link.ifindex != p->opened.ifindex) {
		close_port(p, host, now, "the interface has vanished", true);
		p->due = 0;
		return;
	}
	if (!(p->link.flags & IFF_UP))
		set_state(p, BOARD_PORT_DOWN, "the interface is set down");
	else if (!p->link.carrier)
		set_state(p, BOARD_PORT_DOWN, "no carrier");
	else
		set_state(p, BOARD_PORT_UP, "");
	if (was.ifindex && (was.carrier != p->link.carrier || was.mtu != p->link.mtu ||
	                           memcmp(&was.mac, &p->link.mac, sizeof was.mac) != 0))
		say(p, GRANT_LINK);
}

/* One step. */

/* Addresses that come when the port is open: an interface that was plugged in gets them then. */
static void adopt_late(struct port *p, const struct port_host *host, nanos_t now)
{
	bool open = p->identity && p->want.adopt && p->link.ifindex;
	uint64_t late = open ? adopt_waiting(host->nl, p->link.ifindex) : 0;
	const char *file = late ? host->file(host->context, p->interface) : NULL;

	if (late != p->late)
		p->late_since = now;
	p->late = late;
	if (file && now >= p->late_since + PORT_ADOPT_SETTLE) /* where that fails, again with the next look */
		(void)!adopt_more(host->nl, p->want.name, file, host->adopted(host->context, p->phys));
}

/* Whether frames of the MTU that is wanted fit the rings. */
static bool slots_hold(const struct port *p)
{
	return p->driver != EPOCH_DRIVER_AF_PACKET ||
	       open_packet_slot(p->want.wish.mtu) <= p->opened.grant[0].packet.rx.frame_size;
}

static bool is_to_close(const struct port *p, const struct port_host *host)
{
	if (!p->want.identity && host->older)
		return false;
	return p->identity && (p->identity != p->want.identity || !slots_hold(p));
}

void port_step(struct port *p, const struct port_host *host, nanos_t now)
{
	if (is_to_close(p, host))
		close_port(p, host, now, p->want.identity ? "opened anew" : "no longer configured", false);
	if (p->gone_at && now >= p->gone_at) {
		p->gone_at = 0;
		say(p, GRANT_GONE);
	}
	if (p->identity || p->want.identity)
		look(p, host, now);
	if (!p->identity && p->want.identity && !p->gone_at &&
	        (now >= p->due || p->state == BOARD_PORT_ABSENT)) {
		try_open(p, host, now);
		if (p->identity)
			look(p, host, now);
	}
	port_follow(p, host);
	adopt_late(p, host, now);
	if (p->due <= now)
		p->due = p->identity || !p->want.identity ? NANOS_NEVER : now + PORT_RETRY;
	tell(p, host);
	tell_link(p, host);
	if (!p->identity) /* a predecessor may have died while it opened the port */
		adopt_forget(host->adopted(host->context, p->phys));
	if (p->want.identity)
		port_show(p, host);
	else
		port_show_nothing(p, host);
}

void port_end(struct port *p, const struct port_host *host)
{
	if (!p->identity)
		return;
	port_forget(p, host);
	open_close(&p->opened);
	give_back(p, host);
	p->identity = 0;
	set_state(p, BOARD_PORT_CLOSED, "stopped");
	port_show(p, host);
}
