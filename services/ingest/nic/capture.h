/* capture: the packets of a capture file that lies in memory.
 *
 * Reads classic pcap (either byte order, micro- and nanoseconds, the form with longer records of 1990s Linux)
 * and pcapng (either byte order, several sections and interfaces, enhanced, simple and obsolete packet
 * blocks, if_tsresol, if_tsoffset, if_fcslen), as in draft-ietf-opsawg-pcap and draft-ietf-opsawg-pcapng.
 * Files are hostile input: nothing outside of the bytes given is ever read, and every call ends.
 *
 *     capture_open(&c, bytes, size, error, sizeof error);
 *     while (capture_next(&c, &frame)) ...
 *     if (c.broken) ...                  the rest could not be read
 *
 * A link type other than Ethernet is turned into it by capture_frame_copy, so that any capture can be played:
 *
 *     raw IP, NULL and LOOP, PPP, Cisco HDLC     their own header is taken off, an Ethernet header put before
 *     Linux cooked captures (SLL, SLL2)          the same; the source address is kept if it has six bytes
 *
 * The new header's source, where there is none, is CAPTURE_SOURCE_MAC; its destination is the address given
 * for the port, or the group address of an IP multicast or broadcast destination (RFC 1112 6.4, RFC 2464 7);
 * what is no IP and no ethertype is given ethertype 88b5 (IEEE 802, local experimental).
 *
 * One thread for one structure; the bytes must stay.
 */
#ifndef SLUICE_SERVICES_INGEST_NIC_CAPTURE_H
#define SLUICE_SERVICES_INGEST_NIC_CAPTURE_H

#include "common/base/base.h"

#define CAPTURE_SOURCE_MAC     ((struct mac_addr){{0x02, 0x53, 0x4c, 0x00, 0x00, 0x01}})
#define CAPTURE_INTERFACES_MAX 64u
#define CAPTURE_FRAME_MAX      262144u /* a record that says more is broken, as libpcap has it */

struct capture_interface {
	uint16_t link;
	uint8_t fcs_bytes;
	uint8_t tsresol; /* as in if_tsresol: a power of ten, or of two with the high bit */
	uint32_t snaplen;
	int64_t tsoffset_s;
};

struct capture {
	const uint8_t *bytes;
	uint64_t size;
	uint64_t at; /* the next record or block */
	bool ng;
	bool swapped;
	bool cut;              /* the last record goes on behind the end of the file */
	bool broken;           /* a record that can not be: what follows is lost */
	uint8_t record_bytes;  /* of a classic file's record header */
	uint32_t number;       /* packets so far */
	nanos_t time;          /* of the last one */
	uint32_t n_interfaces; /* of the section; the packets of more than fit are left out */
	struct capture_interface interface[CAPTURE_INTERFACES_MAX];
	uint64_t left_out; /* packets of a link type or interface that is not known */
};

struct capture_frame {
	const uint8_t *bytes;
	uint32_t len;    /* captured */
	uint32_t cut;    /* and so many bytes more were on the wire */
	uint32_t number; /* from 1 */
	uint16_t link;
	nanos_t time; /* since 1970 */
};

/* Looks at the head of a file.  0, or -EINVAL with a sentence that follows on the file's name ("... is no
 * capture"). A classic file of a link type that is not known is refused. */
[[nodiscard]] int capture_open(
        struct capture *c, const void *bytes, uint64_t size, char *error, size_t error_size);

/* The next packet; false at the end, and where the rest cannot be read. */
bool capture_next(struct capture *c, struct capture_frame *frame);

/* Bytes of the frame as Ethernet. */
uint32_t capture_frame_len(const struct capture_frame *frame);

/* Writes the frame as Ethernet: capture_frame_len bytes. */
void capture_frame_copy(const struct capture_frame *frame, const struct mac_addr *port, uint8_t *to);

#endif
