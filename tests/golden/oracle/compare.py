"""What left, made comparable; and the differences that are allowed, each for a reason in differences.txt."""
from packet import ETH_IP, ETH_IP6, FRAGMENT, ICMP, ICMP6, IGMP, HOP_BY_HOP, a4, a6, checksum, get16, put16
from topology import MAC, OWN4, OWN6, PORTS

OWN4_BYTES = tuple(a4(a) for a in OWN4)
OWN6_BYTES = tuple(a6(a) for a in OWN6)


def is_report(frame):
    """IGMP and MLD reports, which both sides send when they like."""
    if get16(frame, 12) == ETH_IP and len(frame) >= 34:
        return frame[23] == IGMP and frame[26:30] in OWN4_BYTES
    if get16(frame, 12) == ETH_IP6 and len(frame) >= 70:
        return frame[20] == HOP_BY_HOP and frame[54] == ICMP6 and frame[62] in (131, 132, 143)
    return False


def normalise(frame):
    """Without what is drawn at random: the identification of what the router makes itself."""
    frame = bytearray(frame)
    kind = get16(frame, 12) if len(frame) >= 14 else 0
    if kind == ETH_IP and len(frame) >= 34 and bytes(frame[26:30]) in OWN4_BYTES:
        end = 14 + (frame[14] & 15) * 4
        if checksum(bytes(frame[14:end])) == 0 and not get16(frame, 20) & 0x4000:
            put16(frame, 18, 0)
            put16(frame, 24, 0)
    elif kind == ETH_IP6 and len(frame) >= 62 and frame[20] == FRAGMENT and bytes(frame[22:38]) in OWN6_BYTES:
        frame[58:62] = b'\0' * 4
    return bytes(frame)


def by_port(results):
    """{port: [frame...]}, normalised, in order."""
    out = {port: [] for port in PORTS}
    for port, frame in results:
        if not is_report(frame):
            out[port].append(normalise(frame))
    return out


def is_answer(frame):
    """Made by the router, not forwarded."""
    kind = get16(frame, 12)
    return (kind == ETH_IP and frame[26:30] in OWN4_BYTES or kind == ETH_IP6 and frame[22:38] in OWN6_BYTES or
            kind == 0x0806)


class Tally:
    def __init__(self, matchers):
        self.matchers = matchers
        self.compared = self.forwarded = self.answered = self.dropped = self.unsent = 0
        self.used = {name: 0 for name in matchers}
        self.unequal = []

    def add(self, where, case, kernel, sluice):
        if kernel is None:
            self.unsent += 1
            return
        k, s = by_port(kernel), by_port(sluice)
        self.compared += 1
        if k == s:
            self._count_equal(k)
            return
        for name, match in self.matchers.items():
            if match(case, k, s):
                self.used[name] += 1
                return
        self.unequal.append((where, case, k, s))

    def _count_equal(self, k):
        frames = [f for port in PORTS for f in k[port]]
        if not frames:
            self.dropped += 1
        elif any(is_answer(f) for f in frames):
            self.answered += 1
        else:
            self.forwarded += 1
