/* sink: the file that a port's frames are written to: classic pcap, nanoseconds, Ethernet.
 *
 * Records are written behind the committed length, which the owner keeps in journaled state: what a burst
 * that never committed has written is dead, and the next one writes over it.  Thus each frame stands in the
 * file exactly once.
 *
 *     sink_open(&s, path, committed, error);
 *     bytes = sink_write(&s, committed, packets, n, time);    then: committed += bytes
 *     sink_close(&s, committed);
 *
 * Part of ingest's pcap driver; one thread for one structure.
 */
#ifndef SLUICE_SERVICES_INGEST_NIC_SINK_H
#define SLUICE_SERVICES_INGEST_NIC_SINK_H

#include "services/ingest/nic/nic.h"

struct sink {
	int fd;
};

/* Takes up the file of which `committed` bytes of records count; what stands behind them is cut off.  0, or a
 * negative errno and a sentence in error (NIC_ERROR_BYTES). */
[[nodiscard]] int sink_open(struct sink *s, const char *path, uint64_t committed, char *error);

/* Whether the file could be written; makes it where it is not there.  0, or as sink_open. */
[[nodiscard]] int sink_probe(const char *path, char *error);

/* Writes the frames with the time `at` (since 1970).  Bytes written, or a negative errno: none count. */
[[nodiscard]] int64_t sink_write(
        struct sink *s, uint64_t committed, const struct pkt_ref *packets, uint32_t n, nanos_t at);

void sink_close(struct sink *s, uint64_t committed);

#endif
