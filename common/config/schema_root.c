#include "common/config/sections.h"

static const char *const apps[] = {"sink", "echo", "hold", NULL};

static_assert(
        EPOCH_APP_SINK == 0 && EPOCH_APP_ECHO == 1 && EPOCH_APP_HOLD == 2, "the words stand in this order");

#define SOCKET(field) .at = offsetof(struct config_socket, field)

static const struct schema_key socket_keys[] = {
        {"name", &type_text, SOCKET(name), .max = EPOCH_NAME_LEN - 1, .doc = "A name for its counters."},
        {"udp", &type_endpoint, SOCKET(udp), .required = true,
                .doc = "Where it listens: \"0.0.0.0:53\" all of IPv4, \"[::]:53\" IPv6 and IPv4."},
        {"connect", &type_endpoint, SOCKET(connect), .doc = "The only peer it hears."},
        {"port", &type_name, SOCKET(port), .doc = "The only port it hears (SO_BINDTODEVICE)."},
        {"rcvbuf", &type_bytes, SOCKET(rcvbuf), .min = 2304, .max = 1 << 30, .by_default = "212992",
                .doc = "Bytes of buffers that may wait to be read (SO_RCVBUF, doubled as Linux does it)."},
        {"app", &type_choice, SOCKET(app), .words = apps, .by_default = "sink",
                .doc = "What becomes of datagrams: read and forgotten, sent back, or never read."},
        {"ipv6_only", &type_bool, SOCKET(ipv6_only), .by_default = "false",
                .doc = "Whether \"[::]\" leaves IPv4 out (IPV6_V6ONLY)."},
        {"join", &type_list, SOCKET(join), .count_at = offsetof(struct config_socket, n_join),
                .size = sizeof(struct config_prefix), .max = 64, .element = &type_group,
                .doc = "Multicast groups joined on its port, or on every port where it has none."},
};

const struct schema_section section_socket = {
        "a socket", socket_keys, ARRAY_LEN(socket_keys), sizeof(struct config_socket)};

#define LIMIT(field) .at = offsetof(struct config_limits, v.field)

static const struct schema_key limit_keys[] = {
        {"local_arp_nd", &type_rate, LIMIT(local[EPOCH_CLASS_ARP_ND]), .by_default = "unlimited",
                .doc = "ARP and neighbor discovery to ourselves."},
        {"local_icmp", &type_rate, LIMIT(local[EPOCH_CLASS_ICMP]), .by_default = "unlimited",
                .doc = "ICMP and ICMPv6 to ourselves."},
        {"local_udp", &type_rate, LIMIT(local[EPOCH_CLASS_UDP]), .by_default = "unlimited",
                .doc = "UDP to ourselves."},
        {"local_tcp", &type_rate, LIMIT(local[EPOCH_CLASS_TCP]), .by_default = "unlimited",
                .doc = "TCP to ourselves."},
        {"local_other", &type_rate, LIMIT(local[EPOCH_CLASS_OTHER]), .by_default = "unlimited",
                .doc = "Everything else to ourselves."},
        {"icmp_errors", &type_rate, LIMIT(icmp_error), .by_default = "1000/s burst 50",
                .doc = "ICMP errors that we send, all together (icmp_msgs_per_sec, icmp_msgs_burst)."},
        {"icmp_errors_per_peer", &type_rate, LIMIT(icmp_error_peer), .by_default = "1/s burst 6",
                .doc = "ICMP errors to one destination (icmp_ratelimit)."},
        {"fragment_memory", &type_bytes, LIMIT(frag_high_bytes), .min = 4096, .max = 1 << 30,
                .by_default = "4MiB", .doc = "Bytes in reassembly, for each family (ipfrag_high_thresh)."},
        {"fragment_timeout", &type_duration, LIMIT(frag_timeout_ms), .min = 100, .max = 600000,
                .by_default = "30s", .doc = "How long an IPv4 datagram may lack fragments (ipfrag_time)."},
        {"fragment_timeout_ipv6", &type_duration, LIMIT(frag6_timeout_ms), .min = 100, .max = 600000,
                .by_default = "60s", .doc = "The same for IPv6 (ip6frag_time)."},
        {"fragment_datagrams", &type_number, LIMIT(frag_max_queues), .size = 4, .min = 1, .max = 65536,
                .by_default = "1024", .doc = "Datagrams in reassembly at once."},
        {"fragment_pieces", &type_number, LIMIT(frag_max_pieces), .size = 4, .min = 2, .max = 64,
                .by_default = "64", .doc = "Fragments of one datagram."},
        {"neighbors", &type_number, LIMIT(neigh_gc_thresh3), .size = 4, .min = 16, .max = 1 << 20,
                .by_default = "1024", .doc = "Neighbors at most (gc_thresh3)."},
        {"neighbors_incomplete", &type_number, LIMIT(neigh_incomplete_max), .size = 4, .min = 1,
                .max = 1 << 20, .by_default = "256", .doc = "Of them those not resolved yet (RFC 6583)."},
        {"neighbor_queue", &type_number, LIMIT(neigh_queue_packets), .size = 4, .min = 1, .max = 1024,
                .by_default = "16", .doc = "Packets that wait for one neighbor (unres_qlen)."},
        {"extension_headers", &type_number, LIMIT(exthdr_max), .size = 4, .min = 1, .max = 64,
                .by_default = "8", .doc = "IPv6 extension headers of a packet."},
        {"extension_header_bytes", &type_bytes, LIMIT(exthdr_bytes_max), .min = 8, .max = 65535,
                .by_default = "2048", .doc = "Bytes of all its extension headers."},
        {"udp_memory", &type_bytes, LIMIT(udp_mem_bytes), .min = 4096, .max = 1 << 30, .by_default = "64MiB",
                .doc = "Bytes that wait in all UDP sockets together (udp_mem)."},
};

const struct schema_section section_limits = {
        "limits", limit_keys, ARRAY_LEN(limit_keys), sizeof(struct config_limits)};

#define APPLIANCE(field) .at = offsetof(struct config_appliance, field)

static const struct schema_key appliance_keys[] = {
        {"lanes", &type_number, APPLIANCE(lanes), .size = 4, .min = 1, .max = CONFIG_LANES_MAX,
                .by_default = "1", .doc = "Chains of workers, a core each."},
        {"cores", &type_cores, APPLIANCE(cores), .size = 4, .min = 0, .max = CONFIG_CORE_MAX,
                .by_default = "spread",
                .doc = "The processor of each lane, taken up at the start alone; --cores of sluice up "
                       "goes before."},
        {"buffers", &type_number, APPLIANCE(buffers), .size = 4, .min = 1024, .max = 1 << 24,
                .by_default = "16384", .doc = "Packet buffers over all lanes; for each lane a power of two."},
        {"buffer_bytes", &type_bytes, APPLIANCE(buffer_bytes), .min = 448, .max = 65472, .by_default = "2240",
                .doc = "Of each buffer: 384 of our own and the frame; an odd number of cache lines (64)."},
        {"ring_slots", &type_number, APPLIANCE(ring_slots), .size = 4, .min = 512, .max = 65536,
                .by_default = "4096", .doc = "Packets that fit a ring between two stages; a power of two."},
        {"hash_key", &type_number, APPLIANCE(hash_key), .size = 8, .min = 0, .max = UINT64_MAX,
                .by_default = "0", .doc = "Key of the hash tables; 0: random when live, fixed in replay."},
};

static const struct schema_section section_appliance = {
        "appliance", appliance_keys, ARRAY_LEN(appliance_keys), sizeof(struct config_appliance)};

#define METRICS(field) .at = offsetof(struct config_metrics, field)

static const struct schema_key metrics_keys[] = {
        {"listen", &type_endpoint, METRICS(listen), .by_default = "127.0.0.1:9119",
                .doc = "Address and TCP port; as it is, this machine alone can ask."},
        {"certificate", &type_text, METRICS(certificate), .max = 4096,
                .doc = "File, PEM, with the issuers' behind it: TLS. Relative to the configuration."},
        {"key", &type_text, METRICS(key), .max = 4096, .doc = "File of its key, PEM."},
        {"token_file", &type_text, METRICS(token_file), .max = 4096,
                .doc = "File whose first line who asks has to bear (Authorization: Bearer). Default: anybody "
                       "may ask."},
};

static const struct schema_section section_metrics = {
        "metrics", metrics_keys, ARRAY_LEN(metrics_keys), sizeof(struct config_metrics)};

static const char *const key_roles[] = {"read", "administer", NULL};

#define KEY(field) .at = offsetof(struct config_key, field)

static const struct schema_key key_keys[] = {
        {"key", &type_text, KEY(key), .max = 40, .required = true,
                .doc = "Its public half, as `sluice keys make` tells it."},
        {"role", &type_choice, KEY(administers), .words = key_roles, .by_default = "read",
                .doc = "What it may: ask how things are, or change them too."},
};

static const struct schema_section section_key = {
        "a key", key_keys, ARRAY_LEN(key_keys), sizeof(struct config_key)};

#define CONTROL(field) .at = offsetof(struct config_control, field)

static const struct schema_key control_keys[] = {
        {"listen", &type_endpoint, CONTROL(listen), .by_default = "127.0.0.1:9120",
                .doc = "Address and TCP port; as it is, this machine alone can connect."},
        {"keys", &type_map, CONTROL(keys), .count_at = offsetof(struct config_control, n_keys),
                .size = sizeof(struct config_key), .max = CONFIG_KEYS_MAX, .section = &section_key,
                .doc = "Who may connect, by name; nobody else is let in."},
};

static const struct schema_section section_control = {
        "control", control_keys, ARRAY_LEN(control_keys), sizeof(struct config_control)};

#define ROOT(field) .at = offsetof(struct config, field)
#define LIST(field)                                                                                          \
	ROOT(field), .count_at = offsetof(struct config, n_##field),                                         \
	             .size = sizeof(*((struct config *)0)->field)

static const struct schema_key root_keys[] = {
        {"appliance", &type_section, ROOT(appliance), .section = &section_appliance,
                .doc = "What is fixed from the start to the end of the appliance."},
        {"ports", &type_map, LIST(ports), .max = EPOCH_PHYS_MAX, .section = &section_port, .required = true,
                .doc = "The physical ports by name."},
        {"vlans", &type_map, LIST(vlans), .max = EPOCH_PORTS_MAX - EPOCH_PORT_LO - 1,
                .section = &section_vlan, .doc = "VLAN sub-ports by name."},
        {"routes", &type_list, LIST(routes), .max = 2000000, .section = &section_route,
                .doc = "Beside those that addresses imply."},
        {"neighbors", &type_list, LIST(neighbors), .max = 65536, .section = &section_neighbor,
                .doc = "Permanent neighbors."},
        {"rules", &type_section, ROOT(rules), .section = &section_rules, .doc = "The classifier."},
        {"sockets", &type_list, LIST(sockets), .max = 65536, .section = &section_socket,
                .doc = "UDP sockets."},
        {"limits", &type_section, ROOT(limits), .section = &section_limits,
                .doc = "Bounds, with Linux's defaults."},
        {"dynamic_routes", &type_section, ROOT(dynamic_routes), .section = &section_dynamic_routes,
                .doc = "Routes that come and go while the appliance runs."},
        {"control", &type_section, ROOT(control), .section = &section_control,
                .doc = "Commands from other machines, over TCP with CURVE. Left out: none."},
        {"metrics", &type_section, ROOT(metrics), .section = &section_metrics,
                .doc = "Metrics over HTTP, for Prometheus: /metrics. Left out: none. A port below 1024 and "
                       "files that only root may read are taken up at the start."},
};

const struct schema_section schema_root = {
        "the configuration", root_keys, ARRAY_LEN(root_keys), sizeof(struct config)};
