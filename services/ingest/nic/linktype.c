#include "services/ingest/nic/linktype.h"

#include "common/wire/ether.h"
#include "services/ingest/nic/capture.h"

enum link {
	LINK_NULL = 0,
	LINK_ETHERNET = 1,
	LINK_PPP = 9,
	LINK_RAW_BSD = 12,
	LINK_RAW_OPENBSD = 14,
	LINK_PPP_HDLC = 50,
	LINK_RAW = 101,
	LINK_C_HDLC = 104,
	LINK_LOOP = 108,
	LINK_SLL = 113,
	LINK_IPV4 = 228,
	LINK_IPV6 = 229,
	LINK_SLL2 = 276,
};

#define TYPE_UNKNOWN 0x88b5u /* IEEE 802, local experimental ethertype 1 */
#define SLL_802_3    1u      /* Linux ETH_P_802_3 and ETH_P_802_2 in a cooked header: no ethertype */
#define SLL_802_2    4u

/* What stands in place of an Ethernet header. */
struct head {
	uint32_t skip;
	uint16_t type;
	const uint8_t *source; /* six bytes; NULL: none */
};

bool linktype_known(uint16_t link)
{
	switch ((enum link)link) {
	case LINK_NULL:
	case LINK_ETHERNET:
	case LINK_PPP:
	case LINK_RAW_BSD:
	case LINK_RAW_OPENBSD:
	case LINK_PPP_HDLC:
	case LINK_RAW:
	case LINK_C_HDLC:
	case LINK_LOOP:
	case LINK_SLL:
	case LINK_IPV4:
	case LINK_IPV6:
	case LINK_SLL2: return true;
	}
	return false;
}

static uint16_t type_by_version(const uint8_t *b, uint32_t len)
{
	uint8_t version = len ? b[0] >> 4 : 0;

	return version == 4 ? ETHER_TYPE_IPV4 : version == 6 ? ETHER_TYPE_IPV6 : TYPE_UNKNOWN;
}

/* Four bytes of an address family, in the order of who captured it; IPv6 has a number of its own on every
 * system (NetBSD and OpenBSD 24, FreeBSD 28, Darwin 30, Linux 10). */
static struct head head_null(const uint8_t *b, uint32_t len)
{
	struct head h = {.skip = MIN(len, 4u), .type = TYPE_UNKNOWN};
	uint32_t family;

	if (len < 4)
		return h;
	family = load_u32(b);
	if (family > 0xffff)
		family = __builtin_bswap32(family);
	if (family == 2)
		h.type = ETHER_TYPE_IPV4;
	else if (family == 10 || family == 24 || family == 28 || family == 30)
		h.type = ETHER_TYPE_IPV6;
	return h;
}

/* RFC 1661 2 and RFC 1662 3.1: address and control may be there or not. */
static struct head head_ppp(const uint8_t *b, uint32_t len)
{
	uint32_t at = len >= 2 && b[0] == 0xff && b[1] == 0x03 ? 2 : 0;
	uint16_t proto = len >= at + 2 ? wire_load_u16(b + at) : 0;
	struct head h = {.skip = MIN(len, at + 2), .type = TYPE_UNKNOWN};

	if (proto == 0x0021)
		h.type = ETHER_TYPE_IPV4;
	else if (proto == 0x0057)
		h.type = ETHER_TYPE_IPV6;
	return h;
}

/* A header of `skip` bytes with its ethertype at `type_at`. */
static struct head head_typed(const uint8_t *b, uint32_t len, uint32_t skip, uint32_t type_at)
{
	if (len < skip)
		return (struct head){.skip = len, .type = TYPE_UNKNOWN};
	return (struct head){.skip = skip, .type = wire_load_u16(b + type_at)};
}

/* A Linux cooked header; what has no ethertype is 802.2, whose Ethernet header says a length. */
static struct head head_cooked(
        const uint8_t *b, uint32_t len, uint32_t skip, uint32_t type_at, uint32_t source_at, bool six)
{
	struct head h = head_typed(b, len, skip, type_at);

	if (len < skip)
		return h;
	if (h.type == SLL_802_3 || h.type == SLL_802_2)
		h.type = (uint16_t)MIN(len - skip, 1500u);
	else if (h.type < ETHER_TYPE_MIN)
		h.type = TYPE_UNKNOWN;
	if (six)
		h.source = b + source_at;
	return h;
}

static struct head head_of(uint16_t link, const uint8_t *b, uint32_t len)
{
	switch ((enum link)link) {
	case LINK_NULL:
	case LINK_LOOP: return head_null(b, len);
	case LINK_PPP:
	case LINK_PPP_HDLC: return head_ppp(b, len);
	case LINK_C_HDLC: return head_typed(b, len, 4, 2);
	case LINK_SLL: return head_cooked(b, len, 16, 14, 6, len >= 16 && wire_load_u16(b + 4) == 6);
	case LINK_SLL2: return head_cooked(b, len, 20, 0, 12, len >= 20 && b[11] == 6);
	case LINK_IPV4: return (struct head){.type = ETHER_TYPE_IPV4};
	case LINK_IPV6: return (struct head){.type = ETHER_TYPE_IPV6};
	case LINK_RAW:
	case LINK_RAW_BSD:
	case LINK_RAW_OPENBSD:
	case LINK_ETHERNET: break;
	}
	return (struct head){.type = type_by_version(b, len)};
}

uint32_t linktype_len(uint16_t link, const uint8_t *bytes, uint32_t len)
{
	return link == LINK_ETHERNET ? len : len - head_of(link, bytes, len).skip + ETHER_HDR_LEN;
}

/* Where an IP packet would have been sent on Ethernet. */
static struct mac_addr destination(
        uint16_t type, const uint8_t *ip, uint32_t len, const struct mac_addr *port)
{
	if (type == ETHER_TYPE_IPV4 && len >= 20) {
		if (load_u32(ip + 16) == UINT32_MAX)
			return (struct mac_addr){{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
		if (ip[16] >> 4 == 0xe)
			return (struct mac_addr){{0x01, 0x00, 0x5e, ip[17] & 0x7f, ip[18], ip[19]}};
	}
	if (type == ETHER_TYPE_IPV6 && len >= 40 && ip[24] == 0xff)
		return (struct mac_addr){{0x33, 0x33, ip[36], ip[37], ip[38], ip[39]}};
	return *port;
}

void linktype_copy(
        uint16_t link, const uint8_t *bytes, uint32_t len, const struct mac_addr *port, uint8_t *to)
{
	struct head h;
	struct mac_addr dst, src = CAPTURE_SOURCE_MAC;

	if (link == LINK_ETHERNET) {
		memcpy(to, bytes, len);
		return;
	}
	h = head_of(link, bytes, len);
	dst = destination(h.type, bytes + h.skip, len - h.skip, port);
	if (h.source)
		memcpy(src.b, h.source, sizeof src.b);
	to += ether_write(to, &dst, &src, h.type);
	memcpy(to, bytes + h.skip, len - h.skip);
}
