#!/usr/bin/python3
"""How long nothing comes through when a process is killed.

blackout.py send ADDRESS PORT           2,000 datagrams a second, numbered, until SIGTERM
blackout.py receive PORT OUT            until SIGTERM; then OUT holds a line an arrival: NUMBER NANOSECONDS
blackout.py stream ADDRESS PORT         one TCP connection, a known sequence of bytes until SIGTERM
blackout.py swallow PORT                checks it; says how many bytes came, and fails where one is wrong
blackout.py judge OUT KILLS             KILLS holds a time of death (nanoseconds) a line
"""
import select
import signal
import socket
import sys
import time

BLOCK = bytes(i * 7 % 251 for i in range(251 * 400))


class Stop(Exception):
    pass


def on_stop(*_):
    raise Stop


def send(address, port):
    out, number = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), 0
    while True:
        try:
            out.sendto(number.to_bytes(8, "little") + bytes(100), (address, int(port)))
        except OSError:  # the neighbor is asked for
            pass
        number += 1
        select.select([], [], [], 0.0005)


def receive(port, out):
    inlet, came = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), []
    inlet.bind(("", int(port)))
    print("ready", flush=True)
    try:
        while True:
            data = inlet.recv(2048)
            came.append((int.from_bytes(data[:8], "little"), time.time_ns()))
    except Stop:
        with open(out, "w", encoding="ascii") as file:
            file.writelines(f"{number} {at}\n" for number, at in came)


def stream(address, port):
    out = socket.create_connection((address, int(port)))
    try:
        while True:
            out.sendall(BLOCK)
    except Stop:
        out.close()


def swallow(port):
    server, total = socket.create_server(("", int(port))), 0
    print("ready", flush=True)
    inlet = server.accept()[0]
    while data := inlet.recv(len(BLOCK)):
        at = total % 251
        if data != BLOCK[at : at + len(data)] and data != (BLOCK + BLOCK)[at : at + len(data)]:
            sys.exit(f"a wrong byte behind {total}")
        total += len(data)
    print(total, flush=True)


def judge(out, kills):
    with open(out, encoding="ascii") as file:
        came = [tuple(map(int, line.split())) for line in file]
    with open(kills, encoding="ascii") as file:
        deaths = [int(line) for line in file]
    gaps, at = [], 0
    for death in deaths:
        while at and came[at][1] > death:
            at -= 1
        while at + 1 < len(came) and came[at + 1][1] < death:
            at += 1
        worst, k = 0, at
        while k + 1 < len(came) and came[k][1] < death + 50_000_000:
            worst = max(worst, came[k + 1][1] - came[k][1])
            k += 1
        gaps.append(worst / 1e6)
    gaps.sort()
    lost = came[-1][0] - came[0][0] + 1 - len({number for number, _ in came})
    print(
        f"{len(deaths)} kills: longest silence p50 {gaps[len(gaps) // 2]:.1f} ms,"
        f" p99 {gaps[int(len(gaps) * 0.99)]:.1f} ms; {lost} of {len(came)} datagrams lost"
    )
    if len({number for number, _ in came}) != len(came):
        sys.exit("a datagram came twice")


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, on_stop)
    try:
        globals()[sys.argv[1]](*sys.argv[2:])
    except Stop:
        pass
