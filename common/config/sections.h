/* sections: the tables that the root's table refers to; private to config. */
#ifndef SLUICE_COMMON_CONFIG_SECTIONS_H
#define SLUICE_COMMON_CONFIG_SECTIONS_H

#include "common/config/types.h"

extern const struct schema_section section_port, section_vlan, section_route, section_neighbor, section_rules,
        section_socket, section_limits, section_dynamic_routes;

#endif
