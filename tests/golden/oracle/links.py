"""ARP, neighbor discovery and frames that are neither."""
import itertools
import struct

from packet import (BROADCAST, ETH_ARP, ETH_IP, ETH_IP6, ICMP6, MAC_WAN, MAC_WAN_PEER, a4, a6, arp, eth, icmp6, ip6)
from generate4 import datagram as datagram4, ping as ping4
from generate6 import datagram as datagram6, ping as ping6
from topology import LINK_LOCAL

OWN, OTHER_OWN, PEER = '192.0.2.1', '198.51.100.1', '192.0.2.254'
OWN6, PEER6 = '2001:db8:1::1', '2001:db8:1::fe'
NOBODY = b'\0' * 6
ALL_NODES, SOLICITED = b'\x33\x33\0\0\0\1', b'\x33\x33\xff\0\0\1'
ZERO4, SOLICITED6 = '0.0.0.0', 'ff02::1:ff00:1'


def arps():
    targets = {'us': OWN, 'our other address': OTHER_OWN, 'peer': PEER, 'another neighbor': '192.0.2.99',
               'routed': '10.200.0.1', 'no route': '203.0.113.1', 'broadcast': '192.0.2.255', 'zero': ZERO4,
               'loopback': '127.0.0.1', 'group': '224.0.0.1', 'all': '255.255.255.255', 'blackhole': '172.16.0.1'}
    senders = {'peer': PEER, 'us': OWN, 'our other address': OTHER_OWN, 'zero': ZERO4, 'far': '10.0.0.5',
               'no route': '203.0.113.9', 'group': '224.0.0.1', 'broadcast': '192.0.2.255', 'loopback': '127.0.0.1',
               'all': '255.255.255.255', 'lan': '198.51.100.77', 'other neighbor': '192.0.2.77'}
    for op in (0, 1, 2, 3, 4, 8, 9, 255):
        for (s, sender), (t, target) in itertools.product(senders.items(), targets.items()):
            yield f'arp {op} from {s} for {t}', eth(arp(op, MAC_WAN_PEER, sender, NOBODY, target), ETH_ARP, BROADCAST)
    for s, sender in senders.items():
        yield f'arp gratuitous {s}', eth(arp(1, MAC_WAN_PEER, sender, NOBODY, sender), ETH_ARP, BROADCAST)
    base = {'op': 1, 'sha': MAC_WAN_PEER, 'spa': PEER, 'tha': NOBODY, 'tpa': OWN}
    for what in ({'hardware': 6}, {'hardware': 0}, {'hardware': 2}, {'proto': 0x86dd}, {'hlen': 5}, {'hlen': 8},
                 {'plen': 16}, {'plen': 0}, {'sha': BROADCAST}, {'sha': NOBODY}, {'sha': MAC_WAN},
                 {'sha': b'\x01\0\x5e\0\0\1'}, {'tha': BROADCAST}, {'tha': MAC_WAN}):
        for dst in (MAC_WAN, BROADCAST, b'\x02\0\0\0\x09\x09', b'\x01\0\x5e\0\0\1'):
            yield f'arp with {what} in a frame to {dst.hex()}', eth(arp(**{**base, **what}), ETH_ARP, dst)
    whole = eth(arp(**base), ETH_ARP, BROADCAST)
    for cut in range(0, 28):
        yield f'arp cut to {cut}', whole[:14 + cut]
    yield 'arp padded', whole + b'\0' * 18
    yield 'arp padded with rubbish', whole + b'\xa5' * 500


def _nd(src, dst, kind, body, hops=255, code=0, csum=None):
    return ip6(src, dst, ICMP6, icmp6(src, dst, kind, code, body[:4], body[4:], csum=csum), hops=hops)


def _lladdr(kind, mac=MAC_WAN_PEER, length=1):
    return bytes([kind, length]) + mac


def solicitations():
    targets = {'us': OWN6, 'link-local': LINK_LOCAL['wan'], 'our other address': '2001:db8:2::1', 'peer': PEER6,
               'other': '2001:db8:1::99', 'group': 'ff02::1', 'zero': '::', 'loopback': '::1'}
    sources = {'peer': PEER6, 'link-local': 'fe80::fe', 'zero': '::', 'us': OWN6, 'far': '2001:db8:a::5',
               'no route': '2001:db8:ee::1'}
    options = {'none': b'', 'source': _lladdr(1), 'target': _lladdr(2), 'twice': _lladdr(1) * 2,
               'length 0': b'\1\0' + b'\0' * 6, 'too long': _lladdr(1, length=2), 'cut': _lladdr(1)[:5],
               'unknown first': bytes([200, 1]) + b'\0' * 6 + _lladdr(1), 'nonce': b'\x0e\1abcdef',
               'group mac': _lladdr(1, b'\x33\x33\0\0\0\1'), 'length 0 behind': _lladdr(1) + b'\5\0' + b'\0' * 6,
               'zero mac': _lladdr(1, NOBODY), 'our mac': _lladdr(1, MAC_WAN)}
    for (s, src), (t, target), (o, option) in itertools.product(sources.items(), targets.items(), options.items()):
        for dst in (SOLICITED6, target):
            if target == '::' and dst == target:
                continue
            yield f'ns from {s} for {t} to {dst}, option {o}', eth(
                _nd(src, dst, 135, b'\0' * 4 + a6(target) + option), ETH_IP6, SOLICITED if dst == SOLICITED6 else MAC_WAN)
    body = b'\0' * 4 + a6(OWN6) + _lladdr(1)
    for hops in (0, 1, 64, 254):
        yield f'ns with hop limit {hops}', eth(_nd(PEER6, OWN6, 135, body, hops), ETH_IP6)
    yield 'ns with code 1', eth(_nd(PEER6, OWN6, 135, body, code=1), ETH_IP6)
    yield 'ns with a bad checksum', eth(_nd(PEER6, OWN6, 135, body, csum=7), ETH_IP6)
    for cut in range(0, 28, 3):
        yield f'ns cut to {cut}', eth(_nd(PEER6, OWN6, 135, body[:4 + cut]), ETH_IP6)
    yield 'ns to all nodes', eth(_nd(PEER6, 'ff02::1', 135, body), ETH_IP6, ALL_NODES)
    yield 'ns for duplicates of ours', eth(_nd('::', SOLICITED6, 135, b'\0' * 4 + a6(OWN6)), ETH_IP6, SOLICITED)
    yield 'ns for duplicates, with an address', eth(_nd('::', SOLICITED6, 135, body), ETH_IP6, SOLICITED)


def advertisements():
    for flags in range(8):
        for target in (PEER6, OWN6, 'fe80::fe', LINK_LOCAL['wan'], 'ff02::1', '2001:db8:1::98'):
            for dst in (OWN6, 'ff02::1'):
                for option in (b'', _lladdr(2), _lladdr(2, b'\2\0\0\0\0\x33'), _lladdr(2, length=0)):
                    yield f'na {flags} of {target} to {dst} {option[:2].hex()}', eth(
                        _nd(PEER6, dst, 136, bytes([flags << 5, 0, 0, 0]) + a6(target) + option), ETH_IP6,
                        ALL_NODES if dst == 'ff02::1' else MAC_WAN)
    for kind in (133, 134, 137):
        for dst in ('ff02::1', 'ff02::2', OWN6, LINK_LOCAL['wan']):
            for src in ('fe80::fe', PEER6, '::'):
                body = {133: b'\0' * 4, 134: b'\x40\0\x07\x08' + b'\0' * 8, 137: b'\0' * 4 + a6('fe80::77') + a6(
                    '2001:db8:b::9')}[kind] + _lladdr(1 if kind != 137 else 2)
                yield f'nd {kind} from {src} to {dst}', eth(
                    _nd(src, dst, kind, body), ETH_IP6, ALL_NODES if dst.startswith('ff') else MAC_WAN)


def frames():
    ip = datagram4()
    for ethertype in (0x0000, 0x0026, 0x0040, 0x05dc, 0x05ff, 0x0600, 0x0801, 0x0805, 0x8035, 0x8100, 0x8137, 0x8808,
                      0x8809, 0x8847, 0x8848, 0x8863, 0x8864, 0x888e, 0x88cc, 0x88f7, 0x8906, 0xffff):
        yield f'ethertype {ethertype:04x}', eth(ip, ethertype)
        yield f'ethertype {ethertype:04x}, to all', eth(ip, ethertype, BROADCAST)
    for family, ethertype, packet in (('v4', ETH_IP, ip), ('v6', ETH_IP6, datagram6()), ('v4 echo', ETH_IP, ping4()),
                                      ('v6 echo', ETH_IP6, ping6())):
        for kind in (0x8100, 0x88a8, 0x9100):
            for tci in (0, 0x2000, 0x1000, 1, 10, 0xfff):
                tag = struct.pack('!HH', tci, ethertype)
                yield f'{family} in tag {kind:04x} {tci:x}', eth(tag + packet, kind)
                for inner in (0, 5):
                    tags = struct.pack('!HHHH', tci, 0x8100, inner, ethertype)
                    yield f'{family} in tags {kind:04x} {tci:x} {inner}', eth(tags + packet, kind)
        for dst in ('0180c2000000', '0180c2000001', '01005e000001', '333300000001', 'ffffffffffff', '020000000201',
                    '000000000000', '010000000000'):
            yield f'{family} in a frame to {dst}', eth(packet, ethertype, bytes.fromhex(dst))
        for src in ('020000000101', 'ffffffffffff', '000000000000', '01005e000001', '020000000009'):
            yield f'{family} in a frame from {src}', eth(packet, ethertype, src=bytes.fromhex(src))
        yield f'{family} named as the other', eth(packet, ETH_IP6 if ethertype == ETH_IP else ETH_IP)
    for cut in range(14, 20):
        yield f'tag cut to {cut}', eth(b'\0\0\x08\0' + ip, 0x8100)[:cut]
    yield 'nothing but addresses', eth(b'', ETH_IP)
    yield 'nothing but addresses, v6', eth(b'', ETH_IP6)
    yield 'nothing but addresses, arp', eth(b'', ETH_ARP)
    for length in (1, 13, 45, 46, 47, 1500, 3000):
        yield f'zeros, {length}', eth(b'\0' * length, ETH_IP)
        yield f'ones, {length}', eth(b'\xff' * length, ETH_IP6)


def cases():
    for name, frame in itertools.chain(arps(), solicitations(), advertisements(), frames()):
        yield 'link: ' + name, 'wan', frame


def resolving():
    """A neighbor that is not known yet: what waits for it, and what goes once it has answered."""
    number = 0
    for waiting in (1, 2, 5):
        for how in ('reply', 'request', 'reply to all'):
            number += 1
            host, mac = f'198.51.100.{100 + number}', bytes([2, 0, 0, 0, 3, number])
            for i in range(waiting):
                yield f'{how}: {i} of {waiting} wait for v4', 'wan', eth(
                    datagram4(dst=host, payload=bytes([i]) * 20), ETH_IP)
            op, tha, tpa = (1, NOBODY, OTHER_OWN) if how == 'request' else (2, b'\2\0\0\0\2\1', OTHER_OWN)
            yield f'{how} for v4', 'lan', eth(arp(op, mac, host, tha, tpa), ETH_ARP, BROADCAST if how != 'reply'
                                              else b'\2\0\0\0\2\1', mac)
            yield f'{how}: one more for v4', 'wan', eth(datagram4(dst=host), ETH_IP)
    for waiting, how in itertools.product((1, 2, 5), ('solicited', 'unsolicited', 'solicitation')):
        number += 1
        host, mac = f'2001:db8:2::{number:x}00', bytes([2, 0, 0, 0, 4, number])
        for i in range(waiting):
            yield f'{how}: {i} of {waiting} wait for v6', 'wan', eth(
                datagram6(dst=host, payload=bytes([i]) * 20), ETH_IP6)
        flags = {'solicited': 0x60, 'unsolicited': 0x20, 'solicitation': 0}[how]
        body = bytes([flags, 0, 0, 0]) + a6(host if flags else '2001:db8:2::1') + _lladdr(2 if flags else 1, mac)
        yield f'{how} for v6', 'lan', eth(_nd(host, '2001:db8:2::1', 136 if flags else 135, body), ETH_IP6,
                                          b'\2\0\0\0\2\1', mac)
        yield f'{how}: one more for v6', 'wan', eth(datagram6(dst=host), ETH_IP6)
    yield 'arp request of a stranger', 'wan', eth(arp(1, b'\2\0\0\0\5\1', '192.0.2.150', NOBODY, OWN), ETH_ARP, BROADCAST)
    yield 'echo of that stranger', 'wan', eth(ping4('192.0.2.150', OWN), ETH_IP, src=b'\2\0\0\0\5\1')
    yield 'that stranger has moved', 'wan', eth(arp(1, b'\2\0\0\0\5\2', '192.0.2.150', NOBODY, OWN), ETH_ARP, BROADCAST)
    yield 'echo of who has moved', 'wan', eth(ping4('192.0.2.150', OWN), ETH_IP, src=b'\2\0\0\0\5\2')
    yield 'echo of who is not known', 'wan', eth(ping4('192.0.2.151', OWN), ETH_IP, src=b'\2\0\0\0\5\3')
    yield 'echo of who is not known, v6', 'wan', eth(ping6('2001:db8:1::151', OWN6), ETH_IP6, src=b'\2\0\0\0\5\3')
    yield 'na of nobody', 'wan', eth(_nd('2001:db8:1::155', OWN6, 136, b'\x60\0\0\0' + a6('2001:db8:1::155') + _lladdr(
        2, b'\2\0\0\0\5\4')), ETH_IP6)
    yield 'echo of nobody', 'wan', eth(ping6('2001:db8:1::155', OWN6), ETH_IP6, src=b'\2\0\0\0\5\4')
