"""The Linux kernel as the router: two namespaces, frames in and frames out by AF_PACKET."""
import ctypes
import os
import select
import socket
import struct
import subprocess
import time

from packet import ETH_IP, ETH_IP6, TCP, UDP, checksum, get16, pseudo4, pseudo6, put16
from sentinel import sentinel, sentinel_number
from topology import PORTS, ip_commands, sysctls

BATCH = 256
PATIENCE = 60
SO_RCVBUFFORCE, SOL_PACKET = 33, 263
PACKET_AUXDATA, PACKET_IGNORE_OUTGOING = 8, 23
CSUM_NOT_READY, VLAN_VALID, VLAN_TPID_VALID = 1 << 3, 1 << 4, 1 << 6
CLONE_NEWNET = 0x40000000

libc = ctypes.CDLL(None, use_errno=True)


def run(*argv, **more):
    return subprocess.run(argv, check=True, capture_output=True, text=True, **more).stdout


class Inside:
    """This thread is in a network namespace for a while."""

    def __init__(self, name):
        self.name = name

    def _enter(self, fd):
        if libc.setns(fd, CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), 'setns ' + self.name)
        os.close(fd)

    def __enter__(self):
        self.home = os.open('/proc/self/ns/net', os.O_RDONLY)
        self._enter(os.open('/run/netns/' + self.name, os.O_RDONLY))

    def __exit__(self, *_):
        self._enter(self.home)


def write_sysctls(values):
    for path, value in values.items():
        with open('/proc/sys/net/' + path, 'w', encoding='ascii') as f:
            f.write(str(value))


def complete_checksum(frame):
    """A layer-4 checksum that the kernel left to the device."""
    frame = bytearray(frame)
    if get16(frame, 12) == ETH_IP:
        l4, proto = 14 + (frame[14] & 15) * 4, frame[23]
        end = 14 + get16(frame, 16)
        pseudo = pseudo4(bytes(frame[26:30]), bytes(frame[30:34]), proto, end - l4)
    elif get16(frame, 12) == ETH_IP6:
        l4, proto, end = 54, frame[20], 54 + get16(frame, 18)
        pseudo = pseudo6(bytes(frame[22:38]), bytes(frame[38:54]), proto, end - l4)
    else:
        return bytes(frame)
    at = {TCP: 16, UDP: 6}.get(proto)
    if at:
        put16(frame, l4 + at, 0)
        put16(frame, l4 + at, checksum(pseudo + bytes(frame[l4:end])))
    return bytes(frame)


class Kernel:
    def __init__(self, rnd, router_ns, peer_ns):
        self.rnd, self.router_ns, self.peer_ns = rnd, router_ns, peer_ns
        self.unsent = 0
        self._make()

    def _make(self):
        before, port_values = sysctls(self.rnd)
        for name in (self.router_ns, self.peer_ns):
            run('ip', 'netns', 'add', name)
        with Inside(self.peer_ns):
            write_sysctls({'ipv6/conf/all/disable_ipv6': 1, 'ipv6/conf/default/disable_ipv6': 1})
        with Inside(self.router_ns):
            write_sysctls(before)
        run('ip', '-n', self.router_ns, 'link', 'set', 'lo', 'up')
        batch = ip_commands(self.peer_ns).splitlines()
        ups = [line for line in batch if line.startswith('link')]
        rest = [line for line in batch if not line.startswith('link')]
        run('ip', '-n', self.router_ns, '-batch', '-', input='\n'.join(ups) + '\n')
        with Inside(self.router_ns):
            for port in PORTS:
                write_sysctls({path.replace('PORT', port): v for path, v in port_values.items()})
        for port in PORTS:
            run('ip', '-n', self.peer_ns, 'link', 'set', port, 'arp', 'off', 'up')
        run('ip', '-n', self.router_ns, '-batch', '-', input='\n'.join(rest) + '\n')
        with Inside(self.peer_ns):
            self._open()

    def _open(self):
        self.tx, self.names = {}, {}
        self.rx = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.rx.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
        self.rx.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
        self.rx.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
        self.rx.setblocking(False)
        for port in PORTS:
            s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8 << 20)
            s.bind((port, 0))
            self.tx[port] = s
            self.names[socket.if_nametoindex(port)] = port

    def _receive(self, deadline):
        while True:
            try:
                data, ancillary, _, address = self.rx.recvmsg(70000, 64)
            except BlockingIOError:
                left = deadline - time.monotonic()
                if left <= 0 or not select.select([self.rx], [], [], left)[0]:
                    return None
                continue
            port = address[0]
            if port not in PORTS:
                continue
            return port, self._as_sent(data, ancillary)

    @staticmethod
    def _as_sent(data, ancillary):
        for level, kind, value in ancillary:
            if (level, kind) != (SOL_PACKET, PACKET_AUXDATA):
                continue
            status, _, _, _, _, tci, tpid = struct.unpack_from('=IIIHHHH', value)
            if status & CSUM_NOT_READY:
                data = complete_checksum(data)
            if status & VLAN_VALID:
                tpid = tpid if status & VLAN_TPID_VALID else 0x8100
                data = data[:12] + struct.pack('!HH', tpid, tci) + data[12:]
        return data

    def _send(self, port, frame):
        try:
            self.tx[port].send(frame)
        except OSError:
            self.unsent += 1
            return False
        return True

    def ready(self):
        """Until a sentinel comes through: what the set-up itself says is past then."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            self._send('wan', sentinel(0xffffffff))
            while True:
                got = self._receive(time.monotonic() + 0.05)
                if got is None:
                    break
                if sentinel_number(got[1]) == 0xffffffff:
                    return
        raise RuntimeError('the kernel does not forward: is forwarding forbidden here?')

    def play(self, cases):
        """For each case what left, as (port, frame) in order; None for a case that could not be sent."""
        results = []
        for start in range(0, len(cases), BATCH):
            batch = cases[start:start + BATCH]
            sent = [self._send(c.port, c.frame) and self._send('wan', sentinel(start + i))
                    for i, c in enumerate(batch)]
            found = self._collect(start, sent)
            results += [found.get(start + i, []) if ok else None for i, ok in enumerate(sent)]
        return results

    def _collect(self, start, sent):
        found, current = {}, []
        wanted = [start + i for i, ok in enumerate(sent) if ok]
        deadline = time.monotonic() + PATIENCE
        for number in wanted:
            while True:
                got = self._receive(deadline)
                if got is None:
                    raise RuntimeError(f'the sentinel behind case {number} did not come')
                n = sentinel_number(got[1])
                if n is None:
                    current.append(got)
                elif n == number:
                    break
                elif n != 0xffffffff:
                    raise RuntimeError(f'sentinel {n} came where {number} was due')
            found[number], current = current, []
        return found

    def close(self):
        for s in (self.rx, *self.tx.values()):
            s.close()
        for name in (self.router_ns, self.peer_ns):
            run('ip', 'netns', 'del', name)
