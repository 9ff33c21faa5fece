#!/usr/bin/python3
"""resize.py CLIENT SERVER APPLIER RUN_DIR FOLDER APPLIES WAN LAN

Keeps small packets under way from the namespace CLIENT through an appliance to SERVER while configuration after
configuration raises or lowers the MTU of its ports and gives them other MAC addresses.  Each time one that raises it has
been applied, packets follow at once that fit the raised MTU alone, to the new MAC address: none is lost, and all of them
leave with the MAC address of that configuration.  WAN and LAN say how the ports are driven.
"""
import collections
import select
import socket
import struct
import sys
import time

from consistency import PACKET_OUTGOING, PATIENCE, WINDOW, Applier, checksum, packet_socket

RAISED, LOWERED = 1800, 1400
SMALL, LARGE = 60, 1790  # bytes of IPv4 packets
BATCH = 256
SEQ = 14 + 28  # where a frame has its number


def is_raised(i):
    return i % 2


def mac(port, i):
    return f"02:53:4c:{port}:00:{i % 250:02x}"


def config(i, wan, lan):
    mtu = RAISED if is_raised(i) else LOWERED
    return f"""
appliance: {{ buffer_bytes: 8256 }}
ports:
  wan: {{ {wan}, any_mac: true, mac: "{mac("aa", i)}", mtu: {mtu}, dad: 0, ipv6: false, addresses: [192.0.2.1/24] }}
  lan: {{ {lan}, mac: "{mac("bb", i)}", mtu: {mtu}, dad: 0, ipv6: false, addresses: [198.51.100.1/24] }}
  c0: {{ driver: af_packet, dad: 0, ipv6: false }}
  c1: {{ driver: af_packet, dad: 0, ipv6: false }}
neighbors:
  - {{ address: 198.51.100.2, mac: "02:00:00:00:09:01", port: lan }}
"""


def packet(size, number):
    ip = bytearray(struct.pack("!BBHHHBBH4s4s", 0x45, 0, size, 0, 0x4000, 64, 17, 0, socket.inet_aton("192.0.2.2"),
                               socket.inet_aton("198.51.100.2")))
    struct.pack_into("!H", ip, 10, checksum(ip))
    return b"\x08\x00" + bytes(ip) + struct.pack("!HHHHI", 9, 9, size - 20, 0, number) + bytes(size - 32)


class Stream:
    """Numbered packets; of those under way the MAC address that they must leave with, or None."""

    def __init__(self, client, server):
        self.tx, self.rx = packet_socket(client), packet_socket(server)
        self.rx.setsockopt(socket.SOL_SOCKET, getattr(socket, "SO_RCVBUFFORCE", 33), 1 << 24)
        self.rx.setblocking(False)
        self.under_way = {}
        self.count = collections.Counter()
        self.alive = time.monotonic()

    def send(self, size, at, leaves_with=None):
        number = self.count.total()
        self.tx.send(bytes.fromhex(mac("aa", at).replace(":", "")) + b"\2\0\0\0\0\2" + packet(size, number))
        self.under_way[number] = leaves_with
        self.count[size] += 1

    def fill(self, at):
        while len(self.under_way) < WINDOW:
            self.send(SMALL, at)

    def judge(self, frame):
        number, = struct.unpack_from("!I", frame, SEQ)
        if number not in self.under_way:
            sys.exit(f"packet {number} arrived twice")
        wanted = self.under_way.pop(number)
        if wanted and frame[6:12].hex(":") != wanted:
            sys.exit(f"packet {number} left with the MAC address {frame[6:12].hex(':')} and not {wanted}")

    def receive(self):
        if not select.select([self.rx], [], [], 0.02)[0]:
            if time.monotonic() - self.alive > PATIENCE:
                lost = collections.Counter("large" if wanted else "small" for wanted in self.under_way.values())
                sys.exit(f"packets were lost: {dict(lost)} of {self.count.total()}")
            return
        self.alive = time.monotonic()
        for _ in range(WINDOW):
            try:
                frame, address = self.rx.recvfrom(4096)
            except BlockingIOError:
                return
            if address[2] != PACKET_OUTGOING and frame[12:14] == b"\x08\x00" and frame[23] == 17:
                self.judge(frame)

    def drain(self):
        while self.under_way:
            self.receive()

    def batch(self, at):
        """Packets that only `at` lets through, at once, with what is under way."""
        for _ in range(BATCH):
            while len(self.under_way) >= WINDOW:
                self.receive()
            self.send(LARGE, at, mac("bb", at))
        self.drain()


class Resizer(Applier):
    def __init__(self, program, run_dir, folder, drivers):
        super().__init__(program, run_dir, folder)
        self.drivers = drivers

    def text(self, i):
        return config(i, *self.drivers)


def main():
    client, server, program, run_dir, folder, applies, *drivers = sys.argv[1:]
    resizer, stream = Resizer(program, run_dir, folder, drivers), Stream(client, server)
    while resizer.done < int(applies):
        before = resizer.done
        resizer.step()
        if resizer.done > before and is_raised(resizer.done):
            stream.batch(resizer.done)
        stream.fill(resizer.done)
        stream.receive()
    resizer.end()
    stream.drain()
    print(f"{resizer.done} configurations, {resizer.again} of them again; {stream.count[SMALL]} small packets and {stream.count[LARGE]} "
          f"that only the raised MTU lets through, none lost")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--config"]:
        print(config(int(sys.argv[2]), *sys.argv[3:]))
    else:
        main()
