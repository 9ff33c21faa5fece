#include "services/router/router_internal.h"

#define POINTER_FIELD  2u /* of source route, record route and timestamp options */
#define OVERFLOW_FIELD 3u /* of a timestamp option: in its high nibble, the kind in the low one */

static void drop_problem(
        const struct router_call *c, struct pkt_ref r, uint32_t pointer, enum drop_reason reason)
{
	icmp_error_drop(c, r, ICMP_TYPE_PARAM_PROBLEM, ICMP_PROBLEM_POINTER, pointer << 24, reason);
}

/* Milliseconds of an unknown midnight: the high bit says so (RFC 791 3.1, RFC 792). */
static uint32_t timestamp_of(nanos_t now)
{
	return (uint32_t)(now / NANOS_PER_MS % (24 * 3600 * 1000)) | 0x80000000u;
}

static void record_time(const struct router_call *c, uint8_t *header, const struct ip4 *ip, struct be32 own)
{
	const struct ipv4_options_view *o = &ip->o;
	uint8_t *option = header + o->timestamp;
	bool prespecified = o->timestamp_kind == IPV4_TIMESTAMP_PRESPECIFIED;

	if (!o->timestamp_slot) {
		if (o->timestamp_full && !prespecified)
			option[OVERFLOW_FIELD] = (uint8_t)(option[OVERFLOW_FIELD] + 0x10);
		return;
	}
	if (prespecified) {
		struct be32 asked = wire_load_be32(header + o->timestamp_addr_slot);

		if (!address_find4(c->epoch, asked))
			return;
	} else if (o->timestamp_addr_slot) {
		memcpy(header + o->timestamp_addr_slot, &own, sizeof own);
	}
	wire_store_u32(header + o->timestamp_slot, timestamp_of(c->now));
	option[POINTER_FIELD] = (uint8_t)(option[POINTER_FIELD] + (o->timestamp_addr_slot ? 8 : 4));
}

void options4_record(const struct router_call *c, uint8_t *header, const struct ip4 *ip, struct be32 own)
{
	if (ip->o.record_slot) {
		memcpy(header + ip->o.record_slot, &own, sizeof own);
		header[ip->o.record_route + POINTER_FIELD] =
		        (uint8_t)(header[ip->o.record_route + POINTER_FIELD] + 4);
	}
	if (ip->o.timestamp)
		record_time(c, header, ip, own);
}

/* The next hop of the source route becomes the destination, our address takes its place (RFC 791 3.1). */
static void advance(const struct router_call *c, struct pkt_ref r, struct ip4 *ip, const struct route *route)
{
	uint8_t *header = packet_l3(r);
	struct be32 own = {0};

	if (route_is_way(route))
		source_select4(c, route->port, route->next_hop.w32[3], &own);
	else
		own = ip->v.dst;
	memcpy(header + offsetof(struct ipv4_hdr, dst), &ip->v.dst, sizeof ip->v.dst);
	memcpy(header + ip->o.source_route_next, &own, sizeof own);
	header[ip->o.source_route + POINTER_FIELD] = (uint8_t)(header[ip->o.source_route + POINTER_FIELD] +
	                                                       4);
	ipv4_checksum_set(header, ip->v.header_len);
}

/* One stop of a source route that ends at us.  false: the verdict is given. */
static bool next_stop(const struct router_call *c, struct pkt_ref r, struct ip4 *ip, struct route *route)
{
	uint8_t *header = packet_l3(r);

	if (ip->o.source_route_broken) {
		drop_problem(c, r, ip->o.source_route + POINTER_FIELD, DROP_IP_SOURCE_ROUTE);
		return false;
	}
	ip->v.dst = wire_load_be32(header + ip->o.source_route_next);
	route4(c, r.pkt, ip->v.dst, 0, route);
	if (!route_is_way(route) && route->type != FIB_LOCAL) {
		ref_drop(r, DROP_IP_SOURCE_ROUTE);
		return false;
	}
	advance(c, r, ip, route);
	return true;
}

/* Linux ip_options_rcv_srr. */
static bool follow_source_route(
        const struct router_call *c, struct pkt_ref r, struct ip4 *ip, struct route *route)
{
	if (r.pkt->type != PKT_HOST || (!route_is_way(route) && route->type != FIB_LOCAL)) {
		ref_drop(r, DROP_IP_SOURCE_ROUTE);
		return false;
	}
	if (route_is_way(route)) {
		if (!ip->o.strict)
			return true;
		drop_problem(c, r, offsetof(struct ipv4_hdr, dst), DROP_IP_SOURCE_ROUTE);
		return false;
	}
	while (route->type == FIB_LOCAL && (ip->o.source_route_next || ip->o.source_route_broken)) {
		if (!next_stop(c, r, ip, route))
			return false;
		/* What follows the pointer that has moved; the options were sound and stay so. */
		if (ipv4_options_check(packet_l3(r), ip->v.header_len, &ip->o)) {
			ref_drop(r, DROP_IP_OPTIONS);
			return false;
		}
	}
	return true;
}

/* Once: where it is delivered, and not of a whole whose pieces have been here. */
static void local_record(
        const struct router_call *c, struct pkt_ref r, struct ip4 *ip, const struct route *route)
{
	if (route->type != FIB_LOCAL || ipv4_is_multicast(ip->v.dst) || local4_is_elsewhere(c, ip) ||
	        r.pkt->flags & PKT_F_REASSEMBLED)
		return;
	options4_record(c, packet_l3(r), ip, ip->v.dst);
	ipv4_checksum_set(packet_l3(r), ip->v.header_len);
}

bool options4_input(const struct router_call *c, struct pkt_ref r, struct ip4 *ip, struct route *route)
{
	const struct epoch_port *in = epoch_port(c->epoch, r.pkt->port);
	enum ipv4_options_flaw flaw = ipv4_options_check(packet_l3(r), ip->v.header_len, &ip->o);

	trace(c->burst->trace, r.pkt->trace, TRACE_IP4_OPTIONS, ip->o.len, (uint64_t)flaw);
	if (flaw) {
		burst_count(c->burst, STAT_IP_IN_HDR_ERRORS, 1);
		drop_problem(c, r, ip->o.bad_offset, DROP_IP_OPTIONS);
		return false;
	}
	if (ip->o.source_route) {
		if (!in || !(in->flags & EPOCH_PORT_SOURCE_ROUTE)) {
			ref_drop(r, DROP_IP_SOURCE_ROUTE);
			return false;
		}
		if (!follow_source_route(c, r, ip, route))
			return false;
	}
	local_record(c, r, ip, route);
	return true;
}

void options4_forward(
        const struct router_call *c, struct pkt_ref r, struct ip4 *ip, const struct route *route)
{
	struct be32 own;

	if (!ip->o.record_route && !ip->o.timestamp)
		return;
	if (!source_select4(c, route->port, route->next_hop.w32[3], &own))
		own = (struct be32){0};
	options4_record(c, packet_l3(r), ip, own);
	ipv4_checksum_set(packet_l3(r), ip->v.header_len);
}
