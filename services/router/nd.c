#include "common/wire/nd.h"
#include "services/router/neighbor_internal.h"

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

struct nd_message {
	struct port_id port;
	const struct ip6_addr *src, *dst, *target;
	const struct mac_addr *lladdr; /* NULL: no option */
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
	len = solicit ? nd_solicit_write(body, m->src, m->dst, m->target, m->lladdr, NULL)
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
	const struct ip6_addr *src = nd_source(&c->n->table, c->epoch, entry->port);

	if (src)
		nd_send_to(c,
		        &(struct nd_message){
		                .port = entry->port,
		                .src = src,
		                .dst = unicast ? &target : &group,
		                .target = &target,
		                .lladdr = &epoch_port(c->epoch, entry->port)->mac,
		                .type = ICMP6_TYPE_NEIGHBOR_SOLICIT,
		        },
		        &dst);
}

void nd_probe(const struct neighbor_call *c, struct port_id port, const struct ip6_addr *addr)
{
	struct ip6_addr group = ip6_solicited_node(addr);
	struct mac_addr dst = mac_of_ip6_multicast(&group);

	nd_send_to(c,
	        &(struct nd_message){
	                .port = port,
	                .src = &IP6_UNSPECIFIED,
	                .dst = &group,
	                .target = addr,
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
};

static const struct epoch_address *ours_on(
        const struct epoch *epoch, const struct epoch_port *port, const struct ip6_addr *addr)
{
	const struct epoch_address *a = port_addresses(epoch, port);

	for (uint32_t i = 0; i < port->addresses.count; i++)
		if (a[i].family == 6 && ip6_addr_equal(&a[i].addr, addr))
			return &a[i];
	return NULL;
}

/* Answers with our MAC: always in the answer to a group, where the asker may not know it (RFC 4861 7.2.4).
 * Linux sets Override for these alone. */
static void advertise(const struct neighbor_call *c, const struct nd_case *s)
{
	bool group = ip6_is_multicast(&s->origin.dst);
	struct outbox_entry *e = nd_make(
	        c, &(struct nd_message){
	                   .port = s->port,
	                   .src = &s->nd.target,
	                   .dst = &s->origin.src,
	                   .target = &s->nd.target,
	                   .lladdr = group ? &s->ingress->mac : NULL,
	                   .type = ICMP6_TYPE_NEIGHBOR_ADVERT,
	                   .flags = ND_NA_SOLICITED | router_flag(s->ingress) | (group ? ND_NA_OVERRIDE : 0),
	           });

	if (e)
		neighbor_output(c->n, c->epoch, c->now, c->burst, outbox_ref(e), &s->origin.src);
}

/* Another node probes an address of ours, or one that we are about to take (RFC 4862 5.4.3). */
static void answer_probe(const struct neighbor_call *c, const struct nd_case *s)
{
	if (neighbor_address_tentative(&c->n->table, s->port, &s->nd.target))
		address_duplicate(c, address_find(&c->n->table, s->port, &s->nd.target));
	else
		advertise_all(c, s->port, &s->nd.target, ND_NA_OVERRIDE);
}

/* Linux ndisc_recv_ns. */
static bool solicited(const struct neighbor_call *c, const struct nd_case *s)
{
	bool group = ip6_is_multicast(&s->origin.dst);
	uint32_t flags = UPDATE_WEAK_OVERRIDE | UPDATE_OVERRIDE;

	call_count(c, STAT_ICMP6_IN_NEIGHBOR_SOLICITS);
	trace(c->burst->trace, call_trace(c), TRACE_ND_SOLICIT, s->port.v, TRACE_IP6(&s->nd.target));
	if (!ours_on(c->epoch, s->ingress, &s->nd.target))
		return false;
	if (ip6_is_unspecified(&s->origin.src)) {
		answer_probe(c, s);
		return true;
	}
	if (neighbor_address_tentative(&c->n->table, s->port, &s->nd.target) ||
	        ip6_is_martian_source(&s->origin.src) || ours_on(c->epoch, s->ingress, &s->origin.src))
		return false;
	if (s->nd.has_source_lladdr) {
		if (!mac_is_station(&s->nd.source_lladdr) ||
		        nud_event_ns(c, s->port, &s->origin.src, &s->nd.source_lladdr, flags) ==
		                NEIGHBOR_NONE)
			return false;
	} else if (group && entry_find(c->n, s->port, &s->origin.src) == NEIGHBOR_NONE) {
		return false; /* RFC 4861 4.3: a group was asked, so the option must have been there */
	}
	advertise(c, s);
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
