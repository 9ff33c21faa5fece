#!/usr/bin/python3
"""A zebra with many routes, as FPM tells them (RTM_NEWROUTE of IPv4, /30s of 100.64.0.0/10).

    zebra.py ADDRESS:PORT N GATEWAY

tells N routes by GATEWAY, and ends when nobody listens, or it is hung up on.
"""
import socket
import struct
import sys

RTM_NEWROUTE, RTA_DST, RTA_GATEWAY = 24, 1, 5
RTMSG = struct.pack("=BBBBBBBBI", socket.AF_INET, 30, 0, 0, 254, 186, 0, 1, 0)  # table main, protocol bgp, unicast


def frame(i, gateway):
    route = RTMSG + struct.pack("=HH4s", 8, RTA_DST, struct.pack("!I", (100 << 24) + (64 << 16) + 4 * i))
    route += struct.pack("=HH4s", 8, RTA_GATEWAY, gateway)
    message = struct.pack("=IHHII", 16 + len(route), RTM_NEWROUTE, 0, i, 0) + route
    return struct.pack("!BBH", 1, 1, 4 + len(message)) + message


def main():
    host, port = sys.argv[1].rsplit(":", 1)
    gateway = socket.inet_aton(sys.argv[3])
    routes = b"".join(frame(i, gateway) for i in range(int(sys.argv[2])))
    try:
        with socket.create_connection((host, int(port))) as s:
            s.sendall(routes)
            s.recv(1)
    except OSError:
        pass


main()
