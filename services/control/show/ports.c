/* ports: what the configuration says, what the opener found, what was counted. */
#include "services/control/internal.h"

#include "common/wire/text.h"

#include <stdio.h>
#include <stdlib.h>

#define TEXT_MAX     64u
#define ADDRESSES    32u /* shown, of a port */
#define COUNTERS_MAX 32u /* the kernel's, and those of the poll loop */

struct port_message {
	Sluice__Port port;
	struct port_view view;
	char mac[TEXT_MAC_SIZE];
	char address[ADDRESSES][TEXT_MAX], *addresses[ADDRESSES], *adopted[ADDRESSES];
	char not_adopted[512];
	Sluice__PortCounter counter[COUNTERS_MAX], *counters[COUNTERS_MAX];
	Sluice__VlanTag tag[2], *tags[2];
};

const char *port_driver_name(uint8_t driver)
{
	switch ((enum epoch_driver)driver) {
	case EPOCH_DRIVER_NONE: return "none";
	case EPOCH_DRIVER_PCAP: return "pcap";
	case EPOCH_DRIVER_LOOP: return "loop";
	case EPOCH_DRIVER_AF_XDP: return "af_xdp";
	case EPOCH_DRIVER_AF_PACKET: return "af_packet";
	case EPOCH_DRIVER_TAP: return "tap";
	}
	return "unknown";
}

static void fill_addresses(struct port_message *m, const struct epoch *epoch, const struct epoch_port *p)
{
	for (uint32_t i = 0; i < epoch->n_addresses && m->port.n_addresses < ADDRESSES; i++) {
		const struct epoch_address *a = &epoch->addresses[i];
		char *to = m->address[m->port.n_addresses], text[TEXT_IP6_SIZE];

		if (a->port.v != (uint16_t)(p - epoch->ports))
			continue;
		if (a->family == 4)
			text_ipv4(text, a->addr.w32[3]);
		else
			text_ip6(text, &a->addr);
		snprintf(to, TEXT_MAX, "%s/%u", text, a->prefix_len);
		m->addresses[m->port.n_addresses++] = to;
		if (a->flags & EPOCH_ADDRESS_ADOPTED)
			m->adopted[m->port.n_adopted++] = to;
	}
	m->port.addresses = m->addresses;
	m->port.adopted = m->adopted;
}

/* Of the kernel's addresses and routes what the configuration contradicts, and what the opener had no words
 * for. */
static void fill_not_adopted(struct port_message *m, const struct control *c)
{
	const struct config *config = control_config(c);
	const struct config_port *p = config ? config_port(config, m->port.name) : NULL;
	const struct board_adopted *told = control_board(c) ? &control_board(c)->adopted[m->view.id] : NULL;
	uint32_t left_out = told ? __atomic_load_n(&told->left_out, __ATOMIC_RELAXED) : 0;
	const char *why = p && p->not_adopted ? p->not_adopted : "";
	char more[80] = "";

	if (left_out)
		snprintf(more, sizeof more, "%s%u of a kind that is not known here, or too many",
		        *why ? "; and " : "", left_out);
	snprintf(m->not_adopted, sizeof m->not_adopted, "%s%s", why, more);
	m->port.not_adopted = m->not_adopted;
}

static const char *duplex_name(uint8_t duplex)
{
	switch ((enum board_duplex)duplex) {
	case BOARD_DUPLEX_UNKNOWN: return "";
	case BOARD_DUPLEX_HALF: return "half";
	case BOARD_DUPLEX_FULL: return "full";
	}
	return "";
}

/* What is known of an interface of the machine; zero and empty for a port that is none. */
static void fill_board(struct port_message *m)
{
	struct board_port *b = &m->view.board;
	Sluice__Port *to = &m->port;

	to->mode = b->mode_name;
	to->why_not = b->why_not;
	to->ifindex = b->ifindex;
	to->mtu = b->mtu ? b->mtu : to->mtu;
	to->speed_mbps = b->speed_mbps;
	to->duplex = (char *)duplex_name(b->duplex);
	to->queues = b->queues ? b->queues : to->queues;
	to->incarnation = b->incarnation;
}

static void add_counter(struct port_message *m, const char *name, uint64_t value)
{
	Sluice__PortCounter *to = &m->counter[m->port.n_counters];

	if (m->port.n_counters == COUNTERS_MAX)
		return;
	sluice__port_counter__init(to);
	to->name = (char *)name;
	to->value = value;
	m->counters[m->port.n_counters++] = to;
	m->port.counters = m->counters;
}

static void fill_kernel_counters(struct port_message *m)
{
	const struct board_port *b = &m->view.board;

	add_counter(m, "kernel_rx_dropped", b->rx_dropped);
	add_counter(m, "kernel_rx_ring_full", b->rx_ring_full);
	add_counter(m, "kernel_rx_fill_empty", b->rx_fill_empty);
	add_counter(m, "kernel_rx_urgent_full", b->urgent_dropped);
	add_counter(m, "kernel_rx_errors", b->rx_errors);
	add_counter(m, "kernel_tx_dropped", b->tx_dropped);
	add_counter(m, "kernel_tx_errors", b->tx_errors);
	add_counter(m, "changes", b->changes);
}

/* Over all lanes; an appliance's life long, whatever was started again meanwhile. */
static void sum_polls(struct poll_port *sum, const struct appliance *a, uint32_t id)
{
	for (uint32_t l = 0; l < a->plan.params.lanes; l++) {
		const struct poll_port *p =
		        &appliance_polls(a, plan_worker_id(&a->plan, STAGE_INGEST, l))->port[id];

		sum->rx_bytes += poll_stats_get(&p->rx_bytes);
		sum->tx_bytes += poll_stats_get(&p->tx_bytes);
		sum->rx_missed += poll_stats_get(&p->rx_missed);
		sum->rx_errors += poll_stats_get(&p->rx_errors);
		sum->rx_segments += poll_stats_get(&p->rx_segments);
		sum->tx_errors += poll_stats_get(&p->tx_errors);
		sum->polls += poll_stats_get(&p->polls);
		sum->completes += poll_stats_get(&p->completes);
		sum->deferrals += poll_stats_get(&p->deferrals);
		sum->wakeups += poll_stats_get(&p->wakeups);
		sum->kicks += poll_stats_get(&p->kicks);
		sum->in_doubt += poll_stats_get(&p->in_doubt);
	}
}

/* A driver that nobody opens for ingest says itself why it could not. */
static void view_own_state(struct port_view *v, const struct appliance *a)
{
	for (uint32_t l = 0; l < a->plan.params.lanes; l++) {
		const struct poll_port *p =
		        &appliance_polls(a, plan_worker_id(&a->plan, STAGE_INGEST, l))->port[v->id];

		if (__atomic_load_n(&p->state, __ATOMIC_ACQUIRE) != POLL_PORT_DOWN)
			continue;
		memcpy(v->why, p->reason, sizeof v->why - 1);
		v->state = "down";
		v->reason = v->why;
		v->carrier = false;
	}
}

/* The configuration may be meant for a replay. */
static void view_undriven(struct port_view *v)
{
	v->state = "down";
	v->reason = "it has no `driver` (af_xdp, af_packet, tap): only `sluice replay` gives it packets";
	v->carrier = false;
}

/* What the opener says of an interface of the machine. */
static void view_opened(struct port_view *v, const struct board *board)
{
	board_port_read(&board->port[v->id], &v->board);
	if (strncmp(v->board.name, v->port->name, sizeof v->board.name) == 0) {
		v->state = board_port_state_name(v->board.state);
		v->reason = v->board.reason;
		v->carrier = v->board.carrier;
		return;
	}
	v->board = (struct board_port){0};
	v->state = "closed";
	v->reason = "the opener has not come to it yet";
	v->carrier = false;
}

void port_view(struct port_view *v, const struct control *c, const struct epoch_port *p)
{
	*v = (struct port_view){
	        .port = p,
	        .id = (uint32_t)(p - publisher_epoch(&c->publisher)->ports),
	        .state = p->flags & EPOCH_PORT_UP ? "up" : "down",
	        .reason = "",
	        .carrier = p->flags & EPOCH_PORT_UP,
	};
	sum_polls(&v->polls, c->appliance, v->id);
	if (p->driver == EPOCH_DRIVER_NONE)
		view_undriven(v);
	else if (!epoch_driver_live(p->driver))
		view_own_state(v, c->appliance);
	else if (control_board(c))
		view_opened(v, control_board(c));
}

static void fill_poll_counters(struct port_message *m)
{
	const struct poll_port *p = &m->view.polls;

	add_counter(m, "rx_missed", p->rx_missed);
	add_counter(m, "rx_segments", p->rx_segments);
	add_counter(m, "rx_polls", p->polls);
	add_counter(m, "rx_completes", p->completes);
	add_counter(m, "rx_deferrals", p->deferrals);
	add_counter(m, "rx_wakeups", p->wakeups);
	add_counter(m, "kicks", p->kicks);
	add_counter(m, "tx_in_doubt", p->in_doubt);
}

static void fill_physical(struct port_message *m, const struct control *c, const struct account *account,
        const struct epoch_port *p)
{
	struct port_view *v = &m->view;

	port_view(v, c, p);
	m->port.kind = (char *)"physical";
	m->port.driver = (char *)port_driver_name(
	        v->board.incarnation ? (uint8_t)v->board.driver : p->driver);
	m->port.state = (char *)v->state;
	m->port.reason = (char *)v->reason;
	m->port.carrier = v->carrier;
	m->port.queues = p->queues;
	m->port.rx_packets = account->port_in[v->id];
	m->port.tx_packets = account->port_out[v->id];
	m->port.rx_bytes = v->polls.rx_bytes;
	m->port.tx_bytes = v->polls.tx_bytes;
	m->port.rx_dropped = v->polls.rx_missed + v->board.rx_dropped;
	m->port.rx_errors = v->polls.rx_errors + v->board.rx_errors;
	m->port.tx_dropped = v->board.tx_dropped;
	m->port.tx_errors = v->polls.tx_errors + v->board.tx_errors;
	fill_board(m);
	fill_not_adopted(m, c);
	fill_poll_counters(m);
	if (*v->board.name)
		fill_kernel_counters(m);
}

/* What the filter has counted of a sub-port, over all lanes. */
static void fill_vlan_counts(Sluice__Port *to, const struct appliance *a, uint32_t id)
{
	for (uint32_t l = 0; l < a->plan.params.lanes; l++) {
		const struct port_count *c =
		        &appliance_port_counts(a, plan_worker_id(&a->plan, STAGE_FILTER, l))->port[id];

		to->rx_packets += __atomic_load_n(&c->rx_packets, __ATOMIC_RELAXED);
		to->rx_bytes += __atomic_load_n(&c->rx_bytes, __ATOMIC_RELAXED);
		to->rx_dropped += __atomic_load_n(&c->rx_dropped, __ATOMIC_RELAXED);
		to->tx_packets += __atomic_load_n(&c->tx_packets, __ATOMIC_RELAXED);
		to->tx_bytes += __atomic_load_n(&c->tx_bytes, __ATOMIC_RELAXED);
		to->tx_dropped += __atomic_load_n(&c->tx_dropped, __ATOMIC_RELAXED);
	}
}

static const char *tag_protocol(uint16_t tpid)
{
	switch (tpid) {
	case 0x8100: return "802.1Q";
	case 0x88a8: return "802.1ad";
	case 0x9100: return "0x9100";
	default: return "unknown";
	}
}

static void fill_vlan(struct port_message *m, const struct epoch *epoch, const struct epoch_port *p)
{
	m->port.kind = (char *)"vlan";
	m->port.parent = (char *)epoch->ports[p->phys.v].name;
	m->port.state = (char *)(p->flags & EPOCH_PORT_UP ? "up" : "down");
	m->port.carrier = true;
	m->port.tags = m->tags;
	for (uint32_t i = 0; i < p->n_tags && i < ARRAY_LEN(m->tag); i++) {
		sluice__vlan_tag__init(&m->tag[i]);
		m->tag[i].protocol = (char *)tag_protocol(p->tpid[i]);
		m->tag[i].id = p->vid[i];
		m->tags[m->port.n_tags++] = &m->tag[i];
	}
}

static void fill_port(struct port_message *m, const struct control *c, const struct account *account,
        const struct epoch_port *p)
{
	const struct epoch *epoch = publisher_epoch(&c->publisher);

	sluice__port__init(&m->port);
	m->port.name = (char *)p->name;
	m->port.mtu = p->mtu;
	m->port.mac = text_mac(m->mac, &p->mac);
	fill_addresses(m, epoch, p);
	if (p->kind == EPOCH_PORT_PHYSICAL) {
		fill_physical(m, c, account, p);
		return;
	}
	fill_vlan(m, epoch, p);
	fill_vlan_counts(&m->port, c->appliance, (uint32_t)(p - epoch->ports));
}

static bool wanted(const struct epoch_port *p, const char *name)
{
	return (p->kind == EPOCH_PORT_PHYSICAL || p->kind == EPOCH_PORT_VLAN) &&
	       (!*name || strcmp(p->name, name) == 0);
}

static void reply_ports(
        struct control *c, struct rpc_call *call, const char *name, const struct epoch *epoch, uint32_t n)
{
	Sluice__PortsReply reply = SLUICE__PORTS_REPLY__INIT;
	struct port_message *m = calloc(n, sizeof *m);
	struct account *account = calloc(1, sizeof *account);
	Sluice__Port **list = calloc(n, sizeof(void *));

	if (m && list && account) {
		account_read(account, c->appliance);
		for (uint32_t p = 0; p < epoch->n_ports; p++) {
			if (!wanted(&epoch->ports[p], name))
				continue;
			fill_port(&m[reply.n_ports], c, account, &epoch->ports[p]);
			list[reply.n_ports] = &m[reply.n_ports].port;
			reply.n_ports++;
		}
		reply.ports = list;
		rpc_reply(call, &reply.base);
	} else {
		rpc_fail(call, RPC_RESOURCE_EXHAUSTED, "no memory for the answer");
	}
	free(list);
	free(account);
	free(m);
}

void control_ports(void *context, struct rpc_call *call, const ProtobufCMessage *request)
{
	const Sluice__PortsRequest *r = (const void *)request;
	struct control *c = context;
	const struct epoch *epoch = publisher_epoch(&c->publisher);
	uint32_t n = 0;

	for (uint32_t p = 0; epoch && p < epoch->n_ports; p++)
		n += wanted(&epoch->ports[p], r->name);
	if (n)
		reply_ports(c, call, r->name, epoch, n);
	else if (*r->name)
		rpc_fail(call, RPC_NOT_FOUND, "there is no port '%.40s': `sluice port` shows which there are",
		        r->name);
	else
		rpc_fail(call, RPC_FAILED_PRECONDITION, "no configuration is in force yet");
}
