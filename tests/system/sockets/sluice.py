"""libsluice for tests: sockets as Python has them, by ctypes."""
import ctypes
import os
import socket
import struct

LIBRARY = ctypes.CDLL(os.environ["SLUICE_BUILD"] + "/common/sluice/libsluice.so", use_errno=True)
POINTER, SIZE = ctypes.c_void_p, ctypes.c_size_t
for name, result, arguments in [
    ("sluice_open", POINTER, [ctypes.c_char_p]),
    ("sluice_open_sized", POINTER, [ctypes.c_char_p, ctypes.c_uint32, ctypes.c_uint32]),
    ("sluice_close", None, [POINTER]),
    ("sluice_wait", ctypes.c_int, [POINTER, POINTER, ctypes.c_int, ctypes.c_int]),
    ("sluice_descriptor", ctypes.c_int, [POINTER]),
    ("sluice_socket", POINTER, [POINTER, ctypes.c_int, ctypes.c_int]),
    ("sluice_socket_close", None, [POINTER]),
    ("sluice_bind", ctypes.c_int, [POINTER, ctypes.c_char_p, ctypes.c_uint32]),
    ("sluice_connect", ctypes.c_int, [POINTER, ctypes.c_char_p, ctypes.c_uint32]),
    ("sluice_sendto", ctypes.c_ssize_t, [POINTER, ctypes.c_char_p, SIZE, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint32]),
    ("sluice_recvfrom", ctypes.c_ssize_t, [POINTER, POINTER, SIZE, ctypes.c_int, POINTER, POINTER]),
    ("sluice_getsockname", ctypes.c_int, [POINTER, POINTER, POINTER]),
    ("sluice_error", ctypes.c_int, [POINTER, POINTER]),
]:
    getattr(LIBRARY, name).restype = result
    getattr(LIBRARY, name).argtypes = arguments


def check(result):
    if result is None or result == -1:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return result


def address(host, port):
    if ":" in host:
        return struct.pack("=HHI16sI", socket.AF_INET6, socket.htons(port), 0, socket.inet_pton(socket.AF_INET6, host), 0)
    return struct.pack("=HH4s8x", socket.AF_INET, socket.htons(port), socket.inet_aton(host))


def name(raw):
    family, port = struct.unpack_from("=HH", raw)
    host = raw[8:24] if family == socket.AF_INET6 else raw[4:8]
    return socket.inet_ntop(family, host), socket.ntohs(port)


class Sluice:
    def __init__(self, run_dir, receive=1024, send=512):
        self.handle = check(LIBRARY.sluice_open_sized(run_dir.encode(), receive, send))

    def socket(self, family=socket.AF_INET):
        return Socket(check(LIBRARY.sluice_socket(self.handle, family, socket.SOCK_DGRAM)))

    def wait(self, timeout_ms, most=64):
        ready = (POINTER * most)()
        return list(ready[: check(LIBRARY.sluice_wait(self.handle, ready, most, timeout_ms))])

    def descriptor(self):
        return LIBRARY.sluice_descriptor(self.handle)

    def close(self):
        LIBRARY.sluice_close(self.handle)


class Socket:
    def __init__(self, handle):
        self.handle = handle

    def bind(self, host, port):
        raw = address(host, port)
        check(LIBRARY.sluice_bind(self.handle, raw, len(raw)))

    def connect(self, host, port):
        raw = address(host, port)
        check(LIBRARY.sluice_connect(self.handle, raw, len(raw)))

    def send(self, data, to=None):
        raw = address(*to) if to else None
        return check(LIBRARY.sluice_sendto(self.handle, data, len(data), 0, raw, len(raw) if raw else 0))

    def receive(self, flags=socket.MSG_DONTWAIT):
        data, peer = ctypes.create_string_buffer(65536), ctypes.create_string_buffer(28)
        size = ctypes.c_uint32(28)
        n = check(LIBRARY.sluice_recvfrom(self.handle, data, 65536, flags, peer, ctypes.byref(size)))
        return data.raw[:n], name(peer.raw)

    def name(self):
        raw, size = ctypes.create_string_buffer(28), ctypes.c_uint32(28)
        check(LIBRARY.sluice_getsockname(self.handle, raw, ctypes.byref(size)))
        return name(raw.raw)

    def close(self):
        LIBRARY.sluice_socket_close(self.handle)
