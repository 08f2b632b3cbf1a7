"""The machine that an exporter finds itself on: its ports, its environment, and whom it trusts."""

import re
import ssl
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme
from endpoints import endpoint, serve_flags, targets_on
from processes import run, running
from test_endings import EARLY
from tools import require_tool

UNPRIVILEGED = ("unshare", "--user", "--net")
"""Begins a command without privileges, on a network where nothing is up, not even loopback."""


@pytest.fixture
def unprivileged() -> tuple[str, ...]:
    require_tool("unshare", "util-linux")
    if subprocess.run([*UNPRIVILEGED, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no user namespace may be made here")
    return UNPRIVILEGED


def ends_before_any_probe(folder: Path, listen: str, under: tuple[str, ...] = ()) -> str:
    """What `serve` says that cannot listen; its target would have been due at once."""
    with endpoint() as provider:
        flags = serve_flags(folder, targets_on(provider.port, EARLY), interval="1m", timeout="5s")
        ended = run(*flags, f"--web.listen-address={listen}", under=under)

    assert (ended.returncode, provider.heard) == (1, [])
    assert "Traceback" not in ended.stderr
    return ended.stderr.splitlines()[-1]


@pytest.mark.fault(89)
def test_a_port_in_use_ends_it_before_any_probe(tmp_path: Path) -> None:
    """With 1 and a line that says so."""
    with endpoint() as other:
        said = ends_before_any_probe(tmp_path, f"127.0.0.1:{other.port}")

    assert said.startswith("aadsts-exporter: ")
    assert f"('127.0.0.1', {other.port}): address already in use" in said


@pytest.mark.fault(89)
@pytest.mark.parametrize(
    ("listen", "says"),
    [
        pytest.param("0.0.0.0:80", "('0.0.0.0', 80): permission denied", id="no permission"),
        pytest.param("[::1]:0", "('::1', 0, 0, 0): cannot assign requested address", id="no IPv6"),
    ],
)
def test_an_address_that_may_not_be_had_ends_it_before_any_probe(
    tmp_path: Path, unprivileged: tuple[str, ...], listen: str, says: str
) -> None:
    """With 1 and a line that says so."""
    assert says in ends_before_any_probe(tmp_path, listen, unprivileged)


@pytest.mark.fault(90)
def test_a_proxy_of_the_environment_is_left_alone(tmp_path: Path) -> None:
    """Secrets go to the provider and through nobody else's hands."""
    with endpoint() as provider, endpoint() as proxy:
        _, config, _ = serve_flags(tmp_path, targets_on(provider.port, "a"))
        url = f"http://user:word@127.0.0.1:{proxy.port}"
        names = ("http_proxy", "https_proxy", "all_proxy")
        environment = {name: url for each in names for name in (each, each.upper())}

        ended = run("once", config, environment=environment | {"no_proxy": "", "NO_PROXY": ""})

    assert (ended.returncode, len(provider.heard), proxy.heard) == (0, 1, [])


@pytest.mark.fault(92)
def test_the_systems_authorities_are_as_they_are_now(tmp_path: Path) -> None:
    """Renewed without a restart; while there are none, it is the prober's own fault, and nobody is asked."""
    authority, bundle = trustme.CA(), tmp_path / "bundle.pem"
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    authority.cert_pem.write_to_path(bundle)
    environment = {"SSL_CERT_FILE": str(bundle), "SSL_CERT_DIR": str(tmp_path)}
    with endpoint(tls=tls) as provider:
        targets = targets_on(provider.port, "a", authority_host=f"https://127.0.0.1:{provider.port}")
        flags = serve_flags(tmp_path, targets, interval="10m", timeout="5s")
        with running(*flags, "--probe.freshness=1ms", environment=environment) as exporter:

            def fault() -> tuple[str, ...]:
                found = re.search(r'reason="(\w+)",side="(\w+)"', text := exporter.get("/probe?target=a"))
                assert ("probe_success 1.0" in text) == (found is None)
                return found.groups() if found else ()

            faults = [fault()]
            bundle.rename(tmp_path / "aside.pem")
            faults.append(fault())
            bundle.write_text("no certificate")
            faults.append(fault())
            trustme.CA().cert_pem.write_to_path(bundle)
            faults.append(fault())
            (tmp_path / "aside.pem").rename(bundle)
            faults.append(fault())

    unusable = ("ca_unusable", "prober")
    assert faults == [(), unusable, unusable, ("untrusted", "network"), ()]
    assert len(provider.heard) == 2


ODD = {
    "PYTHONOPTIMIZE": "2",
    "PYTHONUTF8": "0",
    "PYTHONCOERCECLOCALE": "0",
    "LC_ALL": "C",
    "LANG": "C",
    "TZ": "Nowhere-13:37",
}
"""No assert, no docstring, ASCII, and a clock on the wall that is far from anybody's; `processes` adds the rest."""


@pytest.mark.fault(93)
def test_an_odd_environment_makes_no_difference(tmp_path: Path) -> None:
    """Nor do a closed stdin and a umask that lets everybody read: the history is private all the same."""
    history = tmp_path / "history.sqlite"
    careless = ("sh", "-c", 'umask 0; exec "$@" <&-', "sh")
    with endpoint() as provider:
        targets = targets_on(provider.port, EARLY, labels={"team": "Zürich"})
        flags = serve_flags(tmp_path, targets, interval="1m", timeout="5s")
        with running(*flags, f"--history.path={history}", environment=ODD, under=careless) as exporter:
            exporter.until(lambda: exporter.samples("token_probe_success{") == [1.0])
            probed = exporter.get(f"/probe?target={EARLY}&debug=true")
            info = [line for line in exporter.get("/metrics").splitlines() if "token_probe_target_info{" in line]
            config = exporter.get("/config")
            modes = {path.name: path.stat().st_mode & 0o077 for path in tmp_path.glob("history*")}
            assert exporter.stop() == 0
            log = exporter.said()

    assert "probe_success 1.0" in probed
    assert 'team="Zürich"' in info[0]
    assert "Zürich" in config
    assert modes
    assert set(modes.values()) == {0}
    stopped = re.search(r"ts=(\S+)Z level=info msg=stopping", log)
    assert stopped
    assert abs(datetime.now(UTC) - datetime.fromisoformat(stopped[1]).replace(tzinfo=UTC)).total_seconds() < 60
    assert not re.search(r"Traceback|Warning", log)
