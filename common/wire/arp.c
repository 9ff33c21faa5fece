#include "common/wire/arp.h"
#include "common/wire/ether.h"

enum arp_flaw arp_check(const void *bytes, uint32_t len, struct arp_view *view)
{
	const struct arp_hdr *h = bytes;

	if (len < ARP_HDR_LEN)
		return ARP_TRUNCATED;
	if (wire_load_u8(&h->hlen) != sizeof(struct mac_addr))
		return ARP_HLEN;
	if (wire_load_u8(&h->plen) != sizeof(struct be32))
		return ARP_PLEN;
	uint16_t htype = wire_load_u16(&h->htype);

	if (htype != ARP_HTYPE_ETHER && htype != ARP_HTYPE_IEEE802)
		return ARP_HTYPE;
	if (wire_load_u16(&h->ptype) != ETHER_TYPE_IPV4)
		return ARP_PTYPE;
	view->op = wire_load_u16(&h->op);
	if (view->op != ARP_OP_REQUEST && view->op != ARP_OP_REPLY)
		return ARP_OP;
	view->sender_mac = wire_load_mac(&h->sender_mac);
	view->sender_ip = wire_load_be32(&h->sender_ip);
	view->target_mac = wire_load_mac(&h->target_mac);
	view->target_ip = wire_load_be32(&h->target_ip);
	return ARP_OK;
}

uint32_t arp_write(void *at, const struct arp_view *message)
{
	*(struct arp_hdr *)at = (struct arp_hdr){
	        .htype = be16_from_host(ARP_HTYPE_ETHER),
	        .ptype = be16_from_host(ETHER_TYPE_IPV4),
	        .hlen = sizeof(struct mac_addr),
	        .plen = sizeof(struct be32),
	        .op = be16_from_host(message->op),
	        .sender_mac = message->sender_mac,
	        .sender_ip = message->sender_ip,
	        .target_mac = message->target_mac,
	        .target_ip = message->target_ip,
	};
	return ARP_HDR_LEN;
}
