/* How a FIB lies in its region: the header, and one array behind the other.  Readers and the writer work the
 * places out from the limits; no offset is read from the region. */
#ifndef SLUICE_COMMON_FIB_REGION_H
#define SLUICE_COMMON_FIB_REGION_H

#include "common/fib/fib.h"

#define FIB_PAGE      4096u
#define FIB_DIR_WORDS 65536u

/* IPv4: a word of 16 bits for each 24 bits of address, a group, or FIB_WIDE: it and what lies below do not
 * fit, and stand in a table of words of 32 bits (the 24 bits of a line's value) by the same 24 bits of
 * address. */
#define FIB_FLAT_WORDS (1u << 24)
#define FIB_WIDE       0x8000u

/* A line: FIB_RUNS words in order of their starts; the last run's word fills the rest. */
#define FIB_RUNS       16u
#define FIB_START_BITS 24u
#define FIB_VALUE      0xffffffu
#define FIB_DEEP       0x800000u /* the value is a line: for the next byte, */
#define FIB_SAME       0x400000u /* or, with this, for the same byte again */
#define FIB_PAYLOAD    0x3fffffu
#define FIB_LINES_MAX  (FIB_PAYLOAD + 1)

/* IPv6: a word of the directory for each 16 bits of address: a group, the same for all that follows, or with
 * FIB_LINES the first of 1 << order lines.
 */
#define FIB_LINES      0x80000000u
#define FIB_ORDER_BITS 3u
#define FIB_ORDER_MASK 7u
#define FIB_ORDER_MAX  4u

static_assert(FIB_LINES_MAX <= FIB_LINES >> FIB_ORDER_BITS, "a line fits a word of the directory");

static_assert(FIB_GROUPS_MAX <= FIB_PAYLOAD, "a group fits a line's word");

struct fib_header {
	uint32_t magic;
	uint32_t version;
	struct fib_limits limits;
	uint32_t opened; /* a writer took it */
	uint32_t defaults[2];
	uint32_t roots[2];
	uint32_t zero[5];
	/* What of the flat table was ever written to: how many parts of 16 bits, and a bit for each first
	 * byte. */
	uint32_t flat_parts __attribute__((aligned(64)));
	uint32_t flat_used[8];
} __attribute__((aligned(64)));

static_assert(sizeof(struct fib_header) == 128 && offsetof(struct fib_header, flat_parts) == 64, "two lines");

/* With no more parts than this the flat table is likely in the cache. */
#define FIB_FEW_PARTS 512u

/* A node of the writer's tree (a Patricia trie of both families): a prefix that has routes or two children.
 * Everything but child and entry is fixed once a link leads here.  0 is no node. */
struct fib_node {
	uint64_t key[2]; /* host order, IPv4 in the upper 32 bits */
	uint32_t child[2];
	uint32_t entry; /* the lowest metric */
	uint8_t len;
	uint8_t zero[3];
};

static_assert(sizeof(struct fib_node) == 32, "two in a line");

/* A route of a node.  Everything but next is fixed once a link leads here.  0 is no entry. */
struct fib_entry {
	uint32_t next; /* higher metric */
	uint32_t metric;
	uint32_t group;
	uint8_t protocol;
	uint8_t origin;
	uint8_t zero[2];
};

static_assert(sizeof(struct fib_entry) == 16, "four in a line");

struct fib_layout {
	size_t flat, wide, dir, lines, groups, hops, nodes, entries, size; /* bytes from the region's start */
	uint32_t n_lines, n_groups, n_hops, n_nodes, n_entries;
};

/* Places and counts for these limits.  False: a limit is too high. */
bool fib_layout(const struct fib_limits *limits, struct fib_layout *layout);

/* An address as the writer's tree has it. */
struct fib_key {
	uint64_t word[2];
};

static always_inline struct fib_key fib_key(enum fib_family family, const struct ip6_addr *addr)
{
	if (family == FIB_IPV4)
		return (struct fib_key){{(uint64_t)be32_to_host(addr->w32[3]) << 32, 0}};
	return (struct fib_key){
	        {__builtin_bswap64(load_u64(addr->b)), __builtin_bswap64(load_u64(addr->b + 8))}};
}

static always_inline unsigned fib_key_bit(const uint64_t key[2], unsigned bit)
{
	return bit >= 128 ? 0 : key[bit >> 6] >> (63 - (bit & 63)) & 1;
}

/* The byte of a key, 0 the first. */
static always_inline unsigned fib_key_byte(const uint64_t key[2], unsigned byte)
{
	return key[byte >> 3] >> (56 - 8 * (byte & 7)) & 0xff;
}

/* How many leading bits two keys share. */
static always_inline unsigned fib_key_common(const uint64_t a[2], const uint64_t b[2])
{
	if (a[0] != b[0])
		return (unsigned)__builtin_clzll(a[0] ^ b[0]);
	return a[1] != b[1] ? 64 + (unsigned)__builtin_clzll(a[1] ^ b[1]) : 128;
}

/* The prefix that a node stands for, with the route of an entry. */
void fib_route_make(enum fib_family family, const struct fib_node *node, const struct fib_entry *entry,
        struct fib_route *route);

#endif
