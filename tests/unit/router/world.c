#include "tests/unit/router/world.h"

#include "common/wire/icmp.h"
#include "common/wire/icmp6.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

/* Benchmarks use this too, without Criterion. */
#define must(holds, ...)                                                                                     \
	do {                                                                                                 \
		if (!(holds)) {                                                                              \
			fprintf(stderr, "%s:%d: ", __FILE__, __LINE__);                                      \
			fprintf(stderr, __VA_ARGS__);                                                        \
			fputc('\n', stderr);                                                                 \
			abort();                                                                             \
		}                                                                                            \
	} while (0)

static void *zeroed(uint64_t bytes)
{
	void *p = aligned_alloc(4096, ALIGN_UP(bytes, (uint64_t)4096));

	assert(p);
	memset(p, 0, bytes);
	return p;
}

static const struct fib_limits fib_limits = {.routes4 = 4096, .routes6 = 4096, .groups = 256, .hops = 256};

/* A hundred megabytes, of which a few pages are touched. */
static void *untouched(uint64_t bytes)
{
	void *p = mmap(
	        NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	assert(p != MAP_FAILED);
	return p;
}

static void add_address(
        struct world_region *r, uint32_t port, struct ip6_addr addr, uint8_t family, uint8_t len)
{
	struct epoch_address *a = &r->address[r->h.addresses.count++];

	*a = (struct epoch_address){.addr = addr,
	        .family = family,
	        .prefix_len = len,
	        .scope = ip6_is_link_local(&addr) ? EPOCH_SCOPE_LINK : EPOCH_SCOPE_GLOBAL,
	        .flags = EPOCH_ADDRESS_NODAD,
	        .port = {(uint16_t)port}};
	if (family == 4)
		a->broadcast = be32_from_host(be32_to_host(addr.w32[3]) | 255);
}

static void add_neighbor(struct world_region *r, uint32_t port, struct ip6_addr addr, uint8_t last)
{
	r->neighbor[r->h.neighbors.count++] = (struct epoch_neighbor){
	        .addr = addr, .mac = {{2, 0, 0, 1, (uint8_t)port, last}}, .port = {(uint16_t)port}};
}

static void make_port(struct world_region *r, uint32_t i)
{
	r->port[i] = (struct epoch_port){
	        .kind = i == P_LO.v ? EPOCH_PORT_LOOPBACK : EPOCH_PORT_PHYSICAL,
	        .phys = {(uint16_t)i},
	        .flags = EPOCH_PORT_UP | EPOCH_PORT_FORWARD4 | EPOCH_PORT_FORWARD6 | EPOCH_PORT_IPV6,
	        .mtu = i == P2.v     ? 1280
	               : i == P_LO.v ? 65535
	                             : 1500,
	        .mac = {{2, 0, 0, 0, 0, (uint8_t)i}},
	        .hop_limit = 64,
	        .reachable_ms = 30000,
	        .retrans_ms = 1000,
	        .delay_first_ms = 5000,
	        .stale_gc_ms = 60000,
	        .mcast_solicit = 3,
	        .ucast_solicit = 3,
	};
	memcpy(r->port[i].name, "p0", 3);
	r->port[i].name[1] = (char)('0' + i);
}

#define SPAN(r, field, n) ((struct epoch_span){(uint32_t)offsetof(struct world_region, field), (n)})

static void make_region(struct world *w)
{
	struct world_region *r = w->region;

	r->h = (struct epoch_header){
	        .magic = EPOCH_MAGIC, .version = EPOCH_VERSION, .bytes = sizeof *r, .number = 0};
	r->h.limits = w->f.params.limits;
	r->h.addresses = SPAN(r, address, 0);
	r->h.neighbors = SPAN(r, neighbor, 0);
	r->h.ports = SPAN(r, port, 4);
	for (uint32_t i = 0; i < 4; i++)
		make_port(r, i);
	for (uint32_t i = 0; i < 3; i++) {
		uint32_t first = r->h.addresses.count;

		add_address(r, i, ip6_addr_mapped(HOST(i, 1)), 4, 24);
		add_address(r, i, IP6((uint8_t)i, 1), 6, 64);
		add_address(r, i, LL6(1), 6, 64);
		r->port[i].addresses = (struct epoch_span){
		        (uint32_t)(offsetof(struct world_region, address) + first * sizeof r->address[0]), 3};
		for (uint8_t h = 2; h < 4; h++) {
			if (h == 3 && i != 1)
				continue;
			add_neighbor(r, i, ip6_addr_mapped(HOST(i, h)), h);
			add_neighbor(r, i, IP6((uint8_t)i, h), h);
			add_neighbor(r, i, LL6(h), h);
		}
	}
	r->group[0] = ip6_addr_mapped(IP4(239, 1, 2, 3));
	r->group[1] = (struct ip6_addr){.b = {0xff, 0x05, [15] = 0x77}};
	r->port[0].groups = SPAN(r, group, 2);
}

static struct fib_group_spec one_hop(enum fib_type type, struct port_id port, struct ip6_addr gateway)
{
	return (struct fib_group_spec){
	        .type = type, .n_hops = 1, .hops = {{.gateway = gateway, .port = port, .weight = 1}}};
}

static void add_route(struct world *w, struct fib_prefix prefix, const struct fib_group_spec *spec)
{
	uint32_t group;

	must(fib_group_get(w->fib, spec, &group) == 0, "setup");
	must(fib_route_replace(w->fib, &(struct fib_route){.prefix = prefix, .group = group}) == 0, "setup");
	fib_group_put(w->fib, group);
}

void world_route4(struct world *w, struct be32 net, uint8_t len, const struct fib_group_spec *spec)
{
	add_route(w, fib_prefix4(net, len), spec);
}

void world_route6(struct world *w, struct ip6_addr net, uint8_t len, const struct fib_group_spec *spec)
{
	add_route(w, fib_prefix6(net, len), spec);
}

static const struct ip6_addr none6;

static void link_routes(struct world *w, uint8_t i)
{
	struct fib_group_spec connected = one_hop(FIB_CONNECTED, (struct port_id){i}, none6);
	struct fib_group_spec local = one_hop(FIB_LOCAL, (struct port_id){i}, none6);
	struct fib_group_spec broadcast = one_hop(FIB_BROADCAST, (struct port_id){i}, none6);

	world_route4(w, HOST(i, 0), 24, &connected);
	world_route4(w, HOST(i, 1), 32, &local);
	world_route4(w, HOST(i, 255), 32, &broadcast);
	world_route6(w, IP6(i, 0), 64, &connected);
	world_route6(w, IP6(i, 1), 128, &local);
}

/* 192.0.2.0/24 behind 10.0.1.2; 198.51.100.0/24 over two ways; 203.0.113.0/26 and on: no ways; 172.16.0.0/12
 * behind P2, whose MTU is small.  The same for IPv6 at 2001:db8:0:10::, :20::, :30:: to :32::, :40::. */
static void other_routes(struct world *w)
{
	struct fib_group_spec gateway = one_hop(FIB_UNICAST, P1, ip6_addr_mapped(HOST(1, 2)));
	struct fib_group_spec small = one_hop(FIB_UNICAST, P2, ip6_addr_mapped(HOST(2, 2)));
	struct fib_group_spec both = {.type = FIB_UNICAST,
	        .n_hops = 2,
	        .hops = {{.gateway = ip6_addr_mapped(HOST(1, 2)), .port = P1, .weight = 1},
	                {.gateway = ip6_addr_mapped(HOST(2, 2)), .port = P2, .weight = 3}}};
	static const enum fib_type dead[3] = {FIB_BLACKHOLE, FIB_UNREACHABLE, FIB_PROHIBIT};

	world_route4(w, IP4(192, 0, 2, 0), 24, &gateway);
	world_route4(w, IP4(198, 51, 100, 0), 24, &both);
	world_route4(w, IP4(172, 16, 0, 0), 12, &small);
	gateway.hops[0].gateway = LL6(2);
	small.hops[0].gateway = LL6(2);
	both.hops[0].gateway = both.hops[1].gateway = LL6(2);
	world_route6(w, IP6(0x10, 0), 64, &gateway);
	world_route6(w, IP6(0x20, 0), 64, &both);
	world_route6(w, IP6(0x40, 0), 64, &small);
	for (uint8_t i = 0; i < 3; i++) {
		struct fib_group_spec spec = one_hop(dead[i], PORT_NONE, none6);

		world_route4(w, IP4(203, 0, 113, i * 64), 26, &spec);
		world_route6(w, IP6((uint8_t)(0x30 + i), 0), 64, &spec);
	}
}

static void make_fib(struct world *w)
{
	size_t bytes = fib_region_size(&fib_limits);

	w->fib_region = untouched(bytes);
	must(fib_init(w->fib_region, bytes, &fib_limits) == 0, "setup");
	must(fib_open(w->fib_region, bytes, &w->fib) == 0, "setup");
	for (uint8_t i = 0; i < 3; i++)
		link_routes(w, i);
	other_routes(w);
}

void world_publish(struct world *w)
{
	bool done = false;

	w->region->h.number++;
	memset(w->region->neighbor_index, 0, sizeof w->region->neighbor_index);
	w->region->h.neighbor_index = SPAN(
	        w->region, neighbor_index, epoch_neighbor_slots(w->region->h.neighbors.count));
	epoch_index_neighbors(w->region->neighbor_index, w->region->neighbor, w->region->h.neighbors.count);
	must(epoch_attach(w->region, sizeof *w->region, &w->epoch) == 0, "setup");
	w->epoch.fib = w->fib_region;
	w->epoch.fib_bytes = fib_region_size(&fib_limits);
	while (!done) {
		fixture_begin(&w->f, INPUT_TIMER, w->now);
		done = router_stage.adopt(w->worker, &w->epoch, w->now, &w->f.burst) &&
		       router_stage.retire(w->worker, &w->epoch, w->now, &w->f.burst);
		fixture_end(&w->f);
	}
	world_timers(w, w->now + 20 * NANOS_PER_SEC);
}

/* The second lane's state lies behind the first's, and its changes go into the same journal. */
static void attach_lanes(struct world *w, uint64_t bytes, uint32_t lanes)
{
	router_stage.init(w->f.state, &w->f.params, 0);
	must(router_stage.attach(&w->f.env, &w->worker) == 0, "setup");
	if (lanes == 1)
		return;
	w->state1 = (uint8_t *)w->f.state + bytes;
	w->env1 = w->f.env;
	w->env1.lane = 1;
	w->env1.state = w->state1;
	router_stage.init(w->state1, &w->f.params, 1);
	must(router_stage.attach(&w->env1, &w->worker1) == 0, "setup");
}

void world_init(struct world *w, uint32_t lanes)
{
	struct stage_params params;
	uint64_t bytes;

	memset(w, 0, sizeof *w);
	fixture_init(&w->f, CACHE_LINE);
	params = w->f.params;
	fixture_free(&w->f);
	bytes = ALIGN_UP(router_stage.state_bytes(&params), (uint64_t)CACHE_LINE);
	fixture_init(&w->f, bytes * lanes);
	w->f.params.lanes = lanes;
	w->now = WORLD_NOW;
	w->region = zeroed(sizeof *w->region);
	attach_lanes(w, bytes, lanes);
	make_region(w);
	make_fib(w);
	world_publish(w);
}

void world_free(struct world *w)
{
	router_stage.detach(w->worker);
	if (w->worker1)
		router_stage.detach(w->worker1);
	fib_close(w->fib);
	munmap(w->fib_region, w->epoch.fib_bytes);
	free(w->region);
	fixture_free(&w->f);
}

void world_begin(struct world *w, enum input_kind input)
{
	if (w->begun)
		return;
	fixture_begin(&w->f, input, w->now);
	w->begun = true;
}

static void pattern(uint8_t *at, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		at[i] = (uint8_t)(i * 7 + (i >> 8) + 1);
}

static uint32_t add_frame(struct world *w, const uint8_t *frame, uint32_t len, struct port_id port,
        uint32_t tags, uint16_t ethertype, enum pkt_type type)
{
	uint32_t i;

	world_begin(w, INPUT_RX);
	i = fixture_add(&w->f, frame, len, port);
	w->f.burst.pkt[i].l3_off = (uint16_t)(ETHER_HDR_LEN + tags);
	w->f.burst.pkt[i].ethertype = ethertype;
	w->f.burst.pkt[i].type = (uint8_t)type;
	if (tags)
		w->f.burst.pkt[i].flags |= PKT_F_TAGGED;
	return i;
}

uint32_t world_add4(struct world *w, const struct frame4 *s)
{
	uint8_t frame[2048] = {}, *ip = frame + ETHER_HDR_LEN + s->tags;
	uint32_t header = IPV4_HDR_LEN + s->options_len;
	struct ipv4_hdr *h = (void *)ip;

	ipv4_write(ip, &(struct ipv4_fields){.src = s->src,
	                       .dst = s->dst,
	                       .payload_len = (uint16_t)(s->options_len + s->payload_len),
	                       .id = s->id,
	                       .fragment = s->fragment,
	                       .tos = s->tos,
	                       .ttl = s->ttl ? s->ttl : 64,
	                       .proto = s->proto});
	h->version_ihl = s->first ? s->first : (uint8_t)(0x40 | header / 4);
	if (s->total_len)
		h->total_len = be16_from_host((uint16_t)s->total_len);
	if (s->options_len)
		memcpy(ip + IPV4_HDR_LEN, s->options, s->options_len);
	ipv4_checksum_set(ip, header);
	if (s->bad_csum)
		h->checksum.raw ^= 0x0101;
	if (s->payload)
		memcpy(ip + header, s->payload, s->payload_len);
	else
		pattern(ip + header, s->payload_len);
	return add_frame(w, frame, ETHER_HDR_LEN + s->tags + header + s->payload_len + s->padding, s->port,
	        s->tags, ETHER_TYPE_IPV4, s->type);
}

uint32_t world_add6(struct world *w, const struct frame6 *s)
{
	uint8_t frame[2048] = {}, *ip = frame + ETHER_HDR_LEN;

	ipv6_write(ip,
	        &(struct ipv6_fields){.src = s->src,
	                .dst = s->dst,
	                .payload_len = (uint16_t)(s->payload_field ? s->payload_field : (int)s->payload_len),
	                .traffic_class = s->traffic_class,
	                .next_header = s->next_header,
	                .hop_limit = s->hop_limit ? s->hop_limit : 64});
	if (s->version)
		ip[0] = s->version;
	if (s->payload)
		memcpy(ip + IPV6_HDR_LEN, s->payload, s->payload_len);
	else
		pattern(ip + IPV6_HDR_LEN, s->payload_len);
	return add_frame(w, frame, ETHER_HDR_LEN + IPV6_HDR_LEN + s->payload_len + s->padding, s->port, 0,
	        ETHER_TYPE_IPV6, s->type);
}

uint32_t world_add_tx(struct world *w, const void *ip, uint32_t len, uint16_t ethertype)
{
	uint32_t i;

	world_begin(w, INPUT_TX);
	i = fixture_add(&w->f, ip, len, PORT_NONE);
	w->f.burst.pkt[i].ethertype = ethertype;
	w->f.burst.pkt[i].type = PKT_OUTGOING;
	return i;
}

void world_run(struct world *w)
{
	burst_compare(&w->f.burst);
	router_stage.burst(w->worker, &w->epoch, w->now, &w->f.burst);
}

void world_run1(struct world *w)
{
	w->f.burst.lane = 1;
	router_stage.burst(w->worker1, &w->epoch, w->now, &w->f.burst);
	w->f.burst.lane = 0;
}

/* What the state says that it holds is what the verdicts made it hold. */
static void check_held(struct world *w)
{
	static struct pkt_index index[FIXTURE_BUFFERS];
	uint32_t packets, n = router_stage.held(w->worker, index, &packets), expected = 0;

	for (uint32_t i = 0; i < FIXTURE_BUFFERS; i++)
		expected += w->f.held[i];
	must(n == expected, "%u buffers held, %u by verdicts", n, expected);
	for (uint32_t i = 0; i < n; i++)
		must(w->f.held[index[i].v], "buffer %u is held", index[i].v);
}

void world_end(struct world *w)
{
	const char *wrong;

	fixture_end(&w->f);
	w->begun = false;
	wrong = router_stage.check(w->worker);
	must(!wrong, "%s", wrong);
	check_held(w);
}

void world_timers(struct world *w, nanos_t until)
{
	for (uint32_t i = 0; i < 100000; i++) {
		nanos_t next = router_stage.next_timer(w->worker);

		if (next > until)
			break;
		w->now = MAX(w->now, next);
		fixture_begin(&w->f, INPUT_TIMER, w->now);
		router_stage.timer(w->worker, &w->epoch, w->now, &w->f.burst);
		fixture_end(&w->f);
	}
	w->now = until;
}

struct verdict world_send4(struct world *w, const struct frame4 *frame)
{
	uint32_t i = world_add4(w, frame);

	world_run(w);
	return w->f.burst.verdict[i];
}

struct verdict world_send6(struct world *w, const struct frame6 *frame)
{
	uint32_t i = world_add6(w, frame);

	world_run(w);
	return w->f.burst.verdict[i];
}

uint32_t world_icmp(void *at, uint8_t type, uint8_t code, uint32_t rest, const void *body, uint32_t len)
{
	icmp_write(at, type, code, rest);
	memcpy((uint8_t *)at + ICMP_HDR_LEN, body, len);
	icmp_checksum_set(at, ICMP_HDR_LEN + len);
	return ICMP_HDR_LEN + len;
}

uint32_t world_icmp6(void *at, const struct ip6_addr *src, const struct ip6_addr *dst, uint8_t type,
        uint8_t code, uint32_t rest, const void *body, uint32_t len)
{
	icmp6_write(at, type, code, rest);
	memcpy((uint8_t *)at + ICMP6_HDR_LEN, body, len);
	icmp6_checksum_set(at, ICMP6_HDR_LEN + len, src, dst);
	return ICMP6_HDR_LEN + len;
}

uint32_t world_made(const struct world *w)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < w->f.burst.n_out; i++)
		n += w->f.burst.out[i].born == BORN_GENERATED;
	return n;
}

struct frame4 world_plain4(void)
{
	return (struct frame4){.port = P0,
	        .src = HOST(0, 2),
	        .dst = IP4(192, 0, 2, 9),
	        .proto = IP_PROTO_UDP,
	        .payload_len = 30};
}

uint64_t world_stat(const struct world *w, enum stat_id stat)
{
	return fixture_stat(&w->f, stat);
}
