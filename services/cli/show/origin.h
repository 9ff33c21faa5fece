/* origin: where an address of a port comes from, in the word of `sluice route`. */
#ifndef SLUICE_SERVICES_CLI_SHOW_ORIGIN_H
#define SLUICE_SERVICES_CLI_SHOW_ORIGIN_H

#include "proto/control.pb-c.h"

#include <string.h>

/* " proto adopted", or "" for one that the configuration gives. */
static inline const char *origin(const Sluice__Port *p, const char *address)
{
	for (size_t i = 0; i < p->n_adopted; i++)
		if (!strcmp(p->adopted[i], address))
			return " proto adopted";
	return "";
}

#endif
