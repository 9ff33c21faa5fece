"""Cases of an application on libsluice: cases.py RUN_DIR CASE...; whoever fails says why."""
import errno
import os
import select
import socket
import struct
import sys

from sluice import Sluice


def refused(what, number, call):
    try:
        call()
    except OSError as error:
        assert error.errno == number, "%s: %s" % (what, error)
    else:
        raise AssertionError("%s is not refused" % what)


def until(what, passes):
    """Tries again where a datagram, or what ICMP says of it, may be lost."""
    for _ in range(300):
        if passes():
            return
    raise AssertionError(what)


def names(run_dir):
    s = Sluice(run_dir)
    one, two = s.socket(), s.socket()
    one.bind("192.0.2.1", 4000)
    assert one.name() == ("192.0.2.1", 4000), one.name()
    refused("a port that is taken", errno.EADDRINUSE, lambda: two.bind("0.0.0.0", 4000))
    refused("an address of nobody", errno.EADDRNOTAVAIL, lambda: two.bind("192.0.2.9", 4000))
    refused("a second binding", errno.EINVAL, lambda: one.bind("192.0.2.1", 4001))
    refused("the configuration's port", errno.EADDRINUSE, lambda: two.bind("192.0.2.1", 9000))
    two.bind("198.51.100.1", 4000)
    one.close()
    three = s.socket()
    three.bind("192.0.2.1", 4000)
    refused("nobody to send to", errno.EDESTADDRREQ, lambda: three.send(b"x"))
    refused("too long a datagram", errno.EMSGSIZE, lambda: three.send(b"x" * 65508, ("192.0.2.2", 1)))
    refused("nothing there", errno.EAGAIN, three.receive)
    s.close()


def errors(run_dir):
    s = Sluice(run_dir)
    for host in "192.0.2.2", "2001:db8:1::2":
        k = s.socket(10 if ":" in host else 2)
        k.connect(host, 9)

        def told():
            k.send(b"is anybody there?")
            s.wait(200)
            try:
                k.receive()
            except OSError as error:
                return error.errno == errno.ECONNREFUSED

        until("nobody says that nobody listens at %s" % host, told)


def many(run_dir):
    """To ourselves by way of a host's echo: thousands of sockets, each hears what it said."""
    s = Sluice(run_dir, 4096, 512)
    descriptor = select.epoll()
    descriptor.register(s.descriptor(), select.EPOLLIN)
    sockets = {}
    for i in range(2000):
        k = s.socket(10 if i % 2 else 2)
        k.connect("2001:db8:1::2" if i % 2 else "192.0.2.2", 5002)
        sockets[k.handle] = (k, b"%d" % i)
    left = set(sockets)
    for _ in range(200):
        unsent = list(left)
        for handle in unsent[:64]:
            sockets[handle][0].send(sockets[handle][1])
        del unsent[:64]
        while left and descriptor.poll(0.5):
            for handle in s.wait(0, 256):
                k, said = sockets[handle]
                assert k.receive()[0] == said
                left.discard(handle)
                if unsent:
                    k, said = sockets[unsent.pop()]
                    k.send(said)
        if not left:
            break
    assert not left, "%d sockets hear nothing" % len(left)


def message(name, body, magic=0x4C444E48):
    return struct.pack("=III32sI", magic, 0, len(body), name, 0) + body


def rude(run_dir):
    """Who speaks otherwise than the library is shown out, and nobody else notices."""
    hello, ask = struct.pack("=III", 1, 64, 64), struct.pack("=IHBBI", 1, 1, 4, 0, 0xFFFFFFFF) + bytes(40)
    for said in [
        [b"x"],
        [os.urandom(1000)],
        [message(b"ask", ask)],
        [message(b"hello", hello[:8])],
        [message(b"hello", struct.pack("=III", 1, 63, 64))],
        [message(b"hello", struct.pack("=III", 99, 64, 64))],
        [message(b"hello", hello, 7)],
        [message(b"hello", hello), message(b"hello", hello)],
        [message(b"hello", hello), message(b"ask", ask[:20])],
        [message(b"hello", hello), message(b"go", b"")],
    ]:
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as conn:
            conn.settimeout(30)
            conn.connect(run_dir + "/applications/socket")
            try:
                for part in said:
                    conn.send(part)
                while conn.recv(4096):
                    pass
            except (BrokenPipeError, ConnectionResetError):
                pass
    names(run_dir)


def limits(run_dir):
    refused("too much memory", errno.ENOBUFS, lambda: Sluice(run_dir, 16384, 16384))
    os.setgid(65534)
    os.setuid(65534)
    s = [Sluice(run_dir, 64, 64) for _ in range(8)]
    refused("a ninth application", errno.EUSERS, lambda: Sluice(run_dir, 64, 64))
    refused("a low port", errno.EACCES, lambda: s[0].socket().bind("0.0.0.0", 99))
    s.pop().close()
    until("what went away still counts", lambda: opens(run_dir))


def opens(run_dir):
    try:
        return Sluice(run_dir, 64, 64)
    except OSError as error:
        assert error.errno == errno.EUSERS, error
        select.select([], [], [], 0.1)


if __name__ == "__main__":
    for case in sys.argv[2:]:
        globals()[case](sys.argv[1])
