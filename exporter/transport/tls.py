"""TLS on a socket of our own: OpenSSL itself reads and writes the socket.

The event loops' own TLS moves every byte through buffers in memory, which costs as much as half a handshake.
"""

import asyncio
import errno
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Any

_AT_ONCE = 65536
"""Bytes that are read at a time; a record holds no more than 16 KiB (RFC 8446 section 5.1)."""

_WAITS = (ssl.SSLWantReadError, ssl.SSLWantWriteError)
_ENDS = (ssl.SSLZeroReturnError, ssl.SSLEOFError)
_NO_GOODBYE = "UNEXPECTED_EOF_WHILE_READING"


async def shake_hands(context: ssl.SSLContext, connection: socket.socket, host: str) -> ssl.SSLSocket:
    """Makes a connected socket speak TLS and takes it over. Raises OSError.

    A peer that closes the connection raises ConnectionResetError, as one does that resets it.
    """
    loop = asyncio.get_running_loop()
    tls = context.wrap_socket(
        connection, server_hostname=host, do_handshake_on_connect=False, suppress_ragged_eofs=False
    )
    try:
        while True:
            try:
                tls.do_handshake()
            except ssl.SSLWantReadError:
                await _ready(tls, loop.add_reader, loop.remove_reader)
            except ssl.SSLWantWriteError:
                await _ready(tls, loop.add_writer, loop.remove_writer)
            else:
                return tls
    except _ENDS as error:
        tls.close()
        raise _reset(error) from error
    except BaseException:
        tls.close()
        raise


async def _ready(tls: ssl.SSLSocket, add: Callable[..., object], remove: Callable[[ssl.SSLSocket], object]) -> None:
    """Returns once the socket can be read, or written."""
    ready = asyncio.get_running_loop().create_future()
    add(tls, _wake, ready)
    try:
        await ready
    finally:
        remove(tls)


def _reset(error: ssl.SSLError) -> ConnectionResetError:
    """What Python calls the end of a connection where something was still to be said."""
    return ConnectionResetError(errno.ECONNRESET, str(error))


def _wake(sleeper: "asyncio.Future[None]") -> None:
    if not sleeper.done():
        sleeper.set_result(None)


class TlsTransport(asyncio.Transport):
    """Carries a protocol's bytes over a TLS connection; closing it waits for nobody.

    What the peer does ends in the protocol's `connection_lost`: with None after a goodbye (close_notify) or a plain end
    of the connection, otherwise with the OSError.
    """

    def __init__(self, tls: ssl.SSLSocket, protocol: asyncio.Protocol) -> None:
        super().__init__({"socket": tls, "ssl_object": tls, "peername": tls.getpeername()})
        self._loop = asyncio.get_running_loop()
        self._tls = tls
        self._protocol = protocol
        self._unsent = bytearray()
        self._closing = False
        protocol.connection_made(self)
        self.resume_reading()

    def is_closing(self) -> bool:
        return self._closing

    def pause_reading(self) -> None:
        if not self._closing:
            self._loop.remove_reader(self._tls)

    def resume_reading(self) -> None:
        if not self._closing:
            self._loop.add_reader(self._tls, self._read)

    def write(self, data: "bytes | bytearray | memoryview[Any]") -> None:
        if not self._closing:
            self._unsent += data
            self._send()

    def close(self) -> None:
        # Says goodbye, as RFC 8446 section 6.1 asks for; the answer to it is nobody's concern.
        with suppress(OSError, ValueError):
            self._tls.unwrap()
        self._end(None)

    abort = close

    def _read(self) -> None:
        try:
            data = self._tls.recv(_AT_ONCE)
        except _WAITS:
            # A ticket, or whatever else the peer tells OpenSSL alone, which may be what a write waits for.
            self._send()
        except ssl.SSLEOFError as error:
            # Python knows a reset from an end without a goodbye by OpenSSL's reason only.
            self._end(None if error.reason == _NO_GOODBYE else _reset(error))
        except OSError as error:
            self._end(error)
        else:
            if data:
                self._protocol.data_received(data)
            else:
                self._end(None)

    def _send(self) -> None:
        try:
            while self._unsent:
                del self._unsent[: self._tls.send(self._unsent)]
        except ssl.SSLWantWriteError:
            self._loop.add_writer(self._tls, self._send)
        except ssl.SSLWantReadError:
            return
        except _ENDS as error:
            self._end(_reset(error))
        except OSError as error:
            self._end(error)
        else:
            self._loop.remove_writer(self._tls)

    def _end(self, error: OSError | None) -> None:
        if self._closing:
            return
        self._closing = True
        self._loop.remove_reader(self._tls)
        self._loop.remove_writer(self._tls)
        self._tls.close()
        self._loop.call_soon(self._protocol.connection_lost, error)
