#include "common/wire/mld.h"
#include "services/router/neighbor/internal.h"

/* --- what we send --- */

#define BEFORE_LEN (IPV6_HDR_LEN + MLD_HOP_BY_HOP_LEN)

/* Link-local, or where we have none yet the unspecified address (RFC 3590). */
static struct ip6_addr source(const struct neighbor_call *c, struct port_id port)
{
	const struct ip6_addr *a = nd_source(&c->n->table, c->epoch, port);

	return a && ip6_is_link_local(a) ? *a : IP6_UNSPECIFIED;
}

/* A packet in the outbox for `len` bytes of MLD, its IPv6 and hop-by-hop headers written. */
static struct outbox_entry *mld_make(const struct neighbor_call *c, struct port_id port,
        const struct ip6_addr *src, const struct ip6_addr *dst, uint32_t len)
{
	const struct epoch_port *egress = epoch_port(c->epoch, port);
	struct outbox_entry *e = message_make(c, port, egress, ETHER_TYPE_IPV6, BEFORE_LEN + len);
	struct mac_addr mac = mac_of_ip6_multicast(dst);

	if (!e)
		return NULL;
	e->pkt.l4_off = ETHER_HDR_LEN + BEFORE_LEN;
	e->pkt.l4_proto = IP_PROTO_ICMP6;
	ipv6_write(message_body(e), &(struct ipv6_fields){
	                                    .src = *src,
	                                    .dst = *dst,
	                                    .payload_len = (uint16_t)(MLD_HOP_BY_HOP_LEN + len),
	                                    .next_header = IP_PROTO_HOP_BY_HOP,
	                                    .hop_limit = 1,
	                            });
	mld_hop_by_hop_write(message_body(e) + IPV6_HDR_LEN);
	message_send(c, e, egress, &mac);
	call_count(c, STAT_ICMP6_OUT_MLD_REPORTS);
	call_count(c, STAT_ICMP6_OUT_MSGS);
	call_count(c, STAT_IP6_OUT_REQUESTS);
	call_count(c, STAT_IP6_OUT_MCAST_PKTS);
	return e;
}

static void report_v2(const struct neighbor_call *c, const struct group_report *r)
{
	struct ip6_addr src = source(c, r->port);
	struct outbox_entry *e = mld_make(
	        c, r->port, &src, &IP6_MLDV2_ROUTERS, ICMP6_HDR_LEN + r->count * MLD_V2_RECORD_LEN);

	if (e)
		mld_report_write(message_body(e) + BEFORE_LEN, r->group, r->type, (uint16_t)r->count, &src);
}

static void report_v1(const struct neighbor_call *c, const struct group_report *r)
{
	struct ip6_addr src = source(c, r->port);
	bool done = r->type[0] == GROUP_CHANGE_TO_INCLUDE;
	struct ip6_addr dst = done ? IP6_ALL_ROUTERS : r->group[0];
	struct outbox_entry *e = mld_make(c, r->port, &src, &dst, MLD_LEN);

	if (e)
		mld_write(message_body(e) + BEFORE_LEN, done ? ICMP6_TYPE_MLD_DONE : ICMP6_TYPE_MLD_REPORT,
		        &r->group[0], &src, &dst);
}

void mld_report(const struct neighbor_call *c, const struct group_report *r)
{
	if (r->version >= 2)
		report_v2(c, r);
	else
		report_v1(c, r);
}

/* --- what comes --- */

/* Whether the hop-by-hop header bears a router alert of MLD. */
static bool has_alert(const uint8_t *l3, const struct ipv6_view *ip)
{
	struct ipv6_options_view options;
	struct ipv6_chain chain;

	return ipv6_chain_check(l3, ip->total_len, ip, &chain) == IPV6_CHAIN_OK &&
	       chain.hop_by_hop < IPV6_EXT_MAX &&
	       ipv6_options_check(l3, ip->total_len, ip, &chain.ext[chain.hop_by_hop], &options) ==
	               IPV6_OPTIONS_OK &&
	       options.router_alert && options.router_alert_value == IPV6_ROUTER_ALERT_MLD;
}

static bool check(const struct pkt_ref ref, struct mld_view *mld)
{
	const uint8_t *l3 = *ref.frame + ref.pkt->l3_off, *l4 = *ref.frame + ref.pkt->l4_off;
	uint32_t before = (uint32_t)ref.pkt->l4_off - ref.pkt->l3_off, len;
	struct icmp6_view icmp;
	struct ipv6_view ip;

	if (ref.pkt->l4_off <= ref.pkt->l3_off ||
	        ipv6_check(l3, ref.pkt->len - ref.pkt->l3_off, &ip) != IPV6_OK || ip.total_len < before)
		return false;
	len = ip.total_len - before;
	if (icmp6_check(l4, len, csum_pseudo_ipv6(&ip.src, &ip.dst, IP_PROTO_ICMP6, len), &icmp) !=
	                ICMP6_OK ||
	        !mld_is_message(icmp.type))
		return false;
	struct icmp6_origin origin = {ip.src, ip.dst, ip.hop_limit, has_alert(l3, &ip)};

	return mld_check(l4, &icmp, &origin, mld) == MLD_OK;
}

static void query(const struct neighbor_call *c, struct port_id port, const struct mld_view *v)
{
	call_count(c, STAT_ICMP6_IN_GROUP_MEMB_QUERIES);
	group_query(c, &(struct group_query){
	                       .port = port,
	                       .family = FAMILY_MLD,
	                       .version = v->version,
	                       .newest = 2,
	                       .max_resp_ms = v->max_resp_ms,
	                       .interval_s = v->query_interval_s,
	                       .robustness = v->robustness,
	                       .group = v->group,
	                       .general = ip6_is_unspecified(&v->group),
	               });
}

void mld_input(
        struct neighbor *n, const struct epoch *epoch, nanos_t now, struct burst *burst, struct pkt_ref ref)
{
	struct neighbor_call c = neighbor_call_for(n, epoch, now, burst, ref);
	struct port_id port = ref.pkt->port;
	struct mld_view mld;

	if (!port_has_link(epoch_port(epoch, port))) {
		ref_drop(ref, DROP_PORT_DOWN);
		return;
	}
	if (!check(ref, &mld)) {
		ref_drop(ref, DROP_IGMP_MALFORMED);
		return;
	}
	if (mld.type == ICMP6_TYPE_MLD_QUERY)
		query(&c, port, &mld);
	else if (mld.type == ICMP6_TYPE_MLD_REPORT)
		group_reported(&c, port, &mld.group);
	ref_deliver(ref);
}
