"""TLS between a connection and a protocol, by an OpenSSL that sees nothing but memory.

The event loops' own does more than a probe needs: it waits for goodbyes, keeps timers, and has a buffer of 256 KiB made
for each connection, which together cost as much as half a handshake.
"""

import asyncio
import errno
import ssl
from contextlib import suppress
from typing import Any, cast

_AT_ONCE = 16384
"""Bytes that are read at a time; a record holds no more (RFC 8446 section 5.1)."""

_ENDS = (ssl.SSLZeroReturnError, ssl.SSLEOFError)


class Tls(asyncio.Protocol, asyncio.Transport):
    """What a connection's transport takes for its protocol, and another protocol, later on, for its transport.

    Closing waits for nobody. What the peer does ends in the other protocol's `connection_lost`: with None after a
    goodbye (close_notify) or a plain end of the connection, otherwise with the OSError.
    """

    def __init__(self) -> None:
        super().__init__()
        self._loop = asyncio.get_running_loop()
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls: ssl.SSLObject
        self._below: asyncio.Transport
        self._above: asyncio.Protocol | None = None
        self._more: asyncio.Future[None] | None = None
        self._unsent = bytearray()
        self._is_closing = False
        self._is_lost = False
        self._error: Exception | None = None

    async def shake_hands(self, context: ssl.SSLContext, host: str) -> None:
        """Agrees with a peer that must be this host. Raises OSError, and then the connection is closed.

        A peer that closes the connection raises ConnectionResetError, as one does that resets it.
        """
        try:
            self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
            while not self._is_agreed():
                await self._hear_more()
        except BaseException:
            self._below.close()
            raise

    def _is_agreed(self) -> bool:
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return False
        except _ENDS as error:
            raise _reset(str(error)) from error
        finally:
            # Also where it failed: the peer is told why.
            self._flush()
        return True

    async def _hear_more(self) -> None:
        if self._is_lost:
            raise self._error or _reset("the connection has ended")
        self._more = self._loop.create_future()
        try:
            await self._more
        finally:
            self._more = None

    def carry(self, protocol: asyncio.Protocol) -> None:
        """Hands a protocol all that the peer says once hands are shaken, and sends what it writes."""
        self._above = protocol
        protocol.connection_made(self)
        self._read()
        if self._is_lost:
            self._loop.call_soon(protocol.connection_lost, self._error)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._below = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._incoming.write(data)
        self._hear()

    def eof_received(self) -> None:
        self._incoming.write_eof()
        self._hear()

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_lost = True
        self._error = self._error or exc
        if self._above is not None:
            self._above.connection_lost(self._error)
        else:
            self._hear()

    def _hear(self) -> None:
        if self._above is not None:
            self._read()
        elif self._more is not None and not self._more.done():
            self._more.set_result(None)

    def _read(self) -> None:
        above = cast("asyncio.Protocol", self._above)
        try:
            while not self._is_closing:
                if data := self._tls.read(_AT_ONCE):
                    above.data_received(data)
                else:
                    self._end(None)
        except ssl.SSLWantReadError:
            # What was read may have been for OpenSSL alone, and what a write waits for.
            self._send()
        except _ENDS:
            self._end(None)
        except OSError as error:
            self._end(error)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._tls if name == "ssl_object" else self._below.get_extra_info(name, default)

    def is_closing(self) -> bool:
        return self._is_closing

    def pause_reading(self) -> None:
        self._below.pause_reading()

    def resume_reading(self) -> None:
        self._below.resume_reading()

    def write(self, data: "bytes | bytearray | memoryview[Any]") -> None:
        if not self._is_closing:
            self._unsent += data
            self._send()

    def _send(self) -> None:
        try:
            while self._unsent:
                del self._unsent[: self._tls.write(self._unsent)]
        except ssl.SSLWantReadError:
            pass
        except OSError as error:
            self._end(error)
        self._flush()

    def _flush(self) -> None:
        if self._outgoing.pending and not self._below.is_closing():
            self._below.write(self._outgoing.read())

    def close(self) -> None:
        if self._is_closing:
            return
        if self._below.get_write_buffer_size():
            # A peer that does not read would make a goodbye wait.
            self.abort()
            return
        # Says goodbye, as RFC 8446 section 6.1 asks for; the answer to it is nobody's concern.
        with suppress(OSError, ValueError):
            self._tls.unwrap()
        self._end(None)

    def abort(self) -> None:
        self._is_closing = True
        self._below.abort()

    def _end(self, error: OSError | None) -> None:
        self._is_closing = True
        self._error = error
        self._flush()
        self._below.close()


def _reset(told: str) -> ConnectionResetError:
    """The end of a connection where something was still to be said."""
    return ConnectionResetError(errno.ECONNRESET, told)
