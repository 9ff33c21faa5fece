#include "common/wire/nd.h"
#include "services/router/neighbor/internal.h"

/* --- what we send --- */

const struct ip6_addr *nd_source(
        const struct neighbor_table *t, const struct epoch *epoch, struct port_id port)
{
	const struct epoch_port *p = epoch_port(epoch, port);
	const struct epoch_address *a = port_addresses(epoch, p);
	const struct ip6_addr *other = NULL;

	for (uint32_t i = 0; i < p->addresses.count; i++) {
		if (a[i].family != 6 || neighbor_address_tentative(t, port, &a[i].addr))
			continue;
		if (ip6_is_link_local(&a[i].addr))
			return &a[i].addr;
		if (!other)
			other = &a[i].addr;
	}
	return other;
}

/* The source of an IPv6 packet; false where there is none. */
static bool source_of(const struct pkt *p, const uint8_t *frame, struct ip6_addr *src)
{
	if (p->ethertype != ETHER_TYPE_IPV6 || p->len < p->l3_off + IPV6_HDR_LEN)
		return false;
	memcpy(src, frame + p->l3_off + offsetof(struct ipv6_hdr, src), sizeof *src);
	return true;
}

/* The source of the packet that waits for the neighbor, of several the newest. */
static bool waiting_source(const struct neighbor_call *c, uint32_t slot, struct ip6_addr *src)
{
	const struct neighbor_cold *cold = &c->n->cold[slot];
	const struct pool *pool = c->burst->pool;
	struct pkt_index i = {cold->queue_tail};
	struct pkt p;

	if (c->waiting)
		return source_of(c->waiting->pkt, *c->waiting->frame, src);
	if (!cold->queue_count)
		return false;
	pkt_load(pool, i, &p);
	return pkt_check(pool, &p) && source_of(&p, pool_buffer(pool, i) + p.data_off, src);
}

static const struct epoch_address *ours_on(
        const struct epoch *epoch, const struct epoch_port *port, const struct ip6_addr *addr)
{
	const struct epoch_address *a = port_addresses(epoch, port);

	for (uint32_t i = 0; i < port->addresses.count; i++)
		if (a[i].family == 6 && ip6_addr_equal(&a[i].addr, addr))
			return &a[i];
	return NULL;
}

/* RFC 4861 7.2.2: what waits comes from an address of the port, so the answer is known to find its way. */
static bool solicit_source(const struct neighbor_call *c, uint32_t slot, struct ip6_addr *src)
{
	struct port_id port = c->n->entry[slot].port;
	const struct ip6_addr *own;

	if (waiting_source(c, slot, src) && ours_on(c->epoch, epoch_port(c->epoch, port), src) &&
	        !neighbor_address_tentative(&c->n->table, port, src))
		return true;
	own = nd_source(&c->n->table, c->epoch, port);
	if (own)
		*src = *own;
	return own;
}

struct nd_message {
	struct port_id port;
	const struct ip6_addr *src, *dst, *target;
	const struct mac_addr *lladdr; /* NULL: no option */
	const uint8_t *nonce;          /* of a solicitation; NULL: no option */
	uint8_t type, flags;
};

/* A message in the outbox, whole but for its Ethernet header. */
static struct outbox_entry *nd_make(const struct neighbor_call *c, const struct nd_message *m)
{
	const struct epoch_port *egress = epoch_port(c->epoch, m->port);
	struct outbox_entry *e = message_make(
	        c, m->port, egress, ETHER_TYPE_IPV6, IPV6_HDR_LEN + ND_WRITE_MAX);
	bool solicit = m->type == ICMP6_TYPE_NEIGHBOR_SOLICIT;
	uint8_t *body;
	uint32_t len;

	if (!e)
		return NULL;
	body = message_body(e) + IPV6_HDR_LEN;
	len = solicit ? nd_solicit_write(body, m->src, m->dst, m->target, m->lladdr, m->nonce)
	              : nd_advert_write(body, m->src, m->dst, m->target, m->lladdr, m->flags);
	ipv6_write(message_body(e), &(struct ipv6_fields){
	                                    .src = *m->src,
	                                    .dst = *m->dst,
	                                    .payload_len = (uint16_t)len,
	                                    .next_header = IP_PROTO_ICMP6,
	                                    .hop_limit = ND_HOP_LIMIT,
	                            });
	e->pkt.l4_off = ETHER_HDR_LEN + IPV6_HDR_LEN;
	e->pkt.l4_proto = IP_PROTO_ICMP6;
	e->pkt.len = (uint16_t)(e->pkt.l4_off + len);
	e->pkt.total_len = e->pkt.len;
	call_count(c, solicit ? STAT_ICMP6_OUT_NEIGHBOR_SOLICITS : STAT_ICMP6_OUT_NEIGHBOR_ADVERTISEMENTS);
	call_count(c, STAT_ICMP6_OUT_MSGS);
	call_count(c, STAT_IP6_OUT_REQUESTS);
	return e;
}

static void nd_send_to(const struct neighbor_call *c, const struct nd_message *m, const struct mac_addr *dst)
{
	struct outbox_entry *e = nd_make(c, m);

	if (e)
		message_send(c, e, epoch_port(c->epoch, m->port), dst);
}

void nd_solicit(const struct neighbor_call *c, uint32_t slot, bool unicast)
{
	const struct neighbor_entry *entry = &c->n->entry[slot];
	struct ip6_addr target = entry_addr(entry), group = ip6_solicited_node(&target);
	struct mac_addr dst = unicast ? neighbor_link_of(entry).mac : mac_of_ip6_multicast(&group);
	struct ip6_addr src;

	if (solicit_source(c, slot, &src))
		nd_send_to(c,
		        &(struct nd_message){
		                .port = entry->port,
		                .src = &src,
		                .dst = unicast ? &target : &group,
		                .target = &target,
		                .lladdr = &epoch_port(c->epoch, entry->port)->mac,
		                .type = ICMP6_TYPE_NEIGHBOR_SOLICIT,
		        },
		        &dst);
}

#define NONCE_BYTES 6u

/* Of our probes for that address: a link that hands back to us what we send does not make it a duplicate (RFC
 * 7527 4.2). */
static void nonce_of(
        const struct neighbor_call *c, struct port_id port, const struct ip6_addr *addr, uint8_t *nonce)
{
	uint64_t hash = neighbor_hash(&c->n->table, port, addr);

	memcpy(nonce, &hash, NONCE_BYTES);
}

void nd_probe(const struct neighbor_call *c, struct port_id port, const struct ip6_addr *addr)
{
	struct ip6_addr group = ip6_solicited_node(addr);
	struct mac_addr dst = mac_of_ip6_multicast(&group);
	uint8_t nonce[NONCE_BYTES];

	nonce_of(c, port, addr, nonce);
	nd_send_to(c,
	        &(struct nd_message){
	                .port = port,
	                .src = &IP6_UNSPECIFIED,
	                .dst = &group,
	                .target = addr,
	                .nonce = nonce,
	                .type = ICMP6_TYPE_NEIGHBOR_SOLICIT,
	        },
	        &dst);
}

static uint8_t router_flag(const struct epoch_port *port)
{
	return port->flags & EPOCH_PORT_FORWARD6 ? ND_NA_ROUTER : 0;
}

/* To all nodes, unsolicited. */
static void advertise_all(
        const struct neighbor_call *c, struct port_id port, const struct ip6_addr *addr, uint8_t flags)
{
	const struct epoch_port *egress = epoch_port(c->epoch, port);
	struct mac_addr dst = mac_of_ip6_multicast(&IP6_ALL_NODES);

	nd_send_to(c,
	        &(struct nd_message){
	                .port = port,
	                .src = addr,
	                .dst = &IP6_ALL_NODES,
	                .target = addr,
	                .lladdr = &egress->mac,
	                .type = ICMP6_TYPE_NEIGHBOR_ADVERT,
	                .flags = flags | router_flag(egress),
	        },
	        &dst);
}

void nd_announce(const struct neighbor_call *c, struct port_id port, const struct ip6_addr *addr)
{
	advertise_all(c, port, addr, ND_NA_OVERRIDE);
}

/* --- what comes --- */

struct nd_case {
	struct port_id port;
	const struct epoch_port *ingress;
	struct icmp6_origin origin;
	struct icmp6_view icmp;
	struct nd_view nd;
	const uint8_t *message;
};

/* An answer to `dst`.  Our MAC is in it where a group was asked, since the asker may not know it (RFC 4861
 * 7.2.4); Linux sets Override for these alone. */
static void advertise(const struct neighbor_call *c, const struct nd_message *m)
{
	struct outbox_entry *e = nd_make(c, m);

	if (e)
		neighbor_output(c->n, c->epoch, c->now, c->burst, outbox_ref(e), m->dst);
}

static void answer_own(const struct neighbor_call *c, const struct nd_case *s, bool group)
{
	advertise(
	        c, &(struct nd_message){
	                   .port = s->port,
	                   .src = &s->nd.target,
	                   .dst = &s->origin.src,
	                   .target = &s->nd.target,
	                   .lladdr = group ? &s->ingress->mac : NULL,
	                   .type = ICMP6_TYPE_NEIGHBOR_ADVERT,
	                   .flags = ND_NA_SOLICITED | router_flag(s->ingress) | (group ? ND_NA_OVERRIDE : 0),
	           });
}

/* --- anycast --- */

#define ANYCAST_DELAY NANOS_PER_SEC /* RFC 4861 10: MAX_ANYCAST_DELAY_TIME */

/* An address of the port to answer from: of the asker's network, or any. */
static const struct ip6_addr *source_beside(
        const struct neighbor_call *c, struct port_id port, const struct ip6_addr *dst)
{
	const struct epoch_port *p = epoch_port(c->epoch, port);
	const struct epoch_address *a = port_addresses(c->epoch, p);

	for (uint32_t i = 0; i < p->addresses.count; i++)
		if (a[i].family == 6 && ip6_prefix_equal(&a[i].addr, dst, a[i].prefix_len) &&
		        !neighbor_address_tentative(&c->n->table, port, &a[i].addr))
			return &a[i].addr;
	return nd_source(&c->n->table, c->epoch, port);
}

/* That we are one of the routers of a network: without Override, since each of them says so (RFC 4861 7.2.7).
 */
static void answer_anycast(const struct neighbor_call *c, struct port_id port, const struct ip6_addr *target,
        const struct ip6_addr *dst, bool group)
{
	const struct epoch_port *p = epoch_port(c->epoch, port);
	const struct ip6_addr *src = source_beside(c, port, dst);

	if (src)
		advertise(c, &(struct nd_message){
		                     .port = port,
		                     .src = src,
		                     .dst = dst,
		                     .target = target,
		                     .lladdr = group ? &p->mac : NULL,
		                     .type = ICMP6_TYPE_NEIGHBOR_ADVERT,
		                     .flags = ND_NA_SOLICITED | router_flag(p),
		             });
}

void nd_answer(const struct neighbor_call *c, uint32_t slot)
{
	struct neighbor_cold *cold = call_touch(c, &c->n->cold[slot]);
	struct port_id port = c->n->entry[slot].port;
	uint32_t i = cold->answer_address;
	struct ip6_addr target, dst = entry_addr(&c->n->entry[slot]);

	cold->answer_at = 0;
	/* The epoch may be another one by now. */
	if (i < c->epoch->n_addresses && port_id_equal(c->epoch->addresses[i].port, port) &&
	        epoch_anycast(c->epoch, &c->epoch->addresses[i], &target))
		answer_anycast(c, port, &target, &dst, true);
}

/* The number of the address of whose network it is the anycast address; the number of addresses: of none. */
static uint32_t anycast_of(const struct neighbor_call *c, struct port_id port, const struct ip6_addr *addr)
{
	const struct epoch *e = c->epoch;
	struct ip6_addr anycast;
	uint32_t i = 0;

	for (; i < e->n_addresses; i++)
		if (port_id_equal(e->addresses[i].port, port) &&
		        epoch_anycast(e, &e->addresses[i], &anycast) && ip6_addr_equal(&anycast, addr))
			break;
	return i;
}

/* Asked as a group all routers answer, each after a time of its own. */
static void answer_later(const struct neighbor_call *c, uint32_t slot, uint32_t address)
{
	struct neighbor_cold *cold = call_touch(c, &c->n->cold[slot]);

	if (cold->answer_at)
		return;
	cold->answer_at = c->now + 1 + neighbor_random(c, ANYCAST_DELAY);
	cold->answer_address = address;
	entry_arm(c, slot);
}

static bool is_own_probe(const struct neighbor_call *c, const struct nd_case *s)
{
	uint8_t nonce[NONCE_BYTES];

	nonce_of(c, s->port, &s->nd.target, nonce);
	return s->nd.nonce_len == NONCE_BYTES &&
	       memcmp(s->message + s->nd.nonce_offset, nonce, NONCE_BYTES) == 0;
}

/* Another node probes an address of ours, or one that we are about to take (RFC 4862 5.4.3). */
static void answer_probe(const struct neighbor_call *c, const struct nd_case *s, bool anycast)
{
	if (is_own_probe(c, s))
		return;
	if (neighbor_address_tentative(&c->n->table, s->port, &s->nd.target))
		address_duplicate(c, address_find(&c->n->table, s->port, &s->nd.target));
	else if (!anycast) /* which is never probed for (RFC 4862 5.4) */
		advertise_all(c, s->port, &s->nd.target, ND_NA_OVERRIDE);
}

/* What the asker says of itself; its entry, or NEIGHBOR_NONE.  false: it may not be answered. */
static bool hear_asker(const struct neighbor_call *c, const struct nd_case *s, bool group, uint32_t *slot)
{
	uint32_t flags = UPDATE_WEAK_OVERRIDE | UPDATE_OVERRIDE;
	bool given = epoch_neighbor(c->epoch, s->port, &s->origin.src);

	if (ip6_is_martian_source(&s->origin.src) || ours_on(c->epoch, s->ingress, &s->origin.src))
		return false;
	if (!s->nd.has_source_lladdr) {
		*slot = entry_find(c->n, s->port, &s->origin.src);
		/* RFC 4861 4.3: where a group was asked the option must have been there; Linux answers whom
		 * it knows. */
		return !group || given || *slot != NEIGHBOR_NONE;
	}
	if (!mac_is_station(&s->nd.source_lladdr))
		return false;
	*slot = nud_event_ns(c, s->port, &s->origin.src, &s->nd.source_lladdr, flags);
	return given || *slot != NEIGHBOR_NONE;
}

/* Linux ndisc_recv_ns. */
static bool solicited(const struct neighbor_call *c, const struct nd_case *s)
{
	bool group = ip6_is_multicast(&s->origin.dst), ours = ours_on(c->epoch, s->ingress, &s->nd.target);
	uint32_t slot, anycast = ours ? 0 : anycast_of(c, s->port, &s->nd.target);

	call_count(c, STAT_ICMP6_IN_NEIGHBOR_SOLICITS);
	trace(c->burst->trace, call_trace(c), TRACE_ND_SOLICIT, s->port.v, TRACE_IP6(&s->nd.target));
	if (!ours && anycast == c->epoch->n_addresses)
		return false;
	if (ip6_is_unspecified(&s->origin.src)) {
		answer_probe(c, s, !ours);
		return true;
	}
	if (neighbor_address_tentative(&c->n->table, s->port, &s->nd.target) ||
	        !hear_asker(c, s, group, &slot))
		return false;
	if (ours)
		answer_own(c, s, group);
	else if (group && slot != NEIGHBOR_NONE)
		answer_later(c, slot, anycast);
	else
		answer_anycast(c, s->port, &s->nd.target, &s->origin.src, group);
	return true;
}

/* Linux ndisc_recv_na. */
static bool advertised(const struct neighbor_call *c, const struct nd_case *s)
{
	const struct mac_addr *mac = s->nd.has_target_lladdr ? &s->nd.target_lladdr : NULL;
	enum nud_state state = s->nd.flags & ND_NA_SOLICITED ? NUD_REACHABLE : NUD_STALE;
	uint32_t flags = UPDATE_WEAK_OVERRIDE | UPDATE_OVERRIDE_ROUTER;
	uint32_t slot;

	call_count(c, STAT_ICMP6_IN_NEIGHBOR_ADVERTISEMENTS);
	trace(c->burst->trace, call_trace(c), TRACE_ND_ADVERT, s->port.v, TRACE_IP6(&s->nd.target),
	        s->nd.flags);
	if (ours_on(c->epoch, s->ingress, &s->nd.target)) {
		if (!neighbor_address_tentative(&c->n->table, s->port, &s->nd.target))
			return false;
		address_duplicate(c, address_find(&c->n->table, s->port, &s->nd.target));
		return true;
	}
	slot = entry_find(c->n, s->port, &s->nd.target);
	if (slot == NEIGHBOR_NONE || entry_state(&c->n->entry[slot]) == NUD_FAILED ||
	        (mac && !mac_is_station(mac)))
		return false;
	flags |= s->nd.flags & ND_NA_OVERRIDE ? UPDATE_OVERRIDE : 0;
	flags |= s->nd.flags & ND_NA_ROUTER ? UPDATE_ROUTER : 0;
	nud_update(c, slot, mac, state, flags);
	return true;
}

static enum drop_reason reason_of(enum nd_flaw flaw)
{
	switch (flaw) {
	case ND_OK: return DROP_NONE;
	case ND_HOP_LIMIT_LOW: return DROP_IPV6_NDISC_HOP_LIMIT;
	case ND_CODE: return DROP_IPV6_NDISC_BAD_CODE;
	case ND_OPTION_LENGTH:
	case ND_LLADDR:
	case ND_LLADDR_UNWANTED: return DROP_IPV6_NDISC_BAD_OPTIONS;
	case ND_TRUNCATED:
	case ND_TARGET:
	case ND_SOURCE:
	case ND_DESTINATION: break;
	}
	return DROP_IPV6_NDISC_MALFORMED;
}

static enum drop_reason check(const struct pkt_ref ref, struct nd_case *s, bool fragmented)
{
	const uint8_t *l3 = *ref.frame + ref.pkt->l3_off, *l4 = *ref.frame + ref.pkt->l4_off;
	uint32_t before = (uint32_t)ref.pkt->l4_off - ref.pkt->l3_off;
	struct ipv6_view ip;
	uint32_t len;

	if (ref.pkt->l4_off < ref.pkt->l3_off ||
	        ipv6_check(l3, ref.pkt->len - ref.pkt->l3_off, &ip) != IPV6_OK || ip.total_len < before)
		return DROP_IPV6_NDISC_MALFORMED;
	if (fragmented)
		return DROP_IPV6_NDISC_FRAG;
	len = ip.total_len - before;
	if (icmp6_check(l4, len, csum_pseudo_ipv6(&ip.src, &ip.dst, IP_PROTO_ICMP6, len), &s->icmp) !=
	                ICMP6_OK ||
	        !nd_is_message(s->icmp.type))
		return DROP_IPV6_NDISC_MALFORMED;
	s->message = l4;
	s->origin = (struct icmp6_origin){.src = ip.src, .dst = ip.dst, .hop_limit = ip.hop_limit};
	return reason_of(nd_check(l4, &s->icmp, &s->origin, &s->nd));
}

static bool input(const struct neighbor_call *c, const struct nd_case *s)
{
	switch (s->icmp.type) {
	case ICMP6_TYPE_NEIGHBOR_SOLICIT: return solicited(c, s);
	case ICMP6_TYPE_NEIGHBOR_ADVERT: return advertised(c, s);
	case ICMP6_TYPE_ROUTER_SOLICIT: call_count(c, STAT_ICMP6_IN_ROUTER_SOLICITS); break;
	case ICMP6_TYPE_ROUTER_ADVERT: call_count(c, STAT_ICMP6_IN_ROUTER_ADVERTISEMENTS); break;
	case ICMP6_TYPE_REDIRECT: call_count(c, STAT_ICMP6_IN_REDIRECTS); break;
	}
	return false; /* a router takes none of these from others (RFC 4861 6.2.6, 8.1) */
}

void nd_input(struct neighbor *n, const struct epoch *epoch, nanos_t now, struct burst *burst,
        struct pkt_ref ref, bool fragmented)
{
	struct neighbor_call c = neighbor_call_for(n, epoch, now, burst, ref);
	struct nd_case s = {.port = ref.pkt->port, .ingress = epoch_port(epoch, ref.pkt->port)};
	enum drop_reason reason;

	if (!port_has_link(s.ingress)) {
		ref_drop(ref, DROP_PORT_DOWN);
		return;
	}
	reason = check(ref, &s, fragmented);
	if (reason)
		ref_drop(ref, reason);
	else if (input(&c, &s))
		ref_deliver(ref);
	else
		ref_drop(ref, DROP_IPV6_NDISC_IGNORED);
}
