/* arp: address resolution for IPv4 over Ethernet (RFC 826, RFC 5227).
 *
 * Part of the library `wire` (see wire.h).  Used by the router's neighbor code: arp_check on what came,
 * arp_write for what it sends.
 */
#ifndef SLUICE_COMMON_WIRE_ARP_H
#define SLUICE_COMMON_WIRE_ARP_H

#include "common/wire/addr.h"
#include "common/wire/wire.h"

enum arp_op {
	ARP_OP_REQUEST = 1,
	ARP_OP_REPLY = 2,
};

#define ARP_HTYPE_ETHER   1u
#define ARP_HTYPE_IEEE802 6u
#define ARP_HDR_LEN       28u

struct arp_hdr {
	struct be16 htype;
	struct be16 ptype;
	uint8_t hlen;
	uint8_t plen;
	struct be16 op;
	struct mac_addr sender_mac;
	struct be32 sender_ip;
	struct mac_addr target_mac;
	struct be32 target_ip;
};

static_assert(sizeof(struct arp_hdr) == ARP_HDR_LEN && alignof(struct arp_hdr) == 1, "overlaid on the wire");

/* What Linux arp_rcv and arp_process discard. */
enum arp_flaw {
	ARP_OK,
	ARP_TRUNCATED,
	ARP_HTYPE, /* neither Ethernet nor IEEE 802 */
	ARP_PTYPE, /* not IPv4 */
	ARP_HLEN,
	ARP_PLEN,
	ARP_OP, /* neither request nor reply */
};

struct arp_view {
	struct mac_addr sender_mac;
	struct mac_addr target_mac;
	struct be32 sender_ip;
	struct be32 target_ip;
	uint16_t op; /* enum arp_op */
};

/* What follows an Ethernet header of type ETHER_TYPE_ARP.  Which addresses it may bear is the caller's to
 * judge. */
enum arp_flaw arp_check(const void *bytes, uint32_t len, struct arp_view *view);

/* Write an ARP message for IPv4 over Ethernet at `at` (ARP_HDR_LEN bytes).  Gives its length. */
uint32_t arp_write(void *at, const struct arp_view *message);

#endif
