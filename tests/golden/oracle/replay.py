"""Sluice as the router: one `sluice replay`, its captures cut at the clock and at the sentinels."""
import os
import struct
import subprocess

from compare import is_report
from sentinel import sentinel, sentinel_number
from topology import PORTS, yaml

START, STEP = 1_000_000_000, 40_000  # nanoseconds
MAGIC = 0xa1b23c4d  # classic, nanoseconds


def write_capture(path, records):
    with open(path, 'wb') as f:
        f.write(struct.pack('<IHHiIII', MAGIC, 2, 4, 0, 0, 262144, 1))
        for when, frame in records:
            f.write(struct.pack('<IIII', when // 10**9, when % 10**9, len(frame), len(frame)) + frame)


def read_capture(path):
    with open(path, 'rb') as f:
        data = f.read()
    order = '<' if data[:4] in (b'\x4d\x3c\xb2\xa1', b'\xd4\xc3\xb2\xa1') else '>'
    unit = 1 if struct.unpack_from(order + 'I', data)[0] == MAGIC else 1000
    at = 24
    while at + 16 <= len(data):
        seconds, fraction, length, _ = struct.unpack_from(order + 'IIII', data, at)
        yield seconds * 10**9 + fraction * unit, data[at + 16:at + 16 + length]
        at += 16 + length


def play(rnd, lanes, cases, sluice, folder):
    """For each case what left, as (port, frame) in order, and what the command said."""
    os.makedirs(folder, exist_ok=True)
    config, out = os.path.join(folder, 'config.yaml'), os.path.join(folder, 'out')
    with open(config, 'w', encoding='ascii') as f:
        f.write(yaml(rnd, lanes))
    records = {port: [] for port in PORTS}
    for i, case in enumerate(cases):
        records[case.port].append((START + i * 2 * STEP, case.frame))
        records['wan'].append((START + (i * 2 + 1) * STEP, sentinel(i)))
    captures = []
    for port in PORTS:
        # Both begin at the same time, so that their clocks agree.
        records[port].insert(0, (START - STEP, b'\0' * 14))
        captures.append(os.path.join(folder, port + '.pcap'))
        write_capture(captures[-1], sorted(records[port], key=lambda r: r[0]))
    done = subprocess.run([sluice, 'replay', *captures, '--config', config, '--out', out, '--linger', '1',
                           '--json'], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f'sluice replay: status {done.returncode}: {done.stderr}{done.stdout[-2000:]}')
    return _split(cases, out), done.stdout


def _split(cases, out):
    results = [[] for _ in cases]
    for port in PORTS:
        # Each queue writes its own.
        paths = sorted(os.path.join(out, name) for name in os.listdir(out) if name.startswith(port + '.pcap'))
        frames = sorted((f for path in paths for f in read_capture(path)), key=lambda f: f[0])
        due = 0
        for when, frame in frames:
            number = sentinel_number(frame) if port == 'lan' else None
            if number is not None:
                if number != due:
                    raise RuntimeError(f'Sluice: sentinel {number} where {due} was due')
                due += 1
                continue
            i = (when - START) // (2 * STEP)
            if port == 'lan' and i != due and due < len(cases) and not is_report(frame):
                raise RuntimeError(f'Sluice: a frame of case {i} by its time, of {due} by its sentinel: {frame.hex()}')
            if 0 <= i < len(cases):
                results[i].append((port, frame))
        if port == 'lan' and due != len(cases):
            raise RuntimeError(f'Sluice: {due} sentinels of {len(cases)} came out')
    return results
