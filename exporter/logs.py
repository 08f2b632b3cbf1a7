"""Log lines for machines and people, logfmt or JSON, on standard error."""

import logging
import os
import sys
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from logging.handlers import QueueHandler
from queue import Full, Queue
from threading import Thread
from typing import Any

import structlog
from aiohttp.http_exceptions import HttpProcessingError

LEVELS = ("debug", "info", "warning", "error")
FORMATS = ("logfmt", "json")

MOST_WAITING = 10_000
"""Log lines that may wait to be written; those that come on top are lost."""

FAREWELL = 1.0
"""Seconds in which lines that wait at the end must be written."""

_Waiting = Queue[logging.LogRecord | None]
"""Records to be written; None is the end."""

Lost = Callable[[], None]
"""Is told of each line that nobody will read, by whichever thread."""


def set_up(level: str, log_format: str) -> None:
    """Sends every log record of the process to standard error in one form."""
    handler = _Stderr(_Descriptor())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[
                structlog.stdlib.add_log_level,
                structlog.stdlib.ExtraAdder(),
                structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
            ],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                structlog.processors.EventRenamer("msg"),
                _plain,
                _renderer(log_format),
            ],
        )
    )
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # aiohttp logs a line a request and a traceback for every broken one; neither helps an operator.
    logging.getLogger("aiohttp").setLevel(max(logging.WARNING, logging.getLevelName(level.upper())))
    logging.getLogger("aiohttp.server").addFilter(_is_ours)


@contextmanager
def aside(lost: Lost) -> Iterator[None]:
    """Writes log lines in a thread while the block runs: whoever does not read them, or a full disk, stops no probe."""
    root = logging.getLogger()
    direct = list(root.handlers)
    for handler in direct:
        if isinstance(handler, _Stderr):
            handler.lost = lost
    waiting: _Waiting = Queue(MOST_WAITING)
    writer = Thread(target=_write, args=(waiting, direct), name="log", daemon=True)
    writer.start()
    root.handlers[:] = [_Aside(waiting, lost)]
    try:
        yield
    finally:
        with suppress(Full):
            waiting.put(None, timeout=FAREWELL)
            writer.join(FAREWELL)
        if not writer.is_alive():
            # Otherwise whoever has a last word to say would wait, too.
            root.handlers[:] = direct


def _write(waiting: _Waiting, handlers: Sequence[logging.Handler]) -> None:
    while (record := waiting.get()) is not None:
        for handler in handlers:
            if record.levelno >= handler.level:
                handler.handle(record)


class _Descriptor:
    """Standard error without a buffer: its lock would keep a process from ending while a thread waits in a write."""

    def __init__(self) -> None:
        self._number = sys.stderr.fileno()

    def write(self, text: str) -> None:
        """Writes all of it, however long that takes. Raises OSError."""
        left = text.encode(errors="backslashreplace")
        while left:
            left = left[os.write(self._number, left) :]


class _NoLock(nullcontext[None]):
    """Keeps nobody out. Python up to 3.12 asks for it by its methods, later ones by `with`."""

    def acquire(self) -> None:
        """Waits for nothing."""

    def release(self) -> None:
        """Nobody waits for it."""


class _Stderr(logging.StreamHandler[_Descriptor]):
    """Writes lines; one that cannot be written is lost."""

    lost: Lost = staticmethod(lambda: None)

    def createLock(self) -> None:  # noqa: N802 - logging's name
        """Leaves out logging's, for the same reason: a line is one write."""
        self.lock = _NoLock()  # type: ignore[assignment]

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Extends logging's, which complains of a broken standard error there."""
        if isinstance(sys.exc_info()[1], OSError):
            self.lost()
        else:
            super().handleError(record)


class _Aside(QueueHandler):
    """Lets lines wait for the thread that writes them; where too many do, a further one is lost."""

    def __init__(self, waiting: _Waiting, lost: Lost) -> None:
        super().__init__(waiting)
        self._lost = lost

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        """Replaces logging's, which makes a text of what only our own formatter makes a line of."""
        return record

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Extends logging's."""
        if isinstance(sys.exc_info()[1], Full):
            self._lost()
        else:
            super().handleError(record)


def _is_ours(record: logging.LogRecord) -> bool:
    return record.exc_info is None or not isinstance(record.exc_info[1], HttpProcessingError)


def _renderer(log_format: str) -> Any:
    if log_format == "json":
        return structlog.processors.JSONRenderer(ensure_ascii=True)
    return structlog.processors.LogfmtRenderer(key_order=["ts", "level", "msg"], drop_missing=True)


def _plain(_logger: object, _method: str, event: MutableMapping[str, Any]) -> dict[str, Any]:
    """Escapes what could draw a line of its own or steer a terminal."""
    return {key: _escape(value) if isinstance(value, str) else value for key, value in event.items()}


def _escape(text: str) -> str:
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode() for c in text)
