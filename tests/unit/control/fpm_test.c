/* What a zebra tells by FPM, cut anywhere and spoilt, by a connection that ends and comes again. */
#include "services/control/routes/fpm.h"
#include "services/control/routes/fpm_stream.h"
#include "tests/unit/rtnl/made.h"

#include <criterion/criterion.h>
#include <linux/nexthop.h>
#include <stdlib.h>
#include <unistd.h>

#define MAIN    RIB_SOURCE(RIB_FPM, 0)
#define HUNDRED RIB_SOURCE(RIB_FPM, 1)

static struct publisher publisher; /* which has published nothing: the rib alone is looked at */
static struct rib *rib;

static void setup(void)
{
	const char *text = "ports: {in: {driver: pcap, addresses: [192.0.2.1/24]}}\n"
	                   "dynamic_routes: {limit: 10000, fpm: {tables: [main, 100]}}\n";
	struct config_errors errors = {0};
	struct config *config;

	cr_assert_eq(config_parse("c", text, strlen(text), &config, &errors), 0);
	cr_assert_eq(rib_open(&rib, &publisher, 1), 0);
	rib_configure(rib, config);
	config_free(config);
}

static void teardown(void)
{
	rib_close(rib);
}

TestSuite(fpm, .init = setup, .fini = teardown, .timeout = 250);

/* A stream being written. */
struct written {
	uint8_t bytes[70000];
	uint32_t n, frame; /* where the frame in hand begins */
};

static void begin_frame(struct written *w, uint8_t type)
{
	w->frame = w->n;
	memcpy(w->bytes + w->n, (uint8_t[]){1, type, 0, 0}, FPM_HEADER_BYTES);
	w->n += FPM_HEADER_BYTES;
}

static void end_frame(struct written *w)
{
	uint32_t bytes = w->n - w->frame;

	w->bytes[w->frame + 2] = (uint8_t)(bytes >> 8);
	w->bytes[w->frame + 3] = (uint8_t)bytes;
}

static void add(struct written *w, struct made *m)
{
	made_end(m);
	memcpy(w->bytes + w->n, m->bytes, m->n);
	w->n += m->n;
}

/* 10.HIGH.LOW.0/24; by a gateway of its own or, where it is not 0, by a next hop's number. */
static void add_route(struct written *w, uint16_t type, uint32_t net, uint32_t table, uint32_t nexthop)
{
	const uint8_t to[4] = {10, (uint8_t)(net >> 8), (uint8_t)net}, gateway[4] = {192, 0, 2, 9};
	struct made m;

	made_route(&m, AF_INET, 24, RTN_UNICAST);
	m.bytes[offsetof(struct nlmsghdr, nlmsg_type)] = (uint8_t)type;
	made_attribute(&m, RTA_DST, to, sizeof to);
	made_attribute32(&m, RTA_TABLE, table);
	if (nexthop)
		made_attribute32(&m, RTA_NH_ID, nexthop);
	else
		made_attribute(&m, RTA_GATEWAY, gateway, sizeof gateway);
	add(w, &m);
}

static void add_nexthop(struct written *w, uint32_t id)
{
	struct nhmsg head = {.nh_family = AF_INET};
	const uint8_t gateway[4] = {192, 0, 2, 7};
	struct made m;

	made_begin(&m, RTM_NEWNEXTHOP, &head, sizeof head);
	made_attribute32(&m, NHA_ID, id);
	made_attribute(&m, NHA_GATEWAY, gateway, sizeof gateway);
	add(w, &m);
}

/* Six frames: several messages in one, one of another type, one of a table that is not followed. */
static void write_some(struct written *w)
{
	w->n = 0;
	begin_frame(w, FPM_NETLINK);
	add_route(w, RTM_NEWROUTE, 1, RT_TABLE_MAIN, 0);
	add_route(w, RTM_NEWROUTE, 2, RT_TABLE_MAIN, 0);
	end_frame(w);
	begin_frame(w, FPM_NETLINK);
	add_nexthop(w, 7);
	add_route(w, RTM_NEWROUTE, 3, RT_TABLE_MAIN, 7);
	add_route(w, RTM_NEWROUTE, 3, 100, 0);
	end_frame(w);
	begin_frame(w, 2);
	memcpy(w->bytes + w->n, "protobuf", 8);
	w->n += 8;
	end_frame(w);
	begin_frame(w, FPM_NETLINK);
	end_frame(w);
	begin_frame(w, FPM_NETLINK);
	add_route(w, RTM_NEWROUTE, 4, 200, 0);
	add_route(w, RTM_DELROUTE, 1, RT_TABLE_MAIN, 0);
	end_frame(w);
	begin_frame(w, FPM_NETLINK);
	add_route(w, RTM_NEWROUTE, 5, RT_TABLE_MAIN, 0);
	end_frame(w);
}

static bool feed(struct fpm_stream *s, const uint8_t *bytes, uint32_t n)
{
	cr_assert_leq(n, FPM_STREAM_BYTES - s->n);
	memcpy(s->bytes + s->n, bytes, n);
	return fpm_stream_take(s, n);
}

static struct fpm_stream *new_stream(void)
{
	struct fpm_stream *s = calloc(1, sizeof *s);

	cr_assert_not_null(s);
	s->rib = rib;
	return s;
}

static uint32_t routes_of(uint32_t source)
{
	struct rib_counts counts;
	uint32_t n = 0;

	rib_counts(rib, source, &counts);
	for (uint32_t i = 0; i < RIB_STATES; i++)
		n += counts.state[i];
	return n;
}

static uint32_t stale_of(uint32_t source)
{
	struct rib_counts counts;

	rib_counts(rib, source, &counts);
	return counts.stale;
}

static bool knows(uint32_t source, uint32_t net)
{
	struct rtnl_route r = {.to = fib_prefix4(be32_from_host(0x0a000000u | net << 8), 24)};

	return rib_known(rib, source, &r) != RIB_UNKNOWN;
}

static void expect_some(const struct fpm_stream *s, uint32_t cut)
{
	cr_assert_eq(s->frames, 5, "cut at %u", cut);
	cr_assert_eq(s->malformed, 0, "cut at %u", cut);
	cr_assert_eq(routes_of(MAIN), 3, "cut at %u", cut);
	cr_assert_eq(routes_of(HUNDRED), 1, "cut at %u", cut);
	cr_assert(knows(MAIN, 2) && knows(MAIN, 3) && knows(MAIN, 5) && knows(HUNDRED, 3), "cut at %u", cut);
}

/* However the bytes come, whole frames are taken when they are whole. */
Test(fpm, takes_frames_cut_anywhere)
{
	static struct written w;

	write_some(&w);
	for (uint32_t cut = 0; cut <= w.n; cut++) {
		struct fpm_stream *s = new_stream();

		cr_assert(feed(s, w.bytes, cut) && feed(s, w.bytes + cut, w.n - cut));
		expect_some(s, cut);
		cr_assert_eq(s->n, 0);
		free(s);
		teardown();
		setup();
	}
}

Test(fpm, takes_frames_byte_by_byte)
{
	struct fpm_stream *s = new_stream();
	static struct written w;

	write_some(&w);
	for (uint32_t i = 0; i < w.n; i++)
		cr_assert(feed(s, w.bytes + i, 1));
	expect_some(s, 0);
	free(s);
}

Test(fpm, takes_the_largest_frame)
{
	struct fpm_stream *s = new_stream();
	static struct written w;
	uint32_t n = 0;

	begin_frame(&w, FPM_NETLINK);
	for (; w.n + 100 < UINT16_MAX; n++)
		add_route(&w, RTM_NEWROUTE, n, RT_TABLE_MAIN, 0);
	end_frame(&w);
	cr_assert(feed(s, w.bytes, w.n - 1));
	cr_expect_eq(routes_of(MAIN), 0);
	/* Behind the rest of it comes all but the last byte of the same again. */
	cr_assert(feed(s, w.bytes + w.n - 1, 1) && feed(s, w.bytes, w.n - 1));
	cr_expect_eq(routes_of(MAIN), n);
	cr_expect(n > 1000 && s->frames == 1 && s->n == w.n - 1);
	free(s);
}

/* Another protocol, or a frame shorter than its header: what comes behind cannot be found. */
Test(fpm, gives_up_what_is_no_fpm)
{
	const uint8_t wrong[][4] = {{2, 1, 0, 8}, {1, 1, 0, 3}, {'G', 'E', 'T', ' '}};

	for (uint32_t i = 0; i < ARRAY_LEN(wrong); i++) {
		struct fpm_stream *s = new_stream();

		cr_expect_not(feed(s, wrong[i], 4));
		cr_expect_eq(s->malformed, 1);
		free(s);
	}
}

/* A message that is longer than its frame, or whose attributes are, is counted; the frame behind is read. */
Test(fpm, goes_on_behind_a_spoilt_message)
{
	struct fpm_stream *s = new_stream();
	static struct written w;

	begin_frame(&w, FPM_NETLINK);
	add_route(&w, RTM_NEWROUTE, 1, RT_TABLE_MAIN, 0);
	w.bytes[w.frame + FPM_HEADER_BYTES] += 8;
	end_frame(&w);
	begin_frame(&w, FPM_NETLINK);
	add_route(&w, RTM_NEWROUTE, 2, RT_TABLE_MAIN, 0);
	w.bytes[w.frame + FPM_HEADER_BYTES + NLMSG_LENGTH(sizeof(struct rtmsg))] += 60;
	end_frame(&w);
	begin_frame(&w, FPM_NETLINK);
	add_route(&w, RTM_NEWROUTE, 3, RT_TABLE_MAIN, 0);
	end_frame(&w);
	cr_assert(feed(s, w.bytes, w.n));
	cr_expect_eq(s->malformed, 2);
	cr_expect(routes_of(MAIN) == 1 && knows(MAIN, 3));
	free(s);
}

/* Connections. */

static uv_loop_t loop;
static uv_timer_t tick;
static struct fpm *fpm;
static struct config_fpm want;

static void flush(void *context)
{
	(void)context;
	while (rib_flush(rib) > 0)
		;
}

/* So that a turn of the loop ends. */
static void on_tick(uv_timer_t *timer)
{
	(void)timer;
}

static struct fpm_state state(void)
{
	struct fpm_state s;

	fpm_state(fpm, &s);
	return s;
}

#define RUN_UNTIL(condition)                                                                                 \
	do {                                                                                                 \
		while (!(condition))                                                                         \
			uv_run(&loop, UV_RUN_ONCE);                                                          \
	} while (0)

/* A number that nobody listens at; by the time that it is used somebody may. */
static uint16_t free_port(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof at;

	cr_assert(fd >= 0 && bind(fd, (const struct sockaddr *)&at, sizeof at) == 0);
	cr_assert_eq(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	close(fd);
	return ntohs(at.sin_port);
}

static void begin_listening(void)
{
	static const uint64_t there; /* where it was written is no matter */

	want = (struct config_fpm){
	        .item.node = (const void *)&there,
	        .listen = {.addr = ip6_addr_mapped(be32_from_host(INADDR_LOOPBACK)), .family = 4},
	        .grace_ms = 3600000,
	};
	uv_loop_init(&loop);
	uv_timer_init(&loop, &tick);
	uv_timer_start(&tick, on_tick, 5, 5);
	cr_assert_eq(fpm_open(&fpm, &loop, rib, flush, NULL), 0);
	do {
		want.listen.l4_port = free_port();
		fpm_want(fpm, &want, false);
	} while (state().error == -EADDRINUSE);
	cr_assert(state().listening);
}

static void end_listening(void)
{
	fpm_close(fpm);
	uv_close((uv_handle_t *)&tick, NULL);
	uv_run(&loop, UV_RUN_DEFAULT);
	cr_expect_eq(uv_loop_close(&loop), 0);
}

static int connect_zebra(void)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
	        .sin_port = htons(want.listen.l4_port),
	        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	cr_assert(fd >= 0 && connect(fd, (const struct sockaddr *)&to, sizeof to) == 0);
	return fd;
}

static void tell(int fd, const struct written *w)
{
	cr_assert_eq(send(fd, w->bytes, w->n, MSG_NOSIGNAL), (ssize_t)w->n);
}

/* Routes outlive the connection; what the next one does not tell goes with the end of grace. */
Test(fpm, keeps_routes_until_grace_ends)
{
	static struct written w;
	int fd;

	begin_listening();
	fd = connect_zebra();
	write_some(&w);
	tell(fd, &w);
	RUN_UNTIL(routes_of(MAIN) == 3);
	cr_expect_eq(stale_of(MAIN), 0);
	close(fd);
	RUN_UNTIL(!state().connected);
	cr_expect(routes_of(MAIN) == 3 && stale_of(MAIN) == 3 && stale_of(HUNDRED) == 1);
	fd = connect_zebra();
	w.n = 0;
	begin_frame(&w, FPM_NETLINK);
	add_route(&w, RTM_NEWROUTE, 2, RT_TABLE_MAIN, 0);
	end_frame(&w);
	tell(fd, &w);
	RUN_UNTIL(stale_of(MAIN) == 2);
	cr_expect_eq(state().connects, 2);
	want.grace_ms = 1;
	fpm_want(fpm, &want, false);
	RUN_UNTIL(state().swept_at);
	cr_expect(routes_of(MAIN) == 1 && knows(MAIN, 2) && routes_of(HUNDRED) == 0);
	close(fd);
	end_listening();
}

/* What a zebra had begun to tell is not the beginning of what the next one tells. */
Test(fpm, begins_anew_with_each_connection)
{
	static struct written w;
	uint32_t n;
	int fd;

	begin_listening();
	write_some(&w);
	n = w.n;
	for (uint32_t i = 1; i <= 3; i++) {
		fd = connect_zebra();
		w.n = i < 3 ? n - i : n; /* the last frame is not whole */
		tell(fd, &w);
		RUN_UNTIL(state().frames == (i < 3 ? i * 4 : 13));
		close(fd);
		RUN_UNTIL(!state().connected);
	}
	cr_expect_eq(state().malformed, 0);
	cr_expect_eq(routes_of(MAIN), 3);
	end_listening();
}

Test(fpm, hears_one_at_a_time_and_whom_it_may)
{
	struct config_prefix other = {
	        .addr = ip6_addr_mapped(be32_from_host(0xc0000207)), .family = 4, .len = 32};
	int first, second, third;
	char byte;

	begin_listening();
	first = connect_zebra();
	RUN_UNTIL(state().connected);
	second = connect_zebra();
	RUN_UNTIL(state().refused == 1);
	cr_expect_eq(recv(second, &byte, 1, 0), 0, "it is closed");
	cr_expect(state().connected);
	close(first);
	RUN_UNTIL(!state().connected);
	want.from = &other;
	want.n_from = 1;
	fpm_want(fpm, &want, false);
	third = connect_zebra();
	RUN_UNTIL(state().refused == 2);
	cr_expect_not(state().connected);
	close(second);
	close(third);
	end_listening();
}

/* Who is hung up on connects again, and tells all anew. */
Test(fpm, asks_for_all_again_by_hanging_up)
{
	char byte;
	int fd;

	begin_listening();
	fd = connect_zebra();
	RUN_UNTIL(state().connected);
	fpm_again(fpm);
	cr_expect_not(state().connected);
	uv_run(&loop, UV_RUN_NOWAIT);
	cr_expect_eq(recv(fd, &byte, 1, 0), 0);
	close(fd);
	fpm_again(fpm);
	end_listening();
}

/* Who talks another protocol is hung up on. */
Test(fpm, hangs_up_on_what_is_no_fpm)
{
	char byte;
	int fd;

	begin_listening();
	fd = connect_zebra();
	cr_assert_eq(send(fd, "GET / HTTP/1.1\r\n\r\n", 18, MSG_NOSIGNAL), 18);
	RUN_UNTIL(state().malformed == 1);
	RUN_UNTIL(!state().connected);
	cr_expect_leq(recv(fd, &byte, 1, 0), 0);
	close(fd);
	end_listening();
}
