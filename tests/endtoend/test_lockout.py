"""A wrong password arrives three times at the most: whoever asks, however it ends, whatever the config turns into."""

import json
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path

from mortal import die_at_each_step
from processes import COMMAND, PATIENCE, ROOT, Running, run, running
from refusing import PASSWORD, refusing_endpoint, write_config

STATE = "state_file: state"


def start_once(told: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([*COMMAND, "once", told], stdout=subprocess.DEVNULL, cwd=ROOT)


def last_words(told: str) -> tuple[int, str, str]:
    """How one more attempt ends: exit code, reason and side."""
    ended = run("once", told, "--format=json")
    assert PASSWORD not in ended.stdout + ended.stderr
    (result,) = json.loads(ended.stdout)
    return ended.returncode, result["reason"], result["side"]


STOPPED = (1, "lockout_risk", "tenant")


def serving(told: str) -> AbstractContextManager[Running]:
    """An exporter that answers nobody with what it told somebody else."""
    return running("serve", told, "--web.listen-address=127.0.0.1:0", "--probe.freshness=1ms")


def asked(exporter: Running, target: str = "user") -> str:
    return exporter.get(f"/probe?target={target}&debug=true")


def asked_at_once(told: str) -> str:
    """What an exporter says to several who ask /probe at the same time, and to several one after the other."""
    with serving(told) as exporter, ThreadPoolExecutor() as pool:
        said = list(pool.map(lambda _: asked(exporter), range(4)))
        return "".join((*said, *(asked(exporter) for _ in range(4))))


def test_it_does_not_matter_who_asks(tmp_path: Path) -> None:
    """An exporter, one after it, and several runs of `once` at the same time, and everybody asks /probe."""
    with refusing_endpoint() as endpoint:
        told = f"--config.file={write_config(tmp_path, endpoint.server_port, STATE)}"
        runs = [start_once(told) for _ in range(2)]
        said = "".join(asked_at_once(told) for _ in range(2))
        for each in runs:
            each.wait()
        last = last_words(told)

    assert (endpoint.came, last) == ({PASSWORD: 3}, STOPPED)
    assert PASSWORD not in said


def test_two_exporters_take_turns(tmp_path: Path) -> None:
    """Side by side, as a replacement that starts before the old one ends; both are asked at the same moment."""
    with refusing_endpoint() as endpoint:
        told = f"--config.file={write_config(tmp_path, endpoint.server_port, STATE)}"
        with serving(told) as old, serving(told) as new, ThreadPoolExecutor() as pool:
            said = list(pool.map(asked, [old, new] * 3))
            said += [asked(exporter) for exporter in [old, new] * 2]

    assert endpoint.came == {PASSWORD: 3}
    assert "lockout_risk" in said[-1]
    assert "lockout_risk" in said[-2]


def test_an_answer_that_is_not_waited_for_counts(tmp_path: Path) -> None:
    """Each process is killed as soon as its request has arrived."""
    with refusing_endpoint(silent=True) as endpoint:
        told = f"--config.file={write_config(tmp_path, endpoint.server_port, STATE)}"
        for _ in range(3):
            killed = start_once(told)
            endpoint.arrivals.get(timeout=PATIENCE)
            killed.kill()
            killed.wait()
        last = last_words(told)

    assert (endpoint.came, last) == ({PASSWORD: 3}, STOPPED)


def test_a_kill_at_any_step_loses_no_count(tmp_path: Path) -> None:
    """At each step, with a password of its own, two processes die, and two more try."""
    with refusing_endpoint() as endpoint:
        config = write_config(tmp_path, endpoint.server_port, STATE, password="password_env: STEP")
        *killed, lived = die_at_each_step(config, 2)
        came = dict(endpoint.came)

    assert len(killed) > 8
    assert (set(killed), lived) == ({"killed 1"}, "lived 1")
    assert came.keys() == {f"step-{step}" for step in range(1, len(killed) + 2)}
    assert max(came.values()) == came[f"step-{len(killed) + 1}"] == 3


def test_a_next_credential_of_the_client_brings_no_further_attempts(tmp_path: Path) -> None:
    """Each probe makes one attempt with either, and presents the same password."""
    credentials = "credential: {current: {client_secret: a}, next: {client_secret: b}}"
    with refusing_endpoint() as endpoint:
        told = f"--config.file={write_config(tmp_path, endpoint.server_port, STATE, credentials)}"
        for _ in range(2):
            run("once", told)

    assert endpoint.came == {PASSWORD: 3}


def test_a_reload_forgets_nothing(tmp_path: Path) -> None:
    """Without a state file the process remembers, also for a target that is called otherwise now."""
    with refusing_endpoint() as endpoint:
        config = write_config(tmp_path, endpoint.server_port)
        with serving(f"--config.file={config}") as exporter:
            for _ in range(2):
                asked(exporter)
            config.write_text(config.read_text().replace("name: user", "name: somebody"))
            exporter.process.send_signal(signal.SIGHUP)
            exporter.until(lambda: "somebody" in exporter.get("/config"))
            said = [asked(exporter, "somebody") for _ in range(3)]

    assert endpoint.came == {PASSWORD: 3}
    assert "lockout_risk" in said[-1]
