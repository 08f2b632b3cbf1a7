"""A link on which connections take longer to be made, in a network namespace of one's own (Linux).

Two made-up hosts live behind a TUN device. What is sent to one of them comes back to this machine as if the other had
sent it, and the same the other way round, so that a server here is reached at a made-up host's address over a link
that this process is. The first packet of every connection, its SYN, is held up.
"""

import asyncio
import ctypes
import fcntl
import os
import socket
import struct

HERE, THERE, MIRRORED = "10.77.0.1", "10.77.0.2", "10.77.0.3"

_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_TUNSETIFF, _IFF_TUN, _IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
_SIOCSIFFLAGS, _SIOCSIFADDR, _SIOCSIFNETMASK = 0x8914, 0x8916, 0x891C
_UP = 0x1 | 0x40
_SYN, _ACK = 0x02, 0x10


def enter_namespace() -> None:
    """Leaves the machine's network for an empty one. Raises OSError where that is not allowed."""
    libc = ctypes.CDLL(None, use_errno=True)
    flags = _CLONE_NEWNET if os.geteuid() == 0 else _CLONE_NEWNET | _CLONE_NEWUSER
    if libc.unshare(flags) != 0:
        raise OSError(ctypes.get_errno(), "unshare: " + os.strerror(ctypes.get_errno()))


def open_link() -> int:
    """Sets up the device and its network; returns its descriptor. Raises OSError."""
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, _TUNSETIFF, struct.pack("16sH22x", b"slow", _IFF_TUN | _IFF_NO_PI))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        for request, address in ((_SIOCSIFADDR, HERE), (_SIOCSIFNETMASK, "255.255.255.0")):
            internet = struct.pack("HH4s8x", socket.AF_INET, 0, socket.inet_aton(address))
            fcntl.ioctl(control, request, struct.pack("16s16s8x", b"slow", internet))
        for name in (b"lo", b"slow"):
            fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack("16sH22x", name, _UP))
    return device


def mirrored(packet: bytes) -> bytes | None:
    """The packet as it comes back; None for what is not TCP to a made-up host."""
    source, target = packet[12:16], packet[16:20]
    swapped = {socket.inet_aton(THERE): socket.inet_aton(MIRRORED), socket.inet_aton(MIRRORED): socket.inet_aton(THERE)}
    if packet[0] >> 4 != 4 or packet[9] != socket.IPPROTO_TCP or target not in swapped:
        return None
    length = (packet[0] & 0x0F) * 4
    addresses = swapped[target] + source
    head = packet[:10] + b"\0\0" + addresses + packet[20:length]
    head = head[:10] + _sum(head) + head[12:]
    body = packet[length : length + 16] + b"\0\0" + packet[length + 18 :]
    return head + body[:16] + _sum(addresses + struct.pack("!HH", socket.IPPROTO_TCP, len(body)) + body) + body[18:]


def _sum(data: bytes) -> bytes:
    """The checksum of RFC 1071."""
    padded = data + b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return struct.pack("!H", ~total & 0xFFFF)


def opens_connection(packet: bytes) -> bool:
    return packet[(packet[0] & 0x0F) * 4 + 13] & (_SYN | _ACK) == _SYN


class Link:
    """Passes packets on while it is open, and holds up those that open a connection by `late` seconds."""

    def __init__(self, device: int) -> None:
        self._device = device
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(device, self._pass_on)
        self.late = 0.0

    def _pass_on(self) -> None:
        packet = mirrored(os.read(self._device, 65536))
        if packet is not None:
            self._loop.call_later(self.late if opens_connection(packet) else 0, os.write, self._device, packet)
