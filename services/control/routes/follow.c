#include "services/control/routes/follow_internal.h"

#include <linux/netlink.h>
#include <linux/nexthop.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS_BYTES   (8 << 20) /* that may wait to be read */
#define READS_A_TURN   8u        /* before others of the loop have theirs */
#define SETTLE_MS      50u       /* until all is dumped again: more may change together */
#define AFTER_ERROR_MS 1000u

/* What is asked for, one after the other: links, next hops, then each table of both families. */
enum { STEP_LINKS, STEP_NEXTHOPS, STEP_TABLES };

/* ---- sockets ---- */

static int open_socket(void)
{
	struct sockaddr_nl own = {.nl_family = AF_NETLINK};
	int one = 1, fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE), err;

	if (fd < 0)
		return -errno;
	/* What a dump is filtered by is an extension that is only on request; without it more comes. */
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &one, sizeof one);
	if (bind(fd, (const struct sockaddr *)&own, sizeof own) == 0)
		return fd;
	err = -errno;
	close(fd);
	return err;
}

int follow_sockets(int fd[FOLLOW_SOCKETS])
{
	int bytes = EVENTS_BYTES;

	fd[FOLLOW_EVENTS] = open_socket();
	fd[FOLLOW_DUMP] = fd[FOLLOW_EVENTS] < 0 ? fd[FOLLOW_EVENTS] : open_socket();
	if (fd[FOLLOW_DUMP] < 0) {
		if (fd[FOLLOW_EVENTS] >= 0)
			close(fd[FOLLOW_EVENTS]);
		fd[FOLLOW_EVENTS] = -1;
		return fd[FOLLOW_DUMP];
	}
	/* With less room all is dumped again more often. */
	(void)setsockopt(fd[FOLLOW_EVENTS], SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes);
	return 0;
}

static void listen_to(struct follow *f, int group, bool on)
{
	(void)setsockopt(f->fd[FOLLOW_EVENTS], SOL_NETLINK,
	        on ? NETLINK_ADD_MEMBERSHIP : NETLINK_DROP_MEMBERSHIP, &group, sizeof group);
}

static void listen_as_wanted(struct follow *f)
{
	static const int groups[] = {RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE, RTNLGRP_IPV4_IFADDR,
	        RTNLGRP_IPV6_IFADDR, RTNLGRP_NEXTHOP};

	listen_to(f, RTNLGRP_LINK, f->links || f->n_tables);
	for (uint32_t i = 0; i < ARRAY_LEN(groups); i++)
		listen_to(f, groups[i], f->n_tables);
}

/* One datagram of the kernel's: bytes, 0 where there is none now, or a negative errno. */
static ssize_t read_some(struct follow *f, int which)
{
	struct sockaddr_nl from = {0};
	socklen_t len = sizeof from;
	ssize_t n = recvfrom(f->fd[which], f->buffer, sizeof f->buffer, MSG_DONTWAIT | MSG_TRUNC,
	        (struct sockaddr *)&from, &len);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if ((size_t)n > sizeof f->buffer)
		return -EMSGSIZE;
	return from.nl_pid == 0 ? n : -EPROTO;
}

/* ---- dumps ---- */

static void on_dump(uv_poll_t *poll, int status, int events);
static void on_events(uv_poll_t *poll, int status, int events);

/* A question for all routes of one table. */
struct routes_question {
	struct nlmsghdr head;
	struct rtmsg route;
	struct rtattr table;
	uint32_t number;
};

static_assert(
        sizeof(struct routes_question) == NLMSG_LENGTH(sizeof(struct rtmsg)) + RTA_LENGTH(sizeof(uint32_t)),
        "as it is sent");

/* Asks for what the step is about.  0, or a negative errno. */
static int ask(struct follow *f)
{
	uint32_t t = f->step - STEP_TABLES;
	struct routes_question r = {
	        .head = {.nlmsg_type = RTM_GETROUTE,
	                .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
	                .nlmsg_len = sizeof r,
	                .nlmsg_seq = ++f->seq},
	        .route.rtm_family = t % 2 ? AF_INET6 : AF_INET,
	        .table = {RTA_LENGTH(sizeof r.number), RTA_TABLE},
	        .number = f->step >= STEP_TABLES ? f->table[t / 2] : 0,
	};
	struct {
		struct nlmsghdr head;
		uint8_t zero[sizeof(struct ifinfomsg)]; /* the longer of the two */
	} all = {.head = r.head};

	if (f->step >= STEP_TABLES)
		return send(f->fd[FOLLOW_DUMP], &r, sizeof r, 0) < 0 ? -errno : 0;
	all.head.nlmsg_type = f->step == STEP_LINKS ? RTM_GETLINK : RTM_GETNEXTHOP;
	all.head.nlmsg_len = NLMSG_LENGTH(
	        f->step == STEP_LINKS ? sizeof(struct ifinfomsg) : sizeof(struct nhmsg));
	return send(f->fd[FOLLOW_DUMP], &all, all.head.nlmsg_len, 0) < 0 ? -errno : 0;
}

static void on_again(uv_timer_t *timer);

/* All is to be dumped again, in a while. */
static void settle(struct follow *f, uint64_t ms)
{
	f->spoilt = true;
	if (f->state.dumping || uv_is_active((uv_handle_t *)&f->again))
		return;
	uv_update_time(f->loop);
	uv_timer_start(&f->again, on_again, ms, 0);
}

static void end_dump(struct follow *f, int err)
{
	uv_poll_stop(&f->poll[FOLLOW_DUMP]);
	f->state.dumping = false;
	f->state.error = err;
	if (!err && !f->spoilt) {
		rib_sweep(f->rib, RIB_NETLINK);
		f->state.dumps++;
		f->state.dumped_at = uv_hrtime();
	} else {
		settle(f, err ? AFTER_ERROR_MS : SETTLE_MS);
	}
	f->changed(f->context);
	if (!f->spoilt)
		uv_poll_start(&f->poll[FOLLOW_EVENTS], UV_READABLE, on_events);
}

static void next_step(struct follow *f)
{
	int err = 0;

	f->step++;
	if (f->step == STEP_TABLES + 2 * f->n_tables || (f->step > STEP_LINKS && !f->n_tables)) {
		end_dump(f, 0);
		return;
	}
	err = ask(f);
	if (err)
		end_dump(f, err);
}

static void begin_dump(struct follow *f)
{
	/* What is announced from here on is read behind what is dumped, and so is newer or the same. */
	uv_poll_stop(&f->poll[FOLLOW_EVENTS]);
	f->spoilt = f->hidden = false;
	f->state.dumping = true;
	rib_mark(f->rib, RIB_NETLINK);
	uv_poll_start(&f->poll[FOLLOW_DUMP], UV_READABLE, on_dump);
	f->step = (uint32_t)STEP_LINKS - 1;
	next_step(f);
}

static void on_again(uv_timer_t *timer)
{
	begin_dump(timer->data);
}

/* What a step ends with; kernels may lack next hops of their own, and a table before its first route. */
static void end_step(struct follow *f, int err)
{
	bool absent = err == -EOPNOTSUPP || err == -ENOENT || err == -EAFNOSUPPORT;

	if (err && !absent)
		end_dump(f, err);
	else
		next_step(f);
}

static void take_dumped(struct follow *f, size_t n)
{
	struct rtnl_bytes left = {f->buffer, n};
	struct rtnl_message m;

	while (f->state.dumping && rtnl_next(&left, &m)) {
		if (m.seq != f->seq)
			continue; /* of an earlier question */
		f->spoilt |= (m.flags & NLM_F_DUMP_INTR) != 0;
		if (m.type == NLMSG_DONE || m.type == NLMSG_ERROR)
			end_step(f, rtnl_error(&m));
		else
			follow_dumped(f, &m);
	}
}

static void on_dump(uv_poll_t *poll, int status, int events)
{
	struct follow *f = poll->data;

	(void)status;
	(void)events;
	for (uint32_t i = 0; i < READS_A_TURN && f->state.dumping; i++) {
		ssize_t n = read_some(f, FOLLOW_DUMP);

		if (n == 0)
			break;
		if (n > 0)
			take_dumped(f, (size_t)n);
		else if (n != -EPROTO)
			end_dump(f, (int)n);
	}
	f->changed(f->context);
}

static void take_announced(struct follow *f, size_t n)
{
	struct rtnl_bytes left = {f->buffer, n};
	struct rtnl_message m;

	while (rtnl_next(&left, &m))
		if (follow_announced(f, &m))
			settle(f, SETTLE_MS);
}

static void on_events(uv_poll_t *poll, int status, int events)
{
	struct follow *f = poll->data;

	(void)status;
	(void)events;
	for (uint32_t i = 0; i < READS_A_TURN; i++) {
		ssize_t n = read_some(f, FOLLOW_EVENTS);

		if (n == 0)
			break;
		if (n > 0) {
			take_announced(f, (size_t)n);
		} else if (n != -EPROTO) {
			f->state.overruns++;
			settle(f, SETTLE_MS);
		}
	}
	f->changed(f->context);
}

/* ---- its life ---- */

int follow_open(struct follow **out, uv_loop_t *loop, struct rib *rib, const int fd[FOLLOW_SOCKETS],
        void (*changed)(void *context), void *context)
{
	struct follow *f = calloc(1, sizeof *f);

	*out = f;
	if (!f) {
		close(fd[FOLLOW_EVENTS]);
		close(fd[FOLLOW_DUMP]);
		return -ENOMEM;
	}
	f->loop = loop;
	f->rib = rib;
	f->changed = changed;
	f->context = context;
	for (uint32_t s = 0; s < FOLLOW_SOCKETS; s++) {
		f->fd[s] = fd[s];
		uv_poll_init(loop, &f->poll[s], fd[s]);
		f->poll[s].data = f;
	}
	uv_timer_init(loop, &f->again);
	f->again.data = f;
	f->open_handles = FOLLOW_SOCKETS + 1;
	return 0;
}

void follow_want(struct follow *f, const uint32_t *tables, uint32_t n, bool links)
{
	bool same = f->n_tables == n && f->links == links &&
	            (n == 0 || memcmp(f->table, tables, n * sizeof *tables) == 0);

	if (same)
		return;
	f->n_tables = n;
	f->links = links;
	if (n)
		memcpy(f->table, tables, n * sizeof *tables);
	f->state.following = n;
	listen_as_wanted(f);
	/* A dump under way was of other tables: what still comes of it is known by its number. */
	uv_timer_stop(&f->again);
	uv_poll_stop(&f->poll[FOLLOW_DUMP]);
	f->state.dumping = false;
	if (n || links)
		begin_dump(f);
	else
		uv_poll_stop(&f->poll[FOLLOW_EVENTS]);
}

void follow_again(struct follow *f)
{
	if (f->n_tables)
		settle(f, SETTLE_MS);
}

void follow_state(const struct follow *f, struct follow_state *state)
{
	*state = f->state;
}

static void closed(uv_handle_t *handle)
{
	struct follow *f = handle->data;

	if (--f->open_handles)
		return;
	close(f->fd[FOLLOW_EVENTS]);
	close(f->fd[FOLLOW_DUMP]);
	free(f);
}

void follow_close(struct follow *f)
{
	uv_close((uv_handle_t *)&f->again, closed);
	for (uint32_t s = 0; s < FOLLOW_SOCKETS; s++)
		uv_close((uv_handle_t *)&f->poll[s], closed);
}
