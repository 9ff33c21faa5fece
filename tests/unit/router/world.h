/* world: a router between three links, in a fixture: its epoch, its FIB, its neighbors, and frames for it.
 *
 *     struct world w;  world_init(&w, lanes);
 *     i = world_add4(&w, &(struct frame4){.port = P0, .src = IP4(10, 0, 0, 2), ...});
 *     world_run(&w, INPUT_RX);                  looks at nothing: verdicts are in w.f.burst
 *     ...                                       expectations
 *     world_end(&w);                            commits; state must be consistent, buffers where it says
 *
 *             10.0.0.0/24 2001:db8::/64           10.0.1.0/24 2001:db8:0:1::/64
 *         .2 ------------------------- .1 P0  P1 .1 ------------------------- .2, .3   MTU 1500
 *                                       router
 *                               P2 .1 ------------------------- .2                     MTU 1280
 *                                     10.0.2.0/24 2001:db8:0:2::/64
 *
 * The .2 and .3 are permanent neighbors; nobody else is there.  The routes are in world.c.
 */
#ifndef SLUICE_TESTS_UNIT_ROUTER_WORLD_H
#define SLUICE_TESTS_UNIT_ROUTER_WORLD_H

#include "services/router/router.h"
#include "services/router/router_internal.h"
#include "tests/unit/fixture/fixture.h"

#define P0   ((struct port_id){0})
#define P1   ((struct port_id){1})
#define P2   ((struct port_id){2})
#define P_LO ((struct port_id){3})

#define IP4(a, b, c, d) (be32_from_host(IPV4_ADDR(a, b, c, d)))
#define HOST(port, n)   IP4(10, 0, (port), (n))

/* 2001:db8:0:NET::HOST */
#define IP6(net, host) ((struct ip6_addr){.b = {0x20, 0x01, 0x0d, 0xb8, [7] = (net), [15] = (host)}})
#define LL6(host)      ((struct ip6_addr){.b = {0xfe, 0x80, [15] = (host)}})

#define WORLD_NOW (1000 * NANOS_PER_SEC)

struct world_region {
	struct epoch_header h;
	struct epoch_port port[4];
	struct epoch_address address[16];
	struct epoch_neighbor neighbor[16];
	uint32_t neighbor_index[32];
	struct ip6_addr group[4];
};

struct world {
	struct fixture f;
	struct world_region *region;
	struct epoch epoch;
	void *fib_region;
	struct fib *fib;
	void *worker; /* of lane 0 */
	nanos_t now;
	bool begun;
	/* A second lane, with lanes = 2. */
	struct stage_env env1;
	void *state1;
	void *worker1;
};

/* A router with one lane, or two (the second is run by world_run1). */
void world_init(struct world *w, uint32_t lanes);
void world_free(struct world *w);

/* The region was changed (ports, addresses, limits): a new epoch, taken up. */
void world_publish(struct world *w);

/* A route to net/len: its group as in fib.h. */
void world_route4(struct world *w, struct be32 net, uint8_t len, const struct fib_group_spec *spec);
void world_route6(struct world *w, struct ip6_addr net, uint8_t len, const struct fib_group_spec *spec);

struct frame4 {
	struct port_id port;
	struct be32 src, dst;
	uint8_t proto, ttl, tos; /* ttl 0: 64 */
	uint16_t id, fragment;
	const void *options; /* a multiple of 4 bytes */
	uint32_t options_len;
	const void *payload; /* NULL: payload_len bytes of a pattern */
	uint32_t payload_len;
	enum pkt_type type;
	uint32_t padding; /* behind the IP packet */
	uint32_t tags;    /* bytes between Ethernet header and network header */
	int total_len;    /* what the header says, if not 0 */
	uint8_t first;    /* version and header length, if not 0 */
	bool bad_csum;
};

struct frame6 {
	struct port_id port;
	struct ip6_addr src, dst;
	uint8_t next_header, hop_limit, traffic_class; /* hop_limit 0: 64 */
	const void *payload;                           /* extension headers too; NULL: a pattern */
	uint32_t payload_len;
	enum pkt_type type;
	uint32_t padding;
	int payload_field; /* what the header says, if not 0 */
	uint8_t version;   /* if not 0 */
};

/* UDP from P0's host to somewhere that a route leads to: it is forwarded. */
struct frame4 world_plain4(void);

/* A frame into the burst (begun where none is); returns its place. */
uint32_t world_add4(struct world *w, const struct frame4 *frame);
uint32_t world_add6(struct world *w, const struct frame6 *frame);

/* A packet of the session's: an IP packet as it stands, from l3_off = 0. */
uint32_t world_add_tx(struct world *w, const void *ip, uint32_t len, uint16_t ethertype);

void world_begin(struct world *w, enum input_kind input);
void world_run(struct world *w);
void world_run1(struct world *w); /* lane 1 */
void world_end(struct world *w);
void world_timers(struct world *w, nanos_t until);

/* Shortcuts over one packet: add, run; the verdict; world_end is the caller's. */
struct verdict world_send4(struct world *w, const struct frame4 *frame);
struct verdict world_send6(struct world *w, const struct frame6 *frame);

/* A message of ICMP or ICMPv6 with its checksum; returns its length. */
uint32_t world_icmp(void *at, uint8_t type, uint8_t code, uint32_t rest, const void *body, uint32_t len);
uint32_t world_icmp6(void *at, const struct ip6_addr *src, const struct ip6_addr *dst, uint8_t type,
        uint8_t code, uint32_t rest, const void *body, uint32_t len);

uint64_t world_stat(const struct world *w, enum stat_id stat);

/* How many packets of the router's own the burst has made. */
uint32_t world_made(const struct world *w);

#endif
