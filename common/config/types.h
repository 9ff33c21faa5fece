/* types: the kinds of values that keys take; private to config.  What each writes is said beside it. */
#ifndef SLUICE_COMMON_CONFIG_TYPES_H
#define SLUICE_COMMON_CONFIG_TYPES_H

#include "common/config/schema.h"

extern const struct value_type type_bool;     /* bool */
extern const struct value_type type_number;   /* unsigned integer of key->size bytes, min to max */
extern const struct value_type type_choice;   /* uint8_t: number of the word */
extern const struct value_type type_bytes;    /* uint32_t */
extern const struct value_type type_duration; /* uint32_t, ms */
extern const struct value_type type_rate;     /* struct epoch_rate */
extern const struct value_type type_share;    /* uint32_t, parts per million */
extern const struct value_type type_text;     /* const char * */
extern const struct value_type type_file;     /* const char *, without what separates a driver's settings */
extern const struct value_type type_name;     /* struct config_name */
extern const struct value_type type_names;    /* list of them, or one */
extern const struct value_type type_mac;      /* struct mac_addr, not multicast */
extern const struct value_type type_address;  /* struct config_prefix, an address alone */
extern const struct value_type type_interface_address; /* struct config_prefix, of a port */
extern const struct value_type type_prefix;            /* struct config_prefix, no host bits */
extern const struct value_type type_group;             /* struct config_prefix, multicast */
extern const struct value_type type_endpoint;          /* struct config_endpoint */
extern const struct value_type type_table;             /* uint32_t: a kernel's table of routes */

/* Of one key each: they write into the section's structure. */
extern const struct value_type type_cores;         /* struct config_cores */
extern const struct value_type type_forwarding;    /* struct config_forwarding */
extern const struct value_type type_pace;          /* struct config_port, all of it */
extern const struct value_type type_mss;           /* uint16_t */
extern const struct value_type type_vlan_id;       /* struct config_port, all of it */
extern const struct value_type type_vlan_protocol; /* struct config_port, all of it */
extern const struct value_type type_route_to;      /* struct config_route, all of it */

/* Of rules: they write into struct config_rule, all of it. */
extern const struct value_type type_rule_smac, type_rule_dmac, type_rule_vlan, type_rule_inner_vlan,
        type_rule_ethertype, type_rule_family, type_rule_protocol, type_rule_from_port, type_rule_to_port,
        type_rule_icmp_type, type_rule_icmp_code, type_rule_tcp_flags, type_rule_fragment, type_rule_mark,
        type_rule_set_mark;

extern const struct value_type type_section; /* a mapping with the keys of key->section */
extern const struct value_type type_list;    /* values of key->element, or mappings of key->section */
extern const struct value_type type_map; /* mappings of key->section by name, which is written to `name` */

#endif
