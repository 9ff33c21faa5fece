"""A datagram that surely is forwarded from wan to lan; behind each case, it ends what the case brought about."""
import struct

from packet import ETH_IP, UDP, eth, ip4, udp

SRC, DST = '10.0.255.254', '10.255.255.254'
MARK = b'\xa5sluice oracle sentinel'
LENGTH = 14 + 20 + 8 + len(MARK) + 4


def sentinel(number):
    payload = MARK + struct.pack('!I', number)
    return eth(ip4(SRC, DST, UDP, udp(SRC, DST, 40000, 40001, payload)), ETH_IP)


def sentinel_number(frame):
    """None: not one that has been forwarded."""
    if len(frame) != LENGTH or frame[42:42 + len(MARK)] != MARK or frame[22] != 63:
        return None
    return struct.unpack('!I', frame[-4:])[0]
