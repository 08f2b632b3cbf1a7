"""A name server on loopback that answers as it is told, over UDP and, where that is too long, over TCP (RFC 1035)."""

import asyncio
import ipaddress
import struct
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from servers import listening

SERVFAIL, NXDOMAIN = 2, 3

_TYPES = {1: 4, 28: 6}
"""A and AAAA, and the version of IP that their addresses have."""

_LONGEST = 1232
"""Bytes of an answer over UDP that resolvers ask for today."""


@dataclass(frozen=True, slots=True)
class Records:
    """What a name has: addresses, or a code of failure; told so many seconds late, or never."""

    addresses: tuple[str, ...] = ()
    code: int = 0
    late: float = 0.0
    silent: bool = False


Zone = Mapping[str, Callable[[], Records]]
"""Names in lower case, and what each has when it is asked for; no other name exists."""


def has(*addresses: str, code: int = 0, late: float = 0.0, silent: bool = False) -> Callable[[], Records]:
    """The same at every question."""
    records = Records(addresses, code, late, silent)
    return lambda: records


@asynccontextmanager
async def name_server(zone: Zone) -> AsyncIterator[str]:
    """Answers while the block runs; yields the server's address and port."""
    listener = listening()
    address = listener.getsockname()
    server = await asyncio.start_server(_Conversation(zone).serve, sock=listener)
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: _Datagrams(zone), address)
    try:
        yield f"{address[0]}:{address[1]}"
    finally:
        transport.close()
        server.close()


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, zone: Zone) -> None:
        self._zone = zone
        self._transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        records, answer = _answer(self._zone, data)
        short = answer if len(answer) <= _LONGEST else _cut(answer, data)
        if not records.silent:
            asyncio.get_running_loop().call_later(records.late, self._tell, short, addr)

    def _tell(self, answer: bytes, address: tuple[str, int]) -> None:
        if not self._transport.is_closing():
            self._transport.sendto(answer, address)


@dataclass(frozen=True, slots=True)
class _Conversation:
    zone: Zone

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                (length,) = struct.unpack("!H", await reader.readexactly(2))
                _, answer = _answer(self.zone, await reader.readexactly(length))
                writer.write(struct.pack("!H", len(answer)) + answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, OSError):
            writer.close()


def _answer(zone: Zone, query: bytes) -> tuple[Records, bytes]:
    name, end = _name(query)
    (kind,) = struct.unpack_from("!H", query, end)
    records = zone.get(name, has(code=NXDOMAIN))()
    addresses = [a for a in map(ipaddress.ip_address, records.addresses) if a.version == _TYPES.get(kind)]
    found = b"".join(struct.pack("!HHHIH", 0xC00C, kind, 1, 300, len(a.packed)) + a.packed for a in addresses)
    head = struct.pack("!HHHHHH", *struct.unpack_from("!H", query), 0x8180 | records.code, 1, len(addresses), 0, 0)
    return records, head + query[12 : end + 4] + found


def _cut(answer: bytes, query: bytes) -> bytes:
    """The answer without its records, which says that there are more (TC)."""
    flags = struct.unpack_from("!H", answer, 2)[0] | 0x0200
    return answer[:2] + struct.pack("!HHHHH", flags, 1, 0, 0, 0) + query[12 : _name(query)[1] + 4]


def _name(query: bytes) -> tuple[str, int]:
    """The name that a query asks for, and where it ends."""
    labels, position = [], 12
    while length := query[position]:
        labels.append(query[position + 1 : position + 1 + length])
        position += 1 + length
    return b".".join(labels).decode().lower(), position + 1
