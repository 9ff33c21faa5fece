#!/usr/bin/python3
"""A switch between a trunk and hosts without tags, on kernels without 802.1Q too.

    tags.py INTERFACE NAME:VID NAME:OUTER.INNER ...

makes the TAPs NAME.  What a kernel sends into one leaves the interface behind its tags, and what bears them comes in by
the TAP; one VID is 802.1Q, two are 802.1Q in 802.1ad.  Checksums that are left to be computed stay so.  Says "ready",
and ends when it is killed.
"""
import fcntl
import os
import select
import socket
import struct
import sys

TUNSETIFF, IFF_TAP, IFF_NO_PI, IFF_VNET_HDR = 0x400454CA, 0x0002, 0x1000, 0x4000
SOL_PACKET, PACKET_AUXDATA, PACKET_VNET_HDR, PACKET_OUTGOING = 263, 8, 15, 4
TP_STATUS_VLAN_VALID, TP_STATUS_VLAN_TPID_VALID = 0x10, 0x40
VNET_HDR = "=BBHHHH"  # flags, gso_type, hdr_len, gso_size, csum_start, csum_offset
VNET_BYTES = struct.calcsize(VNET_HDR)


def make_tap(name):
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI | IFF_VNET_HDR))
    return fd


def make_tags(text):
    vids = [int(v) for v in text.split(".")]
    tpids = [0x8100] if len(vids) == 1 else [0x88A8, 0x8100]
    return b"".join(struct.pack("!HH", t, v) for t, v in zip(tpids, vids))


def outer_tag(parts):
    """The tag that the kernel has taken out of the frame."""
    for level, kind, data in parts:
        if (level, kind) == (SOL_PACKET, PACKET_AUXDATA):
            status, _, _, _, _, tci, tpid = struct.unpack("IIIHHHH", data[:20])
            if status & TP_STATUS_VLAN_VALID:
                return struct.pack("!HH", tpid if status & TP_STATUS_VLAN_TPID_VALID else 0x8100, tci)
    return b""


def moved(header, by):
    """The header of a frame whose start has moved."""
    flags, kind, hdr_len, size, start, offset = struct.unpack(VNET_HDR, header)
    return struct.pack(VNET_HDR, flags, kind, max(hdr_len + by, 0), size, start + by if flags & 1 else 0, offset)


def from_wire(wire, taps):
    data, parts, _, sender = wire.recvmsg(1 << 17, 256)
    if sender[2] == PACKET_OUTGOING:
        return
    header, frame, outer = data[:VNET_BYTES], data[VNET_BYTES:], outer_tag(parts)
    for tap, tags in taps.items():
        inner = tags[len(outer) :]
        if tags.startswith(outer) and frame[12 : 12 + len(inner)] == inner:
            os.write(tap, moved(header, -len(inner)) + frame[:12] + frame[12 + len(inner) :])


def from_tap(tap, tags, wire):
    data = os.read(tap, 1 << 17)
    frame = data[VNET_BYTES:]
    wire.send(moved(data[:VNET_BYTES], len(tags)) + frame[:12] + tags + frame[12:])


def main():
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    wire.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
    wire.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
    wire.bind((sys.argv[1], 3))
    taps = {}
    for text in sys.argv[2:]:
        name, _, vids = text.partition(":")
        taps[make_tap(name)] = make_tags(vids)
    print("ready", flush=True)
    while True:
        for fd in select.select([wire, *taps], [], [])[0]:
            if fd is wire:
                from_wire(wire, taps)
            else:
                from_tap(fd, taps[fd], wire)


main()
