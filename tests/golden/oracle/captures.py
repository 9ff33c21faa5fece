"""Real packets, given addresses that are routed here; what was wrong about them stays wrong."""
import gzip
import hashlib
import os
import struct

from packet import (ETH_ARP, ETH_IP, ETH_IP6, HOP_BY_HOP, DST_OPTIONS, ROUTING, FRAGMENT, ICMP6, TCP, UDP, MAC_WAN,
                    MAC_WAN_PEER, a4, a6, get16, put16)
from topology import LINK_LOCAL

VLAN_TYPES = (0x8100, 0x88a8, 0x9100)


def _open(path):
    with (gzip.open if path.endswith('.gz') else open)(path, 'rb') as f:
        return f.read()


def _pcap(data):
    order = '<' if data[:4] in (b'\xd4\xc3\xb2\xa1', b'\x4d\x3c\xb2\xa1') else '>'
    link, at = struct.unpack_from(order + 'I', data, 20)[0] & 0xffff, 24
    while at + 16 <= len(data):
        length = struct.unpack_from(order + 'I', data, at + 8)[0]
        if length > 262144 or at + 16 + length > len(data):
            return
        yield link, data[at + 16:at + 16 + length]
        at += 16 + length


def _pcapng(data):
    at, order, links = 0, '<', []
    while at + 12 <= len(data):
        kind = struct.unpack_from(order + 'I', data, at)[0]
        if kind == 0x0a0d0d0a:
            order, links = ('<' if data[at + 8:at + 12] == b'\x4d\x3c\x2b\x1a' else '>'), []
        length = struct.unpack_from(order + 'I', data, at + 4)[0]
        if length < 12 or at + length > len(data):
            return
        if kind == 1:
            links.append(struct.unpack_from(order + 'H', data, at + 8)[0])
        elif kind == 6:
            port, _, _, caplen = struct.unpack_from(order + 'IIII', data, at + 8)
            yield links[port] if port < len(links) else None, data[at + 28:at + 28 + caplen]
        elif kind == 3:
            yield links[0] if links else None, data[at + 12:at + length - 4]
        at += length


def read(path):
    """(link type, bytes) of each packet; nothing of what is no capture."""
    data = _open(path)
    if data[:4] == b'\x0a\x0d\x0d\x0a':
        yield from _pcapng(data)
    elif data[:4] in (b'\xd4\xc3\xb2\xa1', b'\xa1\xb2\xc3\xd4', b'\x4d\x3c\xb2\xa1', b'\xa1\xb2\x3c\x4d'):
        yield from _pcap(data)


def _ip_type(data):
    return {4: ETH_IP, 6: ETH_IP6}.get(data[0] >> 4) if data else None


def to_ethernet(link, data):
    """An Ethernet frame, or None: nothing that an Ethernet could bear."""
    header = MAC_WAN + MAC_WAN_PEER
    if link == 1:
        return data if len(data) >= 14 else None
    if link in (12, 101, 228, 229):
        kind, body = _ip_type(data), data
    elif link == 113 and len(data) > 16:
        kind, body = get16(data, 14), data[16:]
    elif link == 276 and len(data) > 20:
        kind, body = get16(data, 0), data[20:]
    elif link in (0, 108) and len(data) > 4:
        kind, body = _ip_type(data[4:]), data[4:]
    else:
        return None
    return header + struct.pack('!H', kind) + body if kind and kind >= 0x600 else None


def strip_tags(frame):
    while len(frame) >= 18 and get16(frame, 12) in VLAN_TYPES:
        frame = frame[:12] + frame[16:]
    return frame


def _adjust(frame, at, old, new):
    """A checksum over what was `old` and is `new`; right stays right, wrong stays wrong by as much."""
    if at + 2 > len(frame):
        return
    total = 0xffff - get16(frame, at)
    for i in range(0, len(old), 2):
        total += (0xffff - get16(old, i)) + get16(new, i)
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    put16(frame, at, 0xffff - total)


def _hash(*parts):
    return int.from_bytes(hashlib.blake2b(b'|'.join(parts), digest_size=4).digest(), 'big')


SPECIAL4_DST = {0: '192.0.2.1', 1: '192.0.2.1', 2: '192.0.2.1', 3: '198.51.100.1', 4: '172.19.0.0', 5: '172.18.0.0',
                6: '172.17.0.0', 7: '172.16.0.0', 8: '203.0.113.0', 9: '172.20.0.0'}
SPECIAL6_DST = {0: '2001:db8:1::1', 1: '2001:db8:1::1', 2: '2001:db8:1::1', 3: '2001:db8:2::1', 4: '2001:db8:c4::',
                5: '2001:db8:c3::', 6: '2001:db8:c2::', 7: '2001:db8:c1::', 8: '2001:db8:ee::', 9: '2001:db8:b5::',
                10: '2001:db8:c6::'}


def _is_odd4(address):
    return address[0] in (0, 127) or address[0] >= 224


def _map4(src, dst, salt):
    low = struct.unpack('!I', src)[0] & 0x7fffff
    new_src = src if _is_odd4(src) else struct.pack('!I', 0x0a000000 | low)
    if _is_odd4(dst):
        return new_src, dst
    special = SPECIAL4_DST.get(_hash(salt, dst) % 32)
    if special is None:
        new_dst = struct.pack('!I', 0x0a800000 | struct.unpack('!I', dst)[0] & 0x7fffff)
    else:
        new_dst = a4(special) if not special.endswith('.0') else a4(special)[:3] + dst[3:]
    return new_src, new_dst


def _is_odd6(address):
    return address[0] == 0xff or address[:10] == b'\0' * 10


def _map6(src, dst, salt):
    if _is_odd6(src):
        new_src = src
    elif src[0] == 0xfe and src[1] & 0xc0 == 0x80:
        new_src = a6('fe80::fe')
    else:
        new_src = a6('2001:db8:a::')[:6] + src[6:]
    if _is_odd6(dst):
        return new_src, dst
    if dst[0] == 0xfe and dst[1] & 0xc0 == 0x80:
        return new_src, a6(LINK_LOCAL['wan'] if _hash(salt, dst) % 2 else 'fe80::77')
    special = SPECIAL6_DST.get(_hash(salt, dst) % 32)
    if special is None:
        return new_src, a6('2001:db8:b::')[:6] + dst[6:]
    return new_src, a6(special) if not special.endswith('::') else a6(special)[:6] + dst[6:]


L4_CHECKSUM = {TCP: 16, UDP: 6, 33: 6, 136: 6}


def _retarget4(frame, salt):
    if len(frame) < 34:
        return
    old = bytes(frame[26:34])
    new = b''.join(_map4(old[:4], old[4:], salt))
    frame[26:34] = new
    _adjust(frame, 24, old, new)
    l4 = 14 + (frame[14] & 15) * 4
    if get16(frame, 20) & 0x1fff == 0 and frame[23] in L4_CHECKSUM:
        _adjust_l4(frame, l4, frame[23], old, new)


def _adjust_l4(frame, l4, proto, old, new):
    at = l4 + L4_CHECKSUM[proto]
    if at + 2 <= len(frame) and not (proto == UDP and get16(frame, at) == 0):
        _adjust(frame, at, old, new)


def _upper6(frame):
    """(protocol, offset) behind the extension headers; None of a later fragment."""
    proto, at = frame[20], 54
    while proto in (HOP_BY_HOP, DST_OPTIONS, ROUTING, FRAGMENT) and at + 8 <= len(frame):
        if proto == FRAGMENT and get16(frame, at + 2) >> 3:
            return None
        proto, at = frame[at], at + (8 if proto == FRAGMENT else (frame[at + 1] + 1) * 8)
    return proto, at


def _retarget6(frame, salt):
    if len(frame) < 54:
        return
    old = bytes(frame[22:54])
    new = b''.join(_map6(old[:16], old[16:], salt))
    frame[22:54] = new
    upper = _upper6(frame)
    if upper and upper[0] in L4_CHECKSUM:
        _adjust_l4(frame, upper[1], upper[0], old, new)
    elif upper and upper[0] == ICMP6:
        _adjust(frame, upper[1] + 2, old, new)


def _retarget_arp(frame):
    if len(frame) < 42:
        return
    if get16(frame, 14) == 1 and frame[18:20] == b'\6\4':
        gratuitous = frame[28:32] == frame[38:42]
        frame[28:32] = a4('192.0.2.254')
        frame[38:42] = a4('192.0.2.254' if gratuitous else '192.0.2.1')


def retarget(frame, salt):
    """As a neighbor at wan would have sent it through the router."""
    frame = bytearray(frame)
    if not frame[0] & 1:
        frame[0:6] = MAC_WAN
    frame[6:12] = MAC_WAN_PEER
    kind = get16(frame, 12)
    if kind == ETH_IP:
        _retarget4(frame, salt)
    elif kind == ETH_IP6:
        _retarget6(frame, salt)
    elif kind == ETH_ARP:
        _retarget_arp(frame)
    return bytes(frame)


def _refused4(dst):
    return (dst[0] not in (10, 127) and not 224 <= dst[0] < 240 and dst != b'\xff' * 4 and
            dst[:2] not in (b'\xac\x13', b'\xac\x14'))


def spread(frame, number):
    """An IPv4 packet that no route leads on, as a host's own: the kernel tells each host a few times a second."""
    if len(frame) < 34 or get16(frame, 12) != ETH_IP or frame[26] != 10 or not _refused4(frame[30:34]):
        return frame
    frame, old = bytearray(frame), frame[26:34]
    new = struct.pack('!I', 0x0a000000 | (frame[27] & 0x80) << 16 | number & 0x7fffff) + old[4:]
    frame[26:34] = new
    _adjust(frame, 24, old, new)
    if get16(frame, 20) & 0x1fff == 0 and frame[23] in L4_CHECKSUM:
        _adjust_l4(frame, 14 + (frame[14] & 15) * 4, frame[23], old, new)
    return bytes(frame)


def files(folder):
    found = []
    for where, _, names in os.walk(folder, followlinks=True):
        found += [os.path.join(where, n) for n in names if n.endswith(('.pcap', '.pcapng', '.cap', '.gz'))]
    return sorted(found)


def frames(folder, limit, longest):
    """(name, frame) of the first `limit` packets of each capture; the tagged ones untagged and as they were."""
    for path in files(folder):
        name, salt = os.path.relpath(path, folder), os.path.basename(path).encode()
        for number, (link, data) in enumerate(read(path), 1):
            if number > limit:
                break
            frame = to_ethernet(link, data)
            if frame is None or len(frame) > longest:
                continue
            plain = strip_tags(frame)
            if plain != frame:
                yield f'{name}#{number}/tagged', bytes(retarget(frame, salt))
            if len(plain) >= 14:
                yield f'{name}#{number}', retarget(plain, salt)
