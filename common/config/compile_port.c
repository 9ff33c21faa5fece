#include "common/config/compile.h"

#include <stdarg.h>
#include <stdlib.h>

static bool needs_link_local(const struct config_port *p)
{
	if (!p->ipv6)
		return false;
	for (uint32_t i = 0; i < p->n_addresses; i++)
		if (address_is_link_local(&p->addresses[i]))
			return false;
	return true;
}

static bool has_tables(const struct compiler *k, uint32_t i)
{
	for (uint32_t v = 0; v < k->config->n_vlans; v++)
		if (strcmp(k->config->vlans[v].parent.text, k->config->ports[i].name.text) == 0)
			return true;
	return false;
}

/* Whether an earlier sub-port has two tags with the same parent and outer id. */
static bool outer_seen(const struct config *c, uint32_t v)
{
	for (uint32_t i = 0; i < v; i++)
		if (c->vlans[i].n_tags == 2 && c->vlans[i].vid[0] == c->vlans[v].vid[0] &&
		        strcmp(c->vlans[i].parent.text, c->vlans[v].parent.text) == 0)
			return true;
	return false;
}

static uint32_t count_joins(const struct config *c, const struct config_port *p)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < c->n_sockets; i++)
		if (!c->sockets[i].port.text[0] || strcmp(c->sockets[i].port.text, p->name.text) == 0)
			n += c->sockets[i].n_join;
	return n;
}

void count_port(struct compiler *k, uint32_t i)
{
	const struct config *c = k->config;
	const struct config_port *p = compiler_port(k, i);
	struct driver_text text;

	k->addresses.room += p->n_addresses + needs_link_local(p);
	k->groups.room += p->n_groups + count_joins(c, p);
	if (p->kind == EPOCH_PORT_VLAN) {
		k->inner.room += p->n_tags == 2 && !outer_seen(c, i - c->n_ports) ? 4096 : 0;
		return;
	}
	k->vlans.room += has_tables(k, i) ? 4096 : 0;
	driver_text(p, c->memory->folder, &text);
	compiler_text(k, text.text);
}

/* The sixth MAC byte is the port's id, the first says "locally administered". */
static struct mac_addr mac_of(const struct compiler *k, uint32_t i)
{
	const struct config_port *p = compiler_port(k, i);
	struct port_id own = {k->port_id[i]};
	const struct epoch_port *before = k->previous ? epoch_port(k->previous, own) : NULL;

	if (!mac_is_zero(&p->mac))
		return p->mac;
	if (p->kind == EPOCH_PORT_VLAN)
		return mac_of(k, (uint32_t)(config_port(k->config, p->parent.text) - k->config->ports));
	if (epoch_driver_live(p->driver) && before && before->driver && epoch_driver_live(before->driver))
		return before->mac; /* that of an interface which has vanished meanwhile */
	return (struct mac_addr){{2, 'S', 'L', 0, 0, (uint8_t)(k->port_id[i] + 1)}};
}

static void add_address(struct compiler *k, const struct config_prefix *a, struct port_id port, uint8_t flags)
{
	struct epoch_address *to = (void *)(k->base + k->addresses.off);
	uint32_t host = a->family == 4 && a->len < 31 ? UINT32_MAX >> a->len : 0;

	to += k->addresses.used++;
	*to = (struct epoch_address){
	        .addr = a->addr,
	        .family = a->family,
	        .prefix_len = a->len,
	        .scope = address_is_link_local(a) ? EPOCH_SCOPE_LINK
	                 : address_is_loopback(a) ? EPOCH_SCOPE_HOST
	                                          : EPOCH_SCOPE_GLOBAL,
	        .flags = flags,
	        .port = port,
	};
	if (host && to->scope != EPOCH_SCOPE_HOST)
		to->broadcast = be32_from_host(be32_to_host(a->addr.w32[3]) | host);
}

/* The modified EUI-64 of RFC 4291 appendix A under fe80::/64. */
static struct config_prefix link_local(const struct mac_addr *m)
{
	return (struct config_prefix){
	        .addr = {.b = {0xfe, 0x80, [8] = m->b[0] ^ 2, m->b[1], m->b[2], 0xff, 0xfe, m->b[3], m->b[4],
	                         m->b[5]}},
	        .family = 6,
	        .len = 64,
	};
}

static void add_group(struct compiler *k, uint32_t first, const struct ip6_addr *group)
{
	struct ip6_addr *to = (void *)(k->base + k->groups.off);

	for (uint32_t i = first; i < k->groups.used; i++)
		if (ip6_addr_equal(&to[i], group))
			return;
	to[k->groups.used++] = *group;
}

static void compile_groups(struct compiler *k, const struct config_port *p, struct epoch_port *to)
{
	uint32_t first = k->groups.used;

	for (uint32_t i = 0; i < p->n_groups; i++)
		add_group(k, first, &p->groups[i].addr);
	for (uint32_t s = 0; s < k->config->n_sockets; s++) {
		const struct config_socket *socket = &k->config->sockets[s];

		if (socket->port.text[0] && strcmp(socket->port.text, p->name.text) != 0)
			continue;
		for (uint32_t i = 0; i < socket->n_join; i++)
			if (socket->join[i].family == 4 || p->ipv6)
				add_group(k, first, &socket->join[i].addr);
	}
	to->groups = (struct epoch_span){
	        k->groups.off + first * (uint32_t)sizeof(struct ip6_addr), k->groups.used - first};
}

static void compile_addresses(
        struct compiler *k, const struct config_port *p, struct port_id id, struct epoch_port *to)
{
	uint32_t first = k->addresses.used;

	if (needs_link_local(p)) {
		struct config_prefix own = link_local(&to->mac);

		add_address(k, &own, id, 0);
	}
	for (uint32_t i = 0; i < p->n_addresses; i++)
		add_address(k, &p->addresses[i], id,
		        i < p->n_addresses - p->n_adopted ? 0 : EPOCH_ADDRESS_ADOPTED);
	to->addresses = (struct epoch_span){
	        k->addresses.off + first * (uint32_t)sizeof(struct epoch_address), k->addresses.used - first};
}

static uint16_t flags_of(const struct config_port *p)
{
	const struct {
		bool on;
		uint16_t flag;
	} flags[] = {
	        {p->up, EPOCH_PORT_UP},
	        {p->promiscuous || p->any_mac, EPOCH_PORT_PROMISC},
	        {p->any_mac, EPOCH_PORT_ANY_MAC},
	        {p->forwarding.ipv4, EPOCH_PORT_FORWARD4},
	        {p->forwarding.ipv6, EPOCH_PORT_FORWARD6},
	        {p->ipv6, EPOCH_PORT_IPV6},
	        {p->accept_local, EPOCH_PORT_ACCEPT_LOCAL},
	        {p->route_localnet, EPOCH_PORT_ROUTE_LOCALNET},
	        {p->accept_source_route, EPOCH_PORT_SOURCE_ROUTE},
	        {p->checksum_partial, EPOCH_PORT_CSUM_PARTIAL},
	        {p->proxy_arp, EPOCH_PORT_PROXY_ARP},
	        {p->drop_gratuitous_arp, EPOCH_PORT_DROP_GRATUITOUS},
	        {p->redirects, EPOCH_PORT_REDIRECTS},
	};
	uint16_t v = 0;

	for (uint32_t i = 0; i < ARRAY_LEN(flags); i++)
		v |= flags[i].on ? flags[i].flag : 0;
	return v;
}

static void compile_settings(const struct config_port *p, struct epoch_port *to)
{
	to->rp_filter = p->rp_filter;
	to->flags = flags_of(p);
	to->mtu = p->mtu;
	to->mss_clamp4 = to->mss_clamp6 = p->mss_clamp;
	to->hop_limit = p->hop_limit;
	to->reachable_ms = p->neighbor.reachable_ms;
	to->retrans_ms = p->neighbor.retransmit_ms;
	to->delay_first_ms = p->neighbor.delay_ms;
	to->stale_gc_ms = p->neighbor.stale_ms;
	to->mcast_solicit = p->neighbor.multicast_probes;
	to->ucast_solicit = p->neighbor.unicast_probes;
	to->dad_transmits = p->dad;
	to->gratuitous_arp = p->gratuitous_arp;
}

/* A sub-port takes from the port under it what only a wire has. */
static void inherit(const struct config_port *parent, struct epoch_port *to)
{
	const uint16_t wire = EPOCH_PORT_PROMISC | EPOCH_PORT_ANY_MAC | EPOCH_PORT_CSUM_PARTIAL;

	to->flags = (uint16_t)((to->flags & ~wire) | (flags_of(parent) & wire));
	if (!parent->up)
		to->flags &= (uint16_t)~EPOCH_PORT_UP;
}

void compile_port(struct compiler *k, uint32_t i)
{
	const struct config_port *p = compiler_port(k, i);
	struct port_id id = {k->port_id[i]};
	struct epoch_port *to = (struct epoch_port *)(void *)(k->base + k->ports.off) + id.v;
	struct driver_text text;

	memcpy(to->name, p->name.text, sizeof to->name);
	to->kind = p->kind;
	to->phys = p->kind == EPOCH_PORT_VLAN ? compiler_port_id(k, &p->parent) : id;
	to->mac = mac_of(k, i);
	compile_settings(p, to);
	compile_addresses(k, p, id, to);
	compile_groups(k, p, to);
	if (p->kind == EPOCH_PORT_VLAN) {
		to->n_tags = p->n_tags;
		memcpy(to->vid, p->vid, sizeof to->vid);
		memcpy(to->tpid, p->tpid, sizeof to->tpid);
		inherit(config_port(k->config, p->parent.text), to);
		return;
	}
	to->driver = p->driver;
	to->queues = p->queues;
	to->lane = p->lane;
	to->buffer_bytes = (uint16_t)k->config->appliance.buffer_bytes;
	driver_text(p, k->config->memory->folder, &text);
	to->driver_text = compiler_text(k, text.text);
}

void compile_loopback(struct compiler *k)
{
	const struct config_prefix own[] = {
	        {.addr = {.b = {[10] = 0xff, 0xff, 127, 0, 0, 1}}, .family = 4, .len = 8},
	        {.addr = {.b = {[15] = 1}}, .family = 6, .len = 128},
	};
	struct port_id id = {EPOCH_PORT_LO};
	struct epoch_port *to = (struct epoch_port *)(void *)(k->base + k->ports.off) + id.v;
	uint32_t first = k->addresses.used;

	*to = (struct epoch_port){
	        .name = "lo",
	        .kind = EPOCH_PORT_LOOPBACK,
	        .phys = PORT_NONE,
	        .flags = EPOCH_PORT_UP | EPOCH_PORT_IPV6,
	        .mtu = UINT16_MAX,
	        .hop_limit = 64,
	};
	add_address(k, &own[0], id, 0);
	add_address(k, &own[1], id, 0);
	to->addresses = (struct epoch_span){
	        k->addresses.off + first * (uint32_t)sizeof(struct epoch_address), 2};
}

/* The table of a physical port by outer id, made where it has none yet. */
static uint16_t *outer_table(struct compiler *k, struct port_id phys)
{
	struct epoch_port *p = (struct epoch_port *)(void *)(k->base + k->ports.off) + phys.v;

	if (!p->vlans.count) {
		p->vlans = (struct epoch_span){
		        k->vlans.off + k->vlans.used * (uint32_t)sizeof(uint16_t), 4096};
		k->vlans.used += 4096;
	}
	return (uint16_t *)(void *)(k->base + p->vlans.off);
}

void compile_vlans(struct compiler *k)
{
	uint16_t *inner = (uint16_t *)(void *)(k->base + k->inner.off);
	const struct config *c = k->config;

	for (uint32_t i = 0; i < c->n_vlans; i++) {
		const struct config_port *v = &c->vlans[i];
		uint16_t *outer = outer_table(k, compiler_port_id(k, &v->parent)) + v->vid[0];
		uint16_t port = EPOCH_VLAN_PORT | k->port_id[c->n_ports + i];

		if (v->n_tags == 2 && !(*outer & EPOCH_VLAN_INNER)) {
			inner[k->inner.used] = *outer; /* entry 0: of the outer id alone */
			*outer = (uint16_t)(EPOCH_VLAN_INNER | k->inner.used / 4096);
			k->inner.used += 4096;
		}
		if (*outer & EPOCH_VLAN_INNER)
			inner[(*outer & EPOCH_VLAN_MASK) * 4096u + (v->n_tags == 2 ? v->vid[1] : 0)] = port;
		else
			*outer = port;
	}
}

static void append(struct driver_text *to, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void append(struct driver_text *to, const char *format, ...)
{
	size_t n = strlen(to->text);
	va_list args;

	va_start(args, format);
	vsnprintf(to->text + n, sizeof to->text - n, format, args);
	va_end(args);
}

static void append_pcap(struct driver_text *to, const struct config_port *p, const char *folder)
{
	const char *in_folder = p->in && p->in[0] == '/' ? "" : folder,
	           *out_folder = p->out && p->out[0] == '/' ? "" : folder;

	if (p->in)
		append(to, "in=%s%s;", in_folder, p->in);
	if (p->out)
		append(to, "out=%s%s;", out_folder, p->out);
	if (p->pace == CONFIG_PACE_RATE)
		append(to, "pace=%u;loop=%u", p->pace_rate, p->loop);
	else
		append(to, "pace=%s;loop=%u", p->pace == CONFIG_PACE_MAX ? "max" : "capture", p->loop);
}

/* In the words of common/settings. */
static void append_live(struct driver_text *to, const struct config_port *p)
{
	static const char *const modes[] = {"auto", "native", "generic", "zerocopy", "v2", "v3"};
	const struct config_poll *q = &p->poll;

	append(to, "interface=%s;rx_ring=%u;tx_ring=%u;adopt=%u", p->interface.text, p->rx_ring, p->tx_ring,
	        p->adopt);
	if (p->driver != EPOCH_DRIVER_TAP)
		append(to, ";mode=%s;control_dscp=%u", modes[p->mode], p->control_dscp);
	append(to,
	        ";poll.weight=%u;poll.budget=%u;poll.budget_us=%u;poll.defer_hard_irqs=%u;"
	        "poll.gro_flush_timeout_us=%u;poll.busy_poll_us=%u",
	        q->weight, q->budget, q->budget_us, q->defer_hard_irqs, q->gro_flush_timeout_us,
	        q->busy_poll_us);
}

static bool has_fault(const struct config_fault *f)
{
	return f->item.node &&
	       (f->drop || f->repeat || f->reorder || f->corrupt || f->truncate || f->delay_ms);
}

void driver_text(const struct config_port *p, const char *folder, struct driver_text *to)
{
	const struct config_fault *f = &p->fault;

	to->text[0] = 0;
	if (p->driver_text)
		append(to, "%s", p->driver_text);
	else if (p->driver == EPOCH_DRIVER_PCAP)
		append_pcap(to, p, folder);
	else if (p->driver == EPOCH_DRIVER_LOOP)
		append(to, "peer=%s", p->peer.text);
	else if (epoch_driver_live(p->driver))
		append_live(to, p);
	if (!has_fault(f))
		return;
	append(to,
	        "%sfault.seed=%llu;fault.drop=%u;fault.repeat=%u;fault.reorder=%u;fault.corrupt=%u;fault."
	        "truncate=%u;"
	        "fault.delay_ms=%u",
	        to->text[0] ? ";" : "", (unsigned long long)f->seed, f->drop, f->repeat, f->reorder,
	        f->corrupt, f->truncate, f->delay_ms);
}
