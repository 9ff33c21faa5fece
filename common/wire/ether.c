#include "common/wire/ether.h"

#define LLC_SAP_SNAP   0xaa
#define LLC_UNNUMBERED 0x03

static void snap_read(const uint8_t *b, struct llc_view *view)
{
	view->kind = LLC_SNAP;
	view->oui = wire_load_u32(b + 2) & 0xffffff;
	view->type = wire_load_u16(b + 6);
	view->payload_offset = sizeof(struct snap_hdr);
}

enum ether_flaw llc_check(const void *bytes, uint32_t len, uint16_t length, struct llc_view *view)
{
	const uint8_t *b = bytes;

	if (length > len)
		return ETHER_LENGTH;
	if (length < sizeof(struct llc_hdr))
		return ETHER_TRUNCATED;
	*view = (struct llc_view){.kind = LLC_PLAIN, .dsap = wire_load_u8(b), .ssap = wire_load_u8(b + 1)};
	if (view->dsap == 0xff && view->ssap == 0xff) {
		view->kind = LLC_RAW;
		view->payload_len = length;
		return ETHER_OK;
	}
	view->control = wire_load_u8(b + 2);
	view->payload_offset = sizeof(struct llc_hdr);
	if (view->dsap == LLC_SAP_SNAP && view->ssap == LLC_SAP_SNAP && view->control == LLC_UNNUMBERED) {
		if (length < sizeof(struct snap_hdr))
			return ETHER_TRUNCATED;
		snap_read(b, view);
	}
	view->payload_len = length - view->payload_offset;
	return ETHER_OK;
}
