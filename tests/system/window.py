#!/usr/bin/python3
"""Numbered datagrams, so many under way at a time, each of which must come back: as fast as the way between allows, and
no queue on it ever overflows.

window.py echo PORT             says "ready"; sends back what comes, until it is killed
window.py send ADDRESS PORT     until SIGTERM, then waits for those under way; says how many came back, and fails where
                                one did not, or came twice
"""
import signal
import socket
import sys

UNDER_WAY = 64
PATIENCE = 60  # seconds
FILL = bytes(200)


def echo(port):
    inlet = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    inlet.bind(("", int(port)))
    print("ready", flush=True)
    while True:
        data, peer = inlet.recvfrom(2048)
        inlet.sendto(data, peer)


class Window:
    def __init__(self, address, port):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.settimeout(PATIENCE)
        self.socket.connect((address, int(port)))
        self.sent = 0
        self.came = set()
        self.stop = False
        signal.signal(signal.SIGTERM, self.on_stop)

    def on_stop(self, *_):
        self.stop = True

    def send(self):
        self.sent += 1
        self.socket.send(self.sent.to_bytes(8, "little") + FILL)

    def receive(self):
        number = int.from_bytes(self.socket.recv(2048)[:8], "little")
        if number in self.came:
            sys.exit(f"{number} came twice")
        self.came.add(number)

    def run(self):
        while not self.stop:
            while self.sent - len(self.came) < UNDER_WAY:
                self.send()
            self.receive()
        while len(self.came) < self.sent:
            self.receive()


def send(address, port):
    window = Window(address, port)
    try:
        window.run()
    except TimeoutError:
        lost = sorted(set(range(1, window.sent + 1)) - window.came)
        sys.exit(f"{len(lost)} of {window.sent} are lost, the first is {lost[0]}, the last {lost[-1]}")
    print(window.sent)


{"echo": echo, "send": send}[sys.argv[1]](*sys.argv[2:])
