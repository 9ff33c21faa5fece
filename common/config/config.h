/* config: one YAML file describes the appliance; here it is read, judged, and compiled.
 *
 *     struct config_errors errors = {0};
 *     if (config_load(path, &config, &errors))
 *             config_errors_print(stderr, &errors);
 *     config_port_set_driver(config, 0, EPOCH_DRIVER_PCAP, "in=a.pcap");  a host may patch ports
 *     config_params(config, &params);                                     what is fixed at start
 *     config_compile(config, number, NULL, region, cap, &used);           the epoch's region (common/epoch)
 *     config_fib_limits(config, bytes, &limits, &needed);
 *     config_fib(config, &epoch, fib);                                    the FIB's region (common/fib)
 *
 * A configuration that loads is free of contradictions: what refers to a port, network or parent finds it,
 * and compiling fails for want of room or memory alone.  Every error says where it is, what was found, what
 * was expected and what helps; as many as possible are collected.  The keys, their defaults and meaning stand
 * in one table (schema_*.c), which drives reading, suggestions and config_schema_print.
 *
 * For control, the command and the host of replay: it allocates and reads files.  No thread of its own; a
 * struct config does not change once loaded, save by config_port_set_driver and config_adopt.
 */
#ifndef SLUICE_COMMON_CONFIG_CONFIG_H
#define SLUICE_COMMON_CONFIG_CONFIG_H

#include <stdio.h>

#include "common/classify/classify.h"
#include "common/fib/fib.h"
#include "common/stage/stage.h"

#define CONFIG_ERRORS_MAX 200u
#define CONFIG_LANES_MAX  16u

/* An error.  Strings are the errors' own; line and column count from 1, line 0 is the file as a whole. */
struct config_error {
	char *file;
	uint32_t line, column;
	char *found;    /* what stands there */
	char *expected; /* what should; NULL: found says it all */
	char *hint;     /* a sentence that helps, or NULL */
	char *source;   /* the line, or NULL */
};

struct config_errors {
	struct config_error *list;
	uint32_t n;
	uint32_t more; /* that found no room in the list (CONFIG_ERRORS_MAX) */
};

struct node;

/* Where in the text a part of the model stands, and which of its keys the text gives. */
struct config_item {
	const struct node *node; /* NULL where nothing was written */
	uint64_t given;          /* a bit a key, in the order of the section's table */
};

/* An address with a prefix length.  IPv4 is mapped, its length counts from 0 to 32.  family 0: not given. */
struct config_prefix {
	struct ip6_addr addr;
	uint8_t family; /* 4 or 6 */
	uint8_t len;
};

/* An address and a TCP or UDP port. */
struct config_endpoint {
	struct ip6_addr addr; /* IPv4 mapped */
	uint8_t family;       /* 0: not given */
	uint16_t l4_port;
};

struct config_name {
	char text[EPOCH_NAME_LEN]; /* terminated; empty: not given */
};

enum config_pace { CONFIG_PACE_CAPTURE, CONFIG_PACE_MAX, CONFIG_PACE_RATE };

/* What the `fault` driver does to a port's frames; shares are in parts per million. */
struct config_fault {
	struct config_item item;
	uint64_t seed;
	uint32_t drop, repeat, reorder, corrupt, truncate;
	uint32_t delay_ms;
};

/* When a port's queues are polled (common/pace). */
struct config_poll {
	struct config_item item;
	uint32_t weight, budget, budget_us;
	uint32_t defer_hard_irqs, gro_flush_timeout_us, busy_poll_us;
};

struct config_forwarding {
	struct config_item item;
	bool ipv4, ipv6;
};

/* The neighbor table's settings (RFC 4861 10, net.ipv4.neigh). */
struct config_neighbor_settings {
	struct config_item item;
	uint32_t reachable_ms, retransmit_ms, delay_ms, stale_ms;
	uint8_t multicast_probes, unicast_probes;
};

/* A physical port, or a VLAN sub-port. */
struct config_port {
	struct config_item item;
	struct config_name name;
	uint8_t kind; /* enum epoch_port_kind */

	/* Of a physical port. */
	uint8_t driver; /* enum epoch_driver; NONE: the host decides */
	uint8_t pace;   /* enum config_pace */
	bool promiscuous, any_mac;
	bool checksum_partial;
	uint32_t pace_rate; /* packets a second */
	uint32_t loop;      /* how often the file is played */
	uint8_t queues, lane;
	const char *in, *out; /* file names */
	struct config_name peer;
	struct config_name interface; /* of the machine; empty: the port's own name */
	uint8_t mode;                 /* a word of `mode` */
	uint32_t rx_ring, tx_ring;
	uint32_t control_dscp;
	bool adopt;
	struct config_poll poll;
	struct config_fault fault;
	const char *driver_text; /* what the driver opens; "" for none */

	/* Of a sub-port. */
	struct config_name parent;
	uint8_t n_tags;
	uint16_t vid[2];  /* outer, inner */
	uint16_t tpid[2]; /* 0x8100, 0x88a8, 0x9100 */

	/* Of both. */
	bool up, ipv6, accept_local, accept_source_route, route_localnet, proxy_arp, redirects,
	        drop_gratuitous_arp;
	struct mac_addr mac; /* zero: made from the port's id; a sub-port has its parent's; an interface of
	                        the machine its own */
	uint16_t mtu;        /* 0: 1,500, or the parent's */
	uint16_t mss_clamp;  /* 0 off, 1 to the path's MTU, else the segment size itself */
	uint8_t rp_filter;   /* 0 off, 1 strict, 2 loose */
	uint8_t dad, gratuitous_arp, hop_limit;
	struct config_forwarding forwarding;
	struct config_neighbor_settings neighbor;
	struct config_prefix *addresses; /* the text's, then what was adopted */
	uint32_t n_addresses;
	uint32_t n_adopted;           /* of the addresses, the last ones */
	const char *not_adopted;      /* what config_adopt left out of this port's, and why; NULL: nothing */
	struct config_prefix *groups; /* multicast groups; len is not used */
	uint32_t n_groups;
};

enum config_route_type { /* as common/fib's */
	CONFIG_ROUTE_UNICAST,
	CONFIG_ROUTE_LOCAL,
	CONFIG_ROUTE_BROADCAST,
	CONFIG_ROUTE_BLACKHOLE,
	CONFIG_ROUTE_UNREACHABLE,
	CONFIG_ROUTE_PROHIBIT,
};

struct config_nexthop {
	struct config_item item;
	struct config_prefix via; /* family 0: the destination is on the link */
	struct config_name port;  /* found from `via` where not given */
	uint32_t weight;          /* 1 to 256 */
	bool onlink;              /* `via` need not be on a connected network */
};

struct config_route {
	struct config_item item; /* node NULL: a line of a file */
	uint32_t line;           /* of that file */
	uint16_t file;           /* its number, from 1 */
	uint8_t type;            /* enum config_route_type */
	bool is_default;         /* `to: default`, of the gateway's family */
	struct config_prefix to;
	uint32_t metric;
	uint32_t mtu; /* 0: the port's */
	struct config_prefix src;
	struct config_prefix via; /* as written with `to`; load moves it into nexthops */
	struct config_name port;
	bool onlink;
	const char *import; /* `file:` */
	struct config_nexthop *nexthops;
	uint32_t n_nexthops;
};

struct config_neighbor {
	struct config_item item;
	struct config_prefix address;
	struct mac_addr mac;
	struct config_name port;
};

struct config_rule {
	struct config_item item;
	const char *name; /* or NULL */
	struct config_name *in, *out;
	uint32_t n_in, n_out;
	struct config_prefix from, to;
	struct classify_rule match; /* all but ports and prefixes is filled by load */
	uint8_t action;             /* 0 pass, 1 drop, 2 count */
};

struct config_ruleset {
	struct config_item item;
	uint8_t policy; /* 0 pass, 1 drop: where no rule decides */
	struct config_rule *rules;
	uint32_t n_rules;
};

struct config_rulesets {
	struct config_item item;
	struct config_ruleset ingress, egress;
};

struct config_limits {
	struct config_item item;
	struct epoch_limits v;
};

struct config_socket {
	struct config_item item;
	const char *name; /* 15 characters at most, or NULL */
	struct config_endpoint udp;
	struct config_endpoint connect;
	struct config_name port;
	uint32_t rcvbuf;
	uint8_t app; /* enum epoch_app */
	bool ipv6_only;
	struct config_prefix *join;
	uint32_t n_join;
};

/* On which processors the lanes' workers run. */
enum config_placing {
	CONFIG_CORES_SPREAD, /* over those that the process may use */
	CONFIG_CORES_ANY,    /* moved about by the system */
	CONFIG_CORES_LISTED, /* lane l on the (l % n)th of the list */
};

struct config_cores {
	uint32_t n; /* listed */
	uint32_t core[CONFIG_LANES_MAX];
	uint8_t placing; /* enum config_placing */
};

#define CONFIG_CORE_MAX 1023u

struct config_appliance {
	struct config_item item;
	uint32_t lanes;
	uint32_t buffers;
	uint32_t buffer_bytes;
	uint32_t ring_slots;
	uint64_t hash_key; /* 0: random when live, fixed in replay */
	struct config_cores cores;
};

/* Where control tells Prometheus. */
struct config_metrics {
	struct config_item item; /* node NULL: nowhere */
	struct config_endpoint listen;
	const char *certificate, *key; /* files, PEM; NULL: no TLS */
	const char *token_file;        /* NULL: anybody may read */
};

#define CONFIG_TABLES_MAX 8u

/* Tables of routes, as the kernel numbers them. */
struct config_tables {
	uint32_t *number;
	uint32_t n; /* 1 to CONFIG_TABLES_MAX */
};

/* Routes of the machine's kernel that are followed. */
struct config_netlink {
	struct config_item item; /* node NULL: none are */
	struct config_tables tables;
};

/* A routing daemon's (FRR's zebra, dplane_fpm_nl). */
struct config_fpm {
	struct config_item item; /* node NULL: none is heard */
	struct config_tables tables;
	struct config_endpoint listen;
	struct config_prefix *from; /* who may connect */
	uint32_t n_from;
	uint32_t grace_ms;
	bool interfaces;
};

struct config_dynamic_routes {
	struct config_item item;
	uint32_t limit; /* routes at most, over all sources */
	struct config_netlink netlink;
	struct config_fpm fpm;
};

/* A key that may come to control by tcp. */
struct config_key {
	struct config_item item;
	struct config_name name;
	const char *key;
	uint8_t administers; /* and not only reads */
};

#define CONFIG_KEYS_MAX 256u

/* Where control hears commands, beside the sockets in its folder. */
struct config_control {
	struct config_item item;       /* node NULL: nowhere */
	struct config_endpoint listen; /* by tcp, for who has one of the keys */
	struct config_key *keys;
	uint32_t n_keys;
};

/* The model of a configuration: what the file says, with defaults filled in. */
struct config {
	struct config_item item;
	struct config_appliance appliance;
	struct config_port *ports;
	struct config_port *vlans;
	struct config_route *routes; /* without the connected and local ones; sorted by prefix, then metric */
	struct config_neighbor *neighbors;
	struct config_rulesets rules;
	struct config_socket *sockets;
	uint32_t n_ports, n_vlans, n_routes, n_neighbors, n_sockets;
	struct config_limits limits;
	struct config_metrics metrics;
	struct config_control control;
	struct config_route *adopted; /* routes that ports have taken over; as `routes` */
	uint32_t n_adopted;
	uint64_t adopted_identity; /* of all that is adopted; 0: nothing is */
	struct config_dynamic_routes dynamic_routes;
	struct config_memory *memory; /* what all of it lies in */
};

/* Reads a file.  0; -EINVAL (or what opening it gave) with at least one error; -ENOMEM.  Paths of `routes:
 * file` are relative to the file's folder.  Free *out with config_free; it is NULL after a failure. */
[[nodiscard]] int config_load(const char *path, struct config **out, struct config_errors *errors);

/* The same for a text of len bytes, which is copied; `name` stands in errors and is what paths are relative
 * to. */
[[nodiscard]] int config_parse(
        const char *name, const char *text, size_t len, struct config **out, struct config_errors *errors);

/* Ports that are interfaces of the machine, and have no `mac`, get their interface's where there is one now;
 * else it is made from the port's number, or stays what the previous epoch had.  config_load does it. */
void config_take_macs(struct config *c);

void config_free(struct config *c);

/* A port by its name, sub-ports included; NULL where there is none. */
const struct config_port *config_port(const struct config *c, const char *name);

/* Calls visit for each key that a rule's text gives, in the order of the schema, with the word that stands
 * there; of a list with each of its words.  Both live as long as the configuration. */
void config_rule_words(const struct config_rule *r,
        void (*visit)(void *context, const char *key, const char *word), void *context);

/* Gives physical port number `i` (in the order of the file) a driver and what it opens, in its own syntax; a
 * `fault` setting of the port stays in force.  An interface of the machine whose MAC the configuration does
 * not tell takes frames to any from then on.  0, -EINVAL where there is no such port, -ENOMEM. */
[[nodiscard]] int config_port_set_driver(
        struct config *c, uint32_t i, enum epoch_driver driver, const char *text);

/* What ports with `adopt` have taken over from the kernel's interfaces. */
struct config_adopted_address {
	struct config_name port;
	struct config_prefix address;
};

struct config_adopted_route {
	struct config_name port;
	struct config_prefix to, via; /* via: family 0: the destination is on the link */
	uint32_t metric;
	bool onlink;
};

struct config_adopted {
	const struct config_adopted_address *addresses;
	const struct config_adopted_route *routes;
	uint32_t n_addresses, n_routes;
};

/* From now on the configuration has these beside what its text gives, in place of those of an earlier call.
 * What the text contradicts, or another port has, or no port can have, is left out, and the port says so
 * (not_adopted); ports that do not adopt have none.  0; -ENOMEM: as it was. */
[[nodiscard]] int config_adopt(struct config *c, const struct config_adopted *adopted);

/* What is fixed while the appliance runs. */
void config_params(const struct config *c, struct stage_params *params);

/* Where workers run as a text has it: spread, any, or processors as in 2,3 (CONFIG_LANES_MAX at most). false:
 * it is none of these, and *cores is undefined. */
bool config_cores_parse(const char *text, struct config_cores *cores);

/* The first key in which two differ that cannot change while the appliance runs; NULL: there is none. */
const char *config_fixed_key(const struct stage_params *a, const struct stage_params *b);

/* Whether workers run in the same places.  Where they do not, that is taken up at the next start. */
bool config_cores_same(const struct config_cores *a, const struct config_cores *b);

/* The same for the same metrics: where, and the paths of the same files; 0: nowhere. */
uint64_t config_metrics_digest(const struct config_metrics *m);

/* Compiles into `region` (cap bytes at a multiple of 64): the epoch `number`.  A port keeps the id that
 * `previous` gave to its name (NULL: none), so that what is in flight and in state keeps its meaning;
 * physical ports have ids below EPOCH_PORT_LO, which is the loopback port's, sub-ports above.  The header's
 * fib_slot is left to the caller.  0 with *used the bytes; -ENOSPC with *used what is needed at the least
 * (NULL region with cap 0 asks); -ENOMEM. */
[[nodiscard]] int config_compile(const struct config *c, uint32_t number, const struct epoch *previous,
        void *region, size_t cap, size_t *used);

#define CONFIG_PROTOCOL_KERNEL 2u /* fib_route.protocol of what follows from addresses (RTPROT_KERNEL) */
#define CONFIG_PROTOCOL_STATIC 4u /* and of what the file gives (RTPROT_STATIC) */
#define CONFIG_PROTOCOL_ADOPTED                                                                              \
	5u /* and of what a port has taken over from the kernel's interface; none in linux/rtnetlink.h */
#define CONFIG_ORIGIN 0u /* fib_route.origin of both */

/* Calls visit for every route that the configuration implies: of each address its own (local), its network
 * (connected), its broadcast address; 127.0.0.0/8 and ::1 (local, on lo); then the given ones, in the order
 * of c->routes, and the adopted ones.  Metrics are the file's, 0 for the implied ones.  A port that is not up
 * has no connected network and its next hops are left out.  Link-local destinations (fe80::/10, ff00::/8)
 * have no routes: each port knows its own (epoch_port_address). `epoch` is what config_compile made of this
 * configuration; route->group is not set; spec lives as long as the call. Stops where visit gives other than
 * 0, and returns that; else 0. */
[[nodiscard]] int config_routes(const struct config *c, const struct epoch *epoch,
        int (*visit)(void *context, const struct fib_route *route, const struct fib_group_spec *spec),
        void *context);

/* Dynamic routes that a later configuration may ask for, whatever that of the start says. */
#define CONFIG_DYNAMIC_ROOM 1000000u

/* Bytes of a region for the FIB of an appliance that is started with this one: for as many configured routes
 * again, at the least FIB_LIMITS_DEFAULT, and CONFIG_DYNAMIC_ROOM.  Only what routes need is ever touched. */
uint64_t config_fib_bytes(const struct config *c);

/* Limits for a region of so many bytes that takes all of it: with as much room for changes, or without where
 * that does not fit.  0, or -ENOSPC, with *needed the bytes at the least. */
[[nodiscard]] int config_fib_limits(
        const struct config *c, uint64_t bytes, struct fib_limits *limits, uint64_t *needed);

/* Puts all of config_routes into a FIB that is empty.  0, or what fib_group_get and fib_route_load give. */
[[nodiscard]] int config_fib(const struct config *c, const struct epoch *epoch, struct fib *fib);

/* Writes errors as FILE:LINE:COLUMN: error: ..., with the line, a caret and the hint. */
void config_errors_print(FILE *to, const struct config_errors *e);

/* Writes them as one JSON array of objects: file, line, column, found, expected, hint. */
void config_errors_json(FILE *to, const struct config_errors *e);

void config_errors_free(struct config_errors *e);

/* A configuration's text; `name` stands in errors.  len 0: there is none, and nothing in it. */
struct config_text {
	const char *name;
	const char *text;
	size_t len;
};

/* Adds an error at the place of this key of a part of the configuration that was read from `text`; where the
 * key is not given, at the part's own. */
void config_error_at(const struct config_text *text, const struct config_item *item, const char *key,
        const char *found, const char *hint, struct config_errors *errors);

enum config_difference_kind { CONFIG_ADDED, CONFIG_REMOVED, CONFIG_CHANGED, CONFIG_MOVED };

struct config_difference {
	uint8_t kind;
	char *path;   /* "ports.wan.mtu"; an item of a list by what names it: "routes[default].metric" */
	char *before; /* in one line of YAML; NULL: nothing.  Of what moved the place in its list, from 1 */
	char *after;
};

struct config_differences {
	struct config_difference *list; /* in the order of `after`, what was removed first */
	uint32_t n;
};

/* Compares what two texts say, whatever their order of keys, their quotes, comments and layout.  The order of
 * a list counts.  0; -EINVAL with errors, where a text is no YAML; -ENOMEM.  Whether the texts are good
 * configurations is not looked at. */
[[nodiscard]] int config_diff(const struct config_text *before, const struct config_text *after,
        struct config_differences *out, struct config_errors *errors);
void config_differences_free(struct config_differences *d);

/* Writes every key with its type, default and meaning. */
void config_schema_print(FILE *to);

#endif
