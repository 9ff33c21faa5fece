/* pcap_read: the least that reads a classic pcap file, for tests: either byte order, micro- or nanoseconds.
 */
#ifndef SLUICE_TESTS_UNIT_WIRE_PCAP_READ_H
#define SLUICE_TESTS_UNIT_WIRE_PCAP_READ_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define PCAP_FRAME_MAX 65535u
#define PCAP_ETHERNET  1u

struct pcap_file {
	FILE *file;
	bool swapped;
	uint32_t linktype;
};

/* False where it is not a classic pcap file. */
bool pcap_open(struct pcap_file *f, const char *path);
void pcap_close(struct pcap_file *f);

/* The next packet into `bytes` (PCAP_FRAME_MAX): how many of them were captured, -1 at the end or at a record
 * that makes no sense.  `*wire_len` is what was on the wire. */
int32_t pcap_next(struct pcap_file *f, uint8_t *bytes, uint32_t *wire_len);

#endif
