/* dynamic: what dynamic.c and those that tell of it share. */
#ifndef SLUICE_SERVICES_CONTROL_ROUTES_DYNAMIC_H
#define SLUICE_SERVICES_CONTROL_ROUTES_DYNAMIC_H

#include "services/control/routes/follow.h"
#include "services/control/routes/fpm.h"
#include "services/control/internal.h"

struct dynamic {
	struct rib *rib;
	struct follow *follow; /* NULL: there are no sockets to follow the kernel with */
	struct fpm *fpm;
	uv_timer_t flush; /* runs while something is to be done */
	bool inherits;    /* routes of a predecessor, until the sources are known */
	bool configure;   /* the sources, as soon as these have been read */
	bool tried;       /* to publish again, for a writer */
};

/* Tells those who watch of it; context is the struct control. */
void monitor_route(void *context, const struct rib_change *change);

#endif
