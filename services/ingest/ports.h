/* ports: a lane's ports: which are open, and their journaled state.
 *
 * A port's state belongs to an identity, which is its driver, text and place among the queues.  Adopting an
 * epoch brings states in line with it, in bursts; opening and closing follows from the states and is private.
 * So a port can be opened at any time after a death, and finds itself where its last committed burst left it.
 *
 * Part of ingest; one thread for one structure.
 */
#ifndef SLUICE_SERVICES_INGEST_PORTS_H
#define SLUICE_SERVICES_INGEST_PORTS_H

#include "common/stage/stage.h"
#include "services/ingest/fault.h"
#include "services/ingest/nic.h"

/* Journaled. */
struct port_state {
	_Alignas(CACHE_LINE) uint64_t identity; /* 0: no port */
	nanos_t opened_at;
	uint32_t driver; /* enum epoch_driver */
	_Alignas(CACHE_LINE) uint8_t wire[NIC_STATE_BYTES];
	_Alignas(CACHE_LINE) uint8_t fault[FAULT_STATE_BYTES];
};

#define PORT_STATE_LINES ((uint32_t)(sizeof(struct port_state) / CACHE_LINE))

/* What an epoch asks for, a port. */
struct ports_view {
	uint32_t number; /* of the epoch; 0: none */
	uint64_t identity[EPOCH_PHYS_MAX];
};

struct open_port {
	uint64_t identity; /* tried; 0: none */
	bool open;
	struct nic nic;
	char error[NIC_ERROR_BYTES];
};

struct ports {
	const struct stage_env *env;
	struct port_state *state; /* EPOCH_PHYS_MAX */
	struct open_port *port;   /* EPOCH_PHYS_MAX */
	struct ports_view view[2];
	const struct epoch *opening; /* while a port is being opened: for the names of its peers */
	uint32_t n_open;
	uint8_t open[EPOCH_PHYS_MAX]; /* in order of their numbers */
};

/* 0 or -ENOMEM.  env and state stay the caller's. */
[[nodiscard]] int ports_attach(struct ports *ports, const struct stage_env *env, struct port_state *state);
void ports_detach(struct ports *ports);

/* Brings states in line with the epoch, a port a burst; true when all are, and ports open. */
bool ports_adopt(struct ports *ports, const struct epoch *epoch, nanos_t now, struct burst *burst);

/* The open port as that epoch has it; NULL: it is not open, not on this lane, or another by now. */
struct nic *ports_get(struct ports *ports, const struct epoch *epoch, struct port_id port);

/* What a port's driver opens. */
static inline const char *ports_text(const struct epoch *epoch, const struct epoch_port *port)
{
	return port->driver_text ? epoch_text(epoch, port->driver_text) : "";
}

/* The driver of a number; NULL for none. */
const struct nic_ops *ports_driver(uint32_t driver);

#endif
