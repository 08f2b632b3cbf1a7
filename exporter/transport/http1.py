"""One request of HTTP/1.1 and its answer on an open connection, by the parts that aiohttp's session is made of.

The session itself looks at cookies, redirects, proxies, retries and traces with every request, none of which a probe
may have; leaving them out saves a third of a probe.
"""

import asyncio
from http import HTTPStatus

from aiohttp import ClientConnectionResetError, StreamReader, hdrs
from aiohttp.client_proto import ResponseHandler
from aiohttp.http import HttpProcessingError, RawResponseMessage, StreamWriter
from multidict import CIMultiDict
from yarl import URL

from exporter.catalogue import Reason, Stage
from exporter.model import Fault
from exporter.transport.faults import ExchangeError


async def send(protocol: ResponseHandler, method: str, url: URL, headers: CIMultiDict[str], body: bytes | None) -> None:
    """Sends one request. Raises ValueError where a header cannot be sent."""
    head = CIMultiDict({hdrs.HOST: url.host_port_subcomponent or ""})
    head.extend(headers)
    if body is not None:
        head[hdrs.CONTENT_LENGTH] = str(len(body))
    writer = StreamWriter(protocol, asyncio.get_running_loop())
    await writer.write_headers(f"{method} {url.raw_path_qs} HTTP/1.1", head)
    try:
        await writer.write_eof(body or b"")
    except ClientConnectionResetError:
        # The connection has ended already: reading tells how.
        return


async def receive(protocol: ResponseHandler) -> tuple[RawResponseMessage, StreamReader]:
    """The head of the answer, and its body as it comes in; interim answers (RFC 9110 section 15.2) are passed over.

    Raises ExchangeError where it is no HTTP, ClientError where the connection ends.
    """
    try:
        while True:
            head, body = await protocol.read()
            if head.code >= HTTPStatus.OK or head.code == HTTPStatus.SWITCHING_PROTOCOLS:
                return head, body
    except HttpProcessingError as error:
        raise ExchangeError(Fault(Stage.HEADERS, Reason.INVALID)) from error
