#include "services/session/state.h"

static void chain_add(struct chain *chain, const uint8_t *at, uint32_t len)
{
	chain->part[chain->n].at = at;
	chain->part[chain->n++].len = len;
	chain->total += len;
}

uint32_t chain_of_burst(struct chain *chain, const struct burst *b, uint32_t i, uint32_t off)
{
	uint32_t n = 1;

	chain->n = chain->total = 0;
	chain_add(chain, b->frame[i] + off, b->pkt[i].len - off);
	for (; b->more[i + n - 1] && i + n < b->n; n++)
		chain_add(chain, b->frame[i + n], b->pkt[i + n].len);
	return n;
}

uint32_t chain_of_queue(
        const struct session *s, uint32_t head, struct pkt *first, struct chain *chain, bool *sound)
{
	const struct pool *pool = s->env.pool;
	uint32_t n = 0, link = head | LINK_MORE;

	chain->n = chain->total = 0;
	*sound = true;
	for (; link & LINK_MORE; n++) {
		struct pkt_index index = {link_next(link) - 1};
		struct pkt p;

		link = s->state->link[index.v];
		pkt_load(pool, index, &p);
		if (!n)
			*first = p;
		if (!*sound || !pkt_check(pool, &p) || n == BURST_MAX) {
			*sound = false;
			continue;
		}
		chain_add(chain, pool_buffer(pool, index) + p.data_off + (n ? 0 : p.l4_off),
		        p.len - (n ? 0u : p.l4_off));
	}
	return n;
}

void chain_copy(const struct chain *chain, uint32_t off, void *to, uint32_t len)
{
	uint8_t *out = to;

	assert(off <= chain->total && len <= chain->total - off);
	for (uint32_t k = 0; len; k++) {
		uint32_t n = chain->part[k].len;

		if (off >= n) {
			off -= n;
			continue;
		}
		n = MIN(n - off, len);
		memcpy(out, chain->part[k].at + off, n);
		out += n;
		len -= n;
		off = 0;
	}
}

struct csum chain_sum(const struct chain *chain, struct csum sum, uint32_t len)
{
	assert(len <= chain->total);
	for (uint32_t k = 0, before = 0; before < len; k++) {
		uint32_t n = MIN(chain->part[k].len, len - before);

		sum = csum_append(sum, before, chain->part[k].at, n);
		before += n;
	}
	return sum;
}
