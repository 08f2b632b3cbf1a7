"""The web config in force: read again whenever a file of it has changed, and closed where one is of no use."""

import hashlib
import logging
import ssl
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from exporter.document import Problem
from exporter.files import read_file
from exporter.model import ClientAuth, Unreadable, WebConfig
from exporter.web.tls import server_context

log = logging.getLogger(__name__)

LoadWebConfig = Callable[[Path], WebConfig | list[Problem]]

OPEN = WebConfig()
"""No protection: there is no web config."""


class Protection:
    """What protects the web side now; without a file, nothing does, and that does not change."""

    def __init__(self, path: Path | None = None, load: LoadWebConfig = lambda _: OPEN) -> None:
        self._path = path
        self._load = load
        self._files: tuple[Path, ...] = (path,) if path else ()
        self._seen: list[bytes | Unreadable] = []
        self._config: WebConfig | None = None if path else OPEN
        self.context: ssl.SSLContext | None = None
        """The last good TLS context; None where TLS is not spoken."""
        self.problems: list[Problem] = []
        """What is wrong with the file as it is now. While anything is, every request is to be refused."""
        self._read_anew()

    def refresh(self) -> WebConfig | None:
        """The web config as it is now; None while it is of no use."""
        if self._read_anew():
            if self.problems:
                problems = [str(problem) for problem in self.problems]
                log.error("web config is of no use: requests are refused", extra={"problems": problems})
            else:
                log.info("web config is read again")
        return None if self.problems else self._config

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers that the last good web config adds to every answer."""
        return (self._config or OPEN).headers

    @property
    def allowed_names(self) -> frozenset[str]:
        """The names of which a client's certificate must have one; empty is no demand."""
        tls = (self._config or OPEN).tls
        return tls.client_allowed_sans if tls else frozenset()

    def _read_anew(self) -> bool:
        """Reads the files until none has changed meanwhile; whether any had changed."""
        changed = False
        while (seen := self._look()) != self._seen:
            self._seen, changed = seen, True
            self.problems = list(self._take())
        return changed

    def _look(self) -> list[bytes | Unreadable]:
        """What the files hold, by digest."""
        contents = (read_file(path) for path in self._files)
        return [c if isinstance(c, Unreadable) else hashlib.sha256(c).digest() for c in contents]

    def _take(self) -> Iterable[Problem]:
        """Puts the file in force as it is, or says why it cannot be."""
        config = self._load(self._path) if self._path else OPEN
        if isinstance(config, list):
            return config
        self._files = (*self._files[:1], *(config.tls.files if config.tls else ()))
        context = server_context(config.tls) if config.tls else None
        if isinstance(context, Unreadable):
            return [Problem(0, "tls_server_config", context.problem)]
        if self._config is not None and (gone := _protections(self._config) ^ _protections(config)):
            return [Problem(0, path, "came or went; that takes a restart") for path in sorted(gone)]
        self._config, self.context = config, context
        return []


def _protections(config: WebConfig) -> frozenset[str]:
    """Who is kept out, as the keys that say so. They are the same until a restart: a file cut short opens nothing."""
    stated = {
        "basic_auth_users": config.users,
        "tls_server_config": config.tls,
        "tls_server_config.client_auth_type": config.tls and config.tls.client_auth is not ClientAuth.NONE,
        "tls_server_config.client_allowed_sans": config.tls and config.tls.client_allowed_sans,
    }
    return frozenset(key for key, value in stated.items() if value)
