#!/usr/bin/env python3
"""Reads a pcapng file by draft-ietf-opsawg-pcapng, with nothing of Sluice, and prints one JSON object: its interfaces,
and of each packet interface, time, direction, comment, lengths and bytes."""
import json
import struct
import sys


def options(data):
    found = {}
    at = 0
    while at + 4 <= len(data):
        code, length = struct.unpack_from("<HH", data, at)
        if code == 0:
            assert length == 0 and at + 4 == len(data), "something behind the end of the options"
            break
        found[code] = data[at + 4:at + 4 + length]
        at += 4 + (length + 3) // 4 * 4
    return found


def blocks(data):
    at = 0
    while at < len(data):
        kind, length = struct.unpack_from("<II", data, at)
        assert length % 4 == 0 and length >= 12, f"a block of {length} bytes"
        assert struct.unpack_from("<I", data, at + length - 4)[0] == length, "the lengths of a block differ"
        yield kind, data[at + 8:at + length - 4]
        at += length


def text(found, code):
    return found[code].decode() if code in found else None


def read(data):
    ports, packets, statistics = [], [], []
    for number, (kind, body) in enumerate(blocks(data)):
        if number == 0:
            magic, major, minor, _ = struct.unpack_from("<IHHq", body)
            assert (kind, magic, major, minor) == (0x0a0d0d0a, 0x1a2b3c4d, 1, 0), "no section header"
        elif kind == 1:
            link, _, snap = struct.unpack_from("<HHI", body)
            found = options(body[8:])
            assert link == 1 and found[9] == b"\x09"
            ports.append({"name": text(found, 2), "snap": snap})
        elif kind == 6:
            port, high, low, have, length = struct.unpack_from("<IIIII", body)
            found = options(body[20 + (have + 3) // 4 * 4:])
            flags = struct.unpack("<I", found[2])[0] if 2 in found else 0
            packets.append({
                "port": ports[port]["name"], "time": high << 32 | low, "len": length, "comment": text(found, 1),
                "direction": {0: None, 1: "in", 2: "out"}[flags & 3], "bytes": body[20:20 + have].hex(),
            })
        elif kind == 5:
            port = struct.unpack_from("<I", body)[0]
            found = options(body[12:])
            statistics.append({
                "port": ports[port]["name"], "captured": struct.unpack("<Q", found[4])[0],
                "missed": struct.unpack("<Q", found[5])[0], "comment": text(found, 1),
            })
        else:
            raise AssertionError(f"block type {kind}")
    return {"ports": ports, "packets": packets, "statistics": statistics}


if __name__ == "__main__":
    with open(sys.argv[1], "rb") as file:
        json.dump(read(file.read()), sys.stdout)
