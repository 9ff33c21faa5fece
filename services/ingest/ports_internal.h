/* ports_internal: what the parts of ports share: states and which are open (ports.c), the driver of each
 * (ports_nic.c). */
#ifndef SLUICE_SERVICES_INGEST_PORTS_INTERNAL_H
#define SLUICE_SERVICES_INGEST_PORTS_INTERNAL_H

#include "services/ingest/ports.h"

/* ports.c: the port of that number, if a driver of ours is its; which of its queues is this lane's (*queues:
 * none); and all that an epoch asks for. */
const struct epoch_port *ports_physical(const struct epoch *epoch, uint32_t port);
uint32_t ports_queue(const struct stage_env *env, const struct epoch_port *p, uint32_t *queues);
const struct ports_view *ports_view_of(struct ports *ports, const struct epoch *epoch);

/* ports_nic.c: has the driver open the port for what its state is.  0; -EAGAIN: when its opener speaks;
 * another negative errno.  Why not is in its error; descriptors that it took are to be closed. */
int ports_open_nic(struct ports *ports, const struct epoch *epoch, uint32_t port);
struct pace_settings ports_pace(const struct poll_settings *p);

#endif
