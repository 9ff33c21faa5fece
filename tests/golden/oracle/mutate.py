"""Packets with a few bytes changed, some with their header checksum made right again; addresses stay."""
import random

from packet import ETH_IP, ETH_IP6, IGMP, checksum, get16, put16

MLD = (130, 131, 132, 143)


def _positions(frame):
    kind = get16(frame, 12)
    if kind == ETH_IP:
        head = list(range(14, 26)) + list(range(34, min(len(frame), 90)))
    elif kind == ETH_IP6:
        head = list(range(14, 22)) + list(range(54, min(len(frame), 110)))
    else:
        return None
    return [p for p in head if p < len(frame)]


def _reports(frame):
    """Of a kind that a router answers after a while of its own choice."""
    return get16(frame, 12) == ETH_IP and len(frame) > 23 and frame[23] == IGMP or any(k in frame[54:110] for k in MLD)


def mutate(frames, count, seed):
    rng = random.Random(seed)
    for number in range(count):
        name, port, frame = rng.choice(frames)
        frame = bytearray(frame)
        positions = _positions(frame)
        if not positions or len(frame) > 1000:
            continue
        for _ in range(rng.choice((1, 1, 2, 4))):
            at = rng.choice(positions)
            frame[at] = rng.choice((0, 1, 255, rng.randrange(256), frame[at] ^ 1 << rng.randrange(8)))
        if get16(frame, 12) == ETH_IP and rng.random() < 0.8 and len(frame) >= 34:
            end = min(14 + max((frame[14] & 15) * 4, 20), len(frame))
            put16(frame, 24, 0)
            put16(frame, 24, checksum(bytes(frame[14:end])))
        if rng.random() < 0.1:
            frame = frame[:rng.randrange(14, len(frame) + 1)]
        if not _reports(frame):
            yield f'mutant {number} of {name}', port, bytes(frame)
