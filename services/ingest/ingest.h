/* ingest: the stage that owns the ports.
 *
 *     wire --rx--> ingest --rx--> filter       checked for length, hashed, steered to a lane
 *     wire <--tx-- ingest <--tx-- filter       sorted by port, checksums completed, handed to the driver
 *
 * Ports come with the configuration epoch: each physical port names a driver and a text for it (settings.h).
 * They are opened when an epoch that has them is adopted, stay open as long as driver and text stay the same,
 * and are closed when they change or vanish.  A port that cannot be opened is down: it receives nothing, and
 * what is sent to it is dropped (PORT_DOWN); it is tried again each second.
 *
 * A live port (af_xdp, af_packet, tap) is opened by somebody who may, and comes as a grant (common/grant), at
 * any time:
 *
 *     main thread   receives a message with descriptors; ingest_grant(...); rings the workers' bells
 *     workers       take it up in their next round
 *
 * Where the opener says that a queue's rings are gone, its buffers come home and its packets are dropped;
 * where it says that there is no carrier, what is sent is dropped (PORT_DOWN) until there is one.
 *
 * One worker a lane (common/stage says who calls what).  A port's queue belongs to one lane; where lanes
 * outnumber queues each lane's worker steers frames to all lanes by the hash of their flow.
 */
#ifndef SLUICE_SERVICES_INGEST_INGEST_H
#define SLUICE_SERVICES_INGEST_INGEST_H

#include "common/stage/stage.h"
#include "services/ingest/nic/nic.h"

extern const struct stage_ops ingest_stage;

/* What the host asks of all drivers that are opened from now on, in this process and those forked from it.
 * The wishes stay the host's and must not change meanwhile; NULL takes them back.  Before any worker starts.
 */
void ingest_wish(const struct nic_wishes *wishes);

/* Whether all ports of an epoch could be opened, for a host that would rather say so before it starts: opens
 * nothing for good and writes to no file (an `out` that is not there is made).  0, or a negative errno of the
 * first that could not, with its number and a sentence in error (NIC_ERROR_BYTES). */
[[nodiscard]] int ingest_probe(const struct epoch *epoch, struct port_id *port, char *error);

/* The earliest time of a first frame among the files that the epoch's ports play, for a host that lets
 * several files keep step (nic_wishes.capture_origin); 0: no port plays one that can be read. */
nanos_t ingest_first_time(const struct epoch *epoch);

/* A word of the opener about a queue: a struct grant as received, with its n descriptors, which are ours from
 * now on whatever comes of it.  0: the caller rings the bells of all workers; -EPROTO: it is no grant, and
 * *wrong says why. Any thread. */
int ingest_grant(const void *message, size_t bytes, const int *fd, uint32_t n, const char **wrong);

/* Why a port of a worker (of the private side that attach made) is down: a sentence; NULL: it is open, or
 * none of this lane's. */
const char *ingest_port_error(const void *worker, struct port_id port);

/* What the driver has counted since the port was opened; false: it is not open here. */
bool ingest_port_stats(const void *worker, struct port_id port, struct nic_stats *stats);

#endif
