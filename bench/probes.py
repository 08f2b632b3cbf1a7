"""CPU that a probe costs: ours beside blackbox_exporter's, doing the same POST to the same server.

Each is measured several times in turns, so that what else the machine does hits both. Prints a JSON line for each way
of probing: microseconds of CPU, user and system, a probe; medians; and the ratio.
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

from bench.processes import ANSWERS, Process, Server, blackbox, exporter, nginx, program, total

TARGETS = 20
INTERVAL = "100ms"
CLIENTS = 4
FORM = "grant_type=client_credentials&client_id=bench&client_secret=bench-secret&scope=api%3A%2F%2Fx%2F.default"


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
        print(json.dumps(measured(way, options.rounds, options.seconds)), flush=True)  # noqa: T201 - the result


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.probes", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="measurements of each (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement (default: %(default)s)")
    return parser


def measured(way: Way, rounds: int, seconds: float) -> dict[str, object]:
    """The figures of one way."""
    with tempfile.TemporaryDirectory() as temporary, ExitStack() as stack:
        folder = Path(temporary)
        server = stack.enter_context(nginx(folder))
        theirs = stack.enter_context(blackbox(folder, _module(server)))
        costs: dict[str, list[float]] = {"ours": [], "blackbox": []}
        for _ in range(rounds):
            costs["blackbox"].append(_cost_of_theirs(theirs, server.url(way.scheme, way.path, way.host), seconds))
            with exporter(folder, _config(way, server)) as ours:
                costs["ours"].append(_cost_of_ours(ours, way, seconds))
        floor = _handshake_floor(server) if way.scheme == "https" else None
    mine, other = (statistics.median(costs[name]) for name in ("ours", "blackbox"))
    figures = {"ours_us": round(mine), "blackbox_us": round(other), "ratio": round(mine / other, 3)}
    return {"bench": "cpu per probe", "way": way.name, **figures, "openssl_handshake_us": floor}


def _config(way: Way, server: Server) -> Mapping[str, object]:
    return {"defaults": {"interval": INTERVAL, "timeout": "90ms"}, "targets": list(_targets(way, server))}


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
            "credential": {"client_secret": "bench-secret", "method": "client_secret_post"},
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
    failed = total(metrics, "token_probe_transport_failures_total")
    if failed:
        raise SystemExit(f"{way.name}: {failed:.0f} of our probes got no answer")
    return 1e6 * used / (total(metrics, "token_probe_attempts_total") - attempts)


def _cost_of_theirs(theirs: Process, url: str, seconds: float) -> float:
    """Microseconds a probe, the scrape that asks for it included."""
    path = f"/probe?module=token&target={quote(url, safe='')}"
    until = time.monotonic() + seconds

    def ask(_client: int) -> int:
        count = 0
        connection = http.client.HTTPConnection("127.0.0.1", theirs.port, timeout=10)
        while time.monotonic() < until:
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
