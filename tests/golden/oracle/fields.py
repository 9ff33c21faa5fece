"""What the matchers ask of a frame."""
import ipaddress

from compare import OWN4_BYTES, OWN6_BYTES
from packet import DST_OPTIONS, ETH_IP, ETH_IP6, FRAGMENT, HOP_BY_HOP, ICMP, ICMP6, ROUTING, get16
from topology import ADDRESSES, PORTS, ROUTES

RECORD_ROUTE, TIMESTAMP = 7, 68


def is_v4(frame):
    return len(frame) >= 34 and get16(frame, 12) == ETH_IP and frame[14] >> 4 == 4


def is_v6(frame):
    return len(frame) >= 54 and get16(frame, 12) == ETH_IP6


def own4(frame):
    return is_v4(frame) and bytes(frame[26:30]) in OWN4_BYTES


def own6(frame):
    return is_v6(frame) and bytes(frame[22:38]) in OWN6_BYTES


def header4(frame):
    return (frame[14] & 15) * 4


def options4(frame):
    """[(kind, offset in the frame, length)] of an IPv4 header, up to the first that is no option."""
    out, at, end = [], 34, min(14 + header4(frame), len(frame))
    while at < end and frame[at]:
        if frame[at] == 1:
            at += 1
            continue
        if at + 2 > end or frame[at + 1] < 2 or at + frame[at + 1] > end:
            break
        out.append((frame[at], at, frame[at + 1]))
        at += frame[at + 1]
    return out


def has_option4(frame, *kinds):
    return is_v4(frame) and any(kind in kinds for kind, _, _ in options4(frame))


def icmp4(frame):
    """(type, code) of an ICMP message, or None."""
    at = 14 + header4(frame) if is_v4(frame) else 0
    return (frame[at], frame[at + 1]) if is_v4(frame) and frame[23] == ICMP and len(frame) >= at + 8 else None


def icmp6(frame):
    return (frame[54], frame[55]) if is_v6(frame) and frame[20] == ICMP6 and len(frame) >= 62 else None


def is_error4(frame):
    return own4(frame) and icmp4(frame) is not None and icmp4(frame)[0] in (3, 4, 5, 11, 12)


def is_error6(frame):
    return own6(frame) and icmp6(frame) is not None and (icmp6(frame)[0] < 128)


def is_redirect(frame):
    return own4(frame) and (icmp4(frame) or (0,))[0] == 5 or own6(frame) and (icmp6(frame) or (0,))[0] == 137


def chain6(frame):
    """[(type, offset in the frame)] of the extension headers and what comes after them."""
    out, proto, at = [], frame[20], 54
    while proto in (HOP_BY_HOP, DST_OPTIONS, ROUTING, FRAGMENT) and at + 8 <= len(frame):
        out.append((proto, at))
        if proto == FRAGMENT and get16(frame, at + 2) >> 3:
            return out
        proto, at = frame[at], at + (8 if proto == FRAGMENT else (frame[at + 1] + 1) * 8)
    return out + [(proto, at)]


def upper6(frame):
    return chain6(frame)[-1] if is_v6(frame) else (None, 0)


def option_kinds6(frame, header):
    """The kinds of the options in all headers of a type."""
    kinds = set()
    for proto, at in chain6(frame):
        if proto != header or at + 8 > len(frame):
            continue
        end, at = min(at + (frame[at + 1] + 1) * 8, len(frame)), at + 2
        while at < end:
            kinds.add(frame[at])
            at += 1 if frame[at] == 0 else 2 + (frame[at + 1] if at + 1 < end else 0)
    return kinds


_ROUTES = sorted([(ipaddress.ip_network(to), port) for to, _, port, _, _ in ROUTES] +
                 [(ipaddress.ip_network(a, strict=False), port) for port in PORTS for a in ADDRESSES[port]],
                 key=lambda r: -r[0].prefixlen)


def port_of(address):
    """The port that packed address bytes are routed to; None where no route leads on."""
    address = ipaddress.ip_address(bytes(address))
    for network, port in _ROUTES:
        if network.version == address.version and address in network:
            return port
    return None


def anycast6(address):
    return any(ipaddress.ip_network(a, strict=False).network_address.packed == bytes(address)
               for port in PORTS for a in ADDRESSES[port] if ':' in a) or bytes(address) == b'\xfe\x80' + b'\0' * 14
