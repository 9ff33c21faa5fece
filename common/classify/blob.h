/* The blob's layout and what the builder's parts share; private to classify.
 *
 *	header | slots (the trees) | entries (a rule's common fields) | rests (the others) | marks | lists
 *
 * All offsets are from the start of the blob.  Slots 0 .. n_trees - 1 are the roots; the children of a slot
 * stand together and behind it, so that a walk always ends.
 */
#ifndef SLUICE_COMMON_CLASSIFY_BLOB_H
#define SLUICE_COMMON_CLASSIFY_BLOB_H

#include "common/classify/classify.h"

#define BLOB_MAGIC   UINT64_C(0x31534c43584c5353)
#define BLOB_VERSION 1u

#define KEY_WORDS    (sizeof(struct classify_key) / 8)
#define COMMON_BYTES 24u /* what an entry compares: everything before out_port */
#define REST_WORDS   (KEY_WORDS - COMMON_BYTES / 8)
#define LEAF_REFS    7u
#ifndef GROW_SMALL
#define GROW_SMALL 2u
#endif
#define LEAF_GOAL     3u /* below this a leaf is not cut further */
#define SLOT_INNER    0x80u
#define SLOT_LIST     0x40u
#define NODE_BITS_MAX 14u
#define DEPTH_MAX     24u

struct blob_header {
	uint64_t magic;
	uint32_t version;
	uint32_t policy;
	uint64_t size;
	uint32_t n_rules;
	uint32_t n_rests;
	uint32_t n_slots;
	uint32_t n_lists;
	uint32_t n_trees;
	uint8_t depth[CLASSIFY_TREES_MAX];
	uint32_t zero;
	uint64_t slots_at;
	uint64_t entries_at;
	uint64_t rests_at;
	uint64_t marks_at;
	uint64_t lists_at;
	uint8_t pad[32];
};

static_assert(sizeof(struct blob_header) == 128, "the header is two cache lines");

/* A node or a leaf.  kind: the number of refs (0 to 7) of a leaf; SLOT_INNER; or SLOT_LIST, a leaf with more
 * rules than fit: lists[base .. base + count - 1].  A node's children are slots[base .. base +
 * 2^popcount(mask) - 1]; which one is told by the bits under mask of the 8 bytes at `offset` of the key,
 * packed.  In a leaf and a list, offset is 0. */
struct classify_slot {
	union {
		struct {
			uint8_t offset;
			uint8_t kind;
			uint16_t refs[LEAF_REFS]; /* ascending rule numbers */
		};
		struct {
			uint32_t head;
			uint32_t base;
			union {
				uint64_t mask;
				uint64_t count;
			};
		};
	};
};

static_assert(
        sizeof(struct classify_slot) == 16 && offsetof(struct classify_slot, refs) == 2, "four to a line");
static_assert(
        offsetof(struct classify_slot, base) == 4 && offsetof(struct classify_slot, mask) == 8, "layout");

/* A rule's test of the key's first 24 bytes, one cache line.  It is written so that one comparison does for
 * both ends of a range and for both values of a bit: the key's side is the words (or bits) and then their
 * complements.
 *
 *	the first eight 16-bit words (addresses, L4 ports, in_port, vlan): word >= low, ~word >= ~high
 *	the next eight bytes (protocol, TCP flags, shape, mark): bits has all of ones, ~bits has all of zeros
 */
struct classify_entry {
	uint16_t low[8];
	uint16_t not_high[8];
	uint64_t ones;
	uint64_t zeros;
	uint32_t rest; /* 0, or 1 + the index of the rule's other tests */
	uint8_t verdict;
	uint8_t sets_mark;
	uint8_t pad[10];
};

static_assert(
        sizeof(struct classify_entry) == 64 && offsetof(struct classify_entry, ones) == 32, "a cache line");

/* The tests of the key's other bytes under a mask, and of the sets of ports: a set is filled up by repeating
 * its first member. */
struct classify_rest {
	uint64_t care[REST_WORDS];
	uint64_t value[REST_WORDS];
	uint16_t in_set[CLASSIFY_PORTS_MAX];
	uint16_t out_set[CLASSIFY_PORTS_MAX];
	uint8_t has_in_set;
	uint8_t has_out_set;
	uint8_t pad[62];
};

static_assert(sizeof(struct classify_rest) == 192, "three cache lines");

/* A rule as bits of the key: where care is 1, a key that matches has value's bit.  What a range or a set
 * leaves open is not cared for, so that every key that matches the rule matches this too. */
struct rule_bits {
	uint64_t care[KEY_WORDS];
	uint64_t value[KEY_WORDS];
};

/* A rule in all its compiled forms.  -EINVAL where it contradicts itself. */
struct rule_compiled {
	struct rule_bits bits;
	struct classify_entry entry;
	struct classify_rest rest;
	bool has_rest;
};

int rule_compile(const struct classify_rule *rule, struct rule_compiled *out);

/* Growing arrays of the builder.  Once memory runs out, `failed` stays set and what was pushed last is lost.
 */
struct slot_vec {
	struct classify_slot *at;
	uint32_t n, cap;
};

struct ref_vec {
	uint16_t *at;
	uint32_t n, cap;
};

/* How a tree trades copies of rules for more trees.  What is best depends on the rules; several are tried. */
struct tuning {
	uint32_t root_limit; /* copies of a rule that the root may make */
	uint32_t limit;      /* copies of a rule in one tree */
	uint32_t extra_bits; /* of a node, beyond those that give each rule a child */
};

struct builder {
	const struct rule_bits *bits;
	uint32_t n_rules;
	struct tuning tuning;
	struct slot_vec slots;
	struct ref_vec lists;
	uint32_t n_trees;
	uint8_t depth[CLASSIFY_TREES_MAX];
	uint32_t *copies; /* by rule: in how many leaves of the present tree */
	uint8_t *evicted; /* by rule: goes to the next tree */
	uint8_t *stars;   /* by rule: scratch of cut_choose */
	uint32_t limit;   /* copies that a rule may have at the present node */
	uint32_t leaf_refs,
	        leaf_refs_max; /* rules in the leaves of the present tree, and where cutting ends */
	uint32_t slots_max;    /* where a try is given up */
	bool last;             /* no tree comes after the present one */
	bool overgrown;        /* given up */
	bool failed;           /* no memory */
};

/* Builds all trees over all rules into slots, lists, n_trees and depth. */
void trees_build(struct builder *b);

/* A choice of bits to cut rules by: at most NODE_BITS_MAX under mask, in the 8 bytes at offset of the key. */
struct cut {
	uint8_t offset;
	uint64_t mask;
};

/* Chooses the bits that tell most of the n rules apart; false where none does.  Rules that the choice would
 * copy more often than b->limit allows do not count. */
bool cut_choose(struct builder *b, const uint16_t *rules, uint32_t n, struct cut *cut);

/* The eight bytes at any byte offset of a rule's words. */
static always_inline uint64_t window(const uint64_t words[KEY_WORDS], uint32_t offset)
{
	return load_u64((const uint8_t *)words + offset);
}

/* The bits of x under mask, packed at the low end. */
static always_inline uint64_t bits_extract(uint64_t x, uint64_t mask)
{
#if defined(__BMI2__)
	return __builtin_ia32_pext_di(x, mask);
#else
	uint64_t packed = 0;

	for (uint64_t bit = 1; mask != 0; mask &= mask - 1, bit <<= 1) {
		if (x & mask & -mask)
			packed |= bit;
	}
	return packed;
#endif
}

#endif
