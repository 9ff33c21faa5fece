"""Packets out of fields, and checksums; any field may be told to be wrong."""
import socket
import struct

MAC_WAN, MAC_LAN = bytes.fromhex('020000000101'), bytes.fromhex('020000000201')
MAC_WAN_PEER, MAC_LAN_PEER = bytes.fromhex('0200000001fe'), bytes.fromhex('0200000002fe')
BROADCAST = b'\xff' * 6
ICMP, IGMP, TCP, UDP, ICMP6 = 1, 2, 6, 17, 58
HOP_BY_HOP, ROUTING, FRAGMENT, NO_NEXT, DST_OPTIONS = 0, 43, 44, 59, 60
ETH_IP, ETH_ARP, ETH_IP6 = 0x0800, 0x0806, 0x86dd


def a4(text):
    return socket.inet_aton(text)


def a6(text):
    return socket.inet_pton(socket.AF_INET6, text)


def ones_sum(data):
    """The ones-complement sum of 16-bit words, folded."""
    if len(data) & 1:
        data += b'\0'
    total = int.from_bytes(data, 'big') % 0xffff
    return total or (0xffff if any(data) else 0)


def checksum(data):
    return 0xffff - ones_sum(data)


def put16(data, at, value):
    data[at:at + 2] = struct.pack('!H', value & 0xffff)


def get16(data, at):
    return data[at] << 8 | data[at + 1]


def pseudo4(src, dst, proto, length):
    return src + dst + struct.pack('!HH', proto, length & 0xffff)


def pseudo6(src, dst, proto, length):
    return src + dst + struct.pack('!II', length, proto)


def eth(payload, ethertype, dst=MAC_WAN, src=MAC_WAN_PEER):
    return dst + src + struct.pack('!H', ethertype) + payload


def ip4(src, dst, proto, payload, *, ttl=64, ident=1, flags=0, offset=0, tos=0, options=b'', ihl=None,
        length=None, csum=None, version=4):
    """`flags`: 1 reserved, 2 DF, 4 MF as (reserved, df, mf) << 13; `offset` in units of 8 bytes."""
    options += b'\0' * (-len(options) % 4)
    ihl = 5 + len(options) // 4 if ihl is None else ihl
    length = 20 + len(options) + len(payload) if length is None else length
    head = bytearray(struct.pack('!BBHHHBBH', version << 4 | ihl, tos, length & 0xffff, ident & 0xffff,
                                 flags << 13 | offset, ttl, proto, 0) + a4(src) + a4(dst) + options)
    put16(head, 10, checksum(bytes(head)) if csum is None else csum)
    return bytes(head) + payload


def ip6(src, dst, proto, payload, *, hops=64, traffic_class=0, flow=0, length=None, version=6):
    length = len(payload) if length is None else length
    return struct.pack('!IHBB', version << 28 | traffic_class << 20 | flow, length & 0xffff, proto,
                       hops) + a6(src) + a6(dst) + payload


def _summed(head, at, pseudo, payload, csum, zero_is_ffff=False):
    data = bytearray(head + payload)
    if csum is None:
        csum = checksum(pseudo + bytes(data))
        if zero_is_ffff and not csum:
            csum = 0xffff
    put16(data, at, csum)
    return bytes(data)


def _pseudo(src, dst, proto, length):
    if ':' in src + dst:
        return pseudo6(a6(src), a6(dst), proto, length)
    return pseudo4(a4(src), a4(dst), proto, length)


def udp(src, dst, sport, dport, payload=b'', *, length=None, csum=None):
    real = 8 + len(payload)
    length = real if length is None else length
    return _summed(struct.pack('!HHHH', sport, dport, length, 0), 6, _pseudo(src, dst, UDP, length), payload,
                   csum, True)


def tcp(src, dst, sport, dport, flags, payload=b'', *, seq=1000, ack=0, window=8192, options=b'', offset=None,
        csum=None, urgent=0, reserved=0):
    options += b'\0' * (-len(options) % 4)
    offset = 5 + len(options) // 4 if offset is None else offset
    head = struct.pack('!HHIIBBHHH', sport, dport, seq, ack, offset << 4 | reserved, flags, window, 0,
                       urgent) + options
    return _summed(head, 16, _pseudo(src, dst, TCP, len(head) + len(payload)), payload, csum)


def icmp(kind, code, rest=b'\0\0\0\0', payload=b'', *, csum=None):
    return _summed(struct.pack('!BBH', kind, code, 0) + rest, 2, b'', payload, csum)


def icmp6(src, dst, kind, code, rest=b'\0\0\0\0', payload=b'', *, csum=None):
    head = struct.pack('!BBH', kind, code, 0) + rest
    return _summed(head, 2, pseudo6(a6(src), a6(dst), ICMP6, len(head) + len(payload)), payload, csum)


def echo(ident, seq, payload=b'abcdefgh'):
    return icmp(8, 0, struct.pack('!HH', ident, seq), payload)


def echo6(src, dst, ident, seq, payload=b'abcdefgh'):
    return icmp6(src, dst, 128, 0, struct.pack('!HH', ident, seq), payload)


def arp(op, sha, spa, tha, tpa, *, hardware=1, proto=0x0800, hlen=6, plen=4):
    return struct.pack('!HHBBH', hardware, proto, hlen, plen, op) + sha + a4(spa) + tha + a4(tpa)


def options_header(next_header, options):
    """A hop-by-hop or destination options header; padded with PadN where the length asks for it."""
    gap = -(len(options) + 2) % 8
    if gap == 1:
        options += b'\0'
    elif gap:
        options += bytes([1, gap - 2]) + b'\0' * (gap - 2)
    return bytes([next_header, (len(options) + 2) // 8 - 1]) + options


def routing_header(next_header, kind, left, addresses=(), reserved=b'\0\0\0\0'):
    data = b''.join(a6(a) for a in addresses)
    return bytes([next_header, len(data) // 8, kind, left]) + reserved + data


def fragment_header(next_header, offset, more, ident, reserved=0):
    return struct.pack('!BBHI', next_header, reserved, offset << 3 | more, ident)
