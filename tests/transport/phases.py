"""An endpoint each of whose phases can be made slower, and how long the phases of an exchange with it take.

As a program: measures over a link that is quick, and over one on which connections are made so many seconds late, as
the argument says, and writes both as JSON. Ends with NOT_ALLOWED, and says why, where it may have no such link.
"""

import asyncio
import json
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from misbehaviour import authority, certified, pump
from nameserver import Records, name_server
from servers import GOOD, Behaviour, listening, raw_server, read_request
from slowlink import HERE, THERE, Link, enter_namespace, open_link

from exporter.catalogue import Phase
from exporter.clock import SystemClock
from exporter.model import TokenRequest, TokenResponse
from exporter.transport import Transport

BEST_OF = 4
NOT_ALLOWED = 77


@dataclass(slots=True)
class Endpoint:
    """Seconds by which each part of an answer is late."""

    name: float = 0.0
    handshake: float = 0.0
    first_byte: float = 0.0
    body: float = 0.0

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """What happens within TLS."""
        await read_request(reader)
        await asyncio.sleep(self.first_byte)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(GOOD))
        await asyncio.sleep(self.body)
        writer.write(GOOD)
        await writer.drain()

    def before(self, port: int) -> Behaviour:
        """What happens before TLS: whatever comes is passed on to the server that speaks it, a little later."""

        async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await asyncio.sleep(self.handshake)
            inward, outward = await asyncio.open_connection("127.0.0.1", port)
            try:
                await asyncio.gather(pump(reader, outward), pump(inward, writer))
            finally:
                outward.close()

        return behave


@dataclass(frozen=True, slots=True)
class Stopwatch:
    """Measures exchanges with an endpoint."""

    transport: Transport
    request: TokenRequest

    async def measure(self) -> dict[Phase, float]:
        """The shortest time of each phase among a few exchanges, in seconds: other work makes it only longer."""
        shortest = dict.fromkeys(Phase, float("inf"))
        for _ in range(BEST_OF):
            answer = await self.transport.send(self.request, 10)
            assert isinstance(answer, TokenResponse), answer
            for phase, seconds in answer.exchange.phases.items():
                shortest[phase] = min(shortest[phase], seconds)
        return shortest


@asynccontextmanager
async def stopwatch(
    endpoint: Endpoint, *, listen: str = "127.0.0.1", reach: str = "127.0.0.1"
) -> AsyncIterator[Stopwatch]:
    """Serves an endpoint that listens here and is reached there, while the block runs."""
    zone = {"slow.test": lambda: Records((reach,), late=endpoint.name)}
    with tempfile.TemporaryDirectory() as folder:
        ca_file = Path(folder) / "ca.pem"
        authority().cert_pem.write_to_path(ca_file)
        async with (
            name_server(zone) as server,
            raw_server(endpoint.answer, certified("slow.test")()) as inner,
            raw_server(endpoint.before(inner), listener=listening(listen)) as port,
            Transport(SystemClock(), (server,)) as transport,
        ):
            request = TokenRequest(url=f"https://slow.test:{port}/token", form=(("a", "b"),), ca_file=ca_file)
            yield Stopwatch(transport, request)


async def measure_over(device: int, late: float) -> list[dict[Phase, float]]:
    """The phases over a link that is quick, and over one on which connections are made so many seconds late."""
    link = Link(device)
    async with stopwatch(Endpoint(), listen=HERE, reach=THERE) as watch:
        quick = await watch.measure()
        link.late = late
        return [quick, await watch.measure()]


def main() -> None:
    try:
        enter_namespace()
        device = open_link()
    except OSError as error:
        sys.stderr.write(str(error))
        sys.exit(NOT_ALLOWED)
    json.dump(asyncio.run(measure_over(device, float(sys.argv[1]))), sys.stdout)


if __name__ == "__main__":
    main()
