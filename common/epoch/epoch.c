#include "common/epoch/epoch.h"

#include <stdlib.h>

static bool span_in(const struct epoch_header *h, struct epoch_span s, uint64_t size, uint64_t align)
{
	return s.count == 0 ||
	       (s.off >= sizeof *h && s.off % align == 0 && s.off + s.count * size <= h->bytes);
}

static bool header_ok(const struct epoch_header *h)
{
	if (h->ports.count > EPOCH_PORTS_MAX || h->inner.count % 4096)
		return false;
	if (h->text.count && ((const char *)h)[h->text.off + h->text.count - 1])
		return false;
	return true;
}

static bool spans_ok(const struct epoch_header *h)
{
	return span_in(h, h->ports, sizeof(struct epoch_port), 8) &&
	       span_in(h, h->inner, sizeof(uint16_t), 2) &&
	       span_in(h, h->addresses, sizeof(struct epoch_address), 8) &&
	       span_in(h, h->neighbors, sizeof(struct epoch_neighbor), 8) &&
	       span_in(h, h->neighbor_index, sizeof(uint32_t), 4) &&
	       span_in(h, h->sockets, sizeof(struct epoch_socket), 8) &&
	       span_in(h, h->ingress, 1, CACHE_LINE) && span_in(h, h->egress, 1, CACHE_LINE) &&
	       span_in(h, h->text, 1, 1) && span_in(h, h->ingress_names, sizeof(uint32_t), 4) &&
	       span_in(h, h->egress_names, sizeof(uint32_t), 4);
}

/* Whether every entry of a table by VLAN id names a port, or (where allowed) an inner table. */
static bool vlan_table_ok(const struct epoch *e, const uint16_t *table, bool inner_allowed)
{
	for (uint32_t vid = 0; vid < 4096; vid++) {
		uint16_t v = table[vid], id = v & EPOCH_VLAN_MASK;

		if (v & EPOCH_VLAN_PORT && id >= e->n_ports)
			return false;
		if (v & EPOCH_VLAN_INNER && (!inner_allowed || v & EPOCH_VLAN_PORT || id >= e->n_inner))
			return false;
	}
	return true;
}

static bool text_in(const struct epoch_header *h, uint32_t off)
{
	return off == 0 || (off >= h->text.off && off < h->text.off + h->text.count);
}

static bool port_ok(const struct epoch *e, uint32_t id)
{
	const struct epoch_header *h = e->header;
	const struct epoch_port *p = &e->ports[id];

	if (p->kind > EPOCH_PORT_LOOPBACK || p->name[EPOCH_NAME_LEN - 1] || !text_in(h, p->driver_text))
		return false;
	if (p->kind == EPOCH_PORT_NONE)
		return true;
	if (p->kind != EPOCH_PORT_LOOPBACK && (p->phys.v >= EPOCH_PHYS_MAX || p->phys.v >= e->n_ports ||
	                                              e->ports[p->phys.v].kind != EPOCH_PORT_PHYSICAL))
		return false;
	if (!port_id_equal(p->phys, PORT_NONE) && p->phys.v >= e->n_ports)
		return false;
	if (!span_in(h, p->addresses, sizeof(struct epoch_address), 8) ||
	        !span_in(h, p->groups, sizeof(struct ip6_addr), 1) ||
	        !span_in(h, p->vlans, sizeof(uint16_t), 2))
		return false;
	if (p->n_tags > 2 || (p->vlans.count && p->vlans.count != 4096))
		return false;
	return !p->vlans.count || vlan_table_ok(e, (const uint16_t *)((const char *)h + p->vlans.off), true);
}

static bool names_ok(const struct epoch_header *h, struct epoch_span names)
{
	const uint32_t *off = (const void *)((const char *)h + names.off);

	for (uint32_t i = 0; i < names.count; i++)
		if (!text_in(h, off[i]))
			return false;
	return true;
}

static bool socket_ok(const struct epoch *e, const struct epoch_socket *s)
{
	if (s->name[EPOCH_NAME_LEN - 1] || s->app > EPOCH_APP_HOLD)
		return false;
	if (s->family != 0 && s->family != 4 && s->family != 6)
		return false;
	return port_id_equal(s->port, PORT_NONE) || s->port.v < e->n_ports;
}

static bool address_ok(const struct epoch *e, const struct epoch_address *a)
{
	if (a->family != 4 && a->family != 6)
		return false;
	return a->port.v < e->n_ports && a->prefix_len <= (a->family == 4 ? 32 : 128) &&
	       a->scope <= EPOCH_SCOPE_HOST;
}

/* An empty slot ends each search; and each neighbor is found. */
static bool neighbors_ok(const struct epoch *e)
{
	uint32_t slots = e->header->neighbor_index.count, used = 0;

	if (slots != epoch_neighbor_slots(e->n_neighbors))
		return false;
	for (uint32_t i = 0; i < slots; i++) {
		used += e->neighbor_index[i] != 0;
		if (e->neighbor_index[i] > e->n_neighbors)
			return false;
	}
	if (used != e->n_neighbors)
		return false;
	for (uint32_t i = 0; i < e->n_neighbors; i++) {
		const struct epoch_neighbor *n = &e->neighbors[i];

		if (!epoch_port(e, n->port) || epoch_neighbor(e, n->port, &n->addr) != n)
			return false;
	}
	return true;
}

static bool tables_ok(const struct epoch *e)
{
	for (uint32_t id = 0; id < e->n_ports; id++)
		if (!port_ok(e, id))
			return false;
	for (uint32_t t = 0; t < e->n_inner; t++)
		if (!vlan_table_ok(e, e->inner + t * 4096, false))
			return false;
	for (uint32_t i = 0; i < e->n_addresses; i++)
		if (!address_ok(e, &e->addresses[i]))
			return false;
	if (!neighbors_ok(e))
		return false;
	for (uint32_t i = 0; i < e->n_sockets; i++)
		if (!socket_ok(e, &e->sockets[i]))
			return false;
	return names_ok(e->header, e->header->ingress_names) && names_ok(e->header, e->header->egress_names);
}

int epoch_attach(const void *region, uint64_t bytes, struct epoch *epoch)
{
	const struct epoch_header *h = region;
	const char *base = region;

	if (bytes < sizeof *h || h->magic != EPOCH_MAGIC || h->version != EPOCH_VERSION || h->bytes > bytes ||
	        h->bytes < sizeof *h || h->number == 0)
		return -EINVAL;
	if (!spans_ok(h) || !header_ok(h))
		return -EINVAL;
	*epoch = (struct epoch){
	        .header = h,
	        .ports = (const void *)(base + h->ports.off),
	        .addresses = (const void *)(base + h->addresses.off),
	        .neighbors = (const void *)(base + h->neighbors.off),
	        .neighbor_index = (const void *)(base + h->neighbor_index.off),
	        .sockets = (const void *)(base + h->sockets.off),
	        .inner = (const void *)(base + h->inner.off),
	        .n_ports = h->ports.count,
	        .n_addresses = h->addresses.count,
	        .n_neighbors = h->neighbors.count,
	        .neighbor_mask = h->neighbor_index.count - 1,
	        .n_sockets = h->sockets.count,
	        .n_inner = h->inner.count / 4096,
	        .number = h->number,
	};
	return tables_ok(epoch) ? 0 : -EINVAL;
}

int epoch_copy(const void *region, uint64_t bytes, void **copy, struct epoch *epoch)
{
	uint64_t used;
	int err;

	*copy = NULL;
	if (bytes < sizeof(struct epoch_header))
		return -EINVAL;
	used = __atomic_load_n(&((const struct epoch_header *)region)->bytes, __ATOMIC_RELAXED);
	if (used < sizeof(struct epoch_header) || used > bytes)
		return -EINVAL;
	*copy = malloc(used);
	if (!*copy)
		return -ENOMEM;
	memcpy(*copy, region, used);
	err = epoch_attach(*copy, used, epoch);
	if (err) {
		free(*copy);
		*copy = NULL;
	}
	return err;
}

uint32_t epoch_neighbor_slots(uint32_t n)
{
	return n ? pow2_at_least(2 * n) : 0;
}

void epoch_index_neighbors(uint32_t *index, const struct epoch_neighbor *neighbors, uint32_t n)
{
	uint32_t mask = epoch_neighbor_slots(n) - 1;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t at = (uint32_t)epoch_neighbor_hash(neighbors[i].port, &neighbors[i].addr);

		while (index[at & mask])
			at++;
		index[at & mask] = i + 1;
	}
}

struct port_id epoch_vlan_port(const struct epoch *e, struct port_id phys, const uint16_t *vid, uint32_t n)
{
	const struct epoch_port *p = epoch_port(e, phys);
	uint16_t v;

	if (!p || n > 2)
		return PORT_NONE;
	while (n && (vid[0] & 0xfff) == 0) {
		vid++;
		n--;
	}
	if (n == 0)
		return phys;
	if (!p->vlans.count)
		return PORT_NONE;
	v = ((const uint16_t *)((const char *)e->header + p->vlans.off))[vid[0] & 0xfff];
	if (n == 2 && (vid[1] & 0xfff) == 0)
		n = 1;
	if (n == 2 && !(v & EPOCH_VLAN_INNER))
		return PORT_NONE;
	if (v & EPOCH_VLAN_INNER)
		v = e->inner[(uint32_t)(v & EPOCH_VLAN_MASK) * 4096 + (n == 2 ? vid[1] & 0xfff : 0)];
	return v & EPOCH_VLAN_PORT ? (struct port_id){v & EPOCH_VLAN_MASK} : PORT_NONE;
}

const struct epoch_address *epoch_port_address(
        const struct epoch *e, const struct epoch_port *port, const struct ip6_addr *addr)
{
	const struct epoch_address *a = (const void *)((const char *)e->header + port->addresses.off);

	for (uint32_t i = 0; i < port->addresses.count; i++)
		if (ip6_addr_equal(&a[i].addr, addr))
			return &a[i];
	return NULL;
}

bool epoch_anycast(const struct epoch *e, const struct epoch_address *a, struct ip6_addr *anycast)
{
	const struct epoch_port *port = epoch_port(e, a->port);
	uint32_t len = a->prefix_len;

	if (a->family != 6 || a->scope == EPOCH_SCOPE_HOST || len == 0 || len >= 127 || !port ||
	        !(port->flags & EPOCH_PORT_FORWARD6))
		return false;
	*anycast = a->addr;
	for (uint32_t i = len / 8; i < 16; i++)
		anycast->b[i] &= (uint8_t)(i == len / 8 ? 0xff00u >> len % 8 : 0);
	return true;
}

bool epoch_is_anycast(const struct epoch *e, struct port_id port, const struct ip6_addr *addr)
{
	bool any = port_id_equal(port, PORT_NONE), found = false;
	struct ip6_addr anycast;

	for (uint32_t i = 0; i < e->n_addresses; i++) {
		const struct epoch_address *a = &e->addresses[i];

		if (ip6_addr_equal(&a->addr, addr))
			return false;
		if ((any ? a->scope == EPOCH_SCOPE_GLOBAL : port_id_equal(a->port, port)) &&
		        epoch_anycast(e, a, &anycast) && ip6_addr_equal(&anycast, addr))
			found = true;
	}
	return found;
}

const char *epoch_rule_name(const struct epoch *e, struct epoch_span names, uint32_t rule)
{
	const uint32_t *off = (const void *)((const char *)e->header + names.off);

	return rule < names.count && off[rule] ? epoch_text(e, off[rule]) : NULL;
}
