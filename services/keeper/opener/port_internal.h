/* port_internal: what the parts of a port share: its life (port.c), what is kept of it (port_kept.c), what is
 * shown (port_board.c). */
#ifndef SLUICE_SERVICES_KEEPER_OPENER_PORT_INTERNAL_H
#define SLUICE_SERVICES_KEEPER_OPENER_PORT_INTERNAL_H

#include "services/keeper/opener/port.h"

/* port_kept.c: has all that is open kept, or forgotten. */
void port_keep(struct port *p, const struct port_host *host);
void port_forget(struct port *p, const struct port_host *host);

/* port_board.c: the port as it is, or that there is none. */
void port_show(struct port *p, const struct port_host *host);
void port_show_nothing(struct port *p, const struct port_host *host);

#endif
