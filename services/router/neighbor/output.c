#include "services/router/neighbor/internal.h"

/* --- packets that wait --- */

static uint32_t queue_link(const struct neighbor *n, struct pkt_index i)
{
	return n->queue_next[i.v] & QUEUE_NONE;
}

static void pin(const struct neighbor_call *c, uint32_t odd)
{
	struct neighbor_header *h = call_touch(c, c->n->header);

	if (h->pinned[odd]++ == 0)
		h->pinned_number[odd] = c->epoch->number;
	h->held++;
}

/* Takes the first of the queue off it, once its end stands in the outbox. */
static void queue_shift(const struct neighbor_call *c, uint32_t slot)
{
	struct neighbor *n = c->n;
	struct neighbor_cold *cold = call_touch(c, &n->cold[slot]);
	struct neighbor_header *h = call_touch(c, n->header);
	uint32_t *own = call_touch(c, &n->queue_next[cold->queue_head]), word = *own;

	*own = 0;
	h->pinned[!!(word & QUEUE_ODD)]--;
	h->held--;
	cold->queue_head = word & QUEUE_NONE;
	if (--cold->queue_count == 0)
		cold->queue_tail = QUEUE_NONE;
}

/* Later packets have to wait as long as one does. */
static void queue_flag(const struct neighbor_call *c, uint32_t slot)
{
	struct neighbor_link link = neighbor_link_of(&c->n->entry[slot]);

	link.flags = (uint8_t)(c->n->cold[slot].queue_count ? link.flags | NEIGHBOR_WAITING
	                                                    : link.flags & ~NEIGHBOR_WAITING);
	entry_publish(c, slot, link);
}

/* The oldest gives way where the queue is full (Linux __neigh_event_send).  false: the outbox has no room. */
static bool queue_make_room(const struct neighbor_call *c, uint32_t slot)
{
	const struct neighbor_cold *cold = &c->n->cold[slot];

	while (cold->queue_count && cold->queue_count >= c->epoch->header->limits.neigh_queue_packets) {
		if (!burst_drop_held(
		            c->burst, c->at, (struct pkt_index){cold->queue_head}, DROP_NEIGH_QUEUEFULL))
			return false;
		queue_shift(c, slot);
		call_count(c, STAT_NEIGH_UNRES_DISCARDS);
	}
	return true;
}

void queue_add(const struct neighbor_call *c, uint32_t slot, struct pkt_ref ref)
{
	struct neighbor *n = c->n;
	uint32_t odd = c->epoch->number & 1;

	if (n->queue_next[ref.index.v] & QUEUE_IN) {
		ref_drop(ref, DROP_BAD_DESC);
		return;
	}
	if (!queue_make_room(c, slot) || c->epoch->header->limits.neigh_queue_packets == 0) {
		call_count(c, STAT_NEIGH_UNRES_DISCARDS);
		ref_drop(ref, DROP_NEIGH_QUEUEFULL);
		return;
	}
	struct neighbor_cold *cold = call_touch(c, &n->cold[slot]);
	uint32_t *own = call_touch(c, &n->queue_next[ref.index.v]);

	*own = QUEUE_NONE | QUEUE_IN | (odd ? QUEUE_ODD : 0);
	if (cold->queue_count == 0) {
		cold->queue_head = ref.index.v;
		cold->queue_since = c->now;
	} else {
		uint32_t *last = call_touch(c, &n->queue_next[cold->queue_tail]);

		*last = (*last & (QUEUE_ODD | QUEUE_IN)) | ref.index.v;
	}
	cold->queue_tail = ref.index.v;
	cold->queue_count++;
	pin(c, odd);
	queue_flag(c, slot);
	if (cold->queue_count == 1)
		entry_arm(c, slot);
	trace(c->burst->trace, ref.pkt->trace, TRACE_NEIGH_QUEUED, n->entry[slot].addr[0],
	        n->entry[slot].addr[1], n->entry[slot].port.v, cold->queue_count);
	ref_hold(c->burst, ref);
}

static void send_one(const struct neighbor_call *c, uint32_t slot, struct outbox_entry *e)
{
	struct port_id port = c->n->entry[slot].port;
	struct neighbor_link link = neighbor_link_of(&c->n->entry[slot]);

	if (outbox_decided(e))
		return;
	e->pkt.out = port;
	if (neighbor_frame(c->burst->pool, outbox_ref(e), &link.mac, &epoch_port(c->epoch, port)->mac))
		outbox_pass(e, out_id(OUT_TX, c->burst->lane));
	else
		outbox_drop(e, DROP_BAD_DESC);
}

/* Afterwards, whatever became of the queue. */
static void queue_settle(const struct neighbor_call *c, uint32_t slot)
{
	queue_flag(c, slot);
	entry_arm(c, slot);
}

void queue_send(const struct neighbor_call *c, uint32_t slot)
{
	const struct neighbor_cold *cold = &c->n->cold[slot];

	while (cold->queue_count) {
		struct outbox_entry *e = burst_release(c->burst, c->at, (struct pkt_index){cold->queue_head});

		if (!e)
			break;
		send_one(c, slot, e);
		queue_shift(c, slot);
	}
	queue_settle(c, slot);
	if (!cold->queue_count)
		nud_event_send(c, slot); /* packets have gone there now */
}

static void drop_one(
        const struct neighbor_call *c, struct outbox_entry *e, enum drop_reason reason, bool report)
{
	if (outbox_decided(e))
		return;
	if (report && c->n->hooks.unreachable)
		c->n->hooks.unreachable(c->n->hooks.ctx, c->epoch, c->now, c->burst, outbox_ref(e));
	outbox_drop(e, reason);
}

bool queue_drop(const struct neighbor_call *c, uint32_t slot, enum drop_reason reason, bool report)
{
	const struct neighbor_cold *cold = &c->n->cold[slot];

	if (!cold->queue_count)
		return true;
	while (cold->queue_count) {
		struct outbox_entry *e = burst_release(c->burst, c->at, (struct pkt_index){cold->queue_head});

		if (!e)
			break;
		/* Off the queue first: what the report makes may want this very neighbor. */
		queue_shift(c, slot);
		drop_one(c, e, reason, report);
	}
	queue_settle(c, slot);
	return cold->queue_count == 0;
}

uint32_t neighbor_oldest_epoch(const struct neighbor *n)
{
	const struct neighbor_header *h = n->header;
	uint32_t oldest = UINT32_MAX;

	for (uint32_t odd = 0; odd < 2; odd++)
		if (h->pinned[odd])
			oldest = MIN(oldest, h->pinned_number[odd]);
	return oldest;
}

uint32_t neighbor_held(const struct neighbor *n, struct pkt_index *index)
{
	uint32_t count = 0;

	for (uint32_t slot = 0; slot < n->slots; slot++) {
		const struct neighbor_cold *cold = &n->cold[slot];
		struct pkt_index i = {cold->queue_head};

		for (uint32_t k = 0; k < cold->queue_count; k++, i.v = queue_link(n, i))
			index[count++] = i;
	}
	return count;
}

/* --- messages of ours --- */

struct outbox_entry *message_make(const struct neighbor_call *c, struct port_id port,
        const struct epoch_port *egress, uint16_t ethertype, uint32_t bytes)
{
	struct outbox_entry *e = NULL;

	if (port_has_link(egress) && ETHER_HDR_LEN + bytes <= pool_frame_max(c->burst->pool))
		e = burst_make(c->burst, c->at, BORN_GENERATED, c->cause);
	if (!e)
		return NULL;
	e->pkt.out = port;
	e->pkt.flags = PKT_F_LOCAL | PKT_F_REPLY;
	e->pkt.ethertype = ethertype;
	e->pkt.l3_off = ETHER_HDR_LEN;
	e->pkt.len = (uint16_t)(ETHER_HDR_LEN + bytes);
	e->pkt.total_len = e->pkt.len;
	return e;
}

void message_send(const struct neighbor_call *c, struct outbox_entry *e, const struct epoch_port *egress,
        const struct mac_addr *dst)
{
	ether_write(e->frame, dst, &egress->mac, e->pkt.ethertype);
	outbox_pass(e, out_id(OUT_TX, c->burst->lane));
}

/* --- a routed packet --- */

static void output_frame(const struct neighbor_call *c, struct pkt_ref ref, const struct mac_addr *dst)
{
	const struct epoch_port *egress = epoch_port(c->epoch, ref.pkt->out);

	if (!neighbor_frame(c->burst->pool, ref, dst, &egress->mac)) {
		ref_drop(ref, DROP_BAD_DESC);
		return;
	}
	trace(c->burst->trace, ref.pkt->trace, TRACE_NEIGH_SENT, TRACE_MAC(dst), ref.pkt->out.v);
	ref_pass(ref, out_id(OUT_TX, c->burst->lane));
}

static bool is_broadcast(const struct epoch *epoch, const struct epoch_port *port, struct be32 addr)
{
	const struct epoch_address *a = port_addresses(epoch, port);

	if (ipv4_is_limited_broadcast(addr))
		return true;
	for (uint32_t i = 0; i < port->addresses.count; i++)
		if (a[i].family == 4 && a[i].broadcast.raw && a[i].broadcast.raw == addr.raw)
			return true;
	return false;
}

/* The MAC of what is no single neighbor (Linux arp_mc_map, ndisc_mc_map). */
static bool group_mac(const struct epoch *epoch, const struct epoch_port *port, const struct ip6_addr *addr,
        struct mac_addr *mac)
{
	if (!ip6_addr_is_mapped(addr)) {
		*mac = mac_of_ip6_multicast(addr);
		return ip6_is_multicast(addr);
	}
	if (ipv4_is_multicast(addr->w32[3])) {
		*mac = mac_of_ipv4_multicast(addr->w32[3]);
		return true;
	}
	*mac = MAC_BROADCAST;
	return is_broadcast(epoch, port, addr->w32[3]);
}

static uint32_t find_or_make(const struct neighbor_call *c, struct port_id port, const struct ip6_addr *addr)
{
	uint32_t slot = entry_find(c->n, port, addr);

	if (slot != NEIGHBOR_NONE)
		return slot;
	if (nud_may_resolve(c))
		return entry_make(c, port, addr, ENTRY_RESOLVE);
	call_count(c, STAT_NEIGH_TABLE_FULLS);
	return NEIGHBOR_NONE;
}

static void output_entry(const struct neighbor_call *c, struct pkt_ref ref, uint32_t slot)
{
	struct neighbor_link link;
	bool resolved = nud_event_send(c, slot);

	link = neighbor_link_of(&c->n->entry[slot]);
	if (resolved && !(link.flags & NEIGHBOR_WAITING))
		output_frame(c, ref, &link.mac);
	else if (link.state == NUD_FAILED)
		ref_drop(ref, DROP_NEIGH_FAILED);
	else
		queue_add(c, slot, ref);
}

void neighbor_output(struct neighbor *n, const struct epoch *epoch, nanos_t now, struct burst *burst,
        struct pkt_ref ref, const struct ip6_addr *next_hop)
{
	struct neighbor_call c = neighbor_call_for(n, epoch, now, burst, ref);
	const struct epoch_port *egress = epoch_port(epoch, ref.pkt->out);
	const struct epoch_neighbor *given;
	struct mac_addr mac;
	uint32_t slot;

	c.waiting = &ref;
	if (!port_has_link(egress)) {
		ref_drop(ref, DROP_PORT_DOWN);
		return;
	}
	given = epoch_neighbor(epoch, ref.pkt->out, next_hop);
	if (given) {
		output_frame(&c, ref, &given->mac);
		return;
	}
	slot = entry_find(n, ref.pkt->out, next_hop);
	if (slot == NEIGHBOR_NONE && group_mac(epoch, egress, next_hop, &mac)) {
		output_frame(&c, ref, &mac);
		return;
	}
	if (slot == NEIGHBOR_NONE)
		slot = find_or_make(&c, ref.pkt->out, next_hop);
	if (slot == NEIGHBOR_NONE)
		ref_drop(ref, DROP_NEIGH_CREATEFAIL);
	else
		output_entry(&c, ref, slot);
}
