"""What an answer leaves behind: cookies, a connection that stays open, and bytes that nobody asked for."""

import asyncio
import json

import pytest
from endpoints import ISSUED, answer_of, targets_on
from servers import BAD, raw_server, read_request
from webside import connected, get, real_exporter

PROBES = 3
UNASKED = answer_of(BAD, "500 Unasked")


@pytest.mark.fault(91)
@pytest.mark.parametrize(
    ("reuse", "behind"),
    [
        pytest.param(False, b"", id="open"),
        pytest.param(False, UNASKED, id="unasked"),
        pytest.param(True, UNASKED, id="unasked on one that is kept"),
    ],
)
async def test_one_attempt_knows_nothing_of_another(reuse: bool, behind: bytes) -> None:
    """Each has a connection of its own, and sends no cookie; what came after one answer is not the next one's.

    A target that keeps its connection gives up the one on which something came unasked.
    """
    heard: list[list[bytes]] = []

    async def keep_open(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append([])
        while True:
            heard[-1].append(await read_request(reader))
            writer.write(ISSUED.replace(b"\r\n", b"\r\nSet-Cookie: session=canary; Path=/\r\n", 1) + behind)
            await writer.drain()

    async with raw_server(keep_open) as endpoint:
        entries = targets_on(endpoint, "contoso", reuse_connection=reuse, interval="10m", timeout="5s")
        async with real_exporter(json.dumps({"targets": entries})) as port, connected(port) as client:
            answers = []
            for _ in range(PROBES):
                await client.say(get("/probe?target=contoso"))
                answers.append((await client.answer())[1])

    assert [b"probe_success 1.0" in answer for answer in answers] == [True] * PROBES
    assert [len(requests) for requests in heard] == [1] * PROBES
    assert not [request for requests in heard for request in requests if b"cookie" in request.lower()]
