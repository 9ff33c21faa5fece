/* pcapng: writes packets as tcpdump, Wireshark and their kin read them (draft-ietf-opsawg-pcapng).
 *
 *     pcapng_start(&p, file, snap_bytes, "sluice 0.1.0");
 *     lan = pcapng_interface(&p, "lan", "");
 *     pcapng_packet(&p, &packet);  ...             a packet's interface must have been told before
 *     pcapng_statistics(&p, lan, ...);             at the end
 *     err = pcapng_flush(&p);
 *
 * One section in the host's byte order, Ethernet interfaces with times in nanoseconds and one snap length for
 * all of them (libpcap reads no file in which they differ).  The caller opens and closes the file; errors of
 * writing are kept until pcapng_flush tells them.  One thread.
 */
#ifndef SLUICE_COMMON_PCAPNG_PCAPNG_H
#define SLUICE_COMMON_PCAPNG_PCAPNG_H

#include "common/base/base.h"

#include <stdio.h>

#define PCAPNG_TEXT_MAX 1024u /* bytes of a name or comment; more is cut */

struct pcapng {
	FILE *to;
	uint32_t snap_bytes;
	uint32_t n_interfaces;
};

enum pcapng_direction { PCAPNG_UNKNOWN, PCAPNG_INBOUND, PCAPNG_OUTBOUND };

struct pcapng_packet {
	uint32_t interface;
	nanos_t time; /* since 1970 */
	const uint8_t *bytes;
	uint32_t have; /* bytes given; more than the snap length are cut */
	uint32_t len;  /* bytes that the packet had */
	enum pcapng_direction direction;
	const char *comment; /* UTF-8; NULL: none */
};

/* What became of the packets of an interface. */
struct pcapng_statistics {
	uint32_t interface;
	nanos_t start, end; /* since 1970 */
	uint64_t captured;
	uint64_t missed;
	const char *comment; /* NULL: none */
};

/* The section's header.  `application` is what wrote the file, for its readers. */
void pcapng_start(struct pcapng *p, FILE *to, uint32_t snap_bytes, const char *application);

/* Tells of an interface; returns its number.  An empty description is left out. */
uint32_t pcapng_interface(struct pcapng *p, const char *name, const char *description);

void pcapng_packet(struct pcapng *p, const struct pcapng_packet *packet);
void pcapng_statistics(struct pcapng *p, const struct pcapng_statistics *s);

/* Hands everything on to the file.  0 or a negative errno: something since the start could not be written. */
[[nodiscard]] int pcapng_flush(struct pcapng *p);

#endif
