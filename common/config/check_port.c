#include "common/config/check.h"

#include "common/pkt/pkt.h"
#include "common/urgent/urgent.h"

#define FRAME_EXTRA 22u /* Ethernet header and two tags */

static const char *find_suggestion(struct loader *l, const char *name)
{
	const struct config_memory *m = l->config->memory;
	const char **names = arena_take(l->arena, (m->n_by_name + 1) * sizeof *names);
	const char *near;

	if (!names)
		return NULL;
	for (uint32_t i = 0; i < m->n_by_name; i++)
		names[i] = m->by_name[i]->name.text;
	near = nearest_name(name, names, m->n_by_name);
	l->hint_text = near ? phrase("Did you mean '%s'?", near)
	                    : phrase("Ports are named in `ports` and `vlans`; the first is '%s'.",
	                              m->n_by_name ? m->by_name[0]->name.text : "");
	return l->hint_text.text;
}

const struct config_port *port_named(struct loader *l, const struct config_item *item, const char *key,
        uint32_t i, const struct config_name *name)
{
	const struct config_port *p = config_port(l->config, name->text);

	if (!p && name->text[0])
		element_error(l, item, key, i, phrase("the port '%s'", name->text).text, "the name of a port",
		        find_suggestion(l, name->text));
	return p;
}

void check_appliance(struct loader *l)
{
	const struct config_appliance *a = &l->config->appliance;
	uint32_t per_lane = a->buffers / a->lanes;

	if (per_lane * a->lanes != a->buffers || per_lane & (per_lane - 1))
		item_error(l, &a->item, "buffers",
		        phrase("%u buffers for %u lanes", a->buffers, a->lanes).text,
		        "a power of two for each lane",
		        phrase("Write %u.", pow2_at_least(MAX(per_lane, 512u)) * a->lanes).text);
	if (a->buffer_bytes % (2 * CACHE_LINE) != CACHE_LINE)
		item_error(l, &a->item, "buffer_bytes", phrase("%u bytes", a->buffer_bytes).text,
		        "an odd number of cache lines of 64 bytes, so that headers do not meet in the same "
		        "cache sets",
		        phrase("Write %u.", (a->buffer_bytes / 128) * 128 + 64).text);
	if (a->cores.n > a->lanes)
		item_error(l, &a->item, "cores",
		        phrase("%u processors for %u lane%s", a->cores.n, a->lanes, a->lanes == 1 ? "" : "s")
		                .text,
		        "one for each lane at the most", "Raise `lanes`, or leave some out.");
	if (a->ring_slots & (a->ring_slots - 1))
		item_error(l, &a->item, "ring_slots", phrase("%u slots", a->ring_slots).text,
		        "a power of two", phrase("Write %u.", pow2_at_least(a->ring_slots)).text);
	if ((uint64_t)a->buffers * a->buffer_bytes > UINT64_C(64) << 30)
		item_error(l, &a->item, "buffers",
		        phrase("a pool of %llu GiB",
		                (unsigned long long)((uint64_t)a->buffers * a->buffer_bytes >> 30))
		                .text,
		        "64 GiB at most", "Lower `buffers` or `buffer_bytes`.");
}

static void check_loop_driver(struct loader *l, const struct config_port *p)
{
	const struct config_port *peer;

	if (!p->peer.text[0]) {
		item_error(l, &p->item, "driver", "the driver loop without a peer",
		        "`peer` with the name of another port",
		        "What one sends the other gets: give both ports `driver: loop` and each other as "
		        "`peer`.");
		return;
	}
	peer = port_named(l, &p->item, "peer", 0, &p->peer);
	if (!peer)
		return;
	if (peer == p || peer->kind != EPOCH_PORT_PHYSICAL)
		item_error(l, &p->item, "peer",
		        phrase("'%s' as a peer of '%s'", p->peer.text, p->name.text).text,
		        "another physical port", NULL);
	else if (peer->driver != EPOCH_DRIVER_LOOP || strcmp(peer->peer.text, p->name.text) != 0)
		item_error(l, &p->item, "peer",
		        phrase("the peer '%s', whose own peer is not '%s'", p->peer.text, p->name.text).text,
		        NULL,
		        phrase("Give '%s' `driver: loop` and `peer: %s`.", p->peer.text, p->name.text).text);
}

static void check_ring(struct loader *l, const struct config_port *p, const char *key, uint32_t slots)
{
	if (slots & (slots - 1))
		item_error(l, &p->item, key, phrase("%u frames", slots).text, "a power of two",
		        phrase("Write %u.", pow2_at_least(slots)).text);
}

/* Modes in the order of the words: auto, three of af_xdp, two of af_packet. */
static void check_mode(struct loader *l, const struct config_port *p)
{
	bool xdp = p->mode >= 1 && p->mode <= 3, packet = p->mode >= 4;

	if ((xdp && p->driver != EPOCH_DRIVER_AF_XDP) || (packet && p->driver != EPOCH_DRIVER_AF_PACKET))
		item_error(l, &p->item, "mode", "a mode of another driver", NULL,
		        "native, generic and zerocopy are af_xdp's, v2 and v3 af_packet's; auto suits all.");
}

/* Buffers of a lane that the kernel is lent for frames to come, by this port: none but AF_XDP takes any. */
static uint32_t lent_by(const struct config_port *p, uint32_t lane, uint32_t lanes)
{
	uint32_t queues = MIN(MAX(p->queues, 1u), lanes), at = (lane + lanes - p->lane % lanes) % lanes;

	return p->driver == EPOCH_DRIVER_AF_XDP && at < queues ? p->rx_ring + URGENT_RING : 0;
}

/* What the kernel holds no stage can work with: an eighth of a lane's buffers stays for what is under way.
 * Where the file is silent about the appliance, the last port is told that takes too many. */
static void check_lent(struct loader *l)
{
	const struct config_appliance *a = &l->config->appliance;
	uint32_t per_lane = a->buffers / a->lanes;

	for (uint32_t lane = 0; lane < a->lanes && !(per_lane & (per_lane - 1)); lane++) {
		const struct config_item *last = NULL;
		uint64_t lent = 0;

		for (uint32_t i = 0; i < l->config->n_ports; i++) {
			uint32_t n = lent_by(&l->config->ports[i], lane, a->lanes);

			lent += n;
			last = n ? &l->config->ports[i].item : last;
		}
		if (lent <= per_lane - per_lane / 8)
			continue;
		item_error(l, a->item.node ? &a->item : last, a->item.node ? "buffers" : "rx_ring",
		        phrase("%llu buffers of lane %u for the kernel's receive rings, of %u in all",
		                (unsigned long long)lent, lane, per_lane)
		                .text,
		        "seven eighths at the most, so that there are some for packets under way",
		        phrase("Write `appliance: { buffers: %u }`, or lower `rx_ring` of the ports.",
		                pow2_at_least((uint32_t)(lent + lent / 7 + 1)) * a->lanes)
		                .text);
		return;
	}
}

/* Settings of interfaces of the machine. */
static void check_live(struct loader *l, struct config_port *p)
{
	static const char *const of_live[] = {
	        "interface", "mode", "rx_ring", "tx_ring", "adopt", "control_dscp"};
	bool live = epoch_driver_live(p->driver);

	for (uint32_t i = 0; i < ARRAY_LEN(of_live) && !live; i++)
		if (schema_given(&section_port, &p->item, of_live[i]))
			item_error(l, &p->item, of_live[i],
			        phrase("'%s' for a port that is no interface of the machine", of_live[i])
			                .text,
			        NULL,
			        "It is a setting of the drivers af_xdp, af_packet and tap: name one as "
			        "`driver`, or take it out.");
	if (!live)
		return;
	check_ring(l, p, "rx_ring", p->rx_ring);
	check_ring(l, p, "tx_ring", p->tx_ring);
	check_mode(l, p);
	if (!schema_given(&section_port, &p->item, "checksum"))
		p->checksum_partial = true;
}

static void check_driver(struct loader *l, const struct config_port *p)
{
	static const char *const of_pcap[] = {"in", "out", "pace", "loop"};

	for (uint32_t i = 0; i < ARRAY_LEN(of_pcap); i++)
		if (p->driver != EPOCH_DRIVER_PCAP && schema_given(&section_port, &p->item, of_pcap[i]))
			item_error(l, &p->item, of_pcap[i],
			        phrase("'%s' for a port without `driver: pcap`", of_pcap[i]).text, NULL,
			        "It is a setting of the driver pcap: add `driver: pcap`, or take it out.");
	if (p->driver == EPOCH_DRIVER_LOOP)
		check_loop_driver(l, p);
	else if (p->peer.text[0])
		item_error(l, &p->item, "peer", "'peer' for a port without `driver: loop`", NULL,
		        "It is a setting of the driver loop: add `driver: loop`, or take it out.");
	if (p->lane >= l->config->appliance.lanes)
		item_error(l, &p->item, "lane", phrase("lane %u", p->lane).text,
		        phrase("a number below %u, as `appliance: lanes` says", l->config->appliance.lanes)
		                .text,
		        "Lanes count from 0.");
}

static void check_mtu(struct loader *l, struct config_port *p)
{
	uint32_t room = l->config->appliance.buffer_bytes;

	room = room > PKT_FRAME_OFF + FRAME_EXTRA ? room - PKT_FRAME_OFF - FRAME_EXTRA : 0;
	if (!p->mtu)
		p->mtu = 1500;
	if (p->ipv6 && p->mtu < 1280)
		item_error(l, &p->item, "mtu", phrase("an MTU of %u for a port with IPv6", p->mtu).text,
		        "1280 at the least (RFC 8200 5)", "Raise it, or write `ipv6: false`.");
	if (p->mtu > room)
		item_error(l, &p->item, "mtu", phrase("an MTU of %u", p->mtu).text,
		        phrase("%u at most, with buffers of %u bytes", room,
		                l->config->appliance.buffer_bytes)
		                .text,
		        phrase("Lower it, or write `appliance: { buffer_bytes: %u }`.",
		                ALIGN_UP(p->mtu + PKT_FRAME_OFF + FRAME_EXTRA + CACHE_LINE, 2u * CACHE_LINE) -
		                        CACHE_LINE)
		                .text);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(
	        (*(struct config_port *const *)a)->name.text, (*(struct config_port *const *)b)->name.text);
}

/* Puts all ports in the order of their names; the same name in `ports` and `vlans` is an error. */
static void index_names(struct loader *l)
{
	struct config *c = l->config;
	struct config_memory *m = c->memory;

	m->by_name = arena_take(l->arena, (c->n_ports + c->n_vlans + 1) * sizeof *m->by_name);
	if (!m->by_name)
		return;
	for (uint32_t i = 0; i < c->n_ports; i++)
		m->by_name[m->n_by_name++] = &c->ports[i];
	for (uint32_t i = 0; i < c->n_vlans; i++)
		m->by_name[m->n_by_name++] = &c->vlans[i];
	sort(m->by_name, m->n_by_name, sizeof *m->by_name, compare_names);
	for (uint32_t i = 1; i < m->n_by_name; i++) {
		const struct config_port *p = m->by_name[i], *q = m->by_name[i - 1];

		if (!p->name.text[0] || strcmp(p->name.text, q->name.text) != 0 || p->kind == q->kind)
			continue; /* twice in one table: the document's error */
		p = p->kind == EPOCH_PORT_VLAN ? p : q;
		node_error(l, p->item.node->key, phrase("the name '%s' for a second time", p->name.text).text,
		        NULL, "A port and a sub-port have it: rename one, as in wan.100.");
	}
}

static void check_reserved_name(struct loader *l, const struct config_port *p)
{
	if (strcmp(p->name.text, "lo") == 0)
		node_error(l, p->item.node->key, "the name 'lo'", NULL,
		        "It is the loopback port's, which is always there: choose another.");
}

void check_ports(struct loader *l)
{
	struct config *c = l->config;
	const struct node *ports = node_get(c->item.node, "ports");

	for (uint32_t i = 0; i < c->n_ports; i++)
		c->ports[i].kind = EPOCH_PORT_PHYSICAL;
	for (uint32_t i = 0; i < c->n_vlans; i++)
		c->vlans[i].kind = EPOCH_PORT_VLAN;
	index_names(l);
	if (ports && (node_is_nothing(ports) || (ports->kind == NODE_MAPPING && ports->n == 0)))
		item_error(l, &c->item, "ports", "no ports", "one at the least",
		        "ports: { wan: { addresses: [192.0.2.1/24] } }");
	for (uint32_t i = 0; i < c->n_ports; i++) {
		check_reserved_name(l, &c->ports[i]);
		check_driver(l, &c->ports[i]);
		check_live(l, &c->ports[i]);
		check_mtu(l, &c->ports[i]);
	}
	check_lent(l);
}

const struct config_port *config_port(const struct config *c, const char *name)
{
	const struct config_memory *m = c->memory;
	uint32_t low = 0, high = m->n_by_name;

	while (low < high) {
		uint32_t mid = (low + high) / 2;
		int d = strcmp(name, m->by_name[mid]->name.text);

		if (d == 0)
			return m->by_name[mid];
		if (d < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return NULL;
}
