#!/usr/bin/python3
"""consistency.py CLIENT SERVER APPLIER RUN_DIR FOLDER APPLIES

Keeps packets under way from the namespace CLIENT through an appliance to SERVER while configuration after configuration
is applied.  Number i has a rule that marks, a rule that drops what does not bear that mark when it leaves, a VLAN id and,
in turns, a sub-port of its own; an address there, a route, and a static neighbor behind it: it alone knows the next hop,
or another MAC address for it than the one before.  Each packet that arrives tells by VLAN and by MAC address which
one it saw, and both tell the same; one that found a route and no neighbor, or a neighbor and no route, is lost.  As many
are under way as fit a window, so that nothing overflows: every one that does not arrive was lost by apply.  It ends
with APPLIES.
"""
import array
import ctypes
import os
import select
import socket
import statistics
import struct
import subprocess
import sys
import time

VARIANTS = 50  # numbers of configurations are told apart modulo this
WINDOW = 128  # half of what a veth holds when nobody takes it
PATIENCE = 30  # seconds without any packet, after which those under way count as lost
SOL_PACKET, PACKET_AUXDATA, PACKET_OUTGOING = 263, 8, 4


def config(i):
    """Configuration number i.  Two in a row share address and next hop, three have each a sub-port of its own."""
    g = i % VARIANTS
    net, out = f"10.9.{g // 2}", f"out{g % 3}"
    return f"""
ports:
  wan: {{ driver: af_xdp, mac: "02:53:4c:aa:00:01", dad: 0, addresses: [192.0.2.1/24] }}
  lan: {{ driver: af_xdp, mac: "02:53:4c:bb:00:01", dad: 0, ipv6: false }}
vlans:
  {out}: {{ parent: lan, id: {100 + g}, dad: 0, ipv6: false, addresses: [{net}.1/24] }}
neighbors:
  - {{ address: {net}.2, mac: "02:00:00:00:09:{g:02x}", port: {out} }}
routes:
  - {{ to: 203.0.113.0/24, via: {net}.2 }}
rules:
  ingress: {{ rules: [ {{ in: [wan], protocol: udp, set_mark: {g + 1}/0xff, action: count }} ] }}
  egress: {{ rules: [ {{ out: [{out}], mark: {g + 1}/0xff, action: pass }}, {{ out: [{out}], protocol: udp, action: drop }} ] }}
"""


def packet_socket(namespace):
    """A raw socket on eth0 of a namespace, in which this process then is."""
    with open(f"/run/netns/{namespace}", "rb") as ns:
        if ctypes.CDLL(None, use_errno=True).setns(ns.fileno(), 0):
            raise OSError(ctypes.get_errno(), "setns")
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    sock.bind(("eth0", 3))
    return sock


def checksum(header):
    total = sum(struct.unpack(f"!{len(header) // 2}H", header))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total ^ 0xffff


def headers(source_mac):
    ip = bytearray(struct.pack("!BBHHHBBH4s4s", 0x45, 0, 32, 0, 0, 64, 17, 0, socket.inet_aton("192.0.2.2"),
                               socket.inet_aton("203.0.113.7")))
    struct.pack_into("!H", ip, 10, checksum(ip))
    udp = struct.pack("!HHHH", 9, 9, 12, 0)
    return bytes.fromhex("02534caa0001") + source_mac + b"\x08\x00" + bytes(ip) + udp


class Applier:
    """Applies one configuration after the other; `done` is the last that is in force everywhere."""

    def __init__(self, program, run_dir, folder):
        self.path = os.path.join(folder, "next.yaml")
        self.begun = self.done = self.again = 0
        self.since = None
        self.whole_ms, self.taken_up_ms = [0.0], [0.0]
        self.process = subprocess.Popen([program, f"ipc://{run_dir}/control/admin.sock"], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, bufsize=1)

    @staticmethod
    def text(i):
        return config(i)

    def begin(self):
        with open(self.path, "w", encoding="utf-8") as f:
            f.write(self.text(self.done + 1))
        self.begun = self.done + 1
        self.since = time.monotonic()
        self.process.stdin.write(self.path + "\n")

    def step(self):
        if self.since is None:
            self.begin()
        elif select.select([self.process.stdout], [], [], 0)[0]:
            said = self.process.stdout.readline()
            if said.startswith("applied "):
                self.done = self.begun
                self.whole_ms.append((time.monotonic() - self.since) * 1000)
                self.taken_up_ms.append(int(said.split()[1]) / 1000)
            elif self.again < 20 and ("try again" in said or "in time" in said):
                self.again += 1  # a machine with much else to do
            else:
                sys.exit(f"apply {self.begun} failed: {said}")
            self.since = None

    def end(self):
        self.process.stdin.close()
        self.process.wait()


class Stream:
    """Numbered packets, and what became of each."""

    def __init__(self, client, server):
        self.tx = packet_socket(client)
        self.head = headers(self.tx.getsockname()[4])
        self.rx = packet_socket(server)
        self.rx.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
        self.rx.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUFFORCE if hasattr(socket, "SO_RCVBUFFORCE") else 33, 1 << 24)
        self.rx.setblocking(False)
        self.floor = array.array("I")  # of each packet the configuration in force when it was sent
        self.seen = bytearray()
        self.arrived = self.changes = 0
        self.last = None
        self.alive = time.monotonic()

    def send(self, floor):
        while len(self.floor) - self.arrived < WINDOW:
            self.tx.send(self.head + struct.pack("!I", len(self.floor)))
            self.floor.append(floor)
            self.seen.append(0)

    def judge(self, frame, tci, begun):
        seq, = struct.unpack_from("!I", frame, 42)
        by_vlan, by_mac = (tci & 0xfff) - 100, frame[5]
        if by_vlan != by_mac:
            sys.exit(f"packet {seq} left by the VLAN of one configuration and the next hop of another: {by_vlan} {by_mac}")
        if self.seen[seq]:
            sys.exit(f"packet {seq} arrived twice")
        if (by_vlan - self.floor[seq]) % VARIANTS > begun - self.floor[seq]:
            sys.exit(f"packet {seq} saw configuration {by_vlan} modulo {VARIANTS} when {self.floor[seq]} to {begun} were in force")
        self.seen[seq] = 1
        self.arrived += 1
        self.changes += by_vlan != self.last
        self.last = by_vlan

    def receive(self, begun):
        """Takes what has come; waits for it a moment."""
        if not select.select([self.rx], [], [], 0.02)[0]:
            if time.monotonic() - self.alive > PATIENCE:
                sys.exit(f"{len(self.floor) - self.arrived} of {len(self.floor)} packets were lost")
            return
        self.alive = time.monotonic()
        for _ in range(WINDOW):
            try:
                frame, ancillary, _, address = self.rx.recvmsg(2048, 128)
            except BlockingIOError:
                return
            if address[2] == PACKET_OUTGOING or frame[12:14] != b"\x08\x00" or frame[23] != 17:
                continue
            aux = next((d for level, kind, d in ancillary if (level, kind) == (SOL_PACKET, PACKET_AUXDATA)), bytes(20))
            self.judge(frame, struct.unpack_from("=H", aux, 16)[0], begun)


def main():
    client, server, program, run_dir, folder, applies = sys.argv[1:]
    applier, stream = Applier(program, run_dir, folder), Stream(client, server)
    begun = time.monotonic()
    while applier.done < int(applies):
        applier.step()
        stream.send(applier.done)
        stream.receive(applier.begun)
    took = time.monotonic() - begun
    applier.end()
    sent = len(stream.floor) + WINDOW
    while stream.arrived < len(stream.floor) or len(stream.floor) < sent:
        if len(stream.floor) < sent:
            stream.send(applier.done)
        stream.receive(applier.begun)
    print(f"{applier.done} configurations in {took:.1f} s, {applier.again} of them again; {stream.arrived} packets, none lost, none of two; "
          f"{stream.changes} times they changed; the median apply took {statistics.median(applier.whole_ms):.1f} ms, "
          f"{statistics.median(applier.taken_up_ms):.1f} of them from publishing until it was taken up everywhere")
    if stream.changes < applier.done // 2:
        sys.exit("too few of the configurations were seen by any packet for this to say something")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--config"]:
        print(config(int(sys.argv[2])))
    else:
        main()
