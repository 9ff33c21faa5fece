/* classify: ordered rules over packets, compiled into one immutable blob that many processes read.
 *
 * The control process builds (classify_build) a blob into an epoch's region; the filter attaches to it
 * (classify_attach, which checks every byte that a lookup may follow), and then, for each burst:
 *
 *	classify_bulk(&c, keys, n, first);                the first rule that each packet matches
 *	for each packet:
 *		walk = classify_walk_start(keys[i]->mark);
 *		do {
 *			more = classify_run(&c, keys[i], first[i], &walk);   all matches, verdict, mark
 *			count each walk.rules[0 .. walk.n - 1]
 *		} while (more);
 *
 * What a ruleset means.  Rules are numbered from 0 in their order.  Matching starts at rule 0 and looks for
 * the first rule of which every given field matches.  That rule counts one (the caller keeps the counters, by
 * rule number); if it sets bits of the mark, the mark changes now.  A rule whose verdict is PASS or DROP
 * decides, and matching ends.  A rule whose verdict is CONTINUE does not: matching goes on with the rules
 * after it, which see the new mark.  Where no rule decides, the policy does.  An empty ruleset costs one
 * branch.
 *
 * How it is found.  Each rule is a ternary word over the key's bits.  The rules are dealt to at most 8 trees;
 * a node of a tree picks some bits of the key (a mask over 8 bytes) and has a child for each value of them; a
 * leaf names the few rules left, which are compared in full.  A rule that would be copied into too many
 * children goes to the next tree.
 *
 * What it costs.  A packet costs the depth of the trees and the rules in one leaf of each; classify_cost
 * bounds both for a blob (for 10,000 five-tuples of mixed shapes: 3 trees, 12 steps, 22 rules).  The bound
 * over all rulesets is 8 trees of 25 steps, and each rule compared once a tree: rules that no bit tells apart
 * (port ranges that all hold the middle) are compared in order until one matches.  A CONTINUE rule that
 * matches costs one more lookup.
 *
 * Any thread may call anything; a blob never changes and a struct classify is only read.
 */
#ifndef SLUICE_COMMON_CLASSIFY_CLASSIFY_H
#define SLUICE_COMMON_CLASSIFY_CLASSIFY_H

#include "common/base/base.h"

#define CLASSIFY_RULES_MAX 65535u
#define CLASSIFY_PORTS_MAX 8u
#define CLASSIFY_TREES_MAX 8u
#define CLASSIFY_WALK_MAX  16u
#define CLASSIFY_NO_RULE   UINT32_MAX
#define CLASSIFY_UNTAGGED  UINT16_C(0xffff)

enum classify_verdict {
	CLASSIFY_PASS,
	CLASSIFY_DROP,
	CLASSIFY_CONTINUE,
};

/* Bit 1 says that it is IP. */
enum classify_family {
	CLASSIFY_NOT_IP = 0,
	CLASSIFY_IPV4 = 2,
	CLASSIFY_IPV6 = 3,
};

/* What follows the IP header and its extensions: nothing that we read (another protocol, a later fragment,
 * too short), TCP, UDP or another protocol with ports, or ICMP or ICMPv6. */
enum classify_l4 {
	CLASSIFY_L4_NONE,
	CLASSIFY_L4_PORTS,
	CLASSIFY_L4_ICMP,
};

enum classify_fragment {
	CLASSIFY_WHOLE = 0,
	CLASSIFY_ANY_FRAGMENT = 1, /* in a rule only: first or later */
	CLASSIFY_FIRST_FRAGMENT = 2,
	CLASSIFY_LATER_FRAGMENT = 3,
};

/* What the filter knows of a packet.  Integers are in host order; MAC addresses and the later parts of IPv6
 * addresses are as on the wire.  A field that the packet does not have may hold anything, save these, which
 * are always read: in_port, out_port (PORT_NONE where not known yet), vlan and inner_vlan (VID, or
 * CLASSIFY_UNTAGGED), ethertype, MACs, shape (classify_shape), mark; and ip_proto where the family is not
 * NOT_IP; tcp_flags where ip_proto is TCP and the shape has ports. */
struct classify_key {
	uint32_t saddr; /* IPv4, or the first 32 bits of IPv6 */
	uint32_t daddr;
	union {
		uint16_t l4_sport;
		uint16_t icmp_type;
	};
	union {
		uint16_t l4_dport;
		uint16_t icmp_code;
	};
	struct port_id in_port;
	uint16_t vlan;
	uint8_t ip_proto;
	uint8_t tcp_flags; /* byte 13 of the TCP header */
	uint8_t shape;
	uint8_t zero;
	uint32_t mark;
	struct port_id out_port;
	uint16_t inner_vlan;
	uint16_t ethertype; /* of the payload, behind all tags */
	struct mac_addr dmac;
	struct mac_addr smac;
	uint8_t zeros[6];
	uint8_t saddr_tail[12]; /* bits 32 to 127 of an IPv6 address */
	uint8_t daddr_tail[12];
} __attribute__((aligned(8)));

static_assert(sizeof(struct classify_key) == 72, "rules are compiled to the layout of the key");
static_assert(offsetof(struct classify_key, ip_proto) == 16 && offsetof(struct classify_key, out_port) == 24,
        "layout");

/* The packet's family, fragment state and what its layer 4 offers, in the key's one byte. */
static always_inline uint8_t classify_shape(
        enum classify_family family, enum classify_fragment fragment, enum classify_l4 l4)
{
	return (uint8_t)((unsigned)family | (unsigned)fragment << 2 | (unsigned)l4 << 4);
}

/* Which fields of a rule are given; those not given match anything. */
enum classify_field {
	CLASSIFY_F_IN_PORT = 1 << 0,
	CLASSIFY_F_OUT_PORT = 1 << 1,
	CLASSIFY_F_SMAC = 1 << 2,
	CLASSIFY_F_DMAC = 1 << 3,
	CLASSIFY_F_VLAN = 1 << 4,
	CLASSIFY_F_INNER_VLAN = 1 << 5,
	CLASSIFY_F_ETHERTYPE = 1 << 6,
	CLASSIFY_F_FAMILY = 1 << 7,
	CLASSIFY_F_SRC = 1 << 8, /* needs F_FAMILY, IPv4 or IPv6 */
	CLASSIFY_F_DST = 1 << 9, /* needs F_FAMILY, IPv4 or IPv6 */
	CLASSIFY_F_PROTO = 1 << 10,
	CLASSIFY_F_L4_SPORT = 1 << 11, /* matches only packets that have ports */
	CLASSIFY_F_L4_DPORT = 1 << 12,
	CLASSIFY_F_ICMP_TYPE = 1 << 13, /* matches only ICMP and ICMPv6 */
	CLASSIFY_F_ICMP_CODE = 1 << 14,
	CLASSIFY_F_TCP_FLAGS = 1 << 15, /* matches only TCP */
	CLASSIFY_F_FRAGMENT = 1 << 16,  /* matches only IP */
	CLASSIFY_F_MARK = 1 << 17,
	CLASSIFY_F_ALL = (1 << 18) - 1,
};

struct classify_ports {
	uint32_t n; /* 1 to CLASSIFY_PORTS_MAX */
	struct port_id id[CLASSIFY_PORTS_MAX];
};

struct classify_mac {
	struct mac_addr value;
	struct mac_addr mask;
};

/* An IPv4 address is mapped (ip6_addr_mapped); len is 0 to 32 for IPv4, 0 to 128 for IPv6.  Bits beyond len
 * are ignored. */
struct classify_prefix {
	struct ip6_addr addr;
	uint8_t len;
};

struct classify_range {
	uint16_t first;
	uint16_t last; /* inclusive */
};

struct classify_bits32 {
	uint32_t value;
	uint32_t mask;
};

struct classify_rule {
	uint32_t fields; /* enum classify_field */
	enum classify_verdict verdict;
	struct classify_bits32
	        set_mark; /* mark = (mark & ~set.mask) | (set.value & set.mask); mask 0 leaves it */
	struct classify_ports in_port;
	struct classify_ports out_port;
	struct classify_mac smac;
	struct classify_mac dmac;
	uint16_t vlan; /* 0 to 4095, or CLASSIFY_UNTAGGED */
	uint16_t inner_vlan;
	uint16_t ethertype;
	enum classify_family family;
	struct classify_prefix src;
	struct classify_prefix dst;
	uint8_t proto;
	struct classify_range l4_sport;
	struct classify_range l4_dport;
	uint8_t icmp_type;
	uint8_t icmp_code;
	uint8_t tcp_flags;
	uint8_t tcp_flags_mask;
	enum classify_fragment fragment;
	struct classify_bits32 mark;
};

/* A reader's view of a blob, in the reader's own memory. */
struct classify {
	const struct classify_slot *slots;
	const struct classify_entry *entries;
	const struct classify_rest *rests;
	const struct classify_bits32 *marks;
	const uint16_t *lists;
	uint32_t n_rules;
	uint32_t n_slots;
	uint32_t n_trees;
	uint8_t depth[CLASSIFY_TREES_MAX];
	enum classify_verdict policy;
};

/* The matches of one packet.  rules[0 .. n - 1] are those that the last classify_run found, in their order.
 */
struct classify_walk {
	uint32_t mark;
	enum classify_verdict verdict; /* PASS or DROP once classify_run returned false, CONTINUE before */
	bool by_policy;                /* no rule decided */
	uint32_t next;                 /* where matching goes on */
	uint32_t n;
	uint32_t rules[CLASSIFY_WALK_MAX];
};

/* The most that one lookup of one packet can cost. */
struct classify_cost {
	uint32_t trees;
	uint32_t steps;    /* nodes visited, over all trees */
	uint32_t compares; /* rules compared in full, over all trees */
	uint32_t slots;    /* size of all trees, 16 bytes each */
};

/* Compiles n rules (0 to CLASSIFY_RULES_MAX) with `policy` (PASS or DROP) into blob, cap bytes at a multiple
 * of 64. Gives 0 with *used the bytes written; -ENOSPC with *used the bytes needed (a NULL blob with cap 0
 * asks for them; nothing is written); -EINVAL with *used the number of the rule that contradicts itself or is
 * out of range (n where it is the call that is wrong); -E2BIG for too many rules; -ENOMEM.  The same rules
 * always give the same bytes. Allocates and frees its scratch memory; not for packet code. */
int classify_build(const struct classify_rule *rules, uint32_t n, enum classify_verdict policy, void *blob,
        size_t cap, size_t *used);

/* Checks a blob of size bytes at a multiple of 64 and fills *c, which then points into it: the blob must stay
 * mapped and must not change.  Whatever the bytes are, a blob that is accepted is never read outside of it.
 * Gives 0; -EINVAL where it is no blob of this version or inconsistent.  O(size). */
int classify_attach(struct classify *c, const void *blob, size_t size);

/* The bytes that the blob takes, out of its header, for a region larger than it; 0 where it is none. */
size_t classify_blob_size(const void *blob, size_t size);

static always_inline bool classify_is_empty(const struct classify *c)
{
	return c->n_rules == 0;
}

/* first[i] = number of the first rule that keys[i] matches, CONTINUE rules included, or CLASSIFY_NO_RULE; for
 * any n. Best with 16 keys or more at a time. */
void classify_bulk(
        const struct classify *c, const struct classify_key *const keys[], uint32_t n, uint32_t first[]);

/* The first rule from number `from` on that the key matches, with `mark` in place of the key's; or
 * CLASSIFY_NO_RULE. */
uint32_t classify_next(
        const struct classify *c, const struct classify_key *key, uint32_t mark, uint32_t from);

/* A walk at its beginning, with the packet's mark. */
static always_inline struct classify_walk classify_walk_start(uint32_t mark)
{
	return (struct classify_walk){.mark = mark, .verdict = CLASSIFY_CONTINUE};
}

/* Goes on with a walk until it is decided (false) or walk->rules is full (true: count them, call again).
 * `first` is what classify_bulk found for the key; it is used by the first call of a walk alone.  walk->rules
 * holds the new matches of this call, walk->mark the mark after them. */
[[nodiscard]] bool classify_run(
        const struct classify *c, const struct classify_key *key, uint32_t first, struct classify_walk *walk);

/* The verdict of a packet whose first match is `first`, where that alone decides and the mark stays; CONTINUE
 * where a walk is needed. */
enum classify_verdict classify_decides(const struct classify *c, uint32_t first);

/* The worst case over all packets of this blob.  O(size). */
void classify_cost(const struct classify *c, struct classify_cost *cost);

#endif
