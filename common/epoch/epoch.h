/* epoch: one compiled configuration, immutable, in a region that every stage maps read-only.
 *
 * control compiles a configuration file into an epoch (common/config) and publishes it; ingest stamps each
 * packet with the epoch in force; every stage uses the tables of the packet's epoch.  At most two are live:
 * they lie in slots number & 1.  Everything is offsets from the region's start; epoch_attach checks all of
 * them once, so that readers need not.
 *
 *     if (epoch_attach(region, bytes, &epoch) == 0)
 *             port = epoch_port(&epoch, id);
 *
 * The FIB lies in a region of its own (common/fib) that several epochs may share: fib_slot tells which.
 */
#ifndef SLUICE_COMMON_EPOCH_EPOCH_H
#define SLUICE_COMMON_EPOCH_EPOCH_H

#include "common/base/base.h"

#define EPOCH_MAGIC     0x45434c53u /* "SLCE" */
#define EPOCH_VERSION   2u
#define EPOCH_PORTS_MAX 1024u
#define EPOCH_PHYS_MAX  32u            /* physical ports: ids 0 to EPOCH_PHYS_MAX - 1 */
#define EPOCH_PORT_LO   EPOCH_PHYS_MAX /* the loopback port; sub-ports behind it */
#define EPOCH_NAME_LEN  16u

/* A part of the region: count entries at byte off. */
struct epoch_span {
	uint32_t off;
	uint32_t count;
};

enum epoch_port_kind {
	EPOCH_PORT_NONE, /* a hole in the table */
	EPOCH_PORT_PHYSICAL,
	EPOCH_PORT_VLAN,
	EPOCH_PORT_LOOPBACK, /* "lo": has addresses, no wire */
};

#define EPOCH_PORT_UP 0x0001u
#define EPOCH_PORT_PROMISC                                                                                   \
	0x0002u /* the NIC takes frames for other MACs: taps see them, IP drops them (PACKET_OTHERHOST) */
#define EPOCH_PORT_FORWARD4       0x0004u /* net.ipv4.conf.X.forwarding */
#define EPOCH_PORT_FORWARD6       0x0008u /* net.ipv6.conf.X.forwarding */
#define EPOCH_PORT_IPV6           0x0010u /* !disable_ipv6 */
#define EPOCH_PORT_ACCEPT_LOCAL   0x0020u
#define EPOCH_PORT_ROUTE_LOCALNET 0x0040u
#define EPOCH_PORT_SOURCE_ROUTE   0x0080u /* accept_source_route (IPv4) */
#define EPOCH_PORT_CSUM_PARTIAL                                                                              \
	0x0100u /* `checksum: partial`: an L4 checksum that holds only the pseudo-header's sum means "not    \
	           yet computed" */
#define EPOCH_PORT_PROXY_ARP       0x0200u
#define EPOCH_PORT_DROP_GRATUITOUS 0x0400u
#define EPOCH_PORT_REDIRECTS       0x0800u /* send_redirects */
#define EPOCH_PORT_ANY_MAC                                                                                   \
	0x1000u /* unicast frames to any MAC count as PACKET_HOST, as if for us: for captures made elsewhere \
	         */

struct epoch_port {
	char name[EPOCH_NAME_LEN]; /* terminated */
	uint8_t kind;              /* enum epoch_port_kind */
	uint8_t rp_filter;         /* 0 off, 1 strict, 2 loose (RFC 3704) */
	uint8_t n_tags;            /* of a VLAN sub-port: 1 or 2 */
	uint8_t driver;            /* enum epoch_driver, of a physical port */
	struct port_id phys;       /* the physical port under it (itself for one) */
	uint16_t flags;            /* EPOCH_PORT_* */
	uint16_t mtu;              /* of the network layer */
	uint16_t vid[2];           /* outer, inner */
	uint16_t tpid[2];          /* 0x8100, 0x88a8, 0x9100 */
	struct mac_addr mac;
	uint16_t mss_clamp4; /* 0 off, 1 to the path's MTU, else the MSS itself */
	uint16_t mss_clamp6;
	uint16_t hop_limit;          /* of what we make; 64 by default */
	struct epoch_span addresses; /* struct epoch_address */
	struct epoch_span groups;    /* struct ip6_addr: multicast groups joined (IPv4 mapped), our own
	                                solicited-node ones not among them */
	struct epoch_span vlans; /* of a physical port: 4,096 uint16_t by outer VID: 0 none; EPOCH_VLAN_PORT |
	                            id; EPOCH_VLAN_INNER | number of a table in `inner`, whose entry 0
	                            is then the sub-port of the outer VID alone */
	/* The neighbor table's settings, RFC 4861 10 and Linux net.ipv4.neigh. */
	uint32_t reachable_ms;   /* base reachable time, 30,000 */
	uint32_t retrans_ms;     /* 1,000 */
	uint32_t delay_first_ms; /* 5,000 */
	uint32_t stale_gc_ms;    /* 60,000 */
	uint8_t mcast_solicit;   /* 3 */
	uint8_t ucast_solicit;   /* 3 */
	uint8_t dad_transmits;   /* 1; 0: none */
	uint8_t gratuitous_arp;  /* announcements when an address comes up: 0 none */
	/* A physical port's driver. */
	uint8_t queues;
	uint8_t lane; /* of queue 0; queue q belongs to lane (lane + q) % lanes */
	uint16_t buffer_bytes;
	uint32_t driver_text; /* offset of a terminated string: what the driver opens (its own syntax: file,
	                         pair, seed) */
	uint32_t reserved[3];
};

static_assert(sizeof(struct epoch_port) % 8 == 0, "shared layout");

enum epoch_driver {
	EPOCH_DRIVER_NONE,
	EPOCH_DRIVER_PCAP,
	EPOCH_DRIVER_LOOP,
	EPOCH_DRIVER_AF_XDP,
	EPOCH_DRIVER_AF_PACKET,
	EPOCH_DRIVER_TAP,
};

/* Whether a port with this driver is an interface of the machine, which somebody has to open for ingest. */
static inline bool epoch_driver_live(uint32_t driver)
{
	return driver >= EPOCH_DRIVER_AF_XDP && driver <= EPOCH_DRIVER_TAP;
}

#define EPOCH_VLAN_PORT  0x8000u
#define EPOCH_VLAN_INNER 0x4000u
#define EPOCH_VLAN_MASK  0x3fffu

/* An address of a port. */
struct epoch_address {
	struct ip6_addr addr; /* IPv4 mapped */
	uint8_t family;       /* 4 or 6 */
	uint8_t prefix_len;
	uint8_t scope; /* enum epoch_scope */
	uint8_t flags;
	struct port_id port;
	uint16_t reserved;
	struct be32 broadcast; /* IPv4; 0: none */
	uint32_t reserved2;
};

static_assert(sizeof(struct epoch_address) == 32, "shared layout");

#define EPOCH_ADDRESS_NODAD   0x01u
#define EPOCH_ADDRESS_ADOPTED 0x02u /* taken over from the kernel's interface */

enum epoch_scope { EPOCH_SCOPE_GLOBAL, EPOCH_SCOPE_LINK, EPOCH_SCOPE_HOST };

/* A neighbor that the configuration gives: permanent, and as every table the epoch's own, so that each packet
 * finds those of its epoch. */
struct epoch_neighbor {
	struct ip6_addr addr;
	struct mac_addr mac;
	struct port_id port;
	uint64_t reserved;
};

static_assert(sizeof(struct epoch_neighbor) == 32, "shared layout");

/* What happens to a UDP socket's datagrams in this process (applications of their own come with a socket
 * interface). */
enum epoch_app {
	EPOCH_APP_SINK,    /* reads and forgets */
	EPOCH_APP_ECHO,    /* sends each back */
	EPOCH_APP_HOLD,    /* never reads */
	EPOCH_APP_PROCESS, /* in no epoch: a process of its own, over libsluice */
};

struct epoch_socket {
	char name[EPOCH_NAME_LEN];
	struct ip6_addr local;  /* IPv4 mapped; :: or 0.0.0.0 mapped: any */
	struct ip6_addr remote; /* connected where not unspecified */
	uint16_t local_port;    /* host order */
	uint16_t remote_port;
	uint8_t family;      /* 4, 6, or 0: both (an IPv6 socket that takes IPv4 as well) */
	uint8_t app;         /* enum epoch_app */
	struct port_id port; /* bound to a port (SO_BINDTODEVICE), or PORT_NONE */
	uint32_t rcvbuf;     /* bytes, by Linux's truesize accounting: buffer strides */
	uint32_t reserved;
};

static_assert(sizeof(struct epoch_socket) == 64, "shared layout");

/* Classes of packets to ourselves, each with a rate of its own. */
enum epoch_class {
	EPOCH_CLASS_ARP_ND,
	EPOCH_CLASS_ICMP,
	EPOCH_CLASS_UDP,
	EPOCH_CLASS_TCP,
	EPOCH_CLASS_OTHER,
	EPOCH_CLASSES
};

struct epoch_rate {
	uint32_t per_second; /* 0: unlimited */
	uint32_t burst;
};

/* Bounds; whatever is not given has Linux's default. */
struct epoch_limits {
	struct epoch_rate local[EPOCH_CLASSES];
	struct epoch_rate icmp_error;      /* over all (icmp_msgs_per_sec 1000, burst 50) */
	struct epoch_rate icmp_error_peer; /* a destination (icmp_ratelimit 1,000 ms) */
	uint32_t frag_high_bytes;          /* ipfrag_high_thresh, 4 MiB; for each family */
	uint32_t frag_timeout_ms;          /* 30,000 (IPv4), IPv6 60,000: frag6_timeout_ms */
	uint32_t frag6_timeout_ms;
	uint32_t frag_max_queues;      /* datagrams in reassembly */
	uint32_t frag_max_pieces;      /* of one datagram */
	uint32_t neigh_gc_thresh3;     /* neighbors at most, 1,024 */
	uint32_t neigh_incomplete_max; /* of them unresolved (RFC 6583) */
	uint32_t neigh_queue_packets;  /* that wait for one neighbor */
	uint32_t exthdr_max;           /* IPv6 extension headers a packet, 8 */
	uint32_t exthdr_bytes_max;
	uint32_t udp_mem_bytes; /* all sockets together */
	uint32_t reserved[5];
};

/* The region. */
struct epoch_header {
	uint32_t magic;
	uint32_t version;
	uint64_t bytes;
	uint32_t number;   /* epochs count from 1 */
	uint32_t fib_slot; /* which FIB region */
	uint64_t flags;
	struct epoch_span ports; /* struct epoch_port, index = port id */
	struct epoch_span inner; /* tables of 4,096 uint16_t by inner VID: port id | EPOCH_VLAN_PORT, or 0 */
	struct epoch_span addresses;      /* struct epoch_address, sorted by port */
	struct epoch_span neighbors;      /* struct epoch_neighbor */
	struct epoch_span neighbor_index; /* uint32_t: see epoch_index_neighbors */
	struct epoch_span sockets;        /* struct epoch_socket */
	struct epoch_span ingress;        /* bytes: a classifier (common/classify), or none */
	struct epoch_span egress;
	struct epoch_span text;          /* bytes: terminated strings */
	struct epoch_span ingress_names; /* uint32_t: offsets of the rules' names by rule number, 0: none */
	struct epoch_span egress_names;
	uint64_t adopted; /* what of ports' adopting is in it: another number for other addresses and routes;
	                     0: nothing */
	struct epoch_limits limits;
};

/* A process's view of an attached epoch. */
struct epoch {
	const struct epoch_header *header;
	const struct epoch_port *ports;
	const struct epoch_address *addresses;
	const struct epoch_neighbor *neighbors;
	const uint32_t *neighbor_index;
	const struct epoch_socket *sockets;
	const uint16_t *inner;
	uint32_t n_ports, n_addresses, n_neighbors, n_sockets, n_inner;
	uint32_t neighbor_mask; /* slots of the index, less one */
	uint32_t number;
	const void *fib; /* the FIB's region, set by who attached it */
	uint64_t fib_bytes;
};

/* Checks a region and makes a view of it; every offset, count, string and cross-reference (port ids, tables)
 * is checked. 0, or -EINVAL: it must not be used.  The region stays the caller's. */
[[nodiscard]] int epoch_attach(const void *region, uint64_t bytes, struct epoch *epoch);

/* The same of a private copy, for who must not fall whatever who publishes does meanwhile: no byte of the
 * region is looked at twice.  0 with *copy, to be freed when the view is no longer used; -EINVAL, -ENOMEM. */
[[nodiscard]] int epoch_copy(const void *region, uint64_t bytes, void **copy, struct epoch *epoch);

/* A port by id; NULL where there is none (a neighbour's word may be wrong). */
static always_inline const struct epoch_port *epoch_port(const struct epoch *e, struct port_id id)
{
	return likely(id.v < e->n_ports && e->ports[id.v].kind != EPOCH_PORT_NONE) ? &e->ports[id.v] : NULL;
}

/* The sub-port of a physical port for one or two VLAN ids; the physical port itself for n = 0; PORT_NONE
 * where there is none.  VID 0 is a priority tag: no VLAN (IEEE 802.1Q 9.6). */
struct port_id epoch_vlan_port(const struct epoch *e, struct port_id phys, const uint16_t *vid, uint32_t n);

/* Slots that the index of n neighbors has: a power of two, at most half of them used; 0 for none. */
uint32_t epoch_neighbor_slots(uint32_t n);

/* Fills in an index of epoch_neighbor_slots(n) zeroed slots: by hash of port and address the number of the
 * neighbor, counted from 1, in the first free slot. */
void epoch_index_neighbors(uint32_t *index, const struct epoch_neighbor *neighbors, uint32_t n);

static always_inline uint64_t epoch_neighbor_hash(struct port_id port, const struct ip6_addr *addr)
{
	return hash_ip6(addr, port.v);
}

/* The neighbor that the configuration gives for an address on a port (IPv4 mapped), or NULL. */
static always_inline const struct epoch_neighbor *epoch_neighbor(
        const struct epoch *e, struct port_id port, const struct ip6_addr *addr)
{
	uint32_t at, i;

	if (likely(!e->n_neighbors))
		return NULL;
	at = (uint32_t)epoch_neighbor_hash(port, addr);
	while ((i = e->neighbor_index[at++ & e->neighbor_mask])) {
		const struct epoch_neighbor *n = &e->neighbors[i - 1];

		if (port_id_equal(n->port, port) && ip6_addr_equal(&n->addr, addr))
			return n;
	}
	return NULL;
}

/* The entry of a port for an address of its own (IPv4 mapped); NULL where the port does not have it.
 * Link-local addresses, which the FIB does not know since each link has its own, are found this way. */
const struct epoch_address *epoch_port_address(
        const struct epoch *e, const struct epoch_port *port, const struct ip6_addr *addr);

/* The subnet-router anycast address of an address's network (RFC 4291 2.6.1; Linux addrconf_join_anycast):
 * false where the address has none: IPv4, a port that does not forward, a network of two (RFC 6164). */
bool epoch_anycast(const struct epoch *e, const struct epoch_address *a, struct ip6_addr *anycast);

/* Whether addr is such an address of the port; PORT_NONE: of any, and not of a link's own network.  An
 * address that we have ourselves is none. */
bool epoch_is_anycast(const struct epoch *e, struct port_id port, const struct ip6_addr *addr);

/* The name of a rule, or NULL; `names` is the header's ingress_names or egress_names. */
const char *epoch_rule_name(const struct epoch *e, struct epoch_span names, uint32_t rule);

/* A string of the epoch. */
static inline const char *epoch_text(const struct epoch *e, uint32_t off)
{
	return (const char *)e->header + off;
}

#endif
