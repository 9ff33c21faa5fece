/* The writer's side: what it keeps in its heap, and how a change is made all or nothing.
 *
 * A change takes pieces (lines, nodes, ...) out of their pools, writes them while nobody can see them, stores
 * the words that make them reachable (fib_set), and gives the pieces that are no longer reachable
 * (fib_give).  All three are logged.  At the end fib_commit retires what was given; fib_abort stores the old
 * words again, last first, and retires what was taken, which readers may have seen.
 */
#ifndef SLUICE_COMMON_FIB_WRITER_H
#define SLUICE_COMMON_FIB_WRITER_H

#include "common/fib/fib.h"
#include "common/fib/region.h"

#define FIB_HOPS_UNIT (FIB_HOPS_MAX / 16) /* hops are handed out in units */

enum fib_kind {
	FIB_PIECE_LINES, /* 1 << order of them, aligned to as many */
	FIB_PIECE_HOPS,  /* 1 << order units */
	FIB_PIECE_NODE,
	FIB_PIECE_ENTRY,
	FIB_PIECE_GROUP,
};

struct fib_piece {
	uint32_t index;
	uint8_t kind; /* enum fib_kind */
	uint8_t order;
};

/* Numbers from 1 to limit - 1, handed out one by one. */
struct fib_pool {
	uint32_t next; /* above all that were ever handed out */
	uint32_t limit;
	uint32_t n_free;
	uint32_t *free;
};

/* Runs of 1, 2, 4, 8 or 16 units, aligned, out of pages of 16; free neighbours of a page join by themselves.
 */
struct fib_slab {
	uint32_t next; /* the first page never used */
	uint32_t n_pages;
	uint32_t used;                     /* units handed out */
	uint16_t *free;                    /* by page, a bit a unit */
	uint8_t *list;                     /* by page: 1 + the order of its longest free run, 0 without */
	uint32_t *after, *before;          /* by page: its list, page + 1 */
	uint32_t first[FIB_ORDER_MAX + 2]; /* by list, page + 1 */
};

enum fib_op {
	FIB_SET,
	FIB_FILL,
	FIB_TAKE,
	FIB_GIVE,
};

struct fib_log {
	uint8_t op; /* enum fib_op */
	uint16_t count;
	uint32_t old;
	union {
		uint32_t *word;
		uint16_t *words; /* count of them had the same old value */
		struct fib_piece piece;
	};
};

struct fib {
	struct fib_reader reader;
	struct fib_limits limits;
	uint16_t *flat;
	uint32_t *wide;
	uint32_t *dir;
	uint32_t *lines;
	struct fib_group *groups;
	struct fib_hop *hops;
	struct fib_node *nodes;
	struct fib_entry *entries;
	uint32_t *defaults;
	uint32_t *roots;
	uint32_t *flat_parts;
	uint32_t *flat_used;
	uint64_t *flat_written; /* a bit for each 16 bits of address */
	uint32_t count[2];

	struct fib_slab line_slab, hop_slab;
	struct fib_pool node_pool, entry_pool, group_pool;

	/* The change in hand. */
	struct fib_log *log;
	size_t n_log, log_room;
	int32_t delta[2];
	uint64_t *dirty[2]; /* by family, a bit for each 16 bits of address */

	/* Retired pieces, oldest first. */
	struct fib_piece *retired;
	size_t retired_head, retired_tail, retired_room;
	uint64_t retired_first; /* the number of the oldest */

	/* By group. */
	uint32_t *refs;
	uint32_t *same_hash;
	uint32_t *buckets; /* a power of two of them */
	uint32_t bucket_mask;
};

/* slab.c */
int fib_pool_init(struct fib_pool *pool, uint32_t limit);
bool fib_pool_take(struct fib_pool *pool, uint32_t *index);
void fib_pool_give(struct fib_pool *pool, uint32_t index);
int fib_slab_init(struct fib_slab *slab, uint32_t n_units);
void fib_slab_free(struct fib_slab *slab);
bool fib_slab_take(struct fib_slab *slab, unsigned order, uint32_t *index);
void fib_slab_give(struct fib_slab *slab, unsigned order, uint32_t index);

/* change.c: 0, -ENOSPC or -ENOMEM. */
[[nodiscard]] int fib_take(struct fib *fib, enum fib_kind kind, unsigned order, uint32_t *index);
[[nodiscard]] int fib_give(struct fib *fib, enum fib_kind kind, unsigned order, uint32_t index);
[[nodiscard]] int fib_set(struct fib *fib, uint32_t *word, uint32_t value);
/* Sets words that hold the same value to another one. */
[[nodiscard]] int fib_fill(struct fib *fib, uint16_t *words, uint32_t count, uint16_t value);
void fib_commit(struct fib *fib);
void fib_abort(struct fib *fib);

/* As take and give, outside of a change. */
bool fib_piece_take(struct fib *fib, struct fib_piece *piece);
void fib_piece_give(struct fib *fib, struct fib_piece piece);
void fib_retire(struct fib *fib, struct fib_piece piece);

/* tree.c.  A prefix is a key whose bits beyond len are 0. */
struct fib_node *fib_tree_find(
        const struct fib *fib, enum fib_family family, const struct fib_key *key, unsigned len);
/* The node of this prefix; a new one, without entries, if there is none. */
[[nodiscard]] int fib_tree_insert(struct fib *fib, enum fib_family family, const struct fib_key *key,
        unsigned len, struct fib_node **node);
/* Takes out a node without entries. */
[[nodiscard]] int fib_tree_remove(
        struct fib *fib, enum fib_family family, const struct fib_key *key, unsigned len);
/* The group of the longest prefix of 1 to len - 1 bits that holds the key's first len bits (0: none), and in
 * *below the topmost node within these bits (0: none). */
uint32_t fib_tree_cover(const struct fib *fib, enum fib_family family, const struct fib_key *key,
        unsigned len, uint32_t *below);

/* unit.c: makes the tables say what the tree says, under a prefix of at least one bit. */
[[nodiscard]] int fib_tables_update(
        struct fib *fib, enum fib_family family, const struct fib_key *key, unsigned len);
/* The same for all that is marked dirty. */
[[nodiscard]] int fib_tables_update_dirty(struct fib *fib, enum fib_family family);

/* line.c: the results of one byte, in lines and back. */
void fib_unit_expand(const struct fib *fib, uint32_t line, uint32_t value[256]);
void fib_dir_expand(const struct fib *fib, uint32_t word, uint32_t value[256]);
/* The word that stands for 256 values: that of a line, or the value itself if they are all the same group. */
[[nodiscard]] int fib_unit_write(struct fib *fib, const uint32_t value[256], uint32_t *word);
[[nodiscard]] int fib_dir_write(struct fib *fib, const uint32_t value[256], uint32_t *word);
/* The same for the flat table's 256 words behind 16 bits. */
void fib_flat_expand(const struct fib *fib, uint32_t at, uint32_t value[256]);
[[nodiscard]] int fib_flat_write(
        struct fib *fib, uint32_t at, const uint32_t before[256], const uint32_t after[256]);
/* Gives the lines themselves, not what they lead to. */
[[nodiscard]] int fib_unit_give(struct fib *fib, uint32_t line);
[[nodiscard]] int fib_dir_give(struct fib *fib, uint32_t word);

#endif
