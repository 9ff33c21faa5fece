/* drop: why a packet ended.
 *
 * One list makes the enum, the text for people and the metric's label.  A name is Linux's (enum
 * skb_drop_reason) where Linux has a counterpart, ours where not.  Nothing frees a packet without one of
 * these: the only verdict that ends a packet takes a reason, and DROP_NONE is refused there.
 */
#ifndef SLUICE_COMMON_PKT_DROP_H
#define SLUICE_COMMON_PKT_DROP_H

#include <stdint.h>

/*  X(NAME, "what happened, for a person") */
#define DROP_REASONS(X)                                                                                      \
	X(NONE, "not dropped")                                                                               \
	/* ours: the machinery */                                                                            \
	X(STAGE_CRASHED, "the stage that had it in hand died")                                               \
	X(RING_FULL, "the next ring had no room")                                                            \
	X(NO_BUFFER, "no spare buffer to make a packet in")                                                  \
	X(BAD_DESC, "a neighbour handed over an impossible descriptor")                                      \
	X(BAD_EPOCH, "its configuration is no longer live")                                                  \
	X(HELD_LIMIT, "the stage may hold no more packets")                                                  \
	/* ports */                                                                                          \
	X(RX_LENGTH, "longer than a buffer or than the port's MTU allows")                                   \
	X(PKT_TOO_SMALL, "shorter than its headers")                                                         \
	X(PORT_DOWN, "the port is down")                                                                     \
	X(TX_LENGTH, "longer than the egress port can send")                                                 \
	X(TX_FAILED, "the driver could not send it")                                                         \
	X(FAULT, "lost on purpose, by the fault driver")                                                     \
	/* layer 2 */                                                                                        \
	X(OTHERHOST, "for another host's MAC address")                                                       \
	X(UNHANDLED_PROTO, "no protocol of ours")                                                            \
	X(VLAN_UNKNOWN, "tagged for a VLAN that the port does not have")                                     \
	X(VLAN_MALFORMED, "cut short in its VLAN tags, or too many of them")                                 \
	X(MAC_INVALID, "source address is a group address or all zero")                                      \
	X(TC_INGRESS, "dropped by a rule at ingress")                                                        \
	X(TC_EGRESS, "dropped by a rule at egress")                                                          \
	/* layer 3 */                                                                                        \
	X(HDR_TRUNC, "cut short in a header")                                                                \
	X(IP_INHDR, "malformed IP header")                                                                   \
	X(IP_CSUM, "wrong IPv4 header checksum")                                                             \
	X(IP_TRUNCATED, "shorter than its IP length says")                                                   \
	X(IP_OPTIONS, "malformed IPv4 options")                                                              \
	X(IP_SOURCE_ROUTE, "source route refused")                                                           \
	X(IP_INADDRERRORS, "address that may not be used here")                                              \
	X(IP_INVALID_SOURCE, "martian source address")                                                       \
	X(IP_INVALID_DEST, "martian destination address")                                                    \
	X(IP_LOCAL_SOURCE, "source address is one of ours")                                                  \
	X(IP_LOCALNET, "loopback address on a wire")                                                         \
	X(IP_RPFILTER, "the way back to its source is another port")                                         \
	X(UNICAST_IN_L2_MULTICAST, "unicast address in a link-layer multicast or broadcast")                 \
	X(IP_INNOROUTES, "no route")                                                                         \
	X(IP_FORWARDING_OFF, "the ingress port does not forward")                                            \
	X(IP_MULTICAST, "multicast that nobody here has joined")                                             \
	X(IP_NOPROTO, "no protocol of ours above IP")                                                        \
	X(TTL_EXPIRED, "time to live ran out")                                                               \
	X(PKT_TOO_BIG, "larger than the egress MTU and may not be fragmented")                               \
	X(ROUTE_BLACKHOLE, "blackhole route")                                                                \
	X(ROUTE_UNREACHABLE, "unreachable route")                                                            \
	X(ROUTE_PROHIBIT, "prohibit route")                                                                  \
	X(LINK_LOCAL_SCOPE, "a link-local address would leave its link")                                     \
	X(IPV6DISABLED, "IPv6 is off on the port")                                                           \
	X(IPV6_BAD_EXTHDR, "malformed or unwanted IPv6 extension header")                                    \
	X(IPV6_EXTHDR_LIMIT, "more IPv6 extension headers than allowed")                                     \
	X(LOCAL_RATELIMIT, "rate limit for packets to ourselves")                                            \
	X(ICMP_RATELIMIT, "rate limit for ICMP errors")                                                      \
	X(ICMP_CSUM, "wrong ICMP checksum")                                                                  \
	X(ICMP_MALFORMED, "malformed ICMP message")                                                          \
	X(ICMP_IGNORED, "ICMP message that asks nothing of us")                                              \
	X(IGMP_MALFORMED, "malformed IGMP or MLD message")                                                   \
	/* fragments */                                                                                      \
	X(FRAG_MALFORMED, "malformed fragment")                                                              \
	X(FRAG_OVERLAP, "fragments overlap")                                                                 \
	X(DUP_FRAG, "fragment came twice")                                                                   \
	X(FRAG_REASM_TIMEOUT, "the other fragments did not come in time")                                    \
	X(FRAG_MEMORY, "no memory left for fragments")                                                       \
	X(FRAG_EVICTED, "its datagram was given up for a newer one")                                         \
	/* neighbors */                                                                                      \
	X(ARP_MALFORMED, "malformed ARP")                                                                    \
	X(ARP_IGNORED, "ARP that asks nothing of us")                                                        \
	X(IPV6_NDISC_FRAG, "neighbor discovery in a fragment")                                               \
	X(IPV6_NDISC_HOP_LIMIT, "neighbor discovery from off the link")                                      \
	X(IPV6_NDISC_BAD_CODE, "neighbor discovery with a wrong code")                                       \
	X(IPV6_NDISC_BAD_OPTIONS, "neighbor discovery with malformed options")                               \
	X(IPV6_NDISC_MALFORMED, "malformed neighbor discovery")                                              \
	X(IPV6_NDISC_IGNORED, "neighbor discovery that asks nothing of us")                                  \
	X(NEIGH_CREATEFAIL, "the neighbor table is full")                                                    \
	X(NEIGH_QUEUEFULL, "too many packets wait for this neighbor")                                        \
	X(NEIGH_FAILED, "the neighbor does not answer")                                                      \
	X(NEIGH_DEAD, "the neighbor's entry is gone")                                                        \
	/* layer 4 */                                                                                        \
	X(NO_SOCKET, "no socket listens there")                                                              \
	X(UDP_MALFORMED, "malformed UDP header")                                                             \
	X(UDP_CSUM, "wrong UDP checksum")                                                                    \
	X(TCP_MALFORMED, "malformed TCP header")                                                             \
	X(TCP_CSUM, "wrong TCP checksum")                                                                    \
	X(SOCKET_RCVBUFF, "the socket's receive buffer is full")                                             \
	X(PROTO_MEM, "the sockets' memory is used up")

enum drop_reason {
#define X(name, text) DROP_##name,
	DROP_REASONS(X)
#undef X
	        DROP_REASON_COUNT
};

/* The metric's label (the enum's name in small letters: "ip_csum") and the sentence for a person.  Never
 * NULL: a number out of range gives "unknown".  Source of the names: Linux include/net/dropreason-core.h. */
const char *drop_reason_label(enum drop_reason reason);
const char *drop_reason_text(enum drop_reason reason);

#endif
