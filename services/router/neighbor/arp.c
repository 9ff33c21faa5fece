#include "common/wire/arp.h"
#include "services/router/neighbor/internal.h"

#define TRACE_IP4(a) be32_to_host(a)

/* --- what we send --- */

/* An IPv4 address of ours to ask from: of the port, in the target's subnet; of the port; of any (Linux
 * inet_select_addr, arp_announce 0).  0.0.0.0: we have none. */
static struct be32 arp_source(const struct epoch *epoch, struct port_id port, struct be32 target)
{
	struct be32 best = {0};
	uint32_t best_rank = 0;

	for (uint32_t i = 0; i < epoch->n_addresses; i++) {
		const struct epoch_address *a = &epoch->addresses[i];
		uint32_t mask = ipv4_mask(a->prefix_len <= 32 ? a->prefix_len : 32).raw;
		uint32_t rank = 1;

		if (a->family != 4 || a->scope == EPOCH_SCOPE_HOST)
			continue;
		if (port_id_equal(a->port, port))
			rank = ((a->addr.w32[3].raw ^ target.raw) & mask) == 0 ? 3 : 2;
		if (rank > best_rank) {
			best = a->addr.w32[3];
			best_rank = rank;
		}
	}
	return best;
}

static void arp_send(const struct neighbor_call *c, struct port_id port, const struct mac_addr *dst,
        const struct arp_view *message)
{
	const struct epoch_port *egress = epoch_port(c->epoch, port);
	struct outbox_entry *e = message_make(c, port, egress, ETHER_TYPE_ARP, ARP_HDR_LEN);

	if (!e)
		return;
	arp_write(message_body(e), message);
	message_send(c, e, egress, dst);
	call_count(c, message->op == ARP_OP_REQUEST ? STAT_ARP_OUT_REQUESTS : STAT_ARP_OUT_REPLIES);
}

void arp_solicit(const struct neighbor_call *c, uint32_t slot, bool unicast)
{
	const struct neighbor_entry *entry = &c->n->entry[slot];
	struct ip6_addr target = entry_addr(entry);
	struct mac_addr dst = unicast ? neighbor_link_of(entry).mac : MAC_BROADCAST;
	struct be32 source = arp_source(c->epoch, entry->port, target.w32[3]);

	if (source.raw)
		arp_send(c, entry->port, &dst,
		        &(struct arp_view){
		                .op = ARP_OP_REQUEST,
		                .sender_mac = epoch_port(c->epoch, entry->port)->mac,
		                .sender_ip = source,
		                .target_ip = target.w32[3],
		        });
}

void arp_announce(const struct neighbor_call *c, struct port_id port, struct be32 addr)
{
	arp_send(c, port, &MAC_BROADCAST,
	        &(struct arp_view){
	                .op = ARP_OP_REQUEST,
	                .sender_mac = epoch_port(c->epoch, port)->mac,
	                .sender_ip = addr,
	                .target_ip = addr,
	        });
}

/* --- what comes --- */

struct arp_case {
	struct port_id port;
	const struct epoch_port *ingress;
	struct arp_view arp;
	bool to_us; /* the frame was addressed to this port alone */
};

static bool is_ours(const struct epoch *epoch, struct be32 addr)
{
	for (uint32_t i = 0; i < epoch->n_addresses; i++)
		if (epoch->addresses[i].family == 4 && epoch->addresses[i].addr.w32[3].raw == addr.raw)
			return true;
	return false;
}

static bool is_gratuitous(const struct arp_case *a)
{
	return a->arp.sender_ip.raw == a->arp.target_ip.raw &&
	       (a->arp.op == ARP_OP_REQUEST || mac_equal(&a->arp.target_mac, &a->arp.sender_mac));
}

/* May a sender with this address be answered, and believed to have it (what Linux ip_route_input says of it)?
 */
static bool sender_ok(const struct neighbor_call *c, struct be32 sender)
{
	return !ipv4_is_martian_source(sender) && !is_ours(c->epoch, sender);
}

static void answer(const struct neighbor_call *c, const struct arp_case *a)
{
	arp_send(c, a->port, &a->arp.sender_mac,
	        &(struct arp_view){
	                .op = ARP_OP_REPLY,
	                .sender_mac = a->ingress->mac,
	                .sender_ip = a->arp.target_ip,
	                .target_mac = a->arp.sender_mac,
	                .target_ip = a->arp.sender_ip,
	        });
}

/* Whether the request is answered, for ourselves or in another's place. */
static bool wants_answer(const struct neighbor_call *c, const struct arp_case *a)
{
	const struct neighbor_hooks *hooks = &c->n->hooks;

	if (is_ours(c->epoch, a->arp.target_ip))
		return true;
	if (!(a->ingress->flags & EPOCH_PORT_PROXY_ARP) || !(a->ingress->flags & EPOCH_PORT_FORWARD4) ||
	        !hooks->proxy_arp || is_gratuitous(a) || !a->arp.sender_ip.raw)
		return false;
	if (!hooks->proxy_arp(hooks->ctx, c->epoch, a->port, a->arp.target_ip))
		return false;
	trace(c->burst->trace, call_trace(c), TRACE_ARP_PROXY, TRACE_IP4(a->arp.target_ip));
	return true;
}

/* A request that is for us: the sender is learned, then answered (RFC 826; a probe of RFC 5227 is only
 * answered). */
static bool request(const struct neighbor_call *c, const struct arp_case *a)
{
	struct ip6_addr sender = ip6_addr_mapped(a->arp.sender_ip);
	bool probe = ipv4_is_unspecified(a->arp.sender_ip), known;

	if ((!probe && !sender_ok(c, a->arp.sender_ip)) || !wants_answer(c, a))
		return false;
	known = !probe &&
	        nud_event_ns(c, a->port, &sender, &a->arp.sender_mac, UPDATE_OVERRIDE) != NEIGHBOR_NONE;
	if (probe || known || epoch_neighbor(c->epoch, a->port, &sender))
		answer(c, a);
	return true;
}

/* What else an ARP message says of its sender updates what we know, and makes nothing new (Linux arp_process
 * with arp_accept 0). */
static bool update(const struct neighbor_call *c, const struct arp_case *a)
{
	struct ip6_addr sender = ip6_addr_mapped(a->arp.sender_ip);
	uint32_t slot = entry_find(c->n, a->port, &sender);
	bool reachable = a->arp.op == ARP_OP_REPLY && a->to_us;
	bool override;

	if (slot == NEIGHBOR_NONE)
		return false;
	override = call_ms(c) - c->n->entry[slot].updated_ms > NEIGHBOR_LOCKTIME_MS || is_gratuitous(a);
	nud_update(c, slot, &a->arp.sender_mac, reachable ? NUD_REACHABLE : NUD_STALE,
	        override ? UPDATE_OVERRIDE : 0);
	return true;
}

static enum drop_reason refusal(const struct arp_case *a)
{
	const struct arp_view *arp = &a->arp;
	bool localnet = a->ingress->flags & EPOCH_PORT_ROUTE_LOCALNET;

	if (!mac_is_station(&arp->sender_mac)) /* RFC 1812 3.3.2 */
		return DROP_ARP_MALFORMED;
	if (ipv4_is_multicast(arp->target_ip) || (ipv4_is_loopback(arp->target_ip) && !localnet))
		return DROP_ARP_IGNORED;
	if (a->ingress->flags & EPOCH_PORT_DROP_GRATUITOUS && arp->sender_ip.raw == arp->target_ip.raw)
		return DROP_ARP_IGNORED;
	return DROP_NONE;
}

static void count_and_trace(const struct neighbor_call *c, const struct arp_case *a)
{
	if (a->arp.op == ARP_OP_REQUEST) {
		call_count(c, STAT_ARP_IN_REQUESTS);
		trace(c->burst->trace, call_trace(c), TRACE_ARP_REQUEST, a->port.v,
		        TRACE_IP4(a->arp.sender_ip), TRACE_IP4(a->arp.target_ip));
	} else {
		call_count(c, STAT_ARP_IN_REPLIES);
		trace(c->burst->trace, call_trace(c), TRACE_ARP_REPLY, a->port.v, TRACE_IP4(a->arp.sender_ip),
		        TRACE_MAC(&a->arp.sender_mac));
	}
}

void arp_input(
        struct neighbor *n, const struct epoch *epoch, nanos_t now, struct burst *burst, struct pkt_ref ref)
{
	struct neighbor_call c = neighbor_call_for(n, epoch, now, burst, ref);
	struct arp_case a = {
	        .port = ref.pkt->port,
	        .ingress = epoch_port(epoch, ref.pkt->port),
	        .to_us = ref.pkt->type == PKT_HOST,
	};
	enum drop_reason reason;

	if (!port_has_link(a.ingress) || ref.pkt->type > PKT_MULTICAST) {
		ref_drop(ref, a.ingress ? DROP_OTHERHOST : DROP_PORT_DOWN);
		return;
	}
	if (arp_check(*ref.frame + ref.pkt->l3_off, ref.pkt->len - ref.pkt->l3_off, &a.arp) != ARP_OK) {
		ref_drop(ref, DROP_ARP_MALFORMED);
		return;
	}
	count_and_trace(&c, &a);
	reason = refusal(&a);
	if (reason)
		ref_drop(ref, reason);
	else if ((a.arp.op == ARP_OP_REQUEST && request(&c, &a)) || update(&c, &a))
		ref_deliver(ref);
	else
		ref_drop(ref, DROP_ARP_IGNORED);
}
