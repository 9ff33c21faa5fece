#include "tests/fuzz/whole/world.h"

#include <stdio.h>

static const char body[] =
        "ports:\n"
        "  wan: {driver: pcap, mac: \"02:00:00:00:00:02\", addresses: [192.0.2.1/24, \"2001:db8::2/64\"],"
        " groups: [224.0.0.5, \"ff02::5\"], rp_filter: loose, mss_clamp: pmtu, redirects: true, proxy_arp: "
        "true,"
        " neighbor: {reachable: 1s, retransmit: 10ms, delay_first_probe: 100ms, stale: 1s}}\n"
        "  lan: {driver: pcap, mac: \"02:00:00:00:00:03\", addresses: [198.51.100.1/24, "
        "\"2001:db8:1::1/64\"],"
        " any_mac: true, accept_local: true, accept_source_route: true, mtu: 1280, checksum: partial}\n"
        "vlans:\n"
        "  v5: {parent: wan, id: 5, addresses: [10.5.0.1/16], rp_filter: strict}\n"
        "  q75: {parent: lan, id: [7, 5], protocol: [802.1ad, 802.1q], addresses: [10.75.0.1/16, "
        "\"2001:db8:75::1/64\"]}\n"
        "routes:\n"
        "  - {to: default, via: 198.51.100.2}\n"
        "  - {to: default, via: \"2001:db8:1::2\"}\n"
        "  - {to: 10.1.0.0/16, nexthops: [{via: 192.0.2.8, weight: 2}, {via: 10.5.0.9}]}\n"
        "  - {to: 10.2.0.0/16, type: blackhole}\n"
        "  - {to: 10.3.0.0/16, type: prohibit}\n"
        "  - {to: 10.4.0.0/16, type: unreachable}\n"
        "  - {to: 10.6.0.0/16, via: 10.75.0.9, mtu: 600}\n"
        "  - {to: \"2001:db8:2::/48\", type: blackhole}\n"
        "  - {to: \"2001:db8:3::/48\", type: unreachable}\n"
        "neighbors:\n"
        "  - {address: 198.51.100.2, mac: \"02:00:00:00:01:02\"}\n"
        "  - {address: \"2001:db8:1::2\", mac: \"02:00:00:00:01:02\"}\n"
        "  - {address: 10.75.0.9, mac: \"02:00:00:00:01:03\"}\n"
        "rules:\n"
        "  ingress:\n"
        "    rules:\n"
        "      - {name: marks, protocol: udp, action: count, set_mark: 0x3/0xf}\n"
        "      - {name: odd, tcp_flags: \"syn,fin/syn,fin\", protocol: tcp, action: drop}\n"
        "      - {name: tagged, vlan: 5, action: count, set_mark: 0x10/0x10}\n"
        "  egress:\n"
        "    rules:\n"
        "      - {name: mail, protocol: tcp, to_port: 25, action: drop}\n"
        "      - {name: marked, mark: 0x13/0x1f, action: drop}\n"
        "sockets:\n"
        "  - {name: echo, udp: \"[::]:53\", app: echo}\n"
        "  - {name: sink, udp: \"0.0.0.0:67\", app: sink, join: [224.0.0.9]}\n"
        "  - {name: hold, udp: \"[::]:2\", app: hold, rcvbuf: 9000}\n"
        "  - {name: peer, udp: \"192.0.2.1:9\", connect: \"192.0.2.9:9\", app: echo, port: wan}\n"
        "limits: {fragment_memory: 32KiB, fragment_timeout: 200ms, fragment_timeout_ipv6: 300ms,"
        " fragment_datagrams: 8, fragment_pieces: 6, neighbors: 16, neighbors_incomplete: 6, neighbor_queue: "
        "3,"
        " icmp_errors: 100/s burst 9, local_icmp: 1000/s burst 20, udp_memory: 65536}\n";

const char *world_config(uint32_t lanes)
{
	static char text[sizeof body + 128];

	snprintf(text, sizeof text, "appliance: {lanes: %u, buffers: %u, ring_slots: 512}\n%s", lanes,
	        1024 * lanes, body);
	return text;
}

size_t world_push(struct whole *whole, const uint8_t *data, size_t size, uint32_t frames_max)
{
	size_t at = 0;

	while (frames_max-- && size - at > 2) {
		uint32_t len = MIN(data[at] | (data[at + 1] & 0x0fu) << 8, (uint32_t)(size - at - 2)),
		         port = data[at + 1] >> 7, lane = data[at + 1] >> 6 & 1;

		if (!whole_push(whole, port, lane, data + at + 2, len))
			break;
		at += 2 + len;
	}
	return at;
}
