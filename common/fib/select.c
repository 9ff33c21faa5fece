/* The ways out of a group, for readers: nothing in the region is believed that would lead out of it. */
#include "common/fib/fib.h"

const struct fib_hop *fib_group_hops(
        const struct fib_reader *reader, const struct fib_group *group, uint32_t *n)
{
	uint32_t n_hops = group->n_hops, first = group->first_hop;

	if (n_hops <= 1 || n_hops > FIB_HOPS_MAX || first > reader->n_hops ||
	        reader->n_hops - first < n_hops) {
		*n = 1;
		return &group->hop;
	}
	*n = n_hops;
	return &reader->hops[first];
}

const struct fib_hop *fib_hops_select(
        const struct fib_reader *reader, const struct fib_group *group, uint32_t hash)
{
	uint32_t n, i = 0;
	const struct fib_hop *hops = fib_group_hops(reader, group, &n);

	while (i + 1 < n && hash >> 1 > hops[i].upper_bound)
		i++;
	return &hops[i];
}
