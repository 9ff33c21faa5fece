/* The writer as its caller sees it: one, its routes one by one, and going through them. */
#include "common/fib/fib.h"
#include "common/fib/writer.h"
#include "common/fib/route.h"

#include <stdlib.h>

static int writer_alloc(struct fib *fib)
{
	const struct fib_reader *r = &fib->reader;

	fib->retired_room = (size_t)r->n_lines + r->n_hops / FIB_HOPS_UNIT + r->n_nodes + r->n_entries +
	                    r->n_groups;
	fib->retired = calloc(fib->retired_room, sizeof *fib->retired);
	fib->bucket_mask = pow2_at_least(r->n_groups) - 1;
	fib->buckets = calloc(fib->bucket_mask + 1, sizeof *fib->buckets);
	fib->refs = calloc(r->n_groups, sizeof *fib->refs);
	fib->same_hash = calloc(r->n_groups, sizeof *fib->same_hash);
	fib->flat_written = calloc(FIB_DIR_WORDS / 64, sizeof(uint64_t));
	fib->dirty[0] = calloc(FIB_DIR_WORDS / 64, sizeof(uint64_t));
	fib->dirty[1] = calloc(FIB_DIR_WORDS / 64, sizeof(uint64_t));
	if (!fib->retired || !fib->buckets || !fib->refs || !fib->same_hash || !fib->dirty[0] ||
	        !fib->dirty[1] || !fib->flat_written || fib_slab_init(&fib->line_slab, r->n_lines) ||
	        fib_slab_init(&fib->hop_slab, r->n_hops / FIB_HOPS_UNIT) ||
	        fib_pool_init(&fib->node_pool, r->n_nodes) || fib_pool_init(&fib->entry_pool, r->n_entries) ||
	        fib_pool_init(&fib->group_pool, r->n_groups))
		return -ENOMEM;
	return 0;
}

int fib_open(void *region, size_t size, struct fib **out)
{
	struct fib_header *header = region;
	struct fib_layout layout;
	uint8_t *start = region;
	struct fib_reader reader;
	struct fib *fib;
	uint32_t line;
	int error = fib_attach(region, size, &reader);

	if (error || header->opened || !fib_layout(&header->limits, &layout))
		return -EINVAL;
	fib = calloc(1, sizeof *fib);
	if (!fib)
		return -ENOMEM;
	*fib = (struct fib){
	        .reader = reader,
	        .limits = header->limits,
	        .flat = (void *)(start + layout.flat),
	        .wide = (void *)(start + layout.wide),
	        .dir = (void *)(start + layout.dir),
	        .lines = (void *)(start + layout.lines),
	        .groups = (void *)(start + layout.groups),
	        .hops = (void *)(start + layout.hops),
	        .nodes = (void *)(start + layout.nodes),
	        .entries = (void *)(start + layout.entries),
	        .defaults = header->defaults,
	        .roots = header->roots,
	        .flat_parts = &header->flat_parts,
	        .flat_used = header->flat_used,
	};
	/* The first line is read by lookups that have none. */
	if (writer_alloc(fib) || !fib_slab_take(&fib->line_slab, 0, &line)) {
		fib_close(fib);
		return -ENOMEM;
	}
	assert(line == 0);
	header->opened = 1;
	*out = fib;
	return 0;
}

void fib_close(struct fib *fib)
{
	if (!fib)
		return;
	fib_slab_free(&fib->line_slab);
	fib_slab_free(&fib->hop_slab);
	free(fib->node_pool.free);
	free(fib->entry_pool.free);
	free(fib->group_pool.free);
	free(fib->retired);
	free(fib->buckets);
	free(fib->refs);
	free(fib->same_hash);
	free(fib->dirty[0]);
	free(fib->dirty[1]);
	free(fib->flat_written);
	free(fib->log);
	free(fib);
}

const struct fib_reader *fib_reader_of(const struct fib *fib)
{
	return &fib->reader;
}

uint32_t fib_route_count(const struct fib *fib, enum fib_family family)
{
	return fib->count[family];
}

void fib_usage(const struct fib *fib, struct fib_usage *usage)
{
	const struct fib_reader *r = &fib->reader;

	*usage = (struct fib_usage){
	        .line_bytes = (uint64_t)fib->line_slab.used * FIB_RUNS * sizeof(uint32_t),
	        .line_bytes_max = (uint64_t)r->n_lines * FIB_RUNS * sizeof(uint32_t),
	        .node_bytes = (uint64_t)(fib->node_pool.next - 1 - fib->node_pool.n_free) *
	                      sizeof(struct fib_node),
	        .node_bytes_max = (uint64_t)r->n_nodes * sizeof(struct fib_node),
	        .groups = fib->group_pool.next - 1 - fib->group_pool.n_free,
	        .groups_max = r->n_groups - 1,
	        .retired = fib->retired_tail - fib->retired_head,
	};
}

/* Ends a change as it went. */
static int finish(struct fib *fib, int error)
{
	if (error)
		fib_abort(fib);
	else
		fib_commit(fib);
	return error;
}

static int route_add(struct fib *fib, const struct fib_route *route, bool replace)
{
	struct fib_key key;
	int error = fib_route_check(fib, route);

	if (error)
		return error;
	key = fib_key(route->prefix.family, &route->prefix.addr);
	error = fib_route_insert(fib, route, &key, replace);
	if (!error)
		error = fib_route_show(fib, route->prefix.family, &key, route->prefix.len);
	return finish(fib, error);
}

int fib_route_add(struct fib *fib, const struct fib_route *route)
{
	return route_add(fib, route, false);
}

int fib_route_replace(struct fib *fib, const struct fib_route *route)
{
	return route_add(fib, route, true);
}

int fib_route_del(struct fib *fib, const struct fib_prefix *prefix, uint32_t metric)
{
	struct fib_key key;
	int error = fib_prefix_check(prefix);

	if (error)
		return error;
	key = fib_key(prefix->family, &prefix->addr);
	error = fib_route_remove(fib, prefix->family, &key, prefix->len, metric);
	if (error == -ENOENT)
		return error;
	if (!error)
		error = fib_route_show(fib, prefix->family, &key, prefix->len);
	return finish(fib, error);
}
