#include "common/wire/igmp.h"
#include "common/wire/ipv4_options.h"
#include "services/router/neighbor/internal.h"

#define ALERT_LEN      4u
#define HEADER_LEN     (IPV4_HDR_LEN + ALERT_LEN)
#define TOS_CONTROL    0xc0u /* internetwork control (RFC 3376 4) */
#define ALL_ROUTERS    IPV4_ADDR(224, 0, 0, 2)
#define IGMPV3_REPORTS IPV4_ADDR(224, 0, 0, 22) /* RFC 3376 4.2.14 */

/* --- what we send --- */

static struct be32 port_source(const struct epoch *epoch, const struct epoch_port *port)
{
	const struct epoch_address *a = port_addresses(epoch, port);

	for (uint32_t i = 0; i < port->addresses.count; i++)
		if (a[i].family == 4)
			return a[i].addr.w32[3];
	return (struct be32){0};
}

/* With the router alert option, TTL 1 and no fragments (RFC 3376 4). */
static void header_write(uint8_t *at, struct be32 src, struct be32 dst, uint32_t payload_len)
{
	static const uint8_t alert[ALERT_LEN] = {IPV4_OPTION_ROUTER_ALERT, ALERT_LEN, 0, 0};

	ipv4_write(at, &(struct ipv4_fields){
	                       .src = src,
	                       .dst = dst,
	                       .payload_len = (uint16_t)(payload_len + ALERT_LEN),
	                       .fragment = IPV4_DONT_FRAGMENT,
	                       .tos = TOS_CONTROL,
	                       .ttl = 1,
	                       .proto = IP_PROTO_IGMP,
	               });
	at[0] = 0x40 | HEADER_LEN / 4;
	memcpy(at + IPV4_HDR_LEN, alert, sizeof alert);
	ipv4_checksum_set(at, HEADER_LEN);
}

static struct outbox_entry *igmp_make(
        const struct neighbor_call *c, struct port_id port, struct be32 dst, uint32_t len)
{
	const struct epoch_port *egress = epoch_port(c->epoch, port);
	struct outbox_entry *e = message_make(c, port, egress, ETHER_TYPE_IPV4, HEADER_LEN + len);
	struct mac_addr mac = mac_of_ipv4_multicast(dst);

	if (!e)
		return NULL;
	e->pkt.l4_off = ETHER_HDR_LEN + HEADER_LEN;
	e->pkt.l4_proto = IP_PROTO_IGMP;
	header_write(message_body(e), port_source(c->epoch, egress), dst, len);
	message_send(c, e, egress, &mac);
	call_count(c, STAT_IGMP_OUT_REPORTS);
	call_count(c, STAT_IP_OUT_REQUESTS);
	call_count(c, STAT_IP_EXT_OUT_MCAST_PKTS);
	return e;
}

static void report_v3(const struct neighbor_call *c, const struct group_report *r)
{
	struct be32 group[GROUP_REPORT_MAX];
	struct outbox_entry *e = igmp_make(
	        c, r->port, be32_from_host(IGMPV3_REPORTS), IGMP_HDR_LEN + r->count * IGMP_V3_RECORD_LEN);

	for (uint32_t i = 0; i < r->count; i++)
		group[i] = r->group[i].w32[3];
	if (e)
		igmp_report_write(message_body(e) + HEADER_LEN, group, r->type, (uint16_t)r->count);
}

/* Of versions 1 and 2, to the group itself; a Leave to all routers; version 1 has none. */
static void report_old(const struct neighbor_call *c, const struct group_report *r)
{
	struct be32 group = r->group[0].w32[3];
	bool leave = r->type[0] == GROUP_CHANGE_TO_INCLUDE;
	uint8_t type = leave             ? IGMP_TYPE_V2_LEAVE
	               : r->version == 2 ? IGMP_TYPE_V2_REPORT
	                                 : IGMP_TYPE_V1_REPORT;
	struct outbox_entry *e;

	if (leave && r->version < 2)
		return;
	e = igmp_make(c, r->port, leave ? be32_from_host(ALL_ROUTERS) : group, IGMP_HDR_LEN);
	if (e)
		igmp_write(message_body(e) + HEADER_LEN, type, group);
}

void igmp_report(const struct neighbor_call *c, const struct group_report *r)
{
	if (r->version >= 3)
		report_v3(c, r);
	else
		report_old(c, r);
}

/* --- what comes --- */

static bool check(const struct pkt_ref ref, struct igmp_view *igmp)
{
	uint32_t before = (uint32_t)ref.pkt->l4_off - ref.pkt->l3_off;
	struct ipv4_view ip;

	return ref.pkt->l4_off > ref.pkt->l3_off &&
	       ipv4_check(*ref.frame + ref.pkt->l3_off, ref.pkt->len - ref.pkt->l3_off, &ip) == IPV4_OK &&
	       ip.total_len >= before &&
	       igmp_check(*ref.frame + ref.pkt->l4_off, ip.total_len - before, igmp) == IGMP_OK;
}

static void query(const struct neighbor_call *c, struct port_id port, const struct igmp_view *v)
{
	call_count(c, STAT_IGMP_IN_QUERIES);
	group_query(c, &(struct group_query){
	                       .port = port,
	                       .family = FAMILY_IGMP,
	                       .version = v->version,
	                       .newest = 3,
	                       .max_resp_ms = v->max_resp_ms,
	                       .interval_s = v->query_interval_s,
	                       .robustness = v->robustness,
	                       .group = ip6_addr_mapped(v->group),
	                       .general = v->group.raw == 0,
	               });
}

void igmp_input(
        struct neighbor *n, const struct epoch *epoch, nanos_t now, struct burst *burst, struct pkt_ref ref)
{
	struct neighbor_call c = neighbor_call_for(n, epoch, now, burst, ref);
	struct port_id port = ref.pkt->port;
	struct igmp_view igmp;
	struct ip6_addr group;

	if (!port_has_link(epoch_port(epoch, port))) {
		ref_drop(ref, DROP_PORT_DOWN);
		return;
	}
	if (!check(ref, &igmp)) {
		ref_drop(ref, DROP_IGMP_MALFORMED);
		return;
	}
	group = ip6_addr_mapped(igmp.group);
	if (igmp.type == IGMP_TYPE_QUERY)
		query(&c, port, &igmp);
	else if (igmp.type == IGMP_TYPE_V1_REPORT || igmp.type == IGMP_TYPE_V2_REPORT)
		group_reported(&c, port, &group);
	ref_deliver(ref);
}
