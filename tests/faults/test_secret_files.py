"""Files of secrets and certificates that go, come, change or are none, under one exporter that goes on."""

import os
import select
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from endpoint import SECRET, TOKEN, Endpoint, Form, endpoint, goes_on, serving, value, write_config
from pairs import EXPIRES, PASSWORD, make_pair
from processes import Running, run

LATER = datetime(2033, 5, 4, tzinfo=UTC)
OLD, NEW = make_pair(), make_pair(expires=LATER)

LOST = ["deleted", "empty", "large", "fifo", "folder"]
ROTATED = ["over", "within", "swapped"]

PAIR = "certificate_file: {0}.crt, private_key_file: {0}.key"


@dataclass
class Bench:
    """An exporter, the folder of its files, and the secrets that it has shown."""

    folder: Path
    shown: set[str] = field(default_factory=set)
    logged: str = ""
    exporter: Running = field(init=False)
    there: Endpoint = field(init=False)

    def judge(self, form: Form) -> tuple[int, object]:
        self.shown.add(form.get("client_secret", ""))
        return 200, TOKEN

    def readable(self, target: str) -> float:
        return value(self.exporter, "token_probe_credential_readable", target=target)

    def becomes(self, target: str, readable: bool) -> None:
        """Waits until the exporter says so of a target's credential."""
        self.exporter.until(lambda: self.readable(target) == readable)

    def read_log(self) -> None:
        """Takes what the exporter has logged since."""
        pipe = self.exporter.process.stdout
        assert pipe is not None
        while select.select((pipe,), (), (), 0)[0] and (chunk := os.read(pipe.fileno(), 1 << 16)):
            self.logged += chunk.decode()

    def tells(self, *said: str) -> bool:
        """Whether all of this stands on one line of the log so far, and on no other."""
        self.read_log()
        return sum(all(part in line for part in said) for line in self.logged.splitlines()) == 1

    def is_told(self, target: str, problem: str) -> None:
        """Waits for the one line that says why a target's credential cannot be read."""
        said = ('msg="credential cannot be read"', f"target={target} ", problem)
        self.exporter.until(lambda: self.tells(*said))

    def expiry(self, target: str) -> float:
        return value(self.exporter, "token_probe_credential_expiry_timestamp_seconds", target=target)

    def unreadable(self, target: str) -> float:
        labels = {"target": target, "stage": "local", "reason": "secret_unreadable"}
        return value(self.exporter, "token_probe_transport_failures_total", **labels)


def signing(there: Endpoint, name: str, more: str = "") -> str:
    return there.target(name, PAIR.format(name) + more).replace("client_secret_post", "private_key_jwt")


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """Every file is good at first but those of `missing`, `pipe` and `locked`."""
    bench = Bench(tmp_path_factory.mktemp("secrets"))
    for name in (*LOST, *ROTATED):
        (bench.folder / name).write_text(f"{SECRET}-{name}")
    os.mkfifo(bench.folder / "pipe")
    for name in ("pair", "renewed"):
        OLD.write(bench.folder, f"{name}.crt", f"{name}.key")
    OLD.write(bench.folder, "locked.crt")
    (bench.folder / "locked.key").write_bytes(OLD.locked_key())
    (bench.folder / "password").write_text(f"{SECRET}-wrong")
    with endpoint(bench.judge) as bench.there:
        files = [
            bench.there.target(name, f"client_secret_file: {name}") for name in (*LOST, *ROTATED, "missing", "pipe")
        ]
        locked = signing(bench.there, "locked", ", certificate_password_file: password")
        pairs = [signing(bench.there, "pair"), signing(bench.there, "renewed"), locked]
        config = write_config(bench.folder, *files, *pairs, interval="400ms", timeout="350ms")
        with serving(config) as bench.exporter:
            yield bench
            assert bench.exporter.stop() == 0
            bench.read_log()
    for never in (SECRET, PASSWORD, "PRIVATE KEY", "Traceback"):
        assert never not in bench.logged


def remove(file: Path) -> None:
    file.unlink()


def turn_into_pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def turn_into_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


LOSSES: dict[str, Callable[[Path], object]] = {
    "deleted": remove,
    "empty": lambda file: file.write_bytes(b""),
    "large": lambda file: file.write_bytes(b"x" * (10 << 20)),
    "fifo": turn_into_pipe,
    "folder": turn_into_folder,
}

PROBLEMS = {
    "deleted": "No such file or directory",
    "empty": "is empty",
    "large": "is larger than 64 KiB",
    "fifo": "is no regular file",
    "folder": "Is a directory",
}


@pytest.mark.fault(66, 68)
def test_the_last_good_value_goes_on_where_a_file_is_lost(bench: Bench) -> None:
    """A gauge and one line say so; no attempt fails for it, and none waits."""
    goes_on(bench.exporter, *LOST, times=1)
    for name in LOST:
        LOSSES[name](bench.folder / name)
    for name in LOST:
        bench.becomes(name, readable=False)
    goes_on(bench.exporter, *LOST)
    for name, problem in PROBLEMS.items():
        bench.is_told(name, problem)

    assert [bench.unreadable(name) for name in LOST] == [0] * len(LOST)
    assert {f"{SECRET}-{name}" for name in LOST} <= bench.shown


@pytest.mark.fault(66, 68)
def test_a_file_that_was_never_there_fails_its_own_target_until_it_is(bench: Bench) -> None:
    """Nor does a pipe that nobody writes to hold anybody up."""
    bench.exporter.until(lambda: min(bench.unreadable("missing"), bench.unreadable("pipe")) >= 1)
    assert value(bench.exporter, "token_probe_failures_total", target="missing", side="prober") >= 1
    assert bench.there.asked["missing"] == bench.there.asked["pipe"] == 0
    goes_on(bench.exporter, "pair", times=1)

    (bench.folder / "missing").write_text(f"{SECRET}-missing")
    goes_on(bench.exporter, "missing", times=1)
    assert bench.readable("missing") == 1


def rename_over(file: Path) -> None:
    file.with_name("draft").write_text(f"{SECRET}-new-over")
    file.with_name("draft").replace(file)


def write_within(file: Path) -> None:
    file.write_text(f"{SECRET}-new-within")


def swap_link(file: Path) -> None:
    """As Kubernetes does: the folder that a link leads to is another one at once."""
    version = file.with_name("..1")
    version.mkdir()
    (version / file.name).write_text(f"{SECRET}-new-swapped")
    file.with_name("..data").symlink_to(version.name)
    file.with_name("link").symlink_to(f"..data/{file.name}")
    file.with_name("link").replace(file)


@pytest.mark.fault(67)
def test_the_next_attempt_uses_what_a_file_holds_by_then(bench: Bench) -> None:
    """However it was put there."""
    for name, rotate in zip(ROTATED, (rename_over, write_within, swap_link), strict=True):
        rotate(bench.folder / name)
    bench.exporter.until(lambda: {f"{SECRET}-new-{name}" for name in ROTATED} <= bench.shown)
    goes_on(bench.exporter, *ROTATED, times=1)

    assert [bench.readable(name) for name in ROTATED] == [1, 1, 1]


@pytest.mark.fault(67, 69)
def test_a_certificate_is_renewed_with_its_key_or_not_at_all(bench: Bench) -> None:
    """In between the old pair signs on, and the gauges say of what there is; then of the new one."""
    goes_on(bench.exporter, "renewed", times=1)
    assert bench.expiry("renewed") == EXPIRES.timestamp()
    (bench.folder / "renewed.crt").write_bytes(NEW.chain)
    bench.becomes("renewed", readable=False)
    bench.is_told("renewed", "the private key belongs to another certificate")
    goes_on(bench.exporter, "renewed", times=1)
    assert bench.expiry("renewed") == EXPIRES.timestamp()

    (bench.folder / "renewed.key").write_bytes(NEW.key)
    bench.becomes("renewed", readable=True)
    goes_on(bench.exporter, "renewed", times=1)
    assert bench.expiry("renewed") == LATER.timestamp()


@pytest.mark.fault(69)
def test_a_key_that_its_password_does_not_open_is_the_probers_own_fault(bench: Bench) -> None:
    """Until somebody mends it, without a restart."""
    bench.exporter.until(lambda: bench.unreadable("locked") >= 1)
    bench.is_told("locked", "is no PEM of a certificate and its private key, or the password is wrong")
    (bench.folder / "password").write_text(PASSWORD)
    goes_on(bench.exporter, "locked", times=1)

    assert bench.readable("locked") == 1


@pytest.mark.fault(68)
def test_check_warns_of_a_secret_that_everybody_may_read(tmp_path: Path) -> None:
    """It is only unwise, so all is well."""
    (tmp_path / "open").write_text(SECRET)
    (tmp_path / "open").chmod(0o644)
    with endpoint() as there:
        config = write_config(tmp_path, there.target("open", "client_secret_file: open"))
        ended = run("check", f"--config.file={config}")

    assert ended.returncode == 0
    assert "open may be read by everybody on this machine; chmod o-r" in ended.stdout
