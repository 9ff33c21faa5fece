#!/usr/bin/python3
"""real_traffic.py FOLDER [ROUNDS | KIND]: writes wan.pcap and lan.pcap, traffic that takes every kind of burst.

A KIND is a few packets that take one kind, 10 seconds behind the first frame; `--kinds` prints a line for each: its
name, and from which second to which it happens.  Each frame bears a number of its own, so that one which leaves
twice shows."""
import sys

from scapy.all import (ARP, ICMP, IP, TCP, UDP, Ether, ICMPv6EchoRequest, ICMPv6ND_NS, ICMPv6NDOptSrcLLAddr, IPv6,
                       IPv6ExtHdrFragment, Raw, fragment, fragment6, wrpcap)

WAN, LAN, HOST, LANHOST = "02:00:00:00:00:01", "02:00:00:00:00:02", "02:00:00:00:00:fe", "02:00:00:00:02:02"
number = 0
frames = {"wan": [], "lan": []}
clock = 1000.0


def data(length=24):
    global number
    number += 1
    return Raw((b"sluice%06d." % number).ljust(length, b"."))


def send(port, packet, l2=None):
    global clock
    clock += 0.000050
    frame = (l2 or Ether(src=HOST if port == "wan" else LANHOST, dst=WAN if port == "wan" else LAN)) / packet
    frame.time = clock
    frames[port].append(frame)


def ident():
    return number % 65000 + 1


def udp(dst, dport=5000, length=24, **ip):
    return IP(src="192.0.2.2", dst=dst, id=ident(), **ip) / UDP(sport=4000, dport=dport) / data(length)


def to_the_stack():
    send("wan", IP(src="192.0.2.2", dst="192.0.2.1", id=ident()) / ICMP(id=7, seq=number) / data())
    send("wan", udp("192.0.2.1", 7))
    send("wan", udp("192.0.2.1", 9))
    send("wan", udp("192.0.2.1", 11))
    send("wan", udp("192.0.2.1", 12))
    send("wan", IP(src="192.0.2.2", dst="192.0.2.1", id=ident()) / TCP(sport=number + 2000, dport=80))
    send("wan", IPv6(src="2001:db8:1::2", dst="2001:db8:1::1") / ICMPv6EchoRequest(data=bytes(data())))
    send("wan", IPv6(src="2001:db8:1::2", dst="2001:db8:1::1") / UDP(sport=4000, dport=7) / data())


def forwarded(n):
    send("wan", udp("198.51.100.10"))
    send("wan", udp(f"198.51.100.{20 + n}"))
    send("wan", udp("10.1.1.1"))
    send("wan", udp("198.51.100.10", 6666))
    send("wan", udp("198.51.100.10", ttl=1))
    send("wan", udp("203.0.113.1"))
    send("wan", udp("203.0.113.200"))
    send("wan", udp("198.51.100.10", length=1400))
    send("wan", udp("198.51.100.10", length=1400, flags="DF"))
    send("lan", IP(src="198.51.100.10", dst="1.2.3.4", id=ident()) / UDP(sport=1, dport=2) / data())
    send("wan", IPv6(src="2001:db8:1::2", dst="2001:db8:2::10") / UDP(sport=4000, dport=5) / data())
    send("lan", IPv6(src="2001:db8:2::10", dst="2001:db8:9::1") / UDP(sport=4000, dport=5) / data())


def fragments():
    whole = [p for p in fragment(udp("192.0.2.1", 7, 2600), 1000)]
    for piece in reversed(whole):
        send("wan", piece)
    send("wan", fragment(udp("192.0.2.1", 9, 2000), 1000)[0])
    long = IPv6(src="2001:db8:1::2", dst="2001:db8:1::1") / IPv6ExtHdrFragment(id=number) / \
        UDP(sport=4000, dport=7) / data(2000)
    for piece in fragment6(long, 1280):
        send("wan", piece)


def neighbors():
    send("wan", ARP(op=1, hwsrc=HOST, psrc="192.0.2.2", pdst="192.0.2.1"), Ether(src=HOST, dst="ff:ff:ff:ff:ff:ff"))
    send("wan", IPv6(src="2001:db8:1::2", dst="ff02::1:ff00:1") / ICMPv6ND_NS(tgt="2001:db8:1::1") /
         ICMPv6NDOptSrcLLAddr(lladdr=HOST), Ether(src=HOST, dst="33:33:ff:00:00:01"))
    send("wan", IPv6(src="2001:db8:1::2", dst="ff02::1:ff00:0") / ICMPv6ND_NS(tgt="2001:db8:1::") /
         ICMPv6NDOptSrcLLAddr(lladdr=HOST), Ether(src=HOST, dst="33:33:ff:00:00:00"))


def answers():
    for address in ("198.51.100.10", "198.51.100.2"):
        send("lan", ARP(op=2, hwsrc=LANHOST, psrc=address, hwdst=LAN, pdst="198.51.100.1"))


def kind_start():
    """Addresses are probed and announced, groups reported, the epoch adopted."""


def kind_rx():
    send("lan", IP(src="198.51.100.10", dst="1.2.3.4", id=ident()) / UDP(sport=1, dport=2) / data())
    send("wan", udp("198.51.100.10", 6666))
    send("wan", udp("203.0.113.1"))


def kind_tx():
    send("wan", udp("192.0.2.1", 7))
    send("wan", IPv6(src="2001:db8:1::fe", dst="2001:db8:1::1") / UDP(sport=4000, dport=7) / data())


def kind_generated():
    send("wan", udp("10.1.1.1", ttl=1))
    send("wan", udp("192.0.2.1", 12))
    send("wan", IPv6(src="2001:db8:1::2", dst="2001:db8:1::1") / ICMPv6EchoRequest(data=bytes(data())))


def kind_held():
    send("wan", udp("192.0.2.1", 11))
    send("wan", udp("192.0.2.1", 9))


def kind_reassembly():
    fragments()


def kind_fragmented():
    send("lan", ARP(op=2, hwsrc=LANHOST, psrc="198.51.100.10", hwdst=LAN, pdst="198.51.100.1"))
    send("wan", udp("198.51.100.10", length=1400))


def kind_queue():
    global clock
    for address in ("198.51.100.10", "198.51.100.10", "198.51.100.11"):
        send("wan", udp(address))
    clock += 0.3
    answers()


def kind_unanswered():
    """Who is asked three times and does not answer is given up."""
    send("wan", udp("198.51.100.77"))
    send("wan", udp("198.51.100.77"))


def kind_neighbors():
    neighbors()
    answers()


def kind_expiry():
    """The rest of a datagram never comes, half a minute long."""
    send("wan", fragment(udp("192.0.2.1", 9, 2000), 1000)[0])


def kind_told():
    """A path MTU: of a socket's datagram, by way of the session; of nobody's; of an answer."""
    for port in (7, 77):
        send("wan", IP(src="192.0.2.254", dst="192.0.2.1", id=ident()) / ICMP(type=3, code=4, nexthopmtu=600) /
             IP(src="192.0.2.1", dst="192.0.2.2", flags="DF") / UDP(sport=port, dport=4000) / data())
    send("wan", IP(src="192.0.2.254", dst="192.0.2.1", id=ident()) / ICMP(type=3, code=4, nexthopmtu=600) /
         IP(src="192.0.2.1", dst="192.0.2.2") / ICMP(type=0, id=7) / data())
    send("wan", udp("192.0.2.1", 7, 700))


WHEN = {"start": (0, 9), "unanswered": (9, 16), "expiry": (11, 45)}


def rounds(n):
    global clock
    for k in range(n):
        neighbors()
        to_the_stack()
        forwarded(k)
        fragments()
        clock += 0.3
        if k % 4 == 0:
            answers()
        clock += 0.9


def one_kind(name):
    """Each capture counts its time from its first frame."""
    global clock
    neighbors()
    send("lan", ARP(op=1, hwsrc=LANHOST, psrc="198.51.100.9", pdst="198.51.100.1"),
         Ether(src=LANHOST, dst="ff:ff:ff:ff:ff:ff"))
    clock += 10
    globals()["kind_" + name]()


def main():
    folder, what = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "1"
    if folder == "--kinds":
        for name in sorted(name[5:] for name in globals() if name.startswith("kind_")):
            print(name, *WHEN.get(name, (9, 12)))
        return
    if what.isdigit():
        rounds(int(what))
    else:
        one_kind(what)
    for port, list_of in frames.items():
        wrpcap(f"{folder}/{port}.pcap", list_of)


main()
