#include "common/config/sections.h"

static const char *const route_types[] = {
        "unicast", "local", "broadcast", "blackhole", "unreachable", "prohibit", NULL};

static_assert(CONFIG_ROUTE_LOCAL == 1 && CONFIG_ROUTE_PROHIBIT == 5, "the words stand in this order");

#define HOP(field)   .at = offsetof(struct config_nexthop, field)
#define ROUTE(field) .at = offsetof(struct config_route, field)

static const struct schema_key nexthop_keys[] = {
        {"via", &type_address, HOP(via),
                .doc = "The gateway. Default: the destination is on the link of `port`."},
        {"port", &type_name, HOP(port), .doc = "Default: the port whose network the gateway is in."},
        {"weight", &type_number, HOP(weight), .size = 4, .min = 1, .max = 256, .by_default = "1",
                .doc = "Its share of the flows."},
        {"onlink", &type_bool, HOP(onlink), .by_default = "false",
                .doc = "Whether the gateway may be outside of the port's networks."},
};

static const struct schema_section nexthop_section = {
        "a next hop", nexthop_keys, ARRAY_LEN(nexthop_keys), sizeof(struct config_nexthop)};

static const struct schema_key route_keys[] = {
        {"to", &type_route_to, .at = 0, .doc = "The destination; `default` is all of the gateway's family."},
        {"via", &type_address, ROUTE(via),
                .doc = "The gateway. Default: the destination is on the link of `port`."},
        {"port", &type_name, ROUTE(port), .doc = "Default: the port whose network the gateway is in."},
        {"onlink", &type_bool, ROUTE(onlink), .by_default = "false",
                .doc = "Whether the gateway may be outside of the port's networks."},
        {"nexthops", &type_list, ROUTE(nexthops), .count_at = offsetof(struct config_route, n_nexthops),
                .size = sizeof(struct config_nexthop), .max = FIB_HOPS_MAX, .section = &nexthop_section,
                .doc = "Several ways at once; a flow keeps to one of them."},
        {"type", &type_choice, ROUTE(type), .words = route_types, .by_default = "unicast",
                .doc = "What becomes of the packets: forwarded, delivered here, or refused in one of three "
                       "ways."},
        {"metric", &type_number, ROUTE(metric), .size = 4, .min = 0, .max = UINT32_MAX, .by_default = "0",
                .doc = "Of several routes to the same destination the lowest metric is used."},
        {"mtu", &type_number, ROUTE(mtu), .size = 4, .min = 68, .max = 65535,
                .doc = "The path's MTU where it is lower than the port's. Default: the port's."},
        {"src", &type_address, ROUTE(src), .doc = "Source address of what we send this way."},
        {"file", &type_text, ROUTE(import), .max = 4096,
                .doc = "In place of all others: a file with a route a line, as `ip route` prints them."},
};

const struct schema_section section_route = {
        "a route", route_keys, ARRAY_LEN(route_keys), sizeof(struct config_route)};

#define NEIGHBOR(field) .at = offsetof(struct config_neighbor, field)

static const struct schema_key neighbor_keys[] = {
        {"address", &type_address, NEIGHBOR(address), .required = true, .doc = "The neighbor's IP address."},
        {"mac", &type_mac, NEIGHBOR(mac), .required = true, .doc = "Its MAC address; permanent."},
        {"port", &type_name, NEIGHBOR(port), .doc = "Default: the port whose network the address is in."},
};

const struct schema_section section_neighbor = {
        "a neighbor", neighbor_keys, ARRAY_LEN(neighbor_keys), sizeof(struct config_neighbor)};
