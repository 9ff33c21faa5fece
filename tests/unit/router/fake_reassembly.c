/* No reassembly: for tests of the rest of the router. */
#include "services/router/reassembly.h"

uint64_t reassembly_bytes(const struct stage_params *params)
{
	(void)params;
	return CACHE_LINE;
}

void reassembly_init(struct reassembly *reassembly, const struct stage_params *params)
{
	(void)reassembly, (void)params;
}

struct outbox_entry *reassembly_input4(
        const struct router_call *c, struct pkt_ref r, const struct ipv4_view *view)
{
	(void)c, (void)view;
	ref_drop(r, DROP_FRAG_MEMORY);
	return NULL;
}

struct outbox_entry *reassembly_input6(const struct router_call *c, struct pkt_ref r,
        const struct ipv6_view *view, const struct reassembly_frag6 *fragment)
{
	(void)c, (void)view, (void)fragment;
	ref_drop(r, DROP_FRAG_MEMORY);
	return NULL;
}

void reassembly_timer(const struct router_call *c)
{
	(void)c;
}

nanos_t reassembly_next_timer(const struct router *router)
{
	(void)router;
	return NANOS_NEVER;
}

uint32_t reassembly_held(const struct router *router, struct pkt_index *index, uint32_t *packets)
{
	(void)router, (void)index, (void)packets;
	return 0;
}

const char *reassembly_check(const struct router *router)
{
	(void)router;
	return NULL;
}
