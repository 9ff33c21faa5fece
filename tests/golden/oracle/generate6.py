"""IPv6 packets of every kind, right and wrong."""
import itertools
import struct

from packet import (BROADCAST, DST_OPTIONS, ETH_IP6, FRAGMENT, HOP_BY_HOP, ICMP6, MAC_LAN, MAC_LAN_PEER, MAC_WAN,
                    NO_NEXT, ROUTING, TCP, UDP, a6, echo6, eth, fragment_header, icmp6, ip6, options_header,
                    routing_header, tcp, udp)
from topology import LINK_LOCAL

SRC, FAR, OWN, OTHER_OWN = '2001:db8:a::5', '2001:db8:b::9', '2001:db8:1::1', '2001:db8:2::1'
DESTINATIONS = {'far': FAR, 'own': OWN, 'other-own': OTHER_OWN, 'blackhole': '2001:db8:c1::9',
                'unreachable': '2001:db8:c2::9', 'prohibit': '2001:db8:c3::9', 'small-mtu': '2001:db8:c4::9',
                'by-link-local': '2001:db8:b5::9', 'back': '2001:db8:c6::9', 'no-route': '2001:db8:ee::9',
                'neighbor': '2001:db8:2::77', 'near': '2001:db8:1::77', 'subnet-anycast': '2001:db8:1::',
                'other-subnet-anycast': '2001:db8:2::', 'link-local': LINK_LOCAL['wan'],
                'other-link-local': LINK_LOCAL['lan'], 'link-local-neighbor': 'fe80::77', 'unspecified': '::',
                'loopback': '::1', 'mapped': '::ffff:10.200.0.9', 'compatible': '::10.200.0.9',
                'all-nodes': 'ff02::1', 'all-routers': 'ff02::2', 'all-routers-site': 'ff05::2',
                'node-local': 'ff01::1', 'group-0': 'ff00::1', 'reserved-scope': 'ff0f::1', 'group': 'ff0e::77',
                'solicited': 'ff02::1:ff00:1', 'solicited-other': 'ff02::1:ff99:9999', 'mdns': 'ff02::fb',
                'site-local': 'fec0::9', 'unique-local': 'fd00::9', 'translated': '64:ff9b::a00:1'}
SOURCES = {'far': SRC, 'near': '2001:db8:1::fe', 'own': OWN, 'other-own': OTHER_OWN, 'link-local': 'fe80::77',
           'own-link-local': LINK_LOCAL['wan'], 'unspecified': '::', 'loopback': '::1', 'group': 'ff02::9',
           'global-group': 'ff0e::9', 'mapped': '::ffff:10.0.0.5', 'compatible': '::10.0.0.5',
           'behind-lan': '2001:db8:b::77', 'blackholed': '2001:db8:c1::3', 'prohibited': '2001:db8:c3::3',
           'no-route': '2001:db8:ee::3', 'lan-link': '2001:db8:2::77', 'anycast': '2001:db8:1::',
           'site-local': 'fec0::3', 'unique-local': 'fd00::3', 'small-mtu': '2001:db8:c4::3'}


def wan(packet, dst=MAC_WAN):
    return 'wan', eth(packet, ETH_IP6, dst)


def datagram(src=SRC, dst=FAR, payload=b'0123456789', **ip):
    return ip6(src, dst, UDP, udp(src, dst, 1025, 9999, payload), **ip)


def ping(src=SRC, dst=OWN, payload=b'abcdefgh', **ip):
    return ip6(src, dst, ICMP6, echo6(src, dst, 7, 1, payload), **ip)


def kinds(src, dst, **ip):
    yield 'udp', datagram(src, dst, **ip)
    yield 'tcp', ip6(src, dst, TCP, tcp(src, dst, 1025, 80, 2), **ip)
    yield 'echo', ping(src, dst, **ip)
    yield 'sctp', ip6(src, dst, 132, b'\x04\x01\x00\x50' + b'\0' * 20, **ip)


def hops():
    for name, dst in DESTINATIONS.items():
        for value in (0, 1, 2, 3, 64, 255):
            for kind, packet in kinds(SRC, dst, hops=value):
                yield f'hops {value} {kind} to {name}', *wan(packet)


def addresses():
    for s, src in SOURCES.items():
        for d, dst in DESTINATIONS.items():
            for kind, packet in kinds(src, dst):
                yield f'{kind} from {s} to {d}', *wan(packet)
            for mac, where in ((BROADCAST, 'broadcast'), (b'\x33\x33\0\0\0\x01', 'multicast'),
                               (b'\x02\0\0\0\x09\x09', 'other host')):
                yield f'udp from {s} to {d} in a {where} frame', *wan(datagram(src, dst), mac)
                yield f'echo from {s} to {d} in a {where} frame', *wan(ping(src, dst), mac)


def from_lan():
    for name, dst in {**DESTINATIONS, 'world': SRC}.items():
        for kind, packet in kinds('2001:db8:b::9', dst):
            yield f'{kind} from lan to {name}', 'lan', eth(packet, ETH_IP6, MAC_LAN, MAC_LAN_PEER)


MLD = (130, 131, 132, 143)


def icmp_types():
    quoted = {'of far udp': datagram(FAR, SRC), 'of our echo': ping(OWN, '2001:db8:a:66::1'), 'of our reply': ip6(
        OWN, '2001:db8:a:66::2', ICMP6, icmp6(OWN, SRC, 129, 0)), 'of our udp': datagram(OWN, '2001:db8:a:66::3'),
              'cut': datagram()[:44]}
    for d in ('far', 'own', 'no-route', 'all-nodes'):
        dst = DESTINATIONS[d]
        for kind in itertools.chain(range(0, 8), range(99, 103), range(126, 163), range(198, 202), (254, 255)):
            if kind in MLD and d in ('own', 'all-nodes'):
                continue
            for code in (0, 1, 4, 255):
                payload = quoted['of far udp'] if kind < 5 else b'x' * 24
                yield f'icmp {kind}/{code} to {d}', *wan(ip6(SRC, dst, ICMP6, icmp6(
                    SRC, dst, kind, code, b'\0\7\0\1', payload), hops=255))
    peer = '2001:db8:a::77'
    for name, quote in quoted.items():
        for kind, code, rest in ((1, 4, 0), (2, 0, 1400), (2, 0, 1280), (2, 0, 1000), (3, 0, 0), (4, 1, 6), (4, 0, 0)):
            for dst in (OWN, FAR):
                message = icmp6(peer, dst, kind, code, struct.pack('!I', rest), quote)
                yield f'icmp error {kind}/{code}/{rest} {name} to {dst}', *wan(ip6(peer, dst, ICMP6, message))
                for host in range(1, 4):
                    src = f'2001:db8:a:66::{host}'
                    yield f'icmp error {kind}/{code}/{rest} {name} to {dst}: echo of {src}', *wan(
                        ping(src, payload=b'b' * 1440))
                yield f'icmp error {kind}/{code}/{rest} {name} to {dst}, hops 1', *wan(
                    ip6(peer, dst, ICMP6, message, hops=1))
    for length in range(0, 9):
        for d in ('far', 'own', 'no-route'):
            dst = DESTINATIONS[d]
            yield f'icmp of {length} bytes to {d}', *wan(ip6(SRC, dst, ICMP6, echo6(SRC, dst, 7, 1)[:length]))
    yield 'echo with a bad checksum', *wan(ip6(SRC, OWN, ICMP6, icmp6(SRC, OWN, 128, 0, csum=5)))
    for length in (0, 1, 7, 56, 500, 1232, 1233, 1452, 1453, 2952):
        yield f'echo of {length} bytes', *wan(ping(payload=b'p' * length))
        yield f'echo of {length} bytes from lan', 'lan', eth(
            ping('2001:db8:b::9', OTHER_OWN, payload=b'p' * min(length, 1452)), ETH_IP6, MAC_LAN, MAC_LAN_PEER)
    for tclass, flow in ((0, 1), (0xb8, 0), (0xff, 0xfffff), (3, 0x12345), (1, 0)):
        for kind in (ping, datagram):
            for d in ('own', 'far', 'no-route', 'all-nodes'):
                yield f'{kind.__name__} class {tclass:x} flow {flow:x} to {d}', *wan(
                    kind(SRC, DESTINATIONS[d], traffic_class=tclass, flow=flow))


OPTIONS = {
    'pad1': b'\0' * 6, 'padn': b'\1\4\0\0\0\0', 'padn not zero': b'\1\4\1\2\3\4', 'padn 0': b'\1\0' * 3,
    'padn 8': b'\1\x0a' + b'\0' * 10 + b'\0\0', 'much padding': b'\1\5' + b'\0' * 5 + b'\1\5' + b'\0' * 5,
    'router alert': b'\5\2\0\0\1\0', 'router alert 1': b'\5\2\0\1\1\0', 'router alert long': b'\5\3\0\0\0\0',
    'router alert twice': b'\5\2\0\0\5\2\0\0', 'jumbo': b'\xc2\4\0\1\0\0', 'jumbo small': b'\xc2\4\0\0\0\x20',
    'jumbo bad length': b'\xc2\3\0\0\0\0', 'skip': b'\x1e\4abcd', 'discard': b'\x5e\4abcd', 'problem': b'\x9e\4abcd',
    'problem unless many': b'\xde\4abcd', 'changes, skip': b'\x3e\4abcd', 'home address': b'\xc9\x10' + b'\1' * 16,
    'tunnel limit': b'\4\1\1\0\0\0', 'calipso': b'\7\x08\0\0\0\1\0\0\0\0', 'past the end': b'\x1e\x0aabcd',
    'no length': b'\0\0\0\0\0\x1e', 'quick start': b'\x26\6\0\0\0\0\0\0', 'ioam': b'\x31\4abcd', 'rpl': b'\x63\4\0\0\0\0',
    'nine': b'\x1e\0' * 9, 'eight': b'\x1e\0' * 8, 'seven and problem': b'\x1e\0' * 7 + b'\x9e\0',
    'nine and pads': b'\x1e\0\0' * 9,
}
UPPER = {UDP: lambda s, d: udp(s, d, 1025, 9999, b'0123456789'), ICMP6: lambda s, d: echo6(s, d, 7, 1),
         TCP: lambda s, d: tcp(s, d, 1025, 80, 2), NO_NEXT: lambda s, d: b'rest', 132: lambda s, d: b's' * 24}
SOME = ('far', 'own', 'no-route', 'all-nodes', 'prohibit')


def options():
    for name, option in OPTIONS.items():
        for kind, what in ((HOP_BY_HOP, 'hop-by-hop'), (DST_OPTIONS, 'destination')):
            for d in SOME:
                dst = DESTINATIONS[d]
                for upper in (UDP, ICMP6):
                    body = options_header(upper, option) + UPPER[upper](SRC, dst)
                    yield f'{what} {name}, {upper} to {d}', *wan(ip6(SRC, dst, kind, body))
                yield f'{what} {name} to {d}, hops 1', *wan(ip6(
                    SRC, dst, kind, options_header(UDP, option) + UPPER[UDP](SRC, dst), hops=1))
    for d in SOME:
        dst = DESTINATIONS[d]
        body = options_header(UDP, b'\xc2\4\0\1\0\0') + UPPER[UDP](SRC, dst)
        yield f'jumbogram of length 0 to {d}', *wan(ip6(SRC, dst, HOP_BY_HOP, body, length=0))
        body = options_header(UDP, b'\1\4\0\0\0\0') + UPPER[UDP](SRC, dst)
        yield f'length 0 with options to {d}', *wan(ip6(SRC, dst, HOP_BY_HOP, body, length=0))
        for cut in range(0, 17):
            for kind in (HOP_BY_HOP, DST_OPTIONS, ROUTING, FRAGMENT, 51, 50, 135, 139, 140):
                yield f'header {kind} cut to {cut} to {d}', *wan(ip6(SRC, dst, kind, (bytes([UDP, 0]) + b'\0' * 20)[:cut]))
        for length in (1, 2, 8, 255):
            for kind in (HOP_BY_HOP, DST_OPTIONS, ROUTING, 51, 135, 139, 140):
                yield f'header {kind} says {length} to {d}', *wan(ip6(
                    SRC, dst, kind, bytes([UDP, length]) + b'\0' * 6 + UPPER[UDP](SRC, dst)))
        for upper in (ICMP6, UDP):
            yield f'destination options past the end, {upper} to {d}', *wan(ip6(
                SRC, dst, DST_OPTIONS, bytes([upper, 9]) + b'\1\4\0\0\0\0' + UPPER[upper](SRC, dst)))
        long = b'\1\xfe' + b'\0' * 254
        yield f'long hop-by-hop to {d}', *wan(ip6(
            SRC, dst, HOP_BY_HOP, options_header(UDP, long * 4) + UPPER[UDP](SRC, dst)))


def _header(kind, next_header):
    if kind in (HOP_BY_HOP, DST_OPTIONS):
        return options_header(next_header, b'\1\4\0\0\0\0')
    if kind == ROUTING:
        return routing_header(next_header, 0, 0)
    if kind == FRAGMENT:
        return fragment_header(next_header, 0, 0, 0x5555)
    return bytes([next_header, 0]) + b'\0' * 6 if kind != 51 else bytes([next_header, 1]) + b'\0' * 10


def chain(kinds_in_order, upper, src, dst):
    body, following = UPPER[upper](src, dst), upper
    for kind in reversed(kinds_in_order):
        body, following = _header(kind, following) + body, kind
    return ip6(src, dst, following, body)


def chains():
    every = (HOP_BY_HOP, DST_OPTIONS, ROUTING, FRAGMENT, 51, 135)
    for count in (1, 2, 3):
        for order in itertools.product(every, repeat=count):
            if count == 3 and (51 in order or 135 in order):
                continue
            for d in ('far', 'own'):
                for upper in (ICMP6, UDP) if count < 3 else (ICMP6,):
                    yield f'headers {order} {upper} to {d}', *wan(chain(order, upper, SRC, DESTINATIONS[d]))
    for count in (4, 7, 8, 9, 12, 40):
        for d in ('far', 'own', 'no-route'):
            for kind in (DST_OPTIONS, ROUTING):
                yield f'{count} headers {kind} to {d}', *wan(chain((kind,) * count, ICMP6, SRC, DESTINATIONS[d]))
    for upper in UPPER:
        for d in DESTINATIONS:
            yield f'destination options and {upper} to {d}', *wan(
                chain((DST_OPTIONS,), upper, SRC, DESTINATIONS[d]))


def routing():
    for kind in (0, 1, 2, 3, 4, 5, 253, 255):
        for left in (0, 1, 2, 3, 255):
            for n in (0, 1, 2):
                for d in ('far', 'own', 'no-route'):
                    dst = DESTINATIONS[d]
                    body = routing_header(UDP, kind, left, (FAR, '2001:db8:b::8')[:n]) + UPPER[UDP](SRC, dst)
                    yield f'routing {kind} left {left} of {n} to {d}', *wan(ip6(SRC, dst, ROUTING, body))


def headers():
    for d in ('far', 'own', 'no-route'):
        dst = DESTINATIONS[d]
        for version in (0, 4, 5, 7, 15):
            yield f'version {version} to {d}', *wan(datagram(dst=dst, version=version))
        for length in (0, 1, 7, 8, 17, 18, 19, 100, 1500, 65535):
            yield f'payload length {length} to {d}', *wan(datagram(dst=dst, length=length))
        for cut in range(0, 59, 2):
            yield f'cut to {cut} bytes to {d}', *wan(datagram(dst=dst)[:cut])
        for padding in (1, 2, 100):
            yield f'{padding} bytes of padding to {d}', *wan(datagram(dst=dst) + b'\xee' * padding)
            yield f'{padding} bytes of padding, echo to {d}', *wan(ping(dst=dst) + b'\xee' * padding)
        for proto in range(256):
            yield f'next header {proto} to {d}', *wan(ip6(SRC, dst, proto, b'\0' * 24))
    for d in DESTINATIONS:
        for proto in (NO_NEXT, 4, 41, 47, 89, 253):
            yield f'next header {proto} to {d}', *wan(ip6(SRC, DESTINATIONS[d], proto, b'\0' * 24))


def sizes():
    for mtu, d in ((1500, 'far'), (1280, 'small-mtu'), (3000, 'back'), (1500, 'by-link-local')):
        for delta in (-8, -1, 0, 1, 8, 100, 1000):
            if mtu + delta > 3000:
                continue
            dst = DESTINATIONS[d]
            yield f'{mtu + delta} bytes to {d}', *wan(datagram(dst=dst, payload=b'm' * (mtu + delta - 48)))
            body = fragment_header(UDP, 5, 1, 9) + b'f' * (mtu + delta - 48)
            yield f'{mtu + delta} bytes of a fragment to {d}', *wan(ip6(SRC, dst, FRAGMENT, body))
            yield f'{mtu + delta} bytes of an error to {d}', *wan(ip6(SRC, dst, ICMP6, icmp6(
                SRC, dst, 1, 4, b'\0' * 4, b'z' * (mtu + delta - 48))))
            yield f'{mtu + delta} bytes of options to {d}', *wan(ip6(SRC, dst, DST_OPTIONS, options_header(
                UDP, b'\1\4\0\0\0\0') + b'f' * (mtu + delta - 48)))


def _fragment(src, dst, proto, whole, first, last, more, ident, **ip):
    return ip6(src, dst, FRAGMENT, fragment_header(proto, first // 8, more, ident) + whole[first:last], **ip)


def fragments():
    ident = 900
    for what, proto, whole in (
            ('echo', ICMP6, echo6(SRC, OWN, 3, 3, b'e' * 3000)),
            ('echo of 9000', ICMP6, echo6(SRC, OWN, 3, 3, bytes(range(250)) * 36)),
            ('udp', UDP, udp(SRC, OWN, 1, 2, b'u' * 2000)), ('tcp', TCP, tcp(SRC, OWN, 1, 2, 2, b't' * 2000)),
            ('sctp', 132, b's' * 2000), ('options', DST_OPTIONS, options_header(UDP, b'\1\4\0\0\0\0') + udp(
                SRC, OWN, 1, 2, b'u' * 2000)), ('bad options', DST_OPTIONS, options_header(
                    UDP, b'\x9e\4abcd') + udp(SRC, OWN, 1, 2, b'u' * 2000))):
        for order, arrange in (('in order', list), ('reversed', lambda p: p[::-1]),
                               ('odd first', lambda p: p[1::2] + p[0::2])):
            for size in (256, 1400):
                ident += 1
                pieces = arrange([_fragment(SRC, OWN, proto, whole, at, at + size, int(at + size < len(whole)),
                                            ident) for at in range(0, len(whole), size)])
                for i, piece in enumerate(pieces):
                    yield f'{what} in pieces of {size} {order}, {i}', *wan(piece)
    yield from _bad_fragments()


def _bad_fragments():
    scripts = {
        'overlap': [(0, 512, 1), (256, 768, 1), (768, 1032, 0)],
        'overlap by one unit': [(0, 512, 1), (504, 1032, 0)],
        'repeat': [(0, 512, 1), (0, 512, 1), (512, 1032, 0)],
        'repeat inside': [(0, 512, 1), (8, 64, 1), (512, 1032, 0)],
        'two ends': [(512, 1032, 0), (0, 256, 0), (0, 512, 1)],
        'beyond the end': [(0, 512, 0), (512, 1032, 1)],
        'end, then later end': [(512, 768, 0), (768, 1032, 0), (0, 512, 1)],
        'not a multiple of 8': [(0, 511, 1), (512, 1032, 0), (0, 512, 1)],
        'short first': [(0, 8, 1), (8, 1032, 0)],
        'empty': [(0, 0, 1), (0, 512, 1), (512, 1032, 0)],
        'empty end': [(0, 1032, 1), (1032, 1032, 0)],
        'end alone': [(512, 1032, 0)],
        'atomic': [(0, 1032, 0)],
        'atomic beside a first': [(0, 512, 1), (0, 1032, 0), (512, 1032, 0)],
        'first without its upper header': [(0, 0, 1), (0, 1032, 1)],
    }
    for number, (name, script) in enumerate(scripts.items()):
        for dst in (OWN, FAR):
            whole = echo6(SRC, dst, 9, 1, bytes(range(256)) * 4)
            for i, (first, last, more) in enumerate(script):
                yield f'{name} {i} to {dst}', *wan(_fragment(SRC, dst, ICMP6, whole, first, last, more, 7000 + number))
    for offset in (8190, 8191):
        for more in (0, 1):
            for dst in (OWN, FAR):
                yield f'ping of death {offset} {more} to {dst}', *wan(ip6(
                    SRC, dst, FRAGMENT, fragment_header(ICMP6, offset, more, 7500) + b'd' * 80))
    for ecn_first, ecn_last in ((0, 3), (1, 2), (2, 0), (3, 3)):
        whole = echo6(SRC, OWN, 4, 4, b'c' * 1000)
        for i, (first, last, more) in enumerate(((0, 512, 1), (512, 1008, 0))):
            yield f'ECN {ecn_first} {ecn_last} piece {i}', *wan(_fragment(
                SRC, OWN, ICMP6, whole, first, last, more, 7600 + ecn_first * 8 + ecn_last,
                traffic_class=ecn_last if i else ecn_first))
    for d in ('own', 'far', 'all-nodes', 'no-route', 'prohibit'):
        dst = DESTINATIONS[d]
        for hops_left in (1, 64):
            yield f'first to {d}, hops {hops_left}', *wan(ip6(
                SRC, dst, FRAGMENT, fragment_header(UDP, 0, 1, 8000) + b'x' * 64, hops=hops_left))
            yield f'later of ICMPv6 to {d}, hops {hops_left}', *wan(ip6(
                SRC, dst, FRAGMENT, fragment_header(ICMP6, 8, 0, 8001) + b'\1' * 64, hops=hops_left))
            yield f'later to {d}, hops {hops_left}', *wan(ip6(
                SRC, dst, FRAGMENT, fragment_header(UDP, 8, 0, 8001) + b'x' * 64, hops=hops_left))
        yield f'atomic to {d}', *wan(ip6(SRC, dst, FRAGMENT, fragment_header(ICMP6, 0, 0, 8002) + UPPER[ICMP6](SRC, dst)))
        yield f'atomic, reserved bits, to {d}', *wan(ip6(
            SRC, dst, FRAGMENT, fragment_header(ICMP6, 0, 6, 8003, 0xff) + UPPER[ICMP6](SRC, dst)))
        yield f'first, with hop-by-hop options that are cut, to {d}', *wan(ip6(
            SRC, dst, FRAGMENT, fragment_header(HOP_BY_HOP, 0, 1, 8004) + b'\x3a\x09\1\4\0\0\0\0'))
        yield f'atomic in atomic to {d}', *wan(chain((FRAGMENT, FRAGMENT), ICMP6, SRC, dst))


def layer4():
    for dst in (OWN, OTHER_OWN, LINK_LOCAL['wan'], FAR, 'ff02::1', 'ff02::2'):
        src = 'fe80::77' if dst.startswith('fe80') else SRC
        for flags in range(64):
            for ack, payload in ((0, b''), (0x01020304, b''), (77, b'data')):
                if flags >= 32 and ack != 77:
                    continue
                yield f'tcp flags {flags:x} ack {ack:x} {len(payload)} to {dst}', *wan(
                    ip6(src, dst, TCP, tcp(src, dst, 1025, 80, flags, payload, ack=ack, seq=0xfffffffe)))
        for offset in (0, 4, 6, 15):
            yield f'tcp offset {offset} to {dst}', *wan(ip6(src, dst, TCP, tcp(src, dst, 1, 2, 2, offset=offset)))
        for cut in range(0, 21, 3):
            yield f'tcp of {cut} bytes to {dst}', *wan(ip6(src, dst, TCP, tcp(src, dst, 1, 2, 2)[:cut]))
        yield f'tcp bad checksum to {dst}', *wan(ip6(src, dst, TCP, tcp(src, dst, 1, 2, 2, csum=9)))
        for option in (b'\2\4\5\xb4', b'\4\2\x08\x0a' + b'\0' * 8, b'\x13\x12' + b'm' * 16, b'\x08\x01\0\0'):
            yield f'tcp option {option[:2].hex()} to {dst}', *wan(
                ip6(src, dst, TCP, tcp(src, dst, 1, 2, 2, options=option)))
        for tclass, flow in ((3, 5), (0xb8, 0xfffff)):
            yield f'tcp class {tclass} to {dst}', *wan(
                ip6(src, dst, TCP, tcp(src, dst, 1, 2, 2), traffic_class=tclass, flow=flow))
        for length in (0, 4, 7, 8, 9, 17, 18, 19, 40, 65535):
            yield f'udp length {length} to {dst}', *wan(
                ip6(src, dst, UDP, udp(src, dst, 1, 2, b'0123456789', length=length)))
        for csum in (0, 1, 0xffff):
            yield f'udp checksum {csum} to {dst}', *wan(
                ip6(src, dst, UDP, udp(src, dst, 1, 2, b'0123456789', csum=csum)))
        for cut in range(0, 9):
            yield f'udp of {cut} bytes to {dst}', *wan(ip6(src, dst, UDP, udp(src, dst, 1, 2)[:cut]))
        for size in (0, 1, 1184, 1185, 1231, 1232, 1233, 1400):
            yield f'udp with {size} bytes to {dst}', *wan(datagram(src, dst, payload=b'q' * size))


def cases():
    for group in (hops, addresses, from_lan, icmp_types, options, chains, routing, headers, sizes, fragments, layer4):
        for name, port, frame in group():
            yield 'v6: ' + name, port, frame
