"""What targets remember: written so that a crash loses nothing, found again, and had by one attempt at a time."""

import asyncio
import json
import stat
import subprocess
from pathlib import Path

import pytest
from fakes import make_target
from mortal import die_at_each_step
from processes import COMMAND, ROOT
from rotating import SEED, RotatingEndpoint, rotating_endpoint

from exporter.clock import SystemClock
from exporter.model import Secret, State, Target, Unreadable
from exporter.state import BUSY, ROOM, Keeper, StateFile, state_problem

OLD = State(fingerprint="a:b", refresh_token=Secret("old-zQ6"))
NEW = State(fingerprint="a:b", refresh_token=Secret('new-zQ6"\\ü'), refusals=2, proven=True)


def target(path: Path, **changes: object) -> Target:
    return make_target("session", **({"grant": "refresh_token", "state_file": path} | changes))


def kept(path: Path) -> State | Unreadable:
    """What another process finds."""
    file = StateFile(path)
    problem = file.open()
    file.close()
    return problem or file.state


async def keep(path: Path, *states: State) -> None:
    """Keeps one state after another."""
    async with Keeper(SystemClock()).hold(target(path)) as held:
        assert not isinstance(held, Unreadable)
        for state in states:
            assert await held.prepare(state) is None
            assert await held.keep(state) is None


def modes(folder: Path) -> dict[str, int]:
    return {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}


async def test_what_is_kept_is_found_again(tmp_path: Path) -> None:
    """Nobody else may read it, and nothing but file and lock is left."""
    path = tmp_path / "state"
    assert kept(path) == State()

    await keep(path, OLD, NEW)

    assert kept(path) == NEW
    assert modes(tmp_path) == {"state": 0o600, "state.lock": 0o600}


async def test_a_file_that_others_could_read_is_private_once_it_is_written(tmp_path: Path) -> None:
    """Also where a draft lay about that they could read."""
    path, draft = tmp_path / "state", tmp_path / "state.new"
    for file in (path, draft):
        file.touch()
        file.chmod(0o644)

    await keep(path, NEW)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("draft", "found"),
    [
        pytest.param(b'{"fingerprint": "a:b", "refusals": 1}', State(fingerprint="a:b", refusals=1), id="whole"),
        pytest.param(b'{"refusals": 1}' + bytes(ROOM - 15), State(refusals=1), id="whole, its room not given back"),
        pytest.param(bytes(ROOM), OLD, id="nothing but room"),
        pytest.param(b'{"fingerprint": "a:', OLD, id="torn"),
        pytest.param(b"", OLD, id="empty"),
    ],
)
async def test_a_draft_that_a_crash_left_is_taken_up_if_it_is_whole(tmp_path: Path, draft: bytes, found: State) -> None:
    """It is newer than the file; what is not whole was never more than an intention."""
    path = tmp_path / "state"
    await keep(path, OLD)
    (tmp_path / "state.new").write_bytes(draft)

    assert kept(path) == found
    assert kept(path) == found


@pytest.mark.parametrize("content", [b"\xff", b"[]", b'{"refusals": "many"}', b'{"other": 1}', b"x" * (ROOM + 1)])
def test_what_is_no_state_is_left_alone(tmp_path: Path, content: bytes) -> None:
    """It is not ours to overwrite."""
    path = tmp_path / "state"
    path.write_bytes(content)

    assert isinstance(kept(path), Unreadable)
    assert state_problem(path)
    assert path.read_bytes() == content


@pytest.mark.parametrize("path", ["missing/state", "file/state", "folder"])
def test_a_path_that_cannot_be_used_is_told(tmp_path: Path, path: str) -> None:
    """By the attempt, and by check before it."""
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()

    assert isinstance(kept(tmp_path / path), Unreadable)
    assert str(tmp_path) in state_problem(tmp_path / path)


async def test_check_finds_a_file_that_others_can_read(tmp_path: Path) -> None:
    """And nothing wrong with what is private, or not there yet."""
    path = tmp_path / "state"
    assert state_problem(path) == ""
    await keep(path, OLD)
    assert state_problem(path) == ""
    path.chmod(0o640)
    assert "chmod 600" in state_problem(path)


async def test_one_attempt_at_a_time_has_it(tmp_path: Path) -> None:
    """Here, and in other processes, which are waited for as long as an attempt may take."""
    path, keeper = tmp_path / "state", Keeper(SystemClock())
    impatient = target(path, timeout=0.1)
    inside = 0

    async def attempt() -> None:
        nonlocal inside
        async with keeper.hold(impatient) as held:
            assert not isinstance(held, Unreadable)
            inside += 1
            assert inside == 1
            await asyncio.sleep(0)
            inside -= 1

    await asyncio.gather(*(attempt() for _ in range(5)))
    other = StateFile(path)
    assert other.open() is None
    async with keeper.hold(impatient) as held:
        assert held is BUSY
    other.close()
    await attempt()


@pytest.mark.parametrize(
    ("stays", "in_use", "lost", "is_kept"),
    [
        pytest.param(False, False, False, False, id="of nobody"),
        pytest.param(True, False, False, True, id="of a target"),
        pytest.param(False, True, False, True, id="in use"),
        pytest.param(False, False, True, True, id="not written so far"),
    ],
)
async def test_a_file_that_no_target_has_any_more_is_let_go(
    tmp_path: Path, stays: bool, in_use: bool, lost: bool, is_kept: bool
) -> None:
    """The token in it is a secret; but none is lost that stands nowhere else."""
    path, keeper = tmp_path / "folder" / "state", Keeper(SystemClock())
    path.parent.mkdir()
    async with keeper.hold(target(path)) as first:
        assert not isinstance(first, Unreadable)
        await first.prepare(OLD)
        if lost:
            path.parent.rename(tmp_path / "away")
            assert await first.keep(NEW) is not None
            (tmp_path / "away").rename(path.parent)
        if in_use:
            keeper.retain(set())

    if not in_use:
        keeper.retain({path} if stays else set())

    async with keeper.hold(target(path)) as again:
        assert not isinstance(again, Unreadable)
        assert (again is first) == is_kept
        assert again.state == (NEW if lost else OLD)


def config(folder: Path, endpoint: RotatingEndpoint) -> Path:
    path = folder / "config.yaml"
    path.write_text(f"""
targets:
  - name: session
    provider: oidc
    token_endpoint: {endpoint.url}
    allow_http: true
    grant: refresh_token
    client_id: prober
    refresh_token: {SEED}-0
    state_file: state
""")
    return path


def test_a_kill_at_any_step_loses_no_token(tmp_path: Path) -> None:
    """Each process dies one step later than the one before; the one after it can always go on."""
    with rotating_endpoint() as endpoint:
        *killed, lived = die_at_each_step(config(tmp_path, endpoint), 1)
        reused = endpoint.reused

    assert len(killed) > 8
    assert set(killed) == {"killed 0"}
    assert lived == "lived 0"
    assert not reused


@pytest.mark.parametrize("first", [True, False], ids=["from the seed", "from a later token"])
def test_without_room_for_the_next_token_the_last_one_is_not_spent(tmp_path: Path, first: bool) -> None:
    """A full disk, as a limit of file sizes plays it, is our own trouble, and is found before anything is sent."""
    with rotating_endpoint() as endpoint:
        command = [*COMMAND, "once", f"--config.file={config(tmp_path, endpoint)}", "--format=json"]
        if not first:
            assert subprocess.run(command, capture_output=True, check=False, cwd=ROOT).returncode == 0
        rotations = endpoint.rotations
        limited = ["prlimit", f"--fsize={ROOM - 1}", *command]
        ended = subprocess.run(limited, capture_output=True, text=True, check=False, cwd=ROOT)
        assert endpoint.rotations == rotations
        again = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)

    (result,) = json.loads(ended.stdout)
    assert (result["side"], result["stage"], result["reason"]) == ("prober", "local", "state_unusable")
    assert again.returncode == 0, again.stdout
