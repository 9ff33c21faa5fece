/* ip: what IPv4 and IPv6 share: the protocols that they carry, the traffic class.
 *
 * Part of the library `wire` (see wire.h).
 */
#ifndef SLUICE_COMMON_WIRE_IP_H
#define SLUICE_COMMON_WIRE_IP_H

#include "common/base/base.h"

/* The protocol of an IPv4 header and the next header of an IPv6 one (IANA). */
enum ip_proto {
	IP_PROTO_HOP_BY_HOP = 0,
	IP_PROTO_ICMP = 1,
	IP_PROTO_IGMP = 2,
	IP_PROTO_IPV4 = 4,
	IP_PROTO_TCP = 6,
	IP_PROTO_UDP = 17,
	IP_PROTO_IPV6 = 41,
	IP_PROTO_ROUTING = 43,
	IP_PROTO_FRAGMENT = 44,
	IP_PROTO_GRE = 47,
	IP_PROTO_ESP = 50,
	IP_PROTO_AH = 51,
	IP_PROTO_ICMP6 = 58,
	IP_PROTO_NONE = 59,
	IP_PROTO_DST_OPTIONS = 60,
	IP_PROTO_PIM = 103,
	IP_PROTO_SCTP = 132,
	IP_PROTO_MOBILITY = 135,
	IP_PROTO_UDPLITE = 136,
	IP_PROTO_HIP = 139,
	IP_PROTO_SHIM6 = 140,
};

/* The low two bits of the traffic class (RFC 3168 5). */
enum ip_ecn {
	IP_ECN_NONE = 0,
	IP_ECN_ECT1 = 1,
	IP_ECN_ECT0 = 2,
	IP_ECN_CE = 3,
};

#define IP_ECN_MASK    3u
#define IP_TTL_DEFAULT 64u

#endif
