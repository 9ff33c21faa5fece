/* A million dynamic routes: how long control's loop is kept from all else while they are told by FPM, filled
 * into a new epoch's FIB, told anew, and swept; how long each of these takes, and what memory.
 *
 *     bench_dynamic [ROUTES...]       without any: 100,000 and 1,000,000
 *
 * Control and the stages run on one thread as in its unit test; an iteration of the loop is measured in the
 * thread's own CPU time, so that a busy machine does not matter. */
#include "common/rpc/rpc.h"
#include "proto/control.pb-c.h"
#include "proto/tables.pb-c.h"
#include "services/control/control.h"
#include "tests/bench/case.h"
#include "tests/bench/fib/routes.h"
#include "tests/unit/rtnl/made.h"
#include "tests/unit/whole/whole.h"

#include <arpa/inet.h>
#include <ftw.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <time.h>
#include <unistd.h>

#define GATEWAYS 64u
#define BAR_MS   20.0

static struct whole whole;
static struct control *control;
static uv_loop_t loop;
static uv_async_t stop;
static uv_timer_t rounds;
static uv_prepare_t around;
static pthread_t thread;
static char dir[64], state_dir[80];
static struct rpc_client *client;
static uint16_t l4_port;
static uint64_t longest_ns, before_ns; /* CPU time of an iteration of the loop; when the last one ended */

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "bench_dynamic: %s\n", what);
	exit(1);
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * NANOS_PER_SEC + (uint64_t)t.tv_nsec;
}

static double seconds(void)
{
	return (double)clock_ns(CLOCK_MONOTONIC) / 1e9;
}

/* ---- control and the stages ---- */

static void on_rounds(uv_timer_t *timer)
{
	(void)timer;
	for (uint32_t i = 0; i < 4; i++)
		whole_round(&whole);
}

static void on_prepare(uv_prepare_t *prepare)
{
	uint64_t now = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	uint64_t took = now - before_ns;

	(void)prepare;
	if (before_ns && took > __atomic_load_n(&longest_ns, __ATOMIC_RELAXED))
		__atomic_store_n(&longest_ns, took, __ATOMIC_RELAXED);
	before_ns = now;
}

static void on_stop(uv_async_t *handle)
{
	control_close(control);
	uv_close((uv_handle_t *)&rounds, NULL);
	uv_close((uv_handle_t *)&around, NULL);
	uv_close((uv_handle_t *)handle, NULL);
}

static void *run(void *arg)
{
	(void)arg;
	uv_run(&loop, UV_RUN_DEFAULT);
	return NULL;
}

static void open_control(void)
{
	char why[CONTROL_WHY_BYTES] = "", endpoint[128];

	uv_loop_init(&loop);
	uv_async_init(&loop, &stop, on_stop);
	uv_timer_init(&loop, &rounds);
	uv_timer_start(&rounds, on_rounds, 1, 1);
	uv_prepare_init(&loop, &around);
	uv_prepare_start(&around, on_prepare);
	before_ns = 0;
	must(!control_open(&control, &loop,
	             &(struct control_setup){&whole.a, "/none.yaml", NULL, dir, state_dir}, why),
	        why);
	must(!pthread_create(&thread, NULL, run, NULL), "no thread");
	snprintf(endpoint, sizeof endpoint, "ipc://%s/admin.sock", dir);
	must(!rpc_client_open(&client, endpoint), "control cannot be reached");
}

static void close_control(void)
{
	rpc_client_close(client);
	uv_async_send(&stop);
	pthread_join(thread, NULL);
	must(!uv_loop_close(&loop), "something is left in the loop");
}

static ProtobufCMessage *ask(
        const ProtobufCServiceDescriptor *service, const char *method, const ProtobufCMessage *request)
{
	struct rpc_error error;
	ProtobufCMessage *reply;
	enum rpc_status status;

	/* A successor publishes what it found anew, and refuses others until it has. */
	while ((status = rpc_client_call(client, service, method, request, 120000, &reply, &error)) ==
	        RPC_ABORTED) {
		rpc_error_free(&error);
		usleep(2000);
	}
	if (status == RPC_OK)
		return reply;
	fprintf(stderr, "bench_dynamic: %s: %s\n", method, error.message);
	exit(1);
}

/* ---- the configuration ---- */

static const char *text_of(uint32_t limit, uint32_t net, const char *grace)
{
	static char text[512];

	snprintf(text, sizeof text,
	        "appliance: {lanes: 1, buffers: 1024, ring_slots: 512}\n"
	        "ports:\n"
	        "  in: {driver: pcap, ipv6: false, addresses: [192.0.2.1/24]}\n"
	        "  out: {driver: pcap, ipv6: false, addresses: [198.51.%u.1/24]}\n"
	        "dynamic_routes: {limit: %u, fpm: {listen: \"127.0.0.1:%u\", grace: %s}}\n",
	        net, limit, l4_port, grace);
	return text;
}

static uint64_t apply(const char *text)
{
	Sluice__ApplyRequest request = SLUICE__APPLY_REQUEST__INIT;
	char name[] = "new.yaml";
	ProtobufCMessage *reply;
	uint64_t epoch;

	request.name = name;
	request.text.data = (uint8_t *)text;
	request.text.len = strlen(text);
	reply = ask(&sluice__admin__descriptor, "Apply", &request.base);
	epoch = ((const Sluice__ApplyReply *)(const void *)reply)->epoch;
	rpc_free(reply);
	return epoch;
}

/* ---- zebra ---- */

/* Routes of a zebra as a stream. */
struct feed {
	uint8_t *bytes;
	size_t n;
	uint32_t routes; /* in it; those of 127.0.0.0/8 are none */
};

static void feed_make(struct feed *f, uint32_t n)
{
	struct fib_route *routes = calloc(n, sizeof *routes);

	f->bytes = malloc((size_t)n * 80);
	f->n = f->routes = 0;
	must(routes && f->bytes, "no memory");
	routes4_make(routes, n, GATEWAYS, 1);
	for (uint32_t i = 0; i < n; i++) {
		const uint8_t gateway[4] = {192, 0, 2, (uint8_t)(2 + routes[i].group)};
		struct made m;
		size_t bytes;

		if (routes[i].prefix.addr.b[12] == 127)
			continue;
		f->routes++;
		made_route(&m, AF_INET, routes[i].prefix.len, RTN_UNICAST);
		made_attribute(&m, RTA_DST, &routes[i].prefix.addr.b[12], 4);
		made_attribute(&m, RTA_GATEWAY, gateway, sizeof gateway);
		made_end(&m);
		bytes = m.n + FPM_HEADER_BYTES;
		memcpy(f->bytes + f->n, (uint8_t[]){1, FPM_NETLINK, (uint8_t)(bytes >> 8), (uint8_t)bytes},
		        FPM_HEADER_BYTES);
		memcpy(f->bytes + f->n + FPM_HEADER_BYTES, m.bytes, m.n);
		f->n += bytes;
	}
	free(routes);
}

static int feed_connect(void)
{
	struct sockaddr_in at = {
	        .sin_family = AF_INET, .sin_port = htons(l4_port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	must(fd >= 0 && !connect(fd, (struct sockaddr *)&at, sizeof at), "control does not listen");
	return fd;
}

static void feed_write(int fd, const struct feed *f)
{
	for (size_t at = 0; at < f->n;) {
		ssize_t n = write(fd, f->bytes + at, f->n - at);

		must(n > 0, "control hangs up");
		at += (size_t)n;
	}
}

/* Of zebra's main table. */
static Sluice__RouteSource source(void)
{
	Sluice__RouteSourcesRequest request = SLUICE__ROUTE_SOURCES_REQUEST__INIT;
	ProtobufCMessage *reply = ask(&sluice__tables__descriptor, "RouteSources", &request.base);
	const Sluice__RouteSourcesReply *r = (const void *)reply;
	Sluice__RouteSource s = SLUICE__ROUTE_SOURCE__INIT;

	/* Before its configuration is known there is none. */
	if (r->n_sources)
		s = *r->sources[0];
	rpc_free(reply);
	return s;
}

static void wait_in_force(uint32_t n, uint32_t stale)
{
	for (;;) {
		Sluice__RouteSource s = source();

		if (s.in_force == n && s.routes == n && s.stale == stale)
			return;
		usleep(2000);
	}
}

/* ---- what is measured ---- */

static uint64_t memory_kib(void)
{
	uint64_t kib = 0;
	char line[128];
	FILE *f = fopen("/proc/self/status", "re");

	while (f && fgets(line, sizeof line, f))
		if (!strncmp(line, "RssAnon:", 8))
			kib = strtoull(line + 8, NULL, 10);
	if (f)
		fclose(f);
	return kib;
}

static void print(const char *what, uint32_t n, const char *unit, double value, double bar)
{
	char name[64];

	snprintf(name, sizeof name, "%s_%uk", what, n / 1000);
	case_print(&(struct bench_case){
	        .bench = "dynamic", .name = name, .unit = unit, .value = {value, value, value}, .bar = bar});
}

static double began;

static void begin(void)
{
	__atomic_store_n(&longest_ns, 0, __ATOMIC_RELAXED);
	began = seconds();
}

static void tell(const char *what, uint32_t n)
{
	char name[48];

	snprintf(name, sizeof name, "%s_loop", what);
	print(what, n, "s", seconds() - began, 0);
	print(name, n, "ms", (double)__atomic_load_n(&longest_ns, __ATOMIC_RELAXED) / 1e6, BAR_MS);
}

static void measure(uint32_t n)
{
	uint64_t memory;
	struct feed feed;
	int fd;

	feed_make(&feed, n);
	memory = memory_kib();
	apply(text_of(n + 1000, 100, "1h"));
	begin();
	fd = feed_connect();
	feed_write(fd, &feed);
	wait_in_force(feed.routes, 0);
	tell("feed", n);
	begin();
	apply(text_of(n + 1000, 101, "1h"));
	tell("apply", n);
	begin();
	wait_in_force(feed.routes, 0);
	usleep(300000);
	tell("after_apply", n);
	print("memory", n, "MiB", (double)(memory_kib() - memory) / 1024, 0);
	begin();
	close(fd);
	fd = feed_connect();
	feed_write(fd, &feed);
	wait_in_force(feed.routes, 0);
	tell("again", n);
	begin();
	close_control();
	print("close", n, "s", seconds() - began, 0);
	begin();
	open_control();
	print("open", n, "s", seconds() - began, 0);
	wait_in_force(feed.routes, feed.routes);
	tell("inherit", n);
	begin();
	apply(text_of(n + 1000, 101, "1s"));
	wait_in_force(0, 0);
	tell("sweep", n);
	close(fd);
	free(feed.bytes);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st, (void)type, (void)at;
	return remove(path);
}

static uint16_t free_port(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof at;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	must(fd >= 0 && !bind(fd, (struct sockaddr *)&at, len) &&
	                !getsockname(fd, (struct sockaddr *)&at, &len),
	        "no port");
	close(fd);
	return ntohs(at.sin_port);
}

static void run_with(uint32_t n)
{
	l4_port = free_port();
	whole_setup(&whole, text_of(n + 1000, 100, "1h"));
	snprintf(dir, sizeof dir, "/tmp/sluice-dynamic-XXXXXX");
	must(mkdtemp(dir), "no folder");
	snprintf(state_dir, sizeof state_dir, "%s/state", dir);
	open_control();
	measure(n);
	close_control();
	nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	whole_teardown(&whole);
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		run_with((uint32_t)strtoul(argv[i], NULL, 10));
	if (argc == 1) {
		run_with(100000);
		run_with(1000000);
	}
	return 0;
}
