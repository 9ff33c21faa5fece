"""The one network that both are given: the kernel by ip(8), Sluice as YAML."""
from packet import MAC_LAN, MAC_LAN_PEER, MAC_WAN, MAC_WAN_PEER

PORTS = ('wan', 'lan')
MTU = {'wan': 3000, 'lan': 1500}
MAC = {'wan': MAC_WAN, 'lan': MAC_LAN}
PEER = {'wan': MAC_WAN_PEER, 'lan': MAC_LAN_PEER}
LINK_LOCAL = {'wan': 'fe80::ff:fe00:101', 'lan': 'fe80::ff:fe00:201'}
ADDRESSES = {'wan': ('192.0.2.1/24', '2001:db8:1::1/64'), 'lan': ('198.51.100.1/24', '2001:db8:2::1/64')}
OWN4 = ('192.0.2.1', '198.51.100.1')
OWN6 = ('2001:db8:1::1', '2001:db8:2::1', LINK_LOCAL['wan'], LINK_LOCAL['lan'])

# Destination, gateway, port, type, mtu.
ROUTES = (
    ('10.0.0.0/9', '192.0.2.254', 'wan', None, None),
    ('10.128.0.0/9', '198.51.100.254', 'lan', None, None),
    ('172.16.0.0/16', None, None, 'blackhole', None),
    ('172.17.0.0/16', None, None, 'unreachable', None),
    ('172.18.0.0/16', None, None, 'prohibit', None),
    ('172.19.0.0/16', '198.51.100.254', 'lan', None, 576),
    ('172.20.0.0/16', '192.0.2.77', 'wan', None, None),
    ('2001:db8:a::/48', '2001:db8:1::fe', 'wan', None, None),
    ('2001:db8:b::/48', '2001:db8:2::fe', 'lan', None, None),
    ('2001:db8:c1::/48', None, None, 'blackhole', None),
    ('2001:db8:c2::/48', None, None, 'unreachable', None),
    ('2001:db8:c3::/48', None, None, 'prohibit', None),
    ('2001:db8:c4::/48', '2001:db8:2::fe', 'lan', None, 1280),
    ('2001:db8:b5::/48', 'fe80::fe', 'lan', None, None),
    ('2001:db8:c6::/48', 'fe80::77', 'wan', None, None),
)
NEIGHBORS = tuple((address, port) for port, addresses in (
    ('wan', ('192.0.2.254', '192.0.2.77', '2001:db8:1::fe', '2001:db8:1::77', 'fe80::fe', 'fe80::77',
             LINK_LOCAL['lan'], '2001:db8:1::')),
    ('lan', ('198.51.100.254', '198.51.100.77', '2001:db8:2::fe', '2001:db8:2::77', 'fe80::fe', 'fe80::77',
             LINK_LOCAL['wan'], '2001:db8:2::')),
) for address in addresses)


def mac_text(mac):
    return ':'.join(f'{b:02x}' for b in mac)


class Round:
    """What differs between the rounds."""

    def __init__(self, name, rp_filter='off', redirects=False):
        self.name, self.rp_filter, self.redirects = name, rp_filter, redirects


def yaml(rnd, lanes):
    out = [f'appliance: {{ lanes: {lanes}, buffers: 16384, buffer_bytes: 4544 }}', 'ports:']
    for port in PORTS:
        addresses = ', '.join(f'"{a}"' for a in ADDRESSES[port])
        out += [f'  {port}:', f'    mac: {mac_text(MAC[port])}', f'    mtu: {MTU[port]}',
                f'    addresses: [{addresses}]', f'    rp_filter: {rnd.rp_filter}',
                f'    queues: {lanes}', f'    redirects: {str(rnd.redirects).lower()}', '    gratuitous_arp: 0', '    dad: 0']
    out.append('routes:')
    for to, via, port, kind, mtu in ROUTES:
        fields = [f'to: "{to}"'] + ([f'via: "{via}"', f'port: {port}'] if via else [f'type: {kind}'])
        out.append('  - { ' + ', '.join(fields + ([f'mtu: {mtu}'] if mtu else [])) + ' }')
    out.append('neighbors:')
    out += [f'  - {{ address: "{a}", mac: {mac_text(PEER[p])}, port: {p} }}' for a, p in NEIGHBORS]
    out += ['limits:', '  icmp_errors: unlimited', '  icmp_errors_per_peer: unlimited']
    return '\n'.join(out) + '\n'


def ip_commands(peer_ns):
    """For `ip -batch` in the router's namespace."""
    out = []
    for port in PORTS:
        out += [f'link add {port} address {mac_text(MAC[port])} mtu {MTU[port]} type veth peer name {port} '
                f'netns {peer_ns} address {mac_text(PEER[port])} mtu {MTU[port]}',
                f'link set {port} up']
        out += [f'address add {a} ' + ('nodad ' if ':' in a else 'broadcast + ') + f'dev {port}'
                for a in ADDRESSES[port]]
    lock = 'lock '  # else Linux tells of the port's MTU first
    for to, via, port, kind, mtu in ROUTES:
        where = f'via {via} dev {port}' if via else ''
        out.append(f'route add {kind or ""} {to} {where}' + (f' mtu {lock if ":" in to else ""}{mtu}' if mtu else ''))
    out += [f'neigh add {a} lladdr {mac_text(PEER[p])} nud permanent dev {p}' for a, p in NEIGHBORS]
    return '\n'.join(out) + '\n'


def sysctls(rnd):
    """Paths under /proc/sys/net with their values; before there is a port, and with PORT of each of them."""
    before = {
        'ipv4/icmp_ratelimit': 0, 'ipv4/icmp_ratemask': 0, 'ipv4/icmp_msgs_per_sec': 1000000,
        'ipv4/icmp_msgs_burst': 1000000, 'ipv6/icmp/ratelimit': 0, 'ipv4/ipfrag_time': 300,
        'ipv6/ip6frag_time': 300, 'ipv4/ip_forward': 1, 'ipv6/auto_flowlabels': 0,
        'ipv6/conf/default/dad_transmits': 0,
        'ipv6/conf/default/accept_dad': 0, 'ipv6/conf/default/accept_ra': 0,
        'ipv4/conf/all/accept_redirects': 0, 'ipv4/conf/all/send_redirects': 0,
        'ipv4/conf/all/rp_filter': 0, 'ipv4/conf/all/accept_source_route': 0,
        'ipv4/conf/default/accept_source_route': 0,
    }
    port = {
        'ipv4/conf/PORT/rp_filter': {'off': 0, 'strict': 1}[rnd.rp_filter],
        'ipv4/conf/PORT/send_redirects': int(rnd.redirects), 'ipv4/conf/PORT/forwarding': 1,
        'ipv4/conf/PORT/accept_redirects': 0, 'ipv4/conf/PORT/log_martians': 0,
        'ipv4/conf/PORT/accept_source_route': 0, 'ipv6/conf/all/forwarding': 1,
        'ipv4/conf/PORT/drop_unicast_in_l2_multicast': 1, 'ipv6/conf/PORT/drop_unicast_in_l2_multicast': 1,
        # However slow the machine is, nobody is asked a second time.
        'ipv4/neigh/PORT/retrans_time_ms': 600000, 'ipv6/neigh/PORT/retrans_time_ms': 600000,
        'ipv4/neigh/PORT/delay_first_probe_time': 600, 'ipv6/neigh/PORT/delay_first_probe_time': 600,
    }
    return before, port
