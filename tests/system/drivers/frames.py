"""Frames of every length and kind, both ways between two namespaces: each must arrive once, in order, as it was sent.

usage: frames.py NAMESPACE INTERFACE NAMESPACE INTERFACE FRAMES
"""
import ctypes
import random
import socket
import struct
import sys

WINDOW = 128
OURS = 0x88B5  # IEEE 802 local experimental
KINDS = [b"", struct.pack(">HH", 0x8100, 7), struct.pack(">HH", 0x8100, 0xE000 | 4094),
         struct.pack(">HHHH", 0x88A8, 100, 0x8100, 200)]

SOL_PACKET, PACKET_AUXDATA = 263, 8


def open_in(namespace, interface):
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/self/ns/net") as home, open("/run/netns/" + namespace) as there:
        if libc.setns(there.fileno(), 0x40000000):
            raise OSError(ctypes.get_errno(), "setns")
        s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        s.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)  # SO_RCVBUFFORCE
        s.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
        s.setsockopt(SOL_PACKET, 23, 1)  # PACKET_IGNORE_OUTGOING
        s.bind((interface, 3))
        s.settimeout(20)
        if libc.setns(home.fileno(), 0x40000000):
            raise OSError(ctypes.get_errno(), "setns")
    return s


def frame(chance, number):
    head = bytes.fromhex("02000000000b") + bytes.fromhex("02000000000a") + chance.choice(KINDS)
    head += struct.pack(">HI", OURS, number)
    length = chance.choice([60, 64, 65, 128, 1514, chance.randint(60, 1514)])
    return head + chance.randbytes(max(length, len(head)) - len(head))


def receive(s):
    """The next frame of ours, with the tag that the kernel has put beside it."""
    while True:
        data, extra, _, _ = s.recvmsg(65536, 256)
        for _, kind, aux in extra:
            if kind != PACKET_AUXDATA:
                continue
            status, _, _, _, _, tci, tpid = struct.unpack("IIIHHHH", aux)
            if status & 0x10:  # TP_STATUS_VLAN_VALID
                data = data[:12] + struct.pack(">HH", tpid if status & 0x40 else 0x8100, tci) + data[12:]
        if struct.pack(">H", OURS) in (data[12:14], data[16:18], data[20:22]):
            return data


def one_way(source, sink, n, chance):
    waiting = []
    for number in range(n):
        data = frame(chance, number)
        source.send(data)
        waiting.append(data)
        while waiting and (len(waiting) == WINDOW or number == n - 1):
            got, want = receive(sink), waiting.pop(0)
            if got != want:
                sys.exit(f"frame {number - len(waiting)} of {len(want)} bytes came as {len(got)} bytes: "
                         f"{want[:40].hex()} {got[:40].hex()}")


def main():
    a, b = open_in(sys.argv[1], sys.argv[2]), open_in(sys.argv[3], sys.argv[4])
    chance = random.Random(1)
    one_way(a, b, int(sys.argv[5]), chance)
    one_way(b, a, int(sys.argv[5]), chance)
    for s in (a, b):
        s.settimeout(0.2)
        try:
            sys.exit(f"a frame came twice: {receive(s)[:40].hex()}")
        except TimeoutError:
            pass


main()
