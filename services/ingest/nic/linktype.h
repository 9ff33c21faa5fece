/* linktype: frames of other link types as Ethernet (see capture.h for what becomes of which).
 *
 * Numbers are those of the tcpdump group's list of link types.  Pure functions over bounded bytes; any
 * thread.
 */
#ifndef SLUICE_SERVICES_INGEST_NIC_LINKTYPE_H
#define SLUICE_SERVICES_INGEST_NIC_LINKTYPE_H

#include "common/base/base.h"

#define LINKTYPE_ETHERNET 1u
#define LINKTYPES_KNOWN                                                                                      \
	"Ethernet 1, NULL 0, PPP 9 and 50, raw IP 12, 14, 101, 228, 229, HDLC 104, LOOP 108, SLL 113 and "   \
	"276"

bool linktype_known(uint16_t link);

/* Bytes that a frame of `len` bytes takes as Ethernet. */
uint32_t linktype_len(uint16_t link, const uint8_t *bytes, uint32_t len);

/* Writes it: linktype_len bytes. */
void linktype_copy(
        uint16_t link, const uint8_t *bytes, uint32_t len, const struct mac_addr *port, uint8_t *to);

#endif
