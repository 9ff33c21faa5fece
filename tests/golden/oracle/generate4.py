"""IPv4 packets of every kind, right and wrong."""
import struct

from packet import (BROADCAST, ETH_IP, ICMP, IGMP, MAC_LAN, MAC_LAN_PEER, MAC_WAN, TCP, UDP, a4, checksum, echo, eth,
                    get16, icmp, ip4, put16, tcp, udp)

SRC, FAR, OWN, OTHER_OWN = '10.0.0.5', '10.200.0.9', '192.0.2.1', '198.51.100.1'
DESTINATIONS = {'far': FAR, 'own': OWN, 'other-own': OTHER_OWN, 'blackhole': '172.16.0.9', 'unreachable': '172.17.0.9',
                'prohibit': '172.18.0.9', 'small-mtu': '172.19.0.9', 'back': '172.20.0.9', 'no-route': '203.0.113.9',
                'neighbor': '198.51.100.77', 'near': '192.0.2.77', 'subnet-broadcast': '192.0.2.255',
                'other-subnet-broadcast': '198.51.100.255',
                'limited-broadcast': '255.255.255.255', 'zero': '0.0.0.0', 'zero-net': '0.1.2.3',
                'loopback': '127.0.0.1', 'loopback-net': '127.9.9.9', 'reserved': '240.0.0.1', 'all-hosts': '224.0.0.1',
                'all-routers': '224.0.0.2', 'group': '239.1.2.3', 'local-group': '224.0.0.251'}
SOURCES = {'far': SRC, 'near': '192.0.2.254', 'neighbor': '192.0.2.77', 'own': OWN, 'other-own': OTHER_OWN,
           'subnet-broadcast': '192.0.2.255', 'limited-broadcast': '255.255.255.255', 'zero': '0.0.0.0',
           'zero-net': '0.1.2.3', 'loopback': '127.0.0.1', 'reserved': '240.0.0.1', 'group': '224.0.0.9',
           'behind-lan': '10.200.0.77', 'blackholed': '172.16.3.3', 'unreachable': '172.17.3.3',
           'prohibited': '172.18.3.3', 'no-route': '203.0.113.77', 'small-mtu': '172.19.3.3',
           'lan-link': '198.51.100.77', 'link-local': '169.254.3.3'}


def wan(packet, dst=MAC_WAN):
    return 'wan', eth(packet, ETH_IP, dst)


def datagram(src=SRC, dst=FAR, payload=b'0123456789', sport=1025, dport=9999, **ip):
    return ip4(src, dst, UDP, udp(src, dst, sport, dport, payload), **ip)


def ping(src=SRC, dst=OWN, payload=b'abcdefgh', **ip):
    return ip4(src, dst, ICMP, echo(7, 1, payload), **ip)


def kinds(src, dst, **ip):
    yield 'udp', datagram(src, dst, **ip)
    yield 'tcp', ip4(src, dst, TCP, tcp(src, dst, 1025, 80, 2), **ip)
    yield 'echo', ping(src, dst, **ip)
    yield 'sctp', ip4(src, dst, 132, b'\x04\x01\x00\x50' + b'\0' * 20, **ip)


def ttl():
    for name, dst in DESTINATIONS.items():
        for value in (0, 1, 2, 3, 64, 255):
            for kind, packet in kinds(SRC, dst, ttl=value):
                yield f'ttl {value} {kind} to {name}', *wan(packet)


def addresses():
    for s, src in SOURCES.items():
        for d, dst in DESTINATIONS.items():
            for kind, packet in kinds(src, dst):
                yield f'{kind} from {s} to {d}', *wan(packet)
            for mac, where in ((BROADCAST, 'broadcast'), (b'\x01\x00\x5e\x01\x02\x03', 'multicast'),
                               (b'\x02\0\0\0\x09\x09', 'other host')):
                yield f'udp from {s} to {d} in a {where} frame', *wan(datagram(src, dst), mac)


def from_lan():
    for name, dst in {**DESTINATIONS, 'world': SRC}.items():
        for kind, packet in kinds('10.200.0.9', dst):
            yield f'{kind} from lan to {name}', 'lan', eth(packet, ETH_IP, MAC_LAN, MAC_LAN_PEER)


def icmp_types():
    quoted = {'of far udp': datagram(FAR, SRC), 'of our echo': ping(OWN, '10.0.66.1'), 'of our reply': ip4(
        OWN, '10.0.66.2', ICMP, icmp(0, 0, b'\0\7\0\1')), 'of our udp': datagram(OWN, '10.0.66.3'), 'cut': datagram()[:24]}
    for dst in ('far', 'own', 'no-route', 'all-hosts', 'subnet-broadcast'):
        for kind in list(range(45)) + [160, 253, 255]:
            for code in (0, 1, 4, 13, 255):
                payload = quoted['of far udp'] if kind in (3, 4, 5, 11, 12) else b'x' * 12
                packet = ip4(SRC, DESTINATIONS[dst], ICMP, icmp(kind, code, b'\0\7\0\1', payload))
                yield f'icmp {kind}/{code} to {dst}', *wan(packet)
    for name, quote in quoted.items():
        for kind, code, rest in ((3, 3, 0), (3, 4, 1200), (3, 4, 600), (3, 4, 0), (3, 2, 0), (11, 0, 0), (12, 0, 0),
                                 (5, 1, 0xc00002fd), (4, 0, 0)):
            for ttl_left in (64, 1):
                packet = ip4('10.0.7.7', OWN, ICMP, icmp(kind, code, struct.pack('!I', rest), quote), ttl=ttl_left)
                yield f'icmp error {kind}/{code}/{rest} {name} ttl {ttl_left}', *wan(packet)
                for host in range(1, 4) if ttl_left == 64 else ():
                    src = f'10.0.66.{host}'
                    yield f'icmp error {kind}/{code}/{rest} {name}: echo of {src}', *wan(ping(src, payload=b'b' * 1400))
                packet = ip4('10.0.7.7', FAR, ICMP, icmp(kind, code, struct.pack('!I', rest), quote), ttl=ttl_left)
                yield f'icmp error {kind}/{code}/{rest} {name} ttl {ttl_left} to far', *wan(packet)
    for length in range(0, 8):
        for dst in ('far', 'own', 'no-route'):
            yield f'icmp of {length} bytes to {dst}', *wan(ip4(SRC, DESTINATIONS[dst], ICMP, echo(7, 1)[:length]))
    yield 'echo with a bad checksum', *wan(ip4(SRC, OWN, ICMP, icmp(8, 0, b'\0\7\0\1', b'x', csum=1)))
    for length in (0, 1, 7, 56, 500, 1472, 1473, 2000, 2972):
        yield f'echo of {length} bytes', *wan(ping(payload=b'p' * length))
        yield f'echo of {length} bytes from lan', 'lan', eth(
            ping('10.200.0.9', OTHER_OWN, payload=b'p' * min(length, 1472)), ETH_IP, MAC_LAN, MAC_LAN_PEER)
    for tos in (0, 0x10, 0x1c, 0xb8, 0xff, 3):
        yield f'echo with tos {tos}', *wan(ping(tos=tos))
        yield f'no route with tos {tos}', *wan(datagram(dst='203.0.113.9', tos=tos))
    for body in range(0, 17, 4):
        yield f'timestamp request of {body}', *wan(ip4(SRC, OWN, ICMP, icmp(13, 0, b'\0\7\0\1', b'\1' * body)))


def _address_option(kind, pointer, addresses, length=None):
    data = b''.join(a4(a) for a in addresses)
    return bytes([kind, 3 + len(data) if length is None else length, pointer]) + data


def _timestamp(pointer, flags, data, length=None):
    return bytes([68, 4 + len(data) if length is None else length, pointer, flags]) + data


def option_cases():
    yield 'end', b'\0\0\0\0'
    yield 'nop', b'\1\1\1\1'
    yield 'nop then end then rubbish', b'\1\0\xff\xff'
    yield 'end at once, rubbish behind', b'\0\xff\x01\x07'
    yield 'router alert', b'\x94\x04\0\0'
    yield 'router alert 1', b'\x94\x04\0\1'
    yield 'router alert short', b'\x94\x03\0\0'
    yield 'router alert bare', b'\x94\x02\0\0'
    for kind in (130, 134, 133, 136, 145, 82, 205, 30, 222, 7 | 128, 95, 255):
        yield f'kind {kind}', bytes([kind, 8, 1, 2, 3, 4, 5, 6])
        yield f'kind {kind} twice', bytes([kind, 4, 1, 2]) * 2
    for length in (0, 1, 2, 5, 41):
        yield f'unknown of length {length}', bytes([30, length, 0, 0])
    yield 'length missing', b'\1\1\1\x1e'
    for kind, name in ((7, 'record route'), (131, 'loose route'), (137, 'strict route')):
        for pointer in (0, 3, 4, 5, 8, 9, 12, 13, 16, 255):
            yield f'{name} pointer {pointer}', _address_option(kind, pointer, [FAR, '10.200.1.1', '10.200.1.2'])
        for length in (0, 1, 2, 3, 4, 7, 12):
            yield f'{name} length {length}', _address_option(kind, 4, ['0.0.0.0'] * 2, length)
        yield f'{name} empty', bytes([kind, 3, 4, 0])
        yield f'{name} twice', _address_option(kind, 4, ['10.200.1.1']) * 2
        yield f'{name} behind nop', b'\1' + _address_option(kind, 4, ['10.200.1.1'] * 3)
        yield f'{name}, then a broken option', _address_option(kind, 12, ['10.200.1.1'] * 2) + b'\x1e\x28'
        yield f'{name} full', _address_option(kind, 4, ['10.200.1.1'] * 9) + b'\0'
    for flags in range(0, 16):
        for pointer in (4, 5, 6, 9, 13, 17, 255):
            yield f'timestamp {flags} pointer {pointer}', _timestamp(pointer, flags, a4(OWN) + b'\0' * 4 + a4(FAR))
    for flags in (0xe0, 0xf0, 0xf1, 0xf3):
        yield f'timestamp full {flags:x}', _timestamp(13, flags, b'\0' * 8)
    for length in (0, 1, 2, 3, 4, 5, 7, 11):
        yield f'timestamp length {length}', _timestamp(5, 0, b'\0' * 12, length)
    yield 'timestamp prespecified far', _timestamp(5, 3, a4(FAR) + b'\0' * 4)
    yield 'timestamp prespecified ours', _timestamp(5, 3, a4(OTHER_OWN) + b'\0' * 4)
    yield 'timestamp twice', _timestamp(5, 0, b'\0' * 4) * 2
    yield 'record and timestamp', _address_option(7, 4, ['0.0.0.0']) + _timestamp(5, 1, b'\0' * 8)


def options():
    for name, option in option_cases():
        for d in ('far', 'own', 'no-route', 'prohibit', 'small-mtu', 'subnet-broadcast', 'all-hosts', 'back'):
            dst = DESTINATIONS[d]
            yield f'option {name} to {d}', *wan(ping(SRC, dst, options=option))
        yield f'option {name} expired', *wan(ping(SRC, FAR, options=option, ttl=1))
        yield f'option {name} udp to us', *wan(datagram(SRC, OWN, options=option))
        yield f'option {name} tcp to us', *wan(ip4(SRC, OWN, TCP, tcp(SRC, OWN, 1025, 80, 2), options=option))
        yield f'option {name} to be cut', *wan(datagram(payload=b'f' * 2000, options=option))
        yield f'option {name} in an echo, to be cut', *wan(datagram(
            dst='172.19.0.9', payload=b'f' * 1200, options=option))


def headers():
    for dst_name in ('far', 'own', 'no-route'):
        dst = DESTINATIONS[dst_name]
        for ihl in (0, 1, 4, 6, 15):
            yield f'ihl {ihl} to {dst_name}', *wan(datagram(dst=dst, ihl=ihl))
            yield f'ihl {ihl} and nothing behind to {dst_name}', *wan(ip4(SRC, dst, UDP, b'', ihl=ihl))
        for version in (0, 3, 5, 6, 15):
            yield f'version {version} to {dst_name}', *wan(datagram(dst=dst, version=version))
        for length in (0, 1, 19, 20, 21, 27, 28, 29, 37, 38, 39, 100, 1500, 65535):
            yield f'total length {length} to {dst_name}', *wan(datagram(dst=dst, length=length))
        for csum in (0, 0xffff, 1):
            yield f'header checksum {csum} to {dst_name}', *wan(datagram(dst=dst, csum=csum))
        for cut in range(0, 39):
            yield f'cut to {cut} bytes to {dst_name}', *wan(datagram(dst=dst)[:cut])
        for padding in (1, 2, 18, 100):
            yield f'{padding} bytes of padding to {dst_name}', *wan(datagram(dst=dst) + b'\xee' * padding)
            yield f'{padding} bytes of padding, echo to {dst_name}', *wan(ping(dst=dst) + b'\xee' * padding)
        for proto in range(256):
            if proto != IGMP:
                yield f'protocol {proto} to {dst_name}', *wan(ip4(SRC, dst, proto, b'\0' * 24))
        yield f'reserved flag to {dst_name}', *wan(datagram(dst=dst, flags=4))
        yield f'reserved flag and DF to {dst_name}', *wan(datagram(dst=dst, flags=6))
    # A header checksum that is 0xffff once the TTL is one less (RFC 1624 3).
    for ident in range(0, 0x10000, 257):
        packet = bytearray(datagram(ident=ident))
        put16(packet, 10, 0)
        rest = get16(packet, 4) + checksum(bytes(packet[:20]))
        put16(packet, 4, rest % 0xffff)
        put16(packet, 10, checksum(bytes(packet[:20])))
        yield f'checksum near zero {ident}', *wan(bytes(packet))
    for ttl_left in range(2, 256, 3):
        for tail in (0xfefe, 0xffff, 0x0100, 0xfeff):
            packet = bytearray(datagram(ttl=ttl_left))
            put16(packet, 10, 0)
            put16(packet, 4, (get16(packet, 4) + checksum(bytes(packet[:20])) - tail) % 0xffff)
            put16(packet, 10, checksum(bytes(packet[:20])))
            yield f'checksum edge ttl {ttl_left} {tail:x}', *wan(bytes(packet))


def sizes():
    for mtu, name in ((1500, 'far'), (576, 'small-mtu'), (3000, 'back')):
        for delta in (-9, -8, -1, 0, 1, 7, 8, 9, 200, 1000):
            length = mtu + delta
            if length > 3000:
                continue
            for flags, what in ((0, ''), (2, ' DF'), (1, ' MF'), (4, ' reserved'), (3, ' DF MF')):
                payload = b'm' * (length - 28)
                packet = datagram(dst=DESTINATIONS[name], payload=payload, flags=flags, ident=length)
                yield f'{length} bytes{what} to {name}', *wan(packet)
    for offset in (1, 100, 8000, 8191):
        yield f'a fragment at {offset} to be cut again', *wan(ip4(
            SRC, FAR, UDP, b'r' * 2000, offset=offset, flags=1))
        yield f'the last fragment at {offset} to be cut again', *wan(ip4(SRC, FAR, UDP, b'r' * 2000, offset=offset))


def _pieces(packet, size, ident):
    head, body = packet[:20], packet[20:]
    for at in range(0, len(body), size):
        more = 1 if at + size < len(body) else 0
        yield ip4('.'.join(map(str, head[12:16])), '.'.join(map(str, head[16:20])), head[9], body[at:at + size],
                  ident=ident, flags=more, offset=at // 8)


def fragments():
    ident = 5000
    for what, packet in (('echo', ping(payload=b'e' * 3000)), ('echo of 9000', ping(payload=bytes(range(250)) * 36)),
                         ('udp', datagram(dst=OWN, payload=b'u' * 2000)),
                         ('tcp', ip4(SRC, OWN, TCP, tcp(SRC, OWN, 5, 6, 2, b't' * 2000))),
                         ('sctp', ip4(SRC, OWN, 132, b's' * 2000))):
        for order, arrange in (('in order', list), ('reversed', lambda p: list(p)[::-1]),
                               ('odd first', lambda p: list(p)[1::2] + list(p)[0::2])):
            for size in (256, 1400, 8):
                if size == 8 and len(packet) > 600:
                    continue
                ident += 1
                pieces = arrange(list(_pieces(packet, size, ident)))
                for i, piece in enumerate(pieces):
                    yield f'{what} in pieces of {size} {order}, {i}', *wan(piece)
                yield f'{what} in pieces of {size} {order}, again the first', *wan(pieces[0])
    yield from _bad_fragments()


def _bad_fragments():
    echo_bytes = echo(9, 1, bytes(range(256)) * 4)
    scripts = {
        'overlap, same': [(0, 512, 1), (256, 768, 1), (768, 1032, 0)],
        'overlap, end in the middle': [(0, 512, 1), (0, 1032, 0)],
        'repeat': [(0, 512, 1), (0, 512, 1), (512, 1032, 0)],
        'repeat inside': [(0, 512, 1), (8, 64, 1), (512, 1032, 0)],
        'gap': [(0, 256, 1), (512, 1032, 0)],
        'two ends': [(512, 1032, 0), (0, 256, 0), (0, 512, 1)],
        'beyond the end': [(0, 512, 0), (512, 1032, 1)],
        'end, then later end': [(512, 768, 0), (768, 1032, 0), (0, 512, 1)],
        'not a multiple of 8': [(0, 511, 1), (512, 1032, 0), (0, 512, 1)],
        'short first': [(0, 8, 1), (8, 1032, 0)],
        'empty': [(0, 0, 1), (0, 512, 1), (512, 1032, 0)],
        'empty end': [(0, 1032, 1), (1032, 1032, 0)],
        'one byte': [(0, 1, 1), (0, 512, 1), (512, 1032, 0)],
        'end only': [(512, 1032, 0)],
        'end alone at zero': [(0, 1032, 0)],
    }
    for number, (name, script) in enumerate(scripts.items()):
        for dst in (OWN, FAR):
            for i, (first, last, more) in enumerate(script):
                piece = ip4(SRC, dst, ICMP, echo_bytes[first:last], ident=7000 + number, flags=more,
                            offset=first // 8)
                yield f'{name} {i} to {dst}', *wan(piece)
    for offset in (8190, 8191):
        for more in (0, 1):
            for dst in (OWN, FAR):
                yield f'ping of death {offset} {more} to {dst}', *wan(
                    ip4(SRC, dst, ICMP, b'd' * 80, ident=7500, flags=more, offset=offset))
    for tos_first, tos_last in ((0, 3), (1, 2), (2, 0), (3, 3), (0, 0xfc)):
        whole = ping(payload=b'c' * 1000)
        for i, piece in enumerate(_pieces(whole, 512, 7600 + tos_first * 8 + tos_last)):
            piece = bytearray(piece)
            piece[1] = (tos_first, tos_last, tos_last)[min(i, 2)]
            put16(piece, 10, 0)
            put16(piece, 10, checksum(bytes(piece[:20])))
            yield f'ECN {tos_first} {tos_last} piece {i}', *wan(bytes(piece))
    for name, option in (('record route', _address_option(7, 4, ['0.0.0.0'] * 3)), ('nop', b'\1' * 4)):
        for i, (first, last, more) in enumerate(((0, 512, 1), (512, 1032, 0))):
            yield f'{name} in pieces {i}', *wan(ip4(SRC, OWN, ICMP, echo_bytes[first:last], ident=7700, flags=more,
                                                    offset=first // 8, options=option))
    for ttl_left in (1, 0):
        yield f'fragment, ttl {ttl_left}', *wan(ip4(SRC, FAR, UDP, b'x' * 64, flags=1, ttl=ttl_left))
        yield f'later fragment, ttl {ttl_left}', *wan(ip4(SRC, FAR, UDP, b'x' * 64, offset=8, ttl=ttl_left))
    yield 'DF fragment', *wan(ip4(SRC, FAR, UDP, b'x' * 64, flags=3))
    for dst in ('192.0.2.255', '224.0.0.1', '255.255.255.255', '203.0.113.5', '172.18.0.3'):
        yield f'later fragment to {dst}', *wan(ip4(SRC, dst, UDP, b'x' * 64, offset=8))
        yield f'first fragment to {dst}', *wan(ip4(SRC, dst, UDP, b'x' * 64, flags=1))


def layer4():
    for dst in (OWN, OTHER_OWN, FAR, '192.0.2.255', '224.0.0.1', '255.255.255.255'):
        for flags in range(64):
            for ack, payload in ((0, b''), (0x01020304, b''), (77, b'data')):
                if flags >= 32 and ack != 77:
                    continue
                yield f'tcp flags {flags:x} ack {ack:x} {len(payload)} to {dst}', *wan(
                    ip4(SRC, dst, TCP, tcp(SRC, dst, 1025, 80, flags, payload, ack=ack, seq=0xfffffffe)))
        for offset in (0, 1, 4, 6, 15):
            yield f'tcp offset {offset} to {dst}', *wan(ip4(SRC, dst, TCP, tcp(SRC, dst, 1, 2, 2, offset=offset)))
        for cut in range(0, 21, 3):
            yield f'tcp of {cut} bytes to {dst}', *wan(ip4(SRC, dst, TCP, tcp(SRC, dst, 1, 2, 2)[:cut]))
        yield f'tcp bad checksum to {dst}', *wan(ip4(SRC, dst, TCP, tcp(SRC, dst, 1, 2, 2, csum=9)))
        for option in (b'\2\4\5\xb4', b'\2\4\5\xb4\4\2\x08\x0a' + b'\0' * 8 + b'\1\3\3\7', b'\x13\x12' + b'm' * 16,
                       b'\x08\x01\0\0', b'\x1d\x10' + b'a' * 14):
            for flags in (2, 0x10, 1):
                yield f'tcp option {option[:2].hex()} flags {flags} to {dst}', *wan(
                    ip4(SRC, dst, TCP, tcp(SRC, dst, 1, 2, flags, options=option, ack=5)))
        for tos in (0, 3, 0xb8, 0xff):
            yield f'tcp tos {tos} to {dst}', *wan(ip4(SRC, dst, TCP, tcp(SRC, dst, 1, 2, 2), tos=tos))
        for length in (0, 4, 7, 8, 9, 17, 18, 19, 40, 65535):
            yield f'udp length {length} to {dst}', *wan(
                ip4(SRC, dst, UDP, udp(SRC, dst, 1, 2, b'0123456789', length=length)))
        for csum in (0, 1, 0xffff):
            yield f'udp checksum {csum} to {dst}', *wan(
                ip4(SRC, dst, UDP, udp(SRC, dst, 1, 2, b'0123456789', csum=csum)))
        for cut in range(0, 9):
            yield f'udp of {cut} bytes to {dst}', *wan(ip4(SRC, dst, UDP, udp(SRC, dst, 1, 2)[:cut]))
        for size in (0, 1, 500, 520, 548, 549, 600, 1472):
            yield f'udp with {size} bytes to {dst}', *wan(datagram(dst=dst, payload=b'q' * size))
        yield f'udp port 0 to {dst}', *wan(datagram(dst=dst, sport=0, dport=0))
        yield f'udplite to {dst}', *wan(ip4(SRC, dst, 136, udp(SRC, dst, 1, 2, b'x', csum=1)))


def igmp():
    for dst in ('224.0.0.1', '224.0.0.2', '224.0.0.22', OWN, FAR):
        for kind in (0x11, 0x12, 0x13, 0x16, 0x17, 0x22, 0x30):
            body = bytes([kind, 10, 0, 0]) + b'\0' * 4
            body = body[:2] + struct.pack('!H', checksum(body)) + body[4:]
            yield f'igmp {kind:x} to {dst}', *wan(ip4('192.0.2.254', dst, IGMP, body, ttl=1, options=b'\x94\4\0\0'))
            yield f'igmp {kind:x} to {dst} cut', *wan(ip4('192.0.2.254', dst, IGMP, body[:7], ttl=1))


def cases():
    for group in (ttl, addresses, from_lan, icmp_types, options, headers, sizes, fragments, layer4, igmp):
        for name, port, frame in group():
            yield 'v4: ' + name, port, frame
