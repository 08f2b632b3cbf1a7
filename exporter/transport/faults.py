"""Where foreign exceptions end: each becomes a Fault of the stage that it struck."""

import asyncio
import errno
import os
import re
import ssl
from collections.abc import Mapping
from types import MappingProxyType

import aiohttp
from aiodns.error import ARES_ENODATA, ARES_ENONAME, ARES_ENOTFOUND, ARES_ETIMEOUT, DNSError
from aiohttp.http_exceptions import HttpProcessingError, TransferEncodingError

from exporter.catalogue import Reason, Stage
from exporter.model import Fault

_LOCAL: Mapping[int | None, Reason] = MappingProxyType(
    {
        errno.EMFILE: Reason.FD_EXHAUSTED,
        errno.ENFILE: Reason.FD_EXHAUSTED,
        errno.EADDRNOTAVAIL: Reason.NO_PORTS,
    }
)

_RESOLVING: Mapping[int, Reason] = MappingProxyType(
    {
        ARES_ENODATA: Reason.NO_ADDRESS,
        ARES_ENONAME: Reason.NXDOMAIN,
        ARES_ENOTFOUND: Reason.NXDOMAIN,
        ARES_ETIMEOUT: Reason.TIMEOUT,
    }
)

_CONNECTING: Mapping[int | None, Reason] = MappingProxyType(
    {
        errno.EAFNOSUPPORT: Reason.UNREACHABLE,
        errno.ECONNREFUSED: Reason.REFUSED,
        errno.ECONNRESET: Reason.RESET,
        errno.EHOSTUNREACH: Reason.UNREACHABLE,
        errno.ENETUNREACH: Reason.UNREACHABLE,
        errno.ENOTCONN: Reason.RESET,
        errno.ETIMEDOUT: Reason.TIMEOUT,
    }
)

# X509_V_ERR_* of OpenSSL's x509_vfy.h; every other code means that the chain is not trusted.
_VERIFYING: Mapping[int, Reason] = MappingProxyType(
    {
        9: Reason.CERT_NOT_YET_VALID,
        10: Reason.CERT_EXPIRED,
        62: Reason.HOST_MISMATCH,
        64: Reason.HOST_MISMATCH,
    }
)


_ERRNO = re.compile(r"\[Errno (\d+)\]")

_NOT_TLS = ("wrong version number", "record layer failure")
"""What OpenSSL says of bytes that are no record of TLS, before its version 3.2 and since."""


_REFUSES_CERTIFICATE = re.compile(
    r"alert ((bad|unsupported) certificate|certificate (revoked|expired|unknown|required)|unknown ca|access denied)"
)
"""Alerts (RFC 8446 section 6.2) of a server that is not content with the client's certificate, or misses one."""


class ExchangeError(Exception):
    """A fault that a step of ours has already named."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault)
        self.fault = fault


FOREIGN = (ExchangeError, OSError, EOFError, ValueError, aiohttp.ClientError, HttpProcessingError, DNSError)
"""What an exchange can raise. TimeoutError and ssl.SSLError are OSErrors; EOFError comes of a torn TLS stream."""


def fault_of(error: BaseException, stage: Stage, *, is_acknowledged: bool = True) -> Fault:
    """The fault that an exception raised at this stage stands for; is what was sent acknowledged by the other side?"""
    if isinstance(error, ExchangeError):
        return error.fault
    if isinstance(error, aiohttp.ClientOSError) and isinstance(error.__cause__, OSError):
        # aiohttp wraps whatever a connector raises, and drops what tells one TLS failure from another.
        error = error.__cause__
    if isinstance(error, OSError) and (local := _LOCAL.get(error.errno)) is not None:
        return Fault(Stage.LOCAL, local)
    if stage is Stage.DNS and _out_of_descriptors():
        # c-ares says no more than that it could not reach a name server.
        return Fault(Stage.LOCAL, Reason.FD_EXHAUSTED)
    if isinstance(error, ssl.SSLError) and _REFUSES_CERTIFICATE.search(str(error)):
        # From TLS 1.3 on the client learns of it only when it waits for the answer.
        return Fault(Stage.TLS, Reason.CLIENT_CERTIFICATE_REFUSED)
    if stage is Stage.HEADERS and isinstance(error, ssl.SSLError):
        # In TLS 1.3 a server judges the client once the client's own handshake is over (RFC 8446 section 4.4.2.4).
        stage = Stage.TLS
    reason = _reason(error, stage)
    if stage is Stage.HEADERS and reason is Reason.TIMEOUT and not is_acknowledged:
        stage = Stage.SEND
    return Fault(stage, reason)


def _out_of_descriptors() -> bool:
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        return error.errno in {errno.EMFILE, errno.ENFILE}
    return False


def _last_errno(error: BaseException) -> int | None:
    """The number of what the last address met: of several different ones only their text is left."""
    number = getattr(error, "errno", None)
    told = _ERRNO.findall(str(error))
    return number if number is not None or not told else int(told[-1])


def _reason(error: BaseException, stage: Stage) -> Reason:
    if isinstance(error, TimeoutError | asyncio.TimeoutError):
        return Reason.TIMEOUT
    reset = isinstance(error, ConnectionError) or (
        isinstance(error, OSError) and error.errno in {errno.ECONNRESET, errno.EPIPE}
    )
    match stage:
        case Stage.DNS:
            return _RESOLVING.get(error.args[0], Reason.FAILED) if isinstance(error, DNSError) else Reason.FAILED
        case Stage.CONNECT:
            return _CONNECTING.get(_last_errno(error), Reason.FAILED)
        case Stage.TLS:
            if isinstance(error, ssl.SSLCertVerificationError):
                return _VERIFYING.get(error.verify_code, Reason.UNTRUSTED)
            if any(words in str(error) for words in _NOT_TLS):
                return Reason.NOT_TLS
            return Reason.RESET if reset else Reason.HANDSHAKE
        case Stage.HEADERS:
            if isinstance(error, aiohttp.ServerDisconnectedError):
                return Reason.CLOSED
            # aiohttp reports a malformed answer as a ClientResponseError whose status 400 is its own.
            return Reason.RESET if reset else Reason.INVALID
        case _:
            if isinstance(error, HttpProcessingError) or isinstance(error.__cause__, TransferEncodingError):
                return Reason.INVALID_FRAMING
            return Reason.RESET if reset else Reason.TRUNCATED
