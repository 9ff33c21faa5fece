/* What the router costs a packet, in a fixture: bursts of 64 packets of 64 bytes, all in the caches, the
 * frame around the stage left out but for the journal.  A JSON line a case; nanoseconds a packet, the median
 * of the rounds. */
#include "tests/bench/case.h"
#include "tests/unit/router/world.h"

#include <time.h>

#define BURST        64u
#define ROUNDS       31u
#define BURSTS       2000u
#define ROUTES       1000000u
#define DESTINATIONS (1u << 20)

static uint64_t clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * NANOS_PER_SEC + (uint64_t)t.tv_nsec;
}

/* The packets of a burst, as the frame would find them. */
struct saved {
	const uint32_t *dst; /* DESTINATIONS of them, host order, one after the other; NULL: as saved */
	uint32_t next;
	struct pkt pkt[BURST];
	uint8_t *frame[BURST];
	uint8_t bytes[BURST][64];
};

static void save(struct world *w, struct saved *s)
{
	memcpy(s->pkt, w->f.burst.pkt, sizeof s->pkt);
	memcpy(s->frame, w->f.burst.frame, sizeof s->frame);
	for (uint32_t i = 0; i < BURST; i++)
		memcpy(s->bytes[i], s->frame[i], 64);
}

/* Another destination, the header's checksum brought in line. */
static void redirect_to(uint8_t *ip, uint32_t dst)
{
	struct ipv4_hdr *h = (void *)ip;
	struct be32 to = be32_from_host(dst);

	h->checksum = csum_replace_be32(h->checksum, h->dst, to);
	h->dst = to;
}

static void restore(struct world *w, struct saved *s)
{
	struct burst *b = &w->f.burst;

	burst_reset(b, INPUT_RX, BURST);
	memcpy(b->pkt, s->pkt, sizeof s->pkt);
	memcpy(b->frame, s->frame, sizeof s->frame);
	for (uint32_t i = 0; i < BURST; i++)
		memcpy(s->frame[i], s->bytes[i], 64);
	for (uint32_t i = 0; s->dst && i < BURST; i++)
		redirect_to(s->frame[i] + ETHER_HDR_LEN, s->dst[s->next++ % DESTINATIONS]);
	w->f.spare.used = 0;
}

/* Nanoseconds a packet of `bursts` bursts; without the stage, what restoring costs. */
static double round_ns(struct world *w, struct saved *s, bool with_stage)
{
	uint64_t start = clock_ns();

	for (uint32_t n = 0; n < BURSTS; n++) {
		restore(w, s);
		if (!with_stage)
			continue;
		journal_open(&w->f.journal, 0, 0, BURST);
		world_run(w);
		journal_commit(&w->f.journal);
	}
	return (double)(clock_ns() - start) / (BURSTS * BURST);
}

static void measure(struct world *w, const char *name, const uint32_t *dst)
{
	static struct saved s;
	double ns[ROUNDS];

	s.dst = dst;
	save(w, &s);
	for (uint32_t i = 0; i < ROUNDS; i++)
		ns[i] = round_ns(w, &s, true) - round_ns(w, &s, false);
	round_ns(w, &s, true);
	for (uint32_t i = 0; i < BURST; i++)
		if (w->f.burst.verdict[i].kind != VERDICT_PASS) {
			fprintf(stderr, "%s: packet %u did not pass\n", name, i);
			exit(1);
		}
	case_print(&(struct bench_case){
	        .bench = "router", .name = name, .unit = "ns/packet", .value = figures_of(ns, ROUNDS)});
}

static void bench_forward4(struct world *w, const char *name, uint32_t flows, struct be32 net)
{
	world_begin(w, INPUT_RX);
	for (uint32_t i = 0; i < BURST; i++)
		world_add4(w, &(struct frame4){.port = P0,
		                      .src = HOST(0, 2),
		                      .dst = be32_from_host(be32_to_host(net) + i % flows),
		                      .proto = IP_PROTO_UDP,
		                      .payload_len = 22});
	measure(w, name, NULL);
	w->begun = false;
}

/* A million routes to three gateways in place of the world's, and addresses inside them in random order. */
static void bench_full_table(struct world *w)
{
	static const struct fib_limits limits = {
	        .routes4 = ROUTES + 1000, .routes6 = 64, .groups = 64, .hops = 64};
	struct fib_route *routes = calloc(ROUTES, sizeof *routes);
	uint32_t *dst = calloc(DESTINATIONS, sizeof *dst), group[3];
	const struct epoch before = w->epoch;
	size_t bytes = fib_region_size(&limits);
	void *region = aligned_alloc(4096, bytes);
	uint64_t seed = 7;
	struct fib *fib;

	memset(region, 0, bytes);
	if (fib_init(region, bytes, &limits) || fib_open(region, bytes, &fib))
		exit(1);
	for (uint32_t g = 0; g < 3; g++) {
		struct fib_group_spec spec = {.type = FIB_UNICAST,
		        .n_hops = 1,
		        .hops = {{.gateway = ip6_addr_mapped(g == 2 ? HOST(2, 2) : HOST(1, 2 + g)),
		                .port = g == 2 ? P2 : P1,
		                .weight = 1}}};

		if (fib_group_get(fib, &spec, &group[g]))
			exit(1);
	}
	for (uint32_t i = 0; i < ROUTES; i++) {
		uint32_t net = 0x0b000000 + (uint32_t)(random_next(&seed) >> 32) % 0x60000000;

		routes[i] = (struct fib_route){
		        .prefix = fib_prefix4(be32_from_host(net & 0xffffff00), 24), .group = group[i % 3]};
		dst[i] = (net & 0xffffff00) | 9;
	}
	for (uint32_t i = ROUTES; i < DESTINATIONS; i++)
		dst[i] = dst[i - ROUTES];
	if (fib_route_load(fib, routes, ROUTES, NULL))
		exit(1);
	w->region->h.number += 2;
	w->epoch.number += 2;
	w->epoch.fib = region;
	w->epoch.fib_bytes = bytes;
	world_begin(w, INPUT_RX);
	for (uint32_t i = 0; i < BURST; i++)
		world_add4(w, &(struct frame4){.port = P0,
		                      .src = HOST(0, 2),
		                      .dst = HOST(1, 2),
		                      .proto = IP_PROTO_UDP,
		                      .payload_len = 22});
	measure(w, "forward4 1,000,000 routes", dst);
	w->begun = false;
	w->epoch = before;
	fib_close(fib);
	free(region);
	free(dst);
	free(routes);
}

static void bench_forward6(struct world *w)
{
	world_begin(w, INPUT_RX);
	for (uint32_t i = 0; i < BURST; i++)
		world_add6(w, &(struct frame6){.port = P0,
		                      .src = IP6(0, 2),
		                      .dst = IP6(0x10, (uint8_t)i),
		                      .next_header = IP_PROTO_UDP,
		                      .payload_len = 10});
	measure(w, "forward6", NULL);
	w->begun = false;
}

static void bench_deliver4(struct world *w)
{
	world_begin(w, INPUT_RX);
	for (uint32_t i = 0; i < BURST; i++)
		world_add4(w, &(struct frame4){.port = P0,
		                      .src = HOST(0, 2),
		                      .dst = HOST(0, 1),
		                      .proto = IP_PROTO_UDP,
		                      .payload_len = 22});
	measure(w, "deliver4", NULL);
	w->begun = false;
}

int main(void)
{
	struct world w;

	world_init(&w, 1);
	bench_forward4(&w, "forward4 1 route", 1, IP4(192, 0, 2, 9));
	bench_forward4(&w, "forward4 64 destinations", 64, IP4(192, 0, 2, 0));
	bench_forward4(&w, "forward4 ecmp", 64, IP4(198, 51, 100, 0));
	bench_forward4(&w, "forward4 connected", 1, HOST(1, 2));
	bench_forward6(&w);
	bench_deliver4(&w);
	((struct router *)w.worker)->plain_only_slow = true;
	bench_forward4(&w, "forward4 the long way", 1, IP4(192, 0, 2, 9));
	((struct router *)w.worker)->plain_only_slow = false;
	bench_full_table(&w);
	world_free(&w);
	return 0;
}
