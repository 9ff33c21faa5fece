/* compile: how a configuration becomes an epoch's region; private to config. */
#ifndef SLUICE_COMMON_CONFIG_COMPILE_H
#define SLUICE_COMMON_CONFIG_COMPILE_H

#include "common/config/check.h"

/* Where each table lies in the region and how much of it is taken. */
struct table {
	uint32_t off;
	uint32_t room;
	uint32_t used;
};

struct compiler {
	const struct config *config;
	const struct epoch *previous; /* or NULL */
	uint8_t *base;                /* NULL while the sizes are found out */
	uint64_t bytes;               /* laid out so far */
	uint16_t *port_id;            /* of ports, then vlans, in the order of the file */
	uint32_t n_ports;             /* highest id + 1 */
	struct table ports, vlans, inner, addresses, groups, neighbors, neighbor_index, sockets, names[2],
	        text;
};

/* Port i of ports, then vlans. */
static inline const struct config_port *compiler_port(const struct compiler *k, uint32_t i)
{
	return i < k->config->n_ports ? &k->config->ports[i] : &k->config->vlans[i - k->config->n_ports];
}

static inline uint32_t compiler_n_ports(const struct compiler *k)
{
	return k->config->n_ports + k->config->n_vlans;
}

/* The id of a port by name; PORT_NONE for the empty one. */
struct port_id compiler_port_id(const struct compiler *k, const struct config_name *name);

/* Appends a string to the text and returns its offset in the region; counts alone while base is NULL. */
uint32_t compiler_text(struct compiler *k, const char *text);

/* Chooses ids: those of `previous` for names that it has, else the lowest that are free.  -ENOMEM. */
int compile_ids(struct compiler *k, const struct epoch *previous);

/* Finds out how much the parts of a port take. */
void count_port(struct compiler *k, uint32_t i);

/* Fills the entry of port i, its addresses, groups; VLAN tables come after all ports (compile_vlans). */
void compile_port(struct compiler *k, uint32_t i);
void compile_loopback(struct compiler *k);
void compile_vlans(struct compiler *k);

/* What a port's driver opens: its own settings, then those of fault. */
struct driver_text {
	char text[9216];
};

void driver_text(const struct config_port *p, const char *folder, struct driver_text *to);

#endif
