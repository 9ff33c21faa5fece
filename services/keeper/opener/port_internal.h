/* port_internal: what the parts of a port share: its life (port.c), what is kept of it (port_kept.c), what is
 * shown (port_board.c), what follows the epochs while it is open (port_follow.c). */
#ifndef SLUICE_SERVICES_KEEPER_OPENER_PORT_INTERNAL_H
#define SLUICE_SERVICES_KEEPER_OPENER_PORT_INTERNAL_H

#include "services/keeper/opener/port.h"

/* port_follow.c: an open port's MTU and MACs are as the epochs want them; what no packet needs any more goes.
 */
void port_follow(struct port *p, const struct port_host *host);
/* What a port that was just opened has. */
void port_follow_begin(struct port *p);

/* port_kept.c: has all that is open kept, or forgotten. */
void port_keep(struct port *p, const struct port_host *host);
/* Of what is kept the port's own part, without its queues. */
void port_keep_own(struct port *p, const struct port_host *host);
void port_forget(struct port *p, const struct port_host *host);

/* port_board.c: the port as it is, or that there is none. */
void port_show(struct port *p, const struct port_host *host);
void port_show_nothing(struct port *p, const struct port_host *host);

#endif
