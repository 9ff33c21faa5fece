/* ether: Ethernet II, 802.3 length frames, and the VLAN tags of 802.1Q and 802.1ad.
 *
 * Part of the library `wire` (see wire.h).  In a stage: ether_check, then vlan_check as long as vlan_is_tpid
 * says that a tag follows, at most VLAN_TAGS_MAX times.
 */
#ifndef SLUICE_COMMON_WIRE_ETHER_H
#define SLUICE_COMMON_WIRE_ETHER_H

#include "common/wire/addr.h"
#include "common/wire/wire.h"

/* What a frame carries.  Numbers below ETHER_TYPE_MIN are lengths of 802.3. */
enum ether_type {
	ETHER_TYPE_MIN = 0x0600,
	ETHER_TYPE_IPV4 = 0x0800,
	ETHER_TYPE_ARP = 0x0806,
	ETHER_TYPE_RARP = 0x8035,
	ETHER_TYPE_VLAN = 0x8100,
	ETHER_TYPE_IPV6 = 0x86dd,
	ETHER_TYPE_FLOW_CONTROL = 0x8808,
	ETHER_TYPE_SLOW = 0x8809,
	ETHER_TYPE_MPLS = 0x8847,
	ETHER_TYPE_PPPOE_DISCOVERY = 0x8863,
	ETHER_TYPE_PPPOE_SESSION = 0x8864,
	ETHER_TYPE_EAPOL = 0x888e,
	ETHER_TYPE_QINQ = 0x88a8,
	ETHER_TYPE_LLDP = 0x88cc,
	ETHER_TYPE_PTP = 0x88f7,
	/* The tag protocol that some switches used before 802.1ad.  As in Linux it is known by name and not
	 * taken as a tag (vlan_is_tpid). */
	ETHER_TYPE_QINQ1 = 0x9100,
};

#define ETHER_HDR_LEN   14u
#define VLAN_HDR_LEN    4u
#define VLAN_TAGS_MAX   2u
#define VLAN_ID_MASK    0x0fffu
#define VLAN_DEI        0x1000u
#define ETHER_FRAME_MIN 60u

struct ether_hdr {
	struct mac_addr dst;
	struct mac_addr src;
	struct be16 type;
};

static_assert(
        sizeof(struct ether_hdr) == ETHER_HDR_LEN && alignof(struct ether_hdr) == 1, "overlaid on the wire");

struct vlan_hdr {
	struct be16 tci;
	struct be16 type;
};

static_assert(
        sizeof(struct vlan_hdr) == VLAN_HDR_LEN && alignof(struct vlan_hdr) == 1, "overlaid on the wire");

/* 802.2: destination and source service access point, control; with 0xaa, 0xaa, 3 SNAP follows (RFC 1042). */
struct llc_hdr {
	uint8_t dsap;
	uint8_t ssap;
	uint8_t control;
};

struct snap_hdr {
	struct llc_hdr llc;
	uint8_t oui[3];
	struct be16 type;
};

static_assert(sizeof(struct snap_hdr) == 8 && alignof(struct snap_hdr) == 1, "overlaid on the wire");

enum ether_flaw {
	ETHER_OK,
	ETHER_TRUNCATED, /* no whole header, tag or LLC header in the frame */
	ETHER_LENGTH,    /* an 802.3 length that goes past the frame */
};

struct ether_view {
	struct mac_addr dst;
	struct mac_addr src;
	uint16_t type; /* the number in the header, a length of 802.3 if below ETHER_TYPE_MIN */
};

/* The header of a frame of `len` bytes; what it carries begins at ETHER_HDR_LEN.  A length of 802.3 is not
 * looked at: llc_check does (Linux eth_type_trans does not either). */
static always_inline enum ether_flaw ether_check(const void *bytes, uint32_t len, struct ether_view *view)
{
	const uint8_t *b = bytes;
	uint64_t first, last;

	if (unlikely(len < ETHER_HDR_LEN))
		return ETHER_TRUNCATED;
	first = wire_load_raw64(b);
	last = (uint64_t)wire_load_raw32(b + 8) << 16 | first >> 48;
	memcpy(view->dst.b, &first, sizeof view->dst.b);
	memcpy(view->src.b, &last, sizeof view->src.b);
	view->type = wire_load_u16(b + 12);
	return ETHER_OK;
}

/* Does a tag follow a header with this type (Linux eth_type_vlan)? */
static always_inline bool vlan_is_tpid(uint16_t type)
{
	return type == ETHER_TYPE_VLAN || type == ETHER_TYPE_QINQ;
}

struct vlan_view {
	uint16_t tci;  /* priority (3 bits), DEI, VLAN id (12 bits) */
	uint16_t type; /* what follows: another tag, a protocol, or a length of 802.3 */
};

/* The tag at `bytes`, which is what follows a TPID (IEEE 802.1Q 9.6). */
static always_inline enum ether_flaw vlan_check(const void *bytes, uint32_t len, struct vlan_view *view)
{
	uint32_t tag;

	if (unlikely(len < VLAN_HDR_LEN))
		return ETHER_TRUNCATED;
	tag = wire_load_u32(bytes);
	view->tci = tag >> 16;
	view->type = (uint16_t)tag;
	return ETHER_OK;
}

static always_inline uint16_t vlan_id(uint16_t tci)
{
	return tci & VLAN_ID_MASK;
}

static always_inline uint8_t vlan_priority(uint16_t tci)
{
	return (uint8_t)(tci >> 13);
}

/* What an 802.3 length frame holds. */
enum llc_kind {
	LLC_PLAIN, /* 802.2 with service access points */
	LLC_SNAP,  /* 802.2 with SNAP */
	LLC_RAW,   /* 0xffff: Novell's frames without 802.2 (Linux ETH_P_802_3) */
};

struct llc_view {
	enum llc_kind kind;
	uint8_t dsap, ssap, control;
	uint32_t oui;         /* of SNAP */
	uint16_t type;        /* of SNAP: an ethertype if oui is 0 */
	uint16_t payload_len; /* by the length field, less than what is in the frame where that was padded */
	uint8_t payload_offset;
};

/* What follows the header (or tag) whose type was the length `length` < ETHER_TYPE_MIN.  `len` is what is
 * left of the frame (IEEE 802.3 3.2.6, 802.2 3.2, RFC 1042).  Linux hands none of these to IP, whatever SNAP
 * says. */
enum ether_flaw llc_check(const void *bytes, uint32_t len, uint16_t length, struct llc_view *view);

/* Write a header at `at` (ETHER_HDR_LEN bytes).  Gives its length. */
static always_inline uint32_t ether_write(
        void *at, const struct mac_addr *dst, const struct mac_addr *src, uint16_t type)
{
	struct ether_hdr *h = at;

	h->dst = *dst;
	h->src = *src;
	h->type = be16_from_host(type);
	return ETHER_HDR_LEN;
}

/* Write a tag at `at` (VLAN_HDR_LEN bytes): the TCI and the type of what follows; the TPID is the type of the
 * header before it.  Gives its length. */
static always_inline uint32_t vlan_write(void *at, uint16_t tci, uint16_t type)
{
	struct vlan_hdr *h = at;

	h->tci = be16_from_host(tci);
	h->type = be16_from_host(type);
	return VLAN_HDR_LEN;
}

#endif
