"""The differences that are allowed: a matcher each, named as in differences.txt.

A matcher gets the case and what left the kernel and Sluice, {port: [frame...]}, and says whether this and nothing else
is the difference.  One that no packet needs makes the test fail.
"""
import os

from compare import PORTS
from fields import (anycast6, chain6, has_option4, header4, icmp4, icmp6, is_error4, is_error6, is_redirect, is_v4, is_v6,
                    option_kinds6, options4, own4, own6, port_of, upper6)
from packet import DST_OPTIONS, ETH_ARP, FRAGMENT, HOP_BY_HOP, ICMP6, ROUTING, TCP, a4, get16

MATCHERS = {}


def read_reasons():
    """{name: reason} of differences.txt."""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'differences.txt')
    out = {}
    with open(path, encoding='ascii') as f:
        for line in f:
            if line.strip() and not line.startswith('#'):
                name, reason = line.split(None, 1)
                out[name] = reason.strip()
    return out


def matcher(function):
    MATCHERS[function.__name__.replace('_', '-')] = function
    return function


def frames(sent):
    return [f for port in PORTS for f in sent[port]]


def mapped(sent, change):
    return {port: [f for f in map(change, sent[port]) if f is not None] for port in PORTS}


def equal_after(k, s, change):
    return mapped(k, change) == mapped(s, change)


def zero(frame, *ranges):
    frame = bytearray(frame)
    for first, last in ranges:
        frame[first:last] = b'\0' * len(frame[first:last])
    return bytes(frame)


# --- what Sluice does otherwise on purpose ---

@matcher
def source_mapped_ipv4(case, k, s):
    return is_v6(case.frame) and case.frame[22:34] == b'\0' * 10 + b'\xff\xff' and not frames(s)


@matcher
def error_about_a_redirect(case, k, s):
    about = is_v6(case.frame) and upper6(case.frame)
    return about and about[0] == ICMP6 and case.frame[about[1]:about[1] + 1] == b'\x89' and not frames(s) and all(
        map(is_error6, frames(k)))


@matcher
def error_to_a_broadcast_source(case, k, s):
    return case.frame[26:30] in (a4('192.0.2.255'), a4('198.51.100.255')) and is_v4(case.frame) and all(
        map(is_error4, frames(k))) and not frames(s)


@matcher
def mac_of_many(case, k, s):
    arp = get16(case.frame, 12) == ETH_ARP and (case.frame[22] & 1 or case.frame[22:28] == b'\0' * 6)
    nd = (icmp6(case.frame) or (0,))[0] == 135 and any(
        case.frame[at] == 1 and (case.frame[at + 2] & 1 or case.frame[at + 2:at + 8] == b'\0' * 6)
        for at in range(78, len(case.frame) - 7, 8))
    return (arp or nd) and not frames(s)


@matcher
def address_that_is_ours(case, k, s):
    return own6(case.frame) and (icmp6(case.frame) or (0,))[0] == 135 and not frames(s)


@matcher
def echo_for_many_by_another_port(case, k, s):
    to = case.frame[38:54]
    return is_v6(case.frame) and (to[0] == 0xff or anycast6(to)) and not frames(k) and all(
        (icmp6(f) or (0,))[0] == 129 for f in frames(s)) and port_of(case.frame[22:38]) != case.port


@matcher
def strict_reverse_path_of_ipv6(case, k, s):
    return (case.round.rp_filter == 'strict' and is_v6(case.frame) and not frames(s) and
            port_of(case.frame[22:38]) != case.port)


@matcher
def tag_9100(case, k, s):
    return get16(case.frame, 12) == 0x9100 and not frames(k)


# --- ICMP ---

@matcher
def types_without_a_name(case, k, s):
    return (icmp4(case.frame) or (0,))[0] in (1, 2, 6, 7, 9, 10) and not frames(k) and all(map(is_error4, frames(s)))


@matcher
def unreachables_per_host(case, k, s):
    if not is_v4(case.frame) or frames(k) or not frames(s):
        return False
    if not all(is_error4(f) and icmp4(f) in ((3, 0), (3, 1), (3, 13)) for f in frames(s)):
        return False
    return case.frame[26] != 10


@matcher
def redirects_per_host(case, k, s):
    return any(map(is_redirect, frames(k) + frames(s))) and equal_after(
        k, s, lambda f: None if is_redirect(f) else f)


@matcher
def source_of_an_ipv6_error(case, k, s):
    return any(map(is_error6, frames(k))) and equal_after(
        k, s, lambda f: zero(f, (22, 38), (56, 58)) if is_error6(f) else f)


@matcher
def source_of_an_error_about_anycast(case, k, s):
    return is_v6(case.frame) and anycast6(case.frame[38:54]) and frames(k) and equal_after(
        k, s, lambda f: zero(f, (22, 38), (56, 58)) if (icmp6(f) or (128,))[0] < 128 else f)


@matcher
def fragment_within_a_fragment(case, k, s):
    if not is_v6(case.frame) or [proto for proto, _ in chain6(case.frame)].count(FRAGMENT) < 2:
        return False
    return [icmp6(f) for f in frames(k)] == [(4, 0)] and [icmp6(f) for f in frames(s)] == [(4, 1)]


@matcher
def timestamp_reply(case, k, s):
    if (icmp4(case.frame) or (0,))[0] != 13:
        return False
    if not frames(s):
        return len(case.frame) < 14 + header4(case.frame) + 20
    return equal_after(k, s, lambda f: zero(f, (16, 18), (24, 26), (36, 38), (46, 54))[:54])


# --- IPv4 options ---

def _without_outer_options(frame):
    """Of an answer: what is behind the IPv4 header; of an error the quote up to the options that were quoted."""
    if not own4(frame):
        return frame
    body = frame[14 + header4(frame):]
    if icmp4(frame) and icmp4(frame)[0] == 0:
        # What an echo asked for must be in its reply (RFC 1122 3.2.2.6).
        body += b''.join(frame[at:at + (length if kind != 68 else 4)] for kind, at, length in options4(frame)
                         if kind in (7, 68))
    if is_error4(frame):
        body = zero(body, (2, 4), (10, 12), (18, 20), (28, 8 + (body[8] & 15) * 4))[:500]
    return frame[:12] + frame[22:24] + frame[26:34] + body


@matcher
def options_in_answers(case, k, s):
    return is_v4(case.frame) and header4(case.frame) > 20 and any(map(own4, frames(k))) and equal_after(
        k, s, _without_outer_options)


@matcher
def options_that_can_not_be_answered(case, k, s):
    return has_option4(case.frame, 7, 68) and not frames(k) and len(frames(s)) == 1 and all(map(own4, frames(s)))


@matcher
def cipso(case, k, s):
    return has_option4(case.frame, 134) and [icmp4(f) for f in frames(k)] == [(12, 0)]


def _without_times(frame):
    for kind, at, length in options4(frame) if is_v4(frame) else ():
        if kind == 68:
            frame = zero(frame, (at + 4, at + length), (24, 26))
    return frame


@matcher
def time_in_an_option(case, k, s):
    return has_option4(case.frame, 68) and equal_after(k, s, _without_times)


def _without_padding(frame):
    if not is_v4(frame) or header4(frame) == 20:
        return frame
    end = max([at + length for _, at, length in options4(frame)], default=34)
    return zero(frame, (24, 26), (end, 14 + header4(frame)))


def _without_timestamps(frame):
    for kind, at, length in options4(frame) if is_v4(frame) else ():
        if kind == 68:
            frame = zero(frame, (at + 2, at + length), (24, 26))
    return frame


@matcher
def time_for_the_address_of_nobody(case, k, s):
    return has_option4(case.frame, 68) and equal_after(k, s, _without_timestamps)


@matcher
def error_along_a_source_route(case, k, s):
    return has_option4(case.frame, 131, 137) and [icmp4(f) for f in frames(k)] == [(12, 0)] == [
        icmp4(f) for f in frames(s)]


@matcher
def padding_behind_options(case, k, s):
    return is_v4(case.frame) and header4(case.frame) > 20 and equal_after(k, s, _without_padding)


# --- IPv6 extension headers ---

@matcher
def first_fragment_with_a_wrong_chain(case, k, s):
    return is_v6(case.frame) and FRAGMENT in [proto for proto, _ in chain6(case.frame)] and [
        icmp6(f) for f in frames(k)] == [(4, 3)] and [icmp6(f) for f in frames(s)] == [(4, 1)]


@matcher
def many_extension_headers(case, k, s):
    return is_v6(case.frame) and len(chain6(case.frame)) > 9 and not frames(s)


@matcher
def repeat_inside_an_ipv6_fragment(case, k, s):
    return is_v6(case.frame) and upper6(case.frame) and 'repeat inside' in case.name and not frames(s)


@matcher
def cut_fragment_header(case, k, s):
    chain = chain6(case.frame) if is_v6(case.frame) else [(None, 0)]
    return chain[-1][0] == FRAGMENT and len(case.frame) - chain[-1][1] < 8 and not frames(s)


@matcher
def error_about_headers_past_the_end(case, k, s):
    return is_v6(case.frame) and upper6(case.frame)[1] > len(case.frame) and not frames(k) and all(
        map(is_error6, frames(s)))


# --- what one of them has no part for ---


@matcher
def hop_by_hop_of_linux(case, k, s):
    return is_v6(case.frame) and not frames(k) and {7, 0x31} & option_kinds6(case.frame, HOP_BY_HOP)


@matcher
def segment_routing_of_linux(case, k, s):
    return is_v6(case.frame) and not frames(k) and any(
        proto == ROUTING and case.frame[at + 2] in (3, 4) for proto, at in chain6(case.frame) if at + 2 < len(case.frame))


@matcher
def reset_of_a_signed_segment(case, k, s):
    at = upper6(case.frame)[1] if is_v6(case.frame) else 14 + header4(case.frame) if is_v4(case.frame) else 0
    return at and not frames(k) and len(frames(s)) == 1 and frames(s)[0][
        20 if is_v6(case.frame) else 23] == TCP and any(kind in case.frame[at + 20:at + 60] for kind in (19, 29))


@matcher
def protocols_of_linux(case, k, s):
    protocol = upper6(case.frame)[0] if is_v6(case.frame) else case.frame[23] if is_v4(case.frame) else None
    return protocol in (103, 136) and not frames(k)
