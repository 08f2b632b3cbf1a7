"""A real Alertmanager with the bundled config, and the webhook that it notifies."""

import json
import re
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from processes import PATIENCE, ROOT, Running, fetch, read_until
from servers import in_a_thread
from tools import require_tool

CONFIG = ROOT / "dashboards" / "alertmanager" / "alertmanager.yaml"
_PLACEHOLDER = re.compile(r"(?<=url: )http://localhost:5001(?=/)")

Labels = dict[str, str]


@dataclass(frozen=True, slots=True)
class Notification:
    """What Alertmanager posted, and when it arrived, in Unix time."""

    body: dict[str, Any]
    at: float

    @property
    def receiver(self) -> str:
        return str(self.body["receiver"])

    def labels(self, status: str = "firing") -> list[Labels]:
        """Of the alerts with this status, which is firing or resolved."""
        return [alert["labels"] for alert in self.body["alerts"] if alert["status"] == status]

    def tells(self, status: str = "firing", **labels: str) -> bool:
        """Whether an alert with these labels has this status."""
        return any(labels.items() <= known.items() for known in self.labels(status))


class Webhook(ThreadingHTTPServer):
    """Keeps what is posted to it, in threads of its own."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _WebhookHandler)
        self._arrived = threading.Condition()
        self._notifications: list[Notification] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def received(self) -> list[Notification]:
        """All that has arrived so far."""
        with self._arrived:
            return list(self._notifications)

    def wait_for(self, wanted: Callable[[Notification], bool], within: float = PATIENCE) -> Notification:
        """The first notification that is wanted, be it there already or still to come."""
        deadline = time.monotonic() + within
        looked_at = 0
        with self._arrived:
            while True:
                for notification in self._notifications[looked_at:]:
                    if wanted(notification):
                        return notification
                looked_at = len(self._notifications)
                left = deadline - time.monotonic()
                assert left > 0, f"not notified; what came: {[each.body for each in self._notifications]}"
                self._arrived.wait(left)

    def keep(self, notification: Notification) -> None:
        with self._arrived:
            self._notifications.append(notification)
            self._arrived.notify_all()


class _WebhookHandler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        at = time.time()
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if isinstance(self.server, Webhook):
            self.server.keep(Notification(body, at))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return


@contextmanager
def webhook() -> Iterator[Webhook]:
    """Listens for notifications while the block runs."""
    with Webhook() as server, in_a_thread(server):
        yield server


@contextmanager
def alertmanager(folder: Path, webhook_url: str, config: Path = CONFIG) -> Iterator[Running]:
    """An Alertmanager while the block runs, with the config's placeholder URLs leading to the webhook instead."""
    program = require_tool("prometheus-alertmanager", "prometheus-alertmanager")
    text, replaced = _PLACEHOLDER.subn(webhook_url, config.read_text())
    assert replaced
    path = folder / "alertmanager.yaml"
    path.write_text(text)
    process = subprocess.Popen(
        [
            program,
            f"--config.file={path}",
            f"--storage.path={folder / 'alertmanager'}",
            "--web.listen-address=127.0.0.1:0",
            "--cluster.listen-address=",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield Running(process, int(read_until(process, r'msg="Listening on" address=127\.0\.0\.1:(\d+)')))
    finally:
        process.terminate()
        process.communicate()


def post_alerts(server: Running, alerts: Iterable[Mapping[str, str]], *, resolved: bool = False) -> None:
    """Tells Alertmanager, as Prometheus would, that alerts with these labels fire, or that they do no longer."""
    ends = {"endsAt": datetime.now(UTC).isoformat()} if resolved else {}
    request = urllib.request.Request(
        f"http://127.0.0.1:{server.port}/api/v2/alerts",
        data=json.dumps([{"labels": dict(labels)} | ends for labels in alerts]).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10):
        return


@dataclass(frozen=True, slots=True)
class Seen:
    """An alert as Alertmanager sees it: active or suppressed, and which alerts inhibit it."""

    labels: Labels
    state: str
    inhibited_by: frozenset[str]


def seen_alerts(server: Running, **labels: str) -> list[Seen]:
    """The alerts with these labels that fire, and by the names of which others they are inhibited."""
    listed = json.loads(fetch(f"http://127.0.0.1:{server.port}/api/v2/alerts"))
    names = {alert["fingerprint"]: alert["labels"]["alertname"] for alert in listed}
    return [
        Seen(
            alert["labels"],
            alert["status"]["state"],
            frozenset(names[source] for source in alert["status"]["inhibitedBy"] if source in names),
        )
        for alert in listed
        if labels.items() <= alert["labels"].items()
    ]
