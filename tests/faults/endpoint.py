"""A token endpoint that each test tells how to judge a request, and configs with targets on it."""

import json
import re
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from email.utils import formatdate
from http import HTTPStatus
from pathlib import Path
from urllib.parse import parse_qs

import endpoints
from processes import Running, running
from servers import GOOD, in_a_thread

Form = Mapping[str, str]

Judge = Callable[[Form], tuple[int, object]]
"""From a request's parameters to the status and what the answer's JSON says."""

TOKEN: object = json.loads(GOOD)
REFUSED: object = {"error": "invalid_client"}

SECRET = "canary-8Rk2"
"""Must never be seen."""


def content(_form: Form) -> tuple[int, object]:
    """Issues a token, whoever asks."""
    return 200, TOKEN


class Endpoint(endpoints.Endpoint):
    """Answers as the judge says; while it is not `open`, it does not."""

    def __init__(self, judge: Judge) -> None:
        super().__init__(self._judged)
        self.judge = judge
        self.open = threading.Event()
        self.open.set()
        self.asked: defaultdict[str, int] = defaultdict(int)
        self._more = threading.Condition()

    def _judged(self, _number: int, request: bytes) -> bytes:
        head, _, body = request.decode().partition("\r\n\r\n")
        self.note(head.split()[1].removeprefix("/"))
        self.open.wait(10)
        status, said = self.judge({name: values[0] for name, values in parse_qs(body).items()})
        status_line, date = f"{status} {HTTPStatus(status).phrase}", f"Date: {formatdate(usegmt=True)}\r\n"
        return endpoints.answer_of(json.dumps(said).encode(), status_line, date)

    def note(self, path: str) -> None:
        with self._more:
            self.asked[path] += 1
            self._more.notify_all()

    def is_asked(self, path: str, within: float = 10.0) -> None:
        """Waits until it is asked once more for a target."""
        with self._more:
            before = self.asked[path]
            assert self._more.wait_for(lambda: self.asked[path] > before, within)

    def target(self, name: str, credential: str = f"client_secret: {SECRET}") -> str:
        """A target of a config, which asks below its own name."""
        return target_on(self.port, name, credential)


def target_on(port: int, name: str, credential: str = f"client_secret: {SECRET}") -> str:
    """A target of a config on this port of the loopback interface."""
    return f"""
  - name: {name}
    provider: oidc
    token_endpoint: http://127.0.0.1:{port}/{name}
    allow_http: true
    grant: client_credentials
    client_id: prober
    credential: {{method: client_secret_post, {credential}}}
"""


@contextmanager
def endpoint(judge: Judge = content) -> Iterator[Endpoint]:
    """Serves such an endpoint while the block runs."""
    with Endpoint(judge) as server, in_a_thread(server):
        try:
            yield server
        finally:
            server.open.set()


def write_config(folder: Path, *targets: str, interval: str = "200ms", timeout: str = "150ms") -> Path:
    """A config with these targets."""
    file = folder / "config.yaml"
    file.write_text(
        f"defaults: {{interval: {interval}, timeout: {timeout}, confirmations: 0}}\ntargets:{''.join(targets)}"
    )
    return file


@contextmanager
def serving(config: Path, *flags: str, environment: Mapping[str, str] | None = None) -> Iterator[Running]:
    """An exporter that has made an attempt of each target."""
    with running("serve", *arguments(config), *flags, environment=dict(environment or {})) as exporter:
        exporter.until(lambda: min(exporter.samples("token_probe_attempts_total")) >= 1)
        yield exporter


def arguments(config: Path, port: int = 0) -> tuple[str, ...]:
    return f"--config.file={config}", f"--web.listen-address=127.0.0.1:{port}"


def value(seen: Running | str, name: str, **labels: str) -> float:
    """The sum of the series that have these labels, in what /metrics says now or said once."""
    wanted = "".join(rf'(?=.*\b{label}="{text}")' for label, text in labels.items())
    lines = (seen if isinstance(seen, str) else seen.get("/metrics")).splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if re.match(rf"{name}\b{wanted}", line))


def attempts(exporter: Running, target: str) -> float:
    return value(exporter, "token_probe_attempts_total", target=target)


def goes_on(exporter: Running, *targets: str, times: int = 2) -> None:
    """Waits until each of these targets has been attempted some more times, and has succeeded."""
    before = {target: attempts(exporter, target) for target in targets}

    def has_gone_on() -> bool:
        seen = exporter.get("/metrics")
        return all(
            value(seen, "token_probe_attempts_total", target=target) >= count + times
            and value(seen, "token_probe_success", target=target) == 1
            for target, count in before.items()
        )

    exporter.until(has_gone_on)


def logged(exporter: Running) -> str:
    """What an exporter logged; it has ended."""
    assert exporter.process.stdout is not None
    return exporter.process.stdout.read()
