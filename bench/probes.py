"""CPU that a probe costs: ours beside blackbox_exporter's, doing the same POST to the same server.

Both are measured at the same pace: 200 probes a second, as probes come, and then four at a time as fast as they go.
They take turns, so that what else the machine does hits both. Prints a JSON line for each way of probing and pace:
microseconds of CPU, user and system, a probe, medians; and the median of the ratios of the turns.
"""

import argparse
import http.client
import json
import re
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from bench.processes import ANSWERS, Process, Server, blackbox, exporter, nginx, program, say, total

TARGETS = 200
CLIENTS = 4
AT_ONCE = 4

PACES: Mapping[str, Mapping[str, object]] = {
    "200 a second": {"defaults": {"interval": "1s", "timeout": "900ms"}},
    "four at a time": {"defaults": {"interval": "100ms", "timeout": "99ms"}, "concurrency": AT_ONCE},
}
"""What the exporter is told, so that it probes at a pace; more than it can do is skipped."""
SECRET = "k3A8Q~tWm5Zr.7uXcVbNq1eYhJ2oLpSdFg9RtUvB"  # noqa: S105 - nobody's; as long, and as odd, as Entra makes them
FORM = f"grant_type=client_credentials&client_id=bench&client_secret={SECRET}&scope=api%3A%2F%2Fx%2F.default"


@dataclass(frozen=True, slots=True)
class Way:
    """One way of probing."""

    scheme: str
    path: str
    host: str = "127.0.0.1"

    @property
    def name(self) -> str:
        said = "token" if ANSWERS[self.path][0] == http.HTTPStatus.OK else "refused"
        return f"{'fresh TLS' if self.scheme == 'https' else 'plain'}, {said}" + (
            "" if self.host == "127.0.0.1" else ", name looked up"
        )


WAYS = (
    Way("http", "/token"),
    Way("http", "/refused"),
    Way("https", "/token"),
    Way("https", "/refused"),
    Way("http", "/token", "localhost"),
    Way("https", "/token", "localhost"),
)


def main() -> None:
    """Measures every way."""
    options = _parser().parse_args()
    for way in WAYS:
        for pace in PACES:
            print(json.dumps(measured(way, pace, options.rounds, options.seconds)), flush=True)  # noqa: T201


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.probes", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="measurements of each (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement (default: %(default)s)")
    return parser


def measured(way: Way, pace: str, rounds: int, seconds: float) -> dict[str, object]:
    """The figures of one way at one pace."""
    with tempfile.TemporaryDirectory() as temporary, ExitStack() as stack:
        folder = Path(temporary)
        server = stack.enter_context(nginx(folder))
        theirs = stack.enter_context(blackbox(folder, _module(server)))
        turns = []
        for turn in range(1, rounds + 1):
            say(f"probes: {way.name}, {pace}: turn {turn} of {rounds}")
            other = _cost_of_theirs(theirs, server.url(way.scheme, way.path, way.host), pace, seconds)
            with exporter(folder, {**PACES[pace], "targets": list(_targets(way, server))}) as ours:
                turns.append((_cost_of_ours(ours, way, seconds), other))
        floor = _handshake_floor(server) if way.scheme == "https" else None
    return {
        "bench": "cpu per probe",
        "way": way.name,
        "pace": pace,
        "ours_us": round(statistics.median(mine for mine, _ in turns)),
        "blackbox_us": round(statistics.median(other for _, other in turns)),
        "ratio": round(statistics.median(mine / other for mine, other in turns), 3),
        "openssl_handshake_us": floor,
    }


def _targets(way: Way, server: Server) -> Iterator[Mapping[str, object]]:
    for number in range(TARGETS):
        yield {
            "name": f"target-{number}",
            "provider": "oidc",
            "token_endpoint": server.url(way.scheme, way.path, way.host),
            "allow_http": True,
            "grant": "client_credentials",
            "client_id": "bench",
            "scope": "api://x/.default",
            "credential": {"client_secret": SECRET, "method": "client_secret_post"},
            "confirmations": 0,
        } | ({"ca_file": str(server.ca_file)} if way.scheme == "https" else {})


def _module(server: Server) -> Mapping[str, object]:
    return {
        "token": {
            "prober": "http",
            "timeout": "5s",
            "http": {
                "method": "POST",
                "headers": {"Content-Type": "application/x-www-form-urlencoded"},
                "body": FORM,
                "valid_status_codes": [200],
                "preferred_ip_protocol": "ip4",
                "follow_redirects": False,
                "tls_config": {"ca_file": str(server.ca_file)},
            },
        }
    }


def _cost_of_ours(ours: Process, way: Way, seconds: float) -> float:
    """Microseconds a probe, once it runs evenly."""
    time.sleep(1.0)
    attempts, cpu = total(ours.get("/metrics"), "token_probe_attempts_total"), ours.cpu_seconds()
    time.sleep(seconds)
    used = ours.cpu_seconds() - cpu
    metrics = ours.get("/metrics")
    made = total(metrics, "token_probe_attempts_total") - attempts
    failed = total(metrics, "token_probe_transport_failures_total")
    if failed > made / 100:
        raise SystemExit(f"{way.name}: {failed:.0f} of our {made:.0f} probes got no answer; the machine is too busy")
    return 1e6 * used / made


def _cost_of_theirs(theirs: Process, url: str, pace: str, seconds: float) -> float:
    """Microseconds a probe, the scrape that asks for it included."""
    every = 0.0 if "concurrency" in PACES[pace] else CLIENTS / TARGETS
    began = time.monotonic()
    path = f"/probe?module=token&target={quote(url, safe='')}"
    until = began + seconds

    def ask(client: int) -> int:
        count = 0
        connection = http.client.HTTPConnection("127.0.0.1", theirs.port, timeout=10)
        while time.monotonic() < until:
            time.sleep(max(0.0, began + (count + client / CLIENTS) * every - time.monotonic()))
            connection.request("GET", path)
            connection.getresponse().read()
            count += 1
        connection.close()
        return count

    cpu = theirs.cpu_seconds()
    with ThreadPoolExecutor(CLIENTS) as pool:
        made = sum(pool.map(ask, range(CLIENTS)))
    return 1e6 * (theirs.cpu_seconds() - cpu) / made


def _handshake_floor(server: Server) -> int:
    """Microseconds of CPU that a client's handshake takes at the least, as OpenSSL's own program makes it."""
    command = [program("openssl", "openssl"), "s_time", "-connect", f"127.0.0.1:{server.tls}", "-new", "-time", "2"]
    done = subprocess.run(  # noqa: S603 - the program is found on the path, the arguments are ours
        [*command, "-CAfile", str(server.ca_file)], capture_output=True, text=True, check=False
    )
    found = re.search(r"(\d+) connections in ([0-9.]+)s", done.stdout)
    return round(1e6 * float(found[2]) / int(found[1])) if found else -1


if __name__ == "__main__":
    main()
