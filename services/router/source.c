#include "services/router/router_internal.h"

/* Linux inet_select_addr: the first address of the port on the next hop's network, else its first one; else
 * that of any other port. */
bool source_select4(const struct router_call *c, struct port_id out, struct be32 next_hop, struct be32 *src)
{
	const struct epoch_address *first = NULL, *other = NULL;

	for (uint32_t i = 0; i < c->epoch->n_addresses; i++) {
		const struct epoch_address *a = &c->epoch->addresses[i];
		struct be32 addr = a->addr.w32[3];

		if (a->family != 4 || a->scope == EPOCH_SCOPE_HOST)
			continue;
		if (!port_id_equal(a->port, out)) {
			if (!other && a->scope == EPOCH_SCOPE_GLOBAL)
				other = a;
			continue;
		}
		if (((addr.raw ^ next_hop.raw) & ipv4_mask(a->prefix_len).raw) == 0) {
			*src = addr;
			return true;
		}
		if (!first)
			first = a;
	}
	if (!first)
		first = other;
	if (first)
		*src = first->addr.w32[3];
	return first;
}

static uint32_t common_bits(const struct ip6_addr *a, const struct ip6_addr *b)
{
	for (uint32_t i = 0; i < 16; i++)
		if (a->b[i] != b->b[i])
			return i * 8 + (uint32_t)__builtin_clz((uint32_t)(a->b[i] ^ b->b[i]) << 24);
	return 128;
}

/* What RFC 6724 section 5 compares, rule for rule. */
struct candidate {
	const struct epoch_address *a;
	bool same;      /* rule 1 */
	uint32_t scope; /* rule 2 */
	bool on_port;   /* rule 5 */
	bool label;     /* rule 6 */
	uint32_t bits;  /* rule 8 */
};

/* The labels of RFC 6724 2.1 that a host of ours may meet. */
static uint32_t label_of(const struct ip6_addr *a)
{
	static const struct ip6_addr teredo = {.b = {0x20, 0x01}}, six_to_four = {.b = {0x20, 0x02}};

	if (ip6_is_loopback(a))
		return 0;
	if (ip6_addr_is_mapped(a))
		return 4;
	if (ip6_prefix_equal(a, &teredo, 32))
		return 5;
	if (ip6_prefix_equal(a, &six_to_four, 16))
		return 2;
	if (ip6_is_unique_local(a))
		return 13;
	if (ip6_is_site_local(a))
		return 11;
	return 1;
}

/* Is x the better one? */
static bool candidate_beats(const struct candidate *x, const struct candidate *y, uint32_t scope)
{
	if (!y->a)
		return true;
	if (x->same != y->same)
		return x->same;
	if (x->scope != y->scope)
		return x->scope < y->scope ? x->scope >= scope : y->scope < scope;
	if (x->on_port != y->on_port)
		return x->on_port;
	if (x->label != y->label)
		return x->label;
	return x->bits > y->bits;
}

bool source_select6(
        const struct router_call *c, struct port_id out, const struct ip6_addr *dst, struct ip6_addr *src)
{
	uint32_t scope = (uint32_t)ip6_scope(dst);
	bool strict = scope <= IP6_SCOPE_LINK;
	struct candidate best = {};

	for (uint32_t i = 0; i < c->epoch->n_addresses; i++) {
		const struct epoch_address *a = &c->epoch->addresses[i];
		bool on_port = port_id_equal(a->port, out);
		struct candidate x = {
		        .a = a,
		        .same = ip6_addr_equal(&a->addr, dst),
		        .scope = (uint32_t)ip6_scope(&a->addr),
		        .on_port = on_port,
		        .label = label_of(&a->addr) == label_of(dst),
		        .bits = MIN(common_bits(&a->addr, dst), (uint32_t)a->prefix_len),
		};

		if (a->family != 6 || ip6_is_loopback(&a->addr) ||
		        (!on_port && (strict || x.scope == IP6_SCOPE_LINK)))
			continue;
		if (neighbor_address_tentative(&c->router->table, a->port, &a->addr))
			continue;
		if (candidate_beats(&x, &best, scope))
			best = x;
	}
	if (best.a)
		*src = best.a->addr;
	return best.a;
}
