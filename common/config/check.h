/* check: whether what was read makes sense together; private to config.
 *
 * Each function reports what it finds and fills in what follows from other parts (a route's port from its
 * gateway). They are called in the order in which they stand here.
 */
#ifndef SLUICE_COMMON_CONFIG_CHECK_H
#define SLUICE_COMMON_CONFIG_CHECK_H

#include <stdlib.h>

#include "common/config/sections.h"

/* A connected network.  Sorted by family, address, length, so that a network stands behind those that hold
 * it. */
struct network {
	struct config_prefix net;
	const struct config_port *port;
	uint32_t address; /* which of the port's */
	int32_t outer;    /* the smallest that holds it, -1: none */
};

/* What a configuration puts into a FIB, or lets be put there: routes by family; dynamic ones, of any family;
 * members of next hops that are several. */
struct fib_demand {
	uint64_t routes[2];
	uint64_t dynamic;
	uint64_t hops;
};

struct fib_demand fib_demand(const struct config *c);

/* A file of routes. */
struct import {
	struct source source;
	struct import *next; /* the one read before */
};

/* What a configuration lies in, and finds its way by. */
struct config_memory {
	struct arena arena;
	struct config_port **by_name; /* all ports, sorted */
	uint32_t n_by_name;
	struct network *networks;
	uint32_t n_networks;
	struct import *imports;
	uint32_t n_imports;
	struct config_route *routes; /* config->routes, once there is an import: malloc'ed */
	char *folder;                /* of the file, "" or ending in '/' */
	struct arena adopted;        /* what config_adopt has put in */
};

void check_appliance(struct loader *l);
void check_ports(struct loader *l);
void check_vlans(struct loader *l);
void check_addresses(struct loader *l);
void import_routes(struct loader *l);
void check_routes(struct loader *l);
void check_neighbors(struct loader *l);
void check_rules(struct loader *l);
void check_sockets(struct loader *l);
void check_metrics(struct loader *l);
void check_dynamic_routes(struct loader *l);
void check_control(struct loader *l);
void check_fib(struct loader *l);

/* The port of this name; where there is none that is reported at the item's key (element i of a list). */
const struct config_port *port_named(struct loader *l, const struct config_item *item, const char *key,
        uint32_t i, const struct config_name *name);

/* Whether a port of ours has the address. */
bool address_is_ours(const struct config *c, const struct config_prefix *address);

/* Why an address is none that a port can have, with what helps; NULL where it is one. */
const char *address_fault(const struct config_prefix *a, const char **hint);

/* All ports' connected networks, in order and nested, into `networks`, which has room for every address. */
void networks_make(struct config *c, struct network *networks);

/* Whether one of the port's networks holds the address. */
bool address_on_port(const struct config *c, const struct config_port *p, const struct config_prefix *a);

/* Whether two ports' networks would be one and the same way: the inner one more than a single address. */
bool networks_overlap(const struct config_prefix *inner, const struct config_prefix *outer);

/* The smallest connected network that holds the address, or NULL. */
const struct network *network_of(const struct config *c, const struct config_prefix *address);

/* Whether the text gives a route with the prefix and metric of this one. */
bool route_is_given(const struct config *c, const struct config_route *route);

/* A path as the file means it: relative to its folder. */
const char *path_in_folder(struct loader *l, const char *path);

/* qsort, which wants an array even for no elements. */
static inline void sort(void *list, uint32_t n, size_t size, int (*compare)(const void *, const void *))
{
	if (n > 1)
		qsort(list, n, size, compare);
}

#endif
