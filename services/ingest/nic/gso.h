/* gso: a segment that a peer left to its offload to cut, which is longer than a packet of the port may be, or
 * several of its datagrams behind one header, is cut into packets here (Linux tcp_gso_segment,
 * __udp_gso_segment).
 *
 *     if (gso_read(&g, frame, len of the first chunk, len of the frame, mtu, size))
 *             for (at = 0; at < g.payload; at += n)
 *                     n = gso_write(&g, at, packet, &pkt), and n bytes of payload from `at` on behind the
 * headers
 *
 * AF_PACKET tells how long the sender's own packets would be, and each becomes one again.  AF_XDP has no
 * place for it: those made here are then no longer than the least MTU of IPv6.  A path that is narrower than
 * the port's link lets them pass, where packets of the port's MTU would be refused again and again, since
 * what the sender learns of the path changes nothing here.  UDP cannot be cut so, since its boundaries
 * matter.
 *
 * Pure functions over bytes that nobody vouches for; any thread.
 */
#ifndef SLUICE_SERVICES_INGEST_NIC_GSO_H
#define SLUICE_SERVICES_INGEST_NIC_GSO_H

#include "common/pkt/pkt.h"
#include "common/wire/checksum.h"
#include "common/wire/ether.h"
#include "common/wire/ipv4.h"
#include "common/wire/tcp.h"
#include "common/wire/udp.h"

#define GSO_HEADER_MAX (ETHER_HDR_LEN + VLAN_TAGS_MAX * VLAN_HDR_LEN + IPV4_HDR_LEN_MAX + TCP_HDR_LEN_MAX)

/* A large segment, its headers read once. */
struct gso {
	uint8_t header[GSO_HEADER_MAX];
	uint32_t l3, l4, header_len; /* bytes from the frame's start: network, transport, payload */
	uint32_t payload;            /* bytes of it in the whole segment */
	uint32_t each;               /* and in each packet but the last */
	struct csum pseudo;          /* of addresses and protocol; the length is still to be added */
	uint8_t proto;               /* TCP or UDP */
	bool ipv6;
};

/* Whether the frame of `len` bytes, the first `in_first` of them at `frame`, is a segment over IP to be cut
 * for a port with that MTU: it is sound, no fragment, its checksum is the pseudo-header's alone; TCP, or UDP
 * where `size` is told: the payload of each packet as its sender means it.  0: it is not, and what is to be
 * cut is longer than the MTU.  Behind Ethernet and at most two tags; no extension headers. */
[[nodiscard]] bool gso_read(
        struct gso *g, const uint8_t *frame, uint32_t in_first, uint32_t len, uint32_t mtu, uint32_t size);

/* Whether a frame in one piece, of `len` bytes, is longer behind Ethernet and at most two tags than the MTU.
 */
[[nodiscard]] bool gso_is_longer(const uint8_t *frame, uint32_t len, uint32_t mtu);

/* Writes the headers of the packet whose payload begins at byte `at` < g->payload of the segment's: at most
 * g->header_len + g->each bytes are the packet's.  Sets len, total_len and the checksum's state of `pkt`.
 * Returns how much payload belongs behind the g->header_len bytes written: at least 1. */
[[nodiscard]] uint32_t gso_write(const struct gso *g, uint32_t at, uint8_t *frame, struct pkt *pkt);

/* How many packets the payload from `at` on makes. */
static inline uint32_t gso_packets(const struct gso *g, uint32_t at)
{
	return at < g->payload ? (g->payload - at + g->each - 1) / g->each : 0;
}

#endif
