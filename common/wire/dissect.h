/* dissect: a whole frame at a glance: where its layers are, and what RSS, the classifier and the taps want to
 * know.
 *
 * Part of the library `wire` (see wire.h).  Called once a frame by ingest (for RSS) and where the filter
 * builds the classifier's key.  It judges little: a frame that the router would drop is dissected as far as
 * its lengths hold.  The structure holds offsets and no pointers, so it may lie in a buffer's metadata.
 */
#ifndef SLUICE_COMMON_WIRE_DISSECT_H
#define SLUICE_COMMON_WIRE_DISSECT_H

#include "common/wire/ether.h"
#include "common/wire/ip.h"

enum dissect_l3 {
	DISSECT_NO_L3, /* neither of these, or one that is malformed (DISSECT_MALFORMED) */
	DISSECT_IPV4,
	DISSECT_IPV6,
	DISSECT_ARP,
};

enum dissect_fragment {
	DISSECT_WHOLE,
	DISSECT_FIRST_FRAGMENT,
	DISSECT_LATER_FRAGMENT, /* has no L4 header */
};

enum dissect_flag {
	DISSECT_MALFORMED =
	        0x01,         /* a header is cut short or contradicts itself; what is set up to there holds */
	DISSECT_L4 = 0x02,    /* l4_offset is that of a header, which may be cut short */
	DISSECT_PORTS = 0x04, /* src_port and dst_port are those of TCP, UDP, UDP-Lite or SCTP */
	DISSECT_ICMP = 0x08,  /* icmp_type and icmp_code are set (ICMP and ICMPv6) */
	DISSECT_OPTIONS = 0x10, /* IPv4 options or IPv6 extension headers */
	DISSECT_802_3 = 0x20,   /* ether_type is a length of 802.3 */
};

/* Offsets are from the start of the frame; 0 where there is none. */
struct dissect {
	uint16_t ether_type;              /* behind the tags, host order */
	uint16_t vlan_tci[VLAN_TAGS_MAX]; /* the outer first */
	uint16_t vlan_tpid[VLAN_TAGS_MAX];
	uint8_t vlan_count;
	uint8_t l3; /* enum dissect_l3 */
	uint16_t l3_offset;
	uint16_t l3_len; /* header and payload of IP; what lies beyond is padding */
	uint16_t src_offset;
	uint16_t dst_offset;
	uint16_t l4_offset;
	uint8_t l4_proto; /* enum ip_proto; for ARP the operation; set for later fragments too */
	uint8_t fragment; /* enum dissect_fragment */
	uint8_t flags;    /* enum dissect_flag */
	uint8_t tcp_flags;
	uint8_t traffic_class; /* of IPv4 the TOS */
	uint8_t ttl;           /* of IPv6 the hop limit */
	union {
		struct {
			uint16_t src_port; /* host order */
			uint16_t dst_port;
		};
		struct {
			uint8_t icmp_type;
			uint8_t icmp_code;
			uint16_t icmp_id; /* of an echo or its reply, else 0 */
		};
	};
};

static_assert(sizeof(struct dissect) == 32, "half a cache line");

/* Dissect the frame of `len` bytes (at most 65,535 of them are looked at).  Sets all of `out`. */
void dissect_frame(const void *frame, uint32_t len, struct dissect *out);

/* Dissect `len` bytes that begin with the IP header of `ether_type` (ETHER_TYPE_IPV4, ETHER_TYPE_IPV6) or
 * with ARP: what is behind a tag that hardware took off, in a tunnel, or quoted.  Offsets are then from
 * `bytes`. */
void dissect_packet(const void *bytes, uint32_t len, uint16_t ether_type, struct dissect *out);

#endif
