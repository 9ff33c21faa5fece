#include "common/config/sections.h"

static const char *const drivers[] = {"none", "pcap", "loop", "af_xdp", "af_packet", "tap", NULL};
static const char *const modes[] = {"auto", "native", "generic", "zerocopy", "v2", "v3", NULL};
static const char *const rp_filters[] = {"off", "strict", "loose", NULL};
static const char *const checksums[] = {"full", "partial", NULL};

static_assert(EPOCH_DRIVER_PCAP == 1 && EPOCH_DRIVER_LOOP == 2 && EPOCH_DRIVER_AF_XDP == 3 &&
                      EPOCH_DRIVER_AF_PACKET == 4 && EPOCH_DRIVER_TAP == 5,
        "the words stand in this order");

#define AT(field) .at = offsetof(struct config_port, field)

static const struct schema_key forwarding_keys[] = {
        {"ipv4", &type_bool, .at = offsetof(struct config_forwarding, ipv4), .by_default = "true",
                .doc = "Whether IPv4 packets that come in here may be forwarded."},
        {"ipv6", &type_bool, .at = offsetof(struct config_forwarding, ipv6), .by_default = "true",
                .doc = "Whether IPv6 packets that come in here may be forwarded."},
};

static const struct schema_section forwarding_section = {
        "forwarding", forwarding_keys, ARRAY_LEN(forwarding_keys), sizeof(struct config_forwarding)};

#define NEIGHBOR(field) .at = offsetof(struct config_neighbor_settings, field)

static const struct schema_key neighbor_keys[] = {
        {"reachable", &type_duration, NEIGHBOR(reachable_ms), .min = 100, .max = 3600000, .by_default = "30s",
                .doc = "How long a confirmed neighbor is trusted, on average (base_reachable_time)."},
        {"retransmit", &type_duration, NEIGHBOR(retransmit_ms), .min = 10, .max = 60000, .by_default = "1s",
                .doc = "Time between solicitations (retrans_time)."},
        {"delay_first_probe", &type_duration, NEIGHBOR(delay_ms), .min = 0, .max = 60000, .by_default = "5s",
                .doc = "How long a stale neighbor is used before it is probed (delay_first_probe_time)."},
        {"stale", &type_duration, NEIGHBOR(stale_ms), .min = 1000, .max = 86400000, .by_default = "60s",
                .doc = "How long an unused neighbor is kept (gc_stale_time)."},
        {"multicast_probes", &type_number, NEIGHBOR(multicast_probes), .size = 1, .min = 1, .max = 100,
                .by_default = "3",
                .doc = "Solicitations to all before a neighbor counts as failed (mcast_solicit)."},
        {"unicast_probes", &type_number, NEIGHBOR(unicast_probes), .size = 1, .min = 1, .max = 100,
                .by_default = "3",
                .doc = "Solicitations to a known neighbor that has gone quiet (ucast_solicit)."},
};

static const struct schema_section neighbor_section = {
        "neighbor", neighbor_keys, ARRAY_LEN(neighbor_keys), sizeof(struct config_neighbor_settings)};

#define FAULT(field) .at = offsetof(struct config_fault, field)

static const struct schema_key fault_keys[] = {
        {"seed", &type_number, FAULT(seed), .size = 8, .min = 1, .max = UINT64_MAX, .by_default = "1",
                .doc = "The same seed gives the same faults."},
        {"drop", &type_share, FAULT(drop), .by_default = "0", .doc = "Share of frames that are lost."},
        {"repeat", &type_share, FAULT(repeat), .by_default = "0", .doc = "Share of frames that come twice."},
        {"reorder", &type_share, FAULT(reorder), .by_default = "0",
                .doc = "Share of frames that come after the one behind them."},
        {"corrupt", &type_share, FAULT(corrupt), .by_default = "0",
                .doc = "Share of frames with a changed bit."},
        {"truncate", &type_share, FAULT(truncate), .by_default = "0",
                .doc = "Share of frames that are cut short."},
        {"delay", &type_duration, FAULT(delay_ms), .min = 0, .max = 60000, .by_default = "0",
                .doc = "Frames come up to so much later."},
};

static const struct schema_section fault_section = {
        "fault", fault_keys, ARRAY_LEN(fault_keys), sizeof(struct config_fault)};

#define POLL(field) .at = offsetof(struct config_poll, field), .size = 4

static const struct schema_key poll_keys[] = {
        {"weight", &type_number, POLL(weight), .min = 1, .max = 256, .by_default = "64",
                .doc = "Packets that a queue gives at a time (napi->weight)."},
        {"budget", &type_number, POLL(budget), .min = 1, .max = 65536, .by_default = "300",
                .doc = "Packets a round over all queues (netdev_budget); the largest of a lane's ports "
                       "counts."},
        {"budget_us", &type_number, POLL(budget_us), .min = 1, .max = 1000000, .by_default = "2000",
                .doc = "Microseconds of a round (netdev_budget_usecs); likewise."},
        {"defer_hard_irqs", &type_number, POLL(defer_hard_irqs), .min = 0, .max = 65536, .by_default = "0",
                .doc = "Empty polls before a queue waits for its interrupt (napi_defer_hard_irqs)."},
        {"gro_flush_timeout_us", &type_number, POLL(gro_flush_timeout_us), .min = 0, .max = 1000000,
                .by_default = "0", .doc = "Microseconds between those (gro_flush_timeout)."},
        {"busy_poll_us", &type_number, POLL(busy_poll_us), .min = 0, .max = 1000000, .by_default = "0",
                .doc = "Microseconds to go on looking before sleeping (net.core.busy_poll)."},
};

static const struct schema_section poll_section = {
        "poll", poll_keys, ARRAY_LEN(poll_keys), sizeof(struct config_poll)};

/* What physical ports and sub-ports have in common. */
#define IP_KEYS                                                                                              \
	{"up", &type_bool, AT(up), .by_default = "true", .doc = "false: takes and sends nothing."},          \
	        {"addresses", &type_list, AT(addresses),                                                     \
	                .count_at = offsetof(struct config_port, n_addresses),                               \
	                .size = sizeof(struct config_prefix), .max = 256,                                    \
	                .element = &type_interface_address,                                                  \
	                .doc = "Addresses with the length of their network; each makes a connected and a "   \
	                       "local route."},                                                              \
	        {"groups", &type_list, AT(groups), .count_at = offsetof(struct config_port, n_groups),       \
	                .size = sizeof(struct config_prefix), .max = 256, .element = &type_group,            \
	                .doc = "Multicast groups that are joined here and reported by IGMP or MLD."},        \
	        {"mac", &type_mac, AT(mac),                                                                  \
	                .doc = "Default: the interface's, else of the port's number; a sub-port: its "       \
	                       "parent's."},                                                                 \
	        {"mtu", &type_number, AT(mtu), .size = 2, .min = 68, .max = 65535,                           \
	                .doc = "Bytes of an IP packet. Default: 1500; a sub-port has its parent's."},        \
	        {"ipv6", &type_bool, AT(ipv6), .by_default = "true",                                         \
	                .doc = "false: IPv6 is off here, and there is no link-local address "                \
	                       "(disable_ipv6)."},                                                           \
	        {"forwarding", &type_forwarding, AT(forwarding), .section = &forwarding_section,             \
	                .by_default = "true",                                                                \
	                .doc = "Whether packets that come in here may be forwarded "                         \
	                       "(net.ipv4.conf.X.forwarding)."},                                             \
	        {"rp_filter", &type_choice, AT(rp_filter), .words = rp_filters, .by_default = "off",         \
	                .doc = "Reverse-path filter (RFC 3704): strict, the way back leads out here; "       \
	                       "loose, there is one."},                                                      \
	        {"accept_local", &type_bool, AT(accept_local), .by_default = "false",                        \
	                .doc = "Whether packets from addresses of our own are taken in."},                   \
	        {"accept_source_route", &type_bool, AT(accept_source_route), .by_default = "false",          \
	                .doc = "Whether IPv4 packets with a source route are taken."},                       \
	        {"route_localnet", &type_bool, AT(route_localnet), .by_default = "false",                    \
	                .doc = "Whether 127.0.0.0/8 may stand on the wire here."},                           \
	        {"redirects", &type_bool, AT(redirects), .by_default = "true",                               \
	                .doc = "Whether ICMP redirects are sent (send_redirects)."},                         \
	        {"proxy_arp", &type_bool, AT(proxy_arp), .by_default = "false",                              \
	                .doc = "Whether ARP requests for what is routed elsewhere are answered."},           \
	        {"drop_gratuitous_arp", &type_bool, AT(drop_gratuitous_arp), .by_default = "false",          \
	                .doc = "Whether gratuitous ARP of others is dropped."},                              \
	        {"gratuitous_arp", &type_number, AT(gratuitous_arp), .size = 1, .min = 0, .max = 10,         \
	                .by_default = "1",                                                                   \
	                .doc = "Announcements of an address when it comes up, and when "                     \
	                       "its link is back."},                                                         \
	        {"dad", &type_number, AT(dad), .size = 1, .min = 0, .max = 10, .by_default = "1",            \
	                .doc = "Probes for a duplicate of an IPv6 address before it is used "                \
	                       "(dad_transmits); 0: none."},                                                 \
	        {"hop_limit", &type_number, AT(hop_limit), .size = 1, .min = 1, .max = 255,                  \
	                .by_default = "64", .doc = "TTL and hop limit of what is made here."},               \
	        {"mss_clamp", &type_mss, AT(mss_clamp), .by_default = "off",                                 \
	                .doc = "Lowers the MSS in forwarded SYNs: to the path's MTU, or to a number."},      \
	{                                                                                                    \
		"neighbor", &type_section, AT(neighbor), .section = &neighbor_section,                       \
		                                         .doc = "Timers and counts of ARP and neighbor "     \
		                                                "discovery (RFC 4861 10, net.ipv4.neigh)."   \
	}

static const struct schema_key port_keys[] = {
        {"driver", &type_choice, AT(driver), .words = drivers, .by_default = "none",
                .doc = "af_xdp, af_packet: an interface of the machine; tap: one that is made; pcap: files; "
                       "loop: another port of ours; none: `sluice replay` gives it a capture."},
        {"interface", &type_name, AT(interface),
                .doc = "af_xdp, af_packet, tap: the interface. Default: the port's name."},
        {"mode", &type_choice, AT(mode), .words = modes, .by_default = "auto",
                .doc = "af_xdp: native, generic or zerocopy; af_packet: v2 or v3; auto: the best there is."},
        {"rx_ring", &type_number, AT(rx_ring), .size = 4, .min = 64, .max = 32768, .by_default = "2048",
                .doc = "Frames that the kernel may have ready for us: a power of two."},
        {"tx_ring", &type_number, AT(tx_ring), .size = 4, .min = 64, .max = 32768, .by_default = "2048",
                .doc = "Frames of ours that may wait to be sent: a power of two."},
        {"control_dscp", &type_number, AT(control_dscp), .size = 4, .min = 0, .max = 64, .by_default = "48",
                .doc = "af_xdp, af_packet: packets with this DSCP or a higher one are of the control class, "
                       "which overload leaves alone; ARP and neighbor discovery are always. 64: no others."},
        {"adopt", &type_bool, AT(adopt), .by_default = "false",
                .doc = "Whether the kernel's addresses and routes there are taken over while the port is "
                       "open, those too that come later. What the configuration gives counts before them."},
        {"poll", &type_section, AT(poll), .section = &poll_section,
                .doc = "When its queues are polled, and when they wait for interrupts (NAPI)."},
        {"in", &type_file, AT(in), .max = 4096,
                .doc = "pcap: the capture that is played. Default: nothing comes in."},
        {"out", &type_file, AT(out), .max = 4096, .doc = "pcap: where sent frames go. Default: nowhere."},
        {"pace", &type_pace, .at = 0, .by_default = "capture",
                .doc = "pcap: at the capture's own pace, as fast as it goes, or at a rate."},
        {"loop", &type_number, AT(loop), .size = 4, .min = 1, .max = UINT32_MAX, .by_default = "1",
                .doc = "pcap: how often the capture is played."},
        {"peer", &type_name, AT(peer),
                .doc = "loop: the port that gets what this one sends, and the reverse."},
        {"fault", &type_section, AT(fault), .section = &fault_section,
                .doc = "Faults that are injected between the driver and the appliance."},
        {"promiscuous", &type_bool, AT(promiscuous), .by_default = "false",
                .doc = "Whether the NIC takes frames for other stations; IP drops them still."},
        {"any_mac", &type_bool, AT(any_mac), .by_default = "false",
                .doc = "Whether unicast frames to any MAC count as sent to us: for captures made elsewhere."},
        {"checksum", &type_choice, AT(checksum_partial), .words = checksums, .by_default = "full",
                .doc = "Default of an interface of the machine: partial. partial: a layer-4 checksum with "
                       "the pseudo-header's sum alone counts as not yet "
                       "computed."},
        {"queues", &type_number, AT(queues), .size = 1, .min = 1, .max = 8, .by_default = "1",
                .doc = "Receive queues."},
        {"lane", &type_number, AT(lane), .size = 1, .min = 0, .max = CONFIG_LANES_MAX - 1, .by_default = "0",
                .doc = "Lane of the first queue; the others follow in turn."},
        IP_KEYS,
};

const struct schema_section section_port = {
        "a port", port_keys, ARRAY_LEN(port_keys), sizeof(struct config_port)};

static const struct schema_key vlan_keys[] = {
        {"parent", &type_name, AT(parent), .required = true, .doc = "The physical port under it."},
        {"id", &type_vlan_id, .at = 0, .required = true,
                .doc = "The VLAN id, or [outer, inner] for two tags (QinQ)."},
        {"protocol", &type_vlan_protocol, .at = 0,
                .doc = "The tag's ethertype. Default: 802.1q; of two tags [802.1ad, 802.1q]."},
        IP_KEYS,
};

const struct schema_section section_vlan = {
        "a VLAN sub-port", vlan_keys, ARRAY_LEN(vlan_keys), sizeof(struct config_port)};
