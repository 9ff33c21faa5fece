/* The region: its size, an empty one, a reader's view of one. */
#include "common/fib/fib.h"
#include "common/fib/region.h"

/* Retired pieces wait beside their successors, so every pool has some more than the limits need. */
#define SPARE_DIVISOR 16u
#define SPARE_LEAST   4096u

static uint64_t with_spare(uint64_t n)
{
	return n + n / SPARE_DIVISOR + SPARE_LEAST;
}

/* Lines that the limits can need.  IPv4: one for each route longer than 24 bits on its own.  IPv6: behind the
 * directory 16 for each 9 routes at worst (more than 16 runs within 16 values of a byte), but never more than
 * 16 for each of its words; then five for each route on its own, which is up to /64. */
static uint64_t lines_needed(const struct fib_limits *limits)
{
	uint64_t behind_dir = MIN(2 * (uint64_t)limits->routes6, (uint64_t)FIB_DIR_WORDS << FIB_ORDER_MAX);

	return limits->routes4 + behind_dir + 5 * (uint64_t)limits->routes6;
}

static size_t place(size_t *end, size_t bytes)
{
	size_t at = *end;

	*end = ALIGN_UP(at + bytes, (size_t)FIB_PAGE);
	return at;
}

bool fib_layout(const struct fib_limits *limits, struct fib_layout *layout)
{
	uint64_t routes = (uint64_t)limits->routes4 + limits->routes6;
	uint64_t lines = lines_needed(limits);
	size_t end = 0;

	if (routes > FIB_ROUTES_MAX || limits->groups > FIB_GROUPS_MAX || limits->hops > 4 * FIB_GROUPS_MAX)
		return false;
	layout->n_lines = (uint32_t)MIN(with_spare(lines), (uint64_t)FIB_LINES_MAX) / 16 * 16;
	layout->n_groups = limits->groups + 1;
	layout->n_hops = ALIGN_UP(limits->hops, FIB_HOPS_MAX);
	layout->n_nodes = (uint32_t)with_spare(2 * routes);
	layout->n_entries = (uint32_t)with_spare(routes);
	place(&end, sizeof(struct fib_header));
	layout->flat = place(&end, FIB_FLAT_WORDS * sizeof(uint16_t));
	layout->wide = place(&end, FIB_FLAT_WORDS * sizeof(uint32_t));
	layout->dir = place(&end, FIB_DIR_WORDS * sizeof(uint32_t));
	layout->lines = place(&end, (size_t)layout->n_lines * FIB_RUNS * sizeof(uint32_t));
	layout->groups = place(&end, layout->n_groups * sizeof(struct fib_group));
	layout->hops = place(&end, layout->n_hops * sizeof(struct fib_hop));
	layout->nodes = place(&end, layout->n_nodes * sizeof(struct fib_node));
	layout->entries = place(&end, layout->n_entries * sizeof(struct fib_entry));
	layout->size = end;
	return true;
}

size_t fib_region_size(const struct fib_limits *limits)
{
	struct fib_layout layout;

	return fib_layout(limits, &layout) ? layout.size : 0;
}

int fib_init(void *region, size_t size, const struct fib_limits *limits)
{
	struct fib_header *header = region;
	struct fib_layout layout;

	if (!fib_layout(limits, &layout) || size < layout.size || (uintptr_t)region % CACHE_LINE)
		return -EINVAL;
	header->version = FIB_VERSION;
	header->limits = *limits;
	__atomic_store_n(&header->magic, FIB_MAGIC, __ATOMIC_RELEASE); /* pairs with fib_attach */
	return 0;
}

static bool has_vector(void)
{
#if defined(__x86_64__)
	return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
	       __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
#else
	return false;
#endif
}

int fib_attach(const void *region, size_t size, struct fib_reader *reader)
{
	const struct fib_header *header = region;
	const uint8_t *start = region;
	struct fib_limits limits;
	struct fib_layout layout;

	if (size < sizeof *header || (uintptr_t)region % CACHE_LINE ||
	        __atomic_load_n(&header->magic, __ATOMIC_ACQUIRE) != FIB_MAGIC || /* pairs with fib_init */
	        header->version != FIB_VERSION)
		return -EINVAL;
	memcpy(&limits, &header->limits, sizeof limits);
	order_stores();
	if (!fib_layout(&limits, &layout) || size < layout.size)
		return -EINVAL;
	*reader = (struct fib_reader){
	        .flat = (const void *)(start + layout.flat),
	        .flat_parts = &header->flat_parts,
	        .flat_used = header->flat_used,
	        .wide = (const void *)(start + layout.wide),
	        .dir = (const void *)(start + layout.dir),
	        .lines = (const void *)(start + layout.lines),
	        .defaults = header->defaults,
	        .roots = header->roots,
	        .groups = (const void *)(start + layout.groups),
	        .hops = (const void *)(start + layout.hops),
	        .nodes = (const void *)(start + layout.nodes),
	        .entries = (const void *)(start + layout.entries),
	        .n_lines = layout.n_lines,
	        .n_groups = layout.n_groups,
	        .n_hops = layout.n_hops,
	        .n_nodes = layout.n_nodes,
	        .n_entries = layout.n_entries,
	        .vector = has_vector(),
	};
	return 0;
}
