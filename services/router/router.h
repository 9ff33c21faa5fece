/* router: layer 3, between the filter and the session.
 *
 *     filter --rx--> router --rx--> session      packets for ourselves
 *     filter <--tx-- router <--tx-- session      what is forwarded, what we make
 *
 * A packet comes with l3_off, ethertype, type (HOST, BROADCAST, ...) and its (sub-)port set, any VLAN tags
 * still in front of the network header.  The router validates it as Linux ip_rcv and ip6_rcv do, looks up
 * where it goes, and forwards it (TTL, MTU, fragmentation, Ethernet header), delivers it to the session
 * (pkt.l4_off and l4_proto set, single datagrams as several buffers behind reassembly), or consumes it (ARP,
 * ND, ICMP, IGMP, MLD).  It makes ICMP errors and replies of its own.
 *
 * From the session it takes IP packets whose header is complete: l3_off at the header, ethertype set,
 * checksums done; only the source may be unspecified, and is then chosen here (the L4 checksum, which the
 * session made for the unspecified one, is brought in line).  PKT_F_ICMP_ERROR marks ICMP errors of the
 * session, which are subject to the rate limit here.
 *
 * What leaves on OUT_TX begins with its Ethernet header, untagged (PKT_F_TAGGED* cleared), `out` names the
 * sub-port; the filter adds the tags.  PKT_CSUM_PARTIAL stays only where the egress port has
 * EPOCH_PORT_CSUM_PARTIAL.
 *
 * One worker a lane (common/stage says who calls what).  Neighbors, path MTU and limits of ICMP errors are
 * those of lane 0: other lanes read the first two and hand packets that need a change of them over
 * (OUT_PUNT).
 */
#ifndef SLUICE_SERVICES_ROUTER_ROUTER_H
#define SLUICE_SERVICES_ROUTER_ROUTER_H

#include "common/stage/stage.h"

extern const struct stage_ops router_stage;

/* A neighbor as it stands; times are in milliseconds of the stages' clock, modulo 2^32. */
struct router_neighbor {
	struct ip6_addr addr; /* IPv4 mapped */
	struct port_id port;
	struct mac_addr mac;
	bool resolved;     /* mac is one */
	bool router;       /* says that it is one */
	bool waiting;      /* packets wait for it */
	const char *state; /* as `ip neighbor` names it, in small letters */
	uint32_t used_ms, confirmed_ms, updated_ms;
};

/* How many places for neighbors the state of lane 0 has, and the neighbor in one of them: false where there
 * is none, or where it changed meanwhile.  For whoever maps lane 0's state. */
uint32_t router_neighbor_slots(const void *state, const struct stage_params *params);
bool router_neighbor_read(
        const void *state, const struct stage_params *params, uint32_t slot, struct router_neighbor *out);

#endif
