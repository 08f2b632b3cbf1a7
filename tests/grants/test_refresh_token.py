"""Refresh tokens: the newest one that came back is presented next, and none is lost."""

import asyncio
import json
from contextlib import suppress
from pathlib import Path

import pytest
from fakes import FakeClock, ScriptedSend, make_prober, make_target, refusal

from exporter.catalogue import Category, Reason, Side, Stage
from exporter.clock import SystemClock
from exporter.config import parse_config
from exporter.model import (
    Answer,
    Config,
    Credential,
    Expectation,
    InlineSecret,
    Outcome,
    ProbeResult,
    Secret,
    Target,
    TokenCheck,
    TokenRequest,
    TokenResponse,
)
from exporter.probe import Prober
from exporter.report import conversation

SEED = "refresh-zQ7"


class Rotating:
    """Lets each refresh token work once; a reused one ends all that came of it. Says more where it is told to."""

    def __init__(self, valid: str = SEED, /, **more: object) -> None:
        self.valid = valid
        self.more = more
        self.presented: list[str] = []
        self.arrived = asyncio.Event()
        self.released = asyncio.Event()
        self.released.set()

    async def __call__(self, request: TokenRequest, _timeout: float) -> Answer:
        token = dict(request.form or ())["refresh_token"]
        assert isinstance(token, Secret)
        self.presented.append(token.reveal())
        if token.reveal() != self.valid:
            self.valid = ""
            return refusal(70000, "invalid_grant")
        self.valid = f"{SEED}-{len(self.presented)}"
        self.arrived.set()
        await self.released.wait()
        body = {"access_token": "a.b.c", "token_type": "Bearer", "refresh_token": self.valid} | self.more
        return TokenResponse(status=200, headers={}, body=json.dumps(body).encode())


def session(folder: Path | None, seed: str = SEED, **changes: object) -> Target:
    state = folder / "state" if folder else None
    values: dict[str, object] = {
        "grant": "refresh_token",
        "secrets": (("refresh_token", InlineSecret(Secret(seed))),),
        "state_file": state,
    }
    return make_target("session", **(values | changes))


def fresh(send: Rotating | ScriptedSend) -> Prober:
    """A prober of a process that has only just begun."""
    return make_prober(send, SystemClock())


async def test_each_token_is_presented_once(tmp_path: Path) -> None:
    """In a row, after restarts, and however many ask at the same time: schedule, confirmations and /probe."""
    server = Rotating()
    prober = fresh(server)

    results = [await prober.probe(session(tmp_path))]
    results += await asyncio.gather(*(prober.probe(session(tmp_path)) for _ in range(5)))
    results.append(await fresh(server).probe(session(tmp_path)))

    assert all(result.outcome.success for result in results)
    assert server.presented == [SEED, *(f"{SEED}-{n}" for n in range(1, 7))]


async def test_a_token_that_does_not_stand_its_checks_is_spent_all_the_same(tmp_path: Path) -> None:
    """What came in its place is what is left."""
    server = Rotating(expires_in=60)
    target = session(tmp_path, expect=Expectation(token=TokenCheck(signature=False, min_lifetime=600.0)))

    results = [await fresh(server).probe(target) for _ in range(3)]

    reasons = [result.outcome.failure and result.outcome.failure.fault.reason for result in results]
    assert reasons == [Reason.LIFETIME_TOO_SHORT] * 3
    assert server.presented == [SEED, f"{SEED}-1", f"{SEED}-2"]


async def test_probers_of_two_processes_take_turns(tmp_path: Path) -> None:
    """As `once` beside a running exporter."""
    server = Rotating()

    results = await asyncio.gather(*(fresh(server).probe(session(tmp_path)) for _ in range(4)))

    assert all(result.outcome.success for result in results)
    assert len(set(server.presented)) == 4


async def test_a_new_seed_goes_before_what_came_of_another(tmp_path: Path) -> None:
    """An operator who signs in anew is believed; the state file holds no seed."""
    server = Rotating()
    await fresh(server).probe(session(tmp_path))
    server.valid = "other-seed"

    first = await fresh(server).probe(session(tmp_path, "other-seed"))
    then = await fresh(server).probe(session(tmp_path, "other-seed"))

    assert first.outcome.success
    assert then.outcome.success
    assert server.presented == [SEED, "other-seed", f"{SEED}-2"]
    assert "other-seed" not in (tmp_path / "state").read_text()


async def test_without_a_state_file_the_seed_is_presented_each_time() -> None:
    """Where a provider does not rotate, that is enough."""
    send = ScriptedSend([TokenResponse(status=200, body=b'{"access_token": "a", "token_type": "b"}')])
    prober = make_prober(send, FakeClock())

    for _ in range(2):
        assert (await prober.probe(session(None))).outcome.success

    assert [dict(request.form or ())["refresh_token"] for request in send.requests] == [Secret(SEED)] * 2


@pytest.mark.parametrize(
    ("more", "valid"),
    [
        pytest.param({"access_token": None}, f"{SEED}-1", id="no access token"),
        pytest.param({"expires_in": 0}, f"{SEED}-1", id="an access token that has ended"),
        pytest.param({"refresh_token": SEED}, SEED, id="the same one"),
        pytest.param({"refresh_token": None}, SEED, id="none"),
        pytest.param({"refresh_token": 7}, SEED, id="no text"),
    ],
)
async def test_the_token_that_came_back_is_presented_next(tmp_path: Path, more: dict[str, object], valid: str) -> None:
    """Whatever else is wrong with the answer."""
    server = Rotating(SEED, **more)
    await fresh(server).probe(session(tmp_path))
    server.valid = valid

    await fresh(server).probe(session(tmp_path))

    assert server.presented == [SEED, valid]


async def test_a_token_that_happens_to_hold_a_secret_is_kept_as_it_is(tmp_path: Path) -> None:
    """What is masked for people's eyes is not what is presented."""
    short = Credential("client_secret_post", InlineSecret(Secret("zQ7")))
    server = Rotating()

    for _ in range(2):
        await fresh(server).probe(session(tmp_path, credential=short))

    assert server.presented == [SEED, f"{SEED}-1"]


async def test_a_refused_token_is_presented_again(tmp_path: Path) -> None:
    """Nothing came in its place, and the failure is the client's."""
    send = ScriptedSend([refusal(70000, "invalid_grant")])

    results = [await fresh(send).probe(session(tmp_path)) for _ in range(2)]

    assert [result.outcome.failure and result.outcome.failure.side for result in results] == [Side.CLIENT] * 2
    assert [dict(request.form or ())["refresh_token"] for request in send.requests] == [Secret(SEED)] * 2


async def begin_probe(server: Rotating, prober: Prober, target: Target) -> "asyncio.Task[ProbeResult]":
    """A probe whose token has been presented, and whose answer is held back."""
    server.released.clear()
    attempt = asyncio.create_task(prober.probe(target))
    await server.arrived.wait()
    return attempt


async def probe_while_the_folder_vanishes(server: Rotating, prober: Prober, tmp_path: Path) -> ProbeResult:
    """The folder of the state file is moved away before the answer comes."""
    folder = tmp_path / "folder"
    folder.mkdir()
    attempt = await begin_probe(server, prober, session(folder))
    folder.rename(tmp_path / "away")
    server.released.set()
    return await attempt


async def test_a_stop_waits_for_the_token_that_is_under_way(tmp_path: Path) -> None:
    """It is spent already: to drop the answer would be to lose its successor."""
    server = Rotating()
    prober = fresh(server)
    attempt = await begin_probe(server, prober, session(tmp_path))

    attempt.cancel()
    with suppress(asyncio.CancelledError):
        await attempt
    finishing = asyncio.create_task(prober.finish())
    await asyncio.sleep(0)
    assert not finishing.done()
    server.released.set()
    await finishing

    assert (await fresh(server).probe(session(tmp_path))).outcome.success


async def test_a_token_that_cannot_be_kept_is_remembered_until_it_can(tmp_path: Path) -> None:
    """The folder vanishes while the answer is under way; the attempt fails, on the exporter's own side."""
    folder = tmp_path / "folder"
    server = Rotating()
    prober = fresh(server)

    unkept = await probe_while_the_folder_vanishes(server, prober, tmp_path)
    unsent = await prober.probe(session(folder))
    (tmp_path / "away").rename(folder)
    kept, after_a_restart = await prober.probe(session(folder)), await fresh(server).probe(session(folder))

    for result in (unkept, unsent):
        assert result.outcome == Outcome.failed(Category.LOCAL, Stage.LOCAL, Reason.STATE_UNUSABLE)
        assert "No such file" in result.evidence.body
    assert kept.outcome.success
    assert after_a_restart.outcome.success
    assert server.presented == [SEED, f"{SEED}-1", f"{SEED}-2"]


async def test_a_token_that_another_process_went_on_from_is_not_presented_again(tmp_path: Path) -> None:
    """The one that could not be put in its place lay whole beside the file, and was taken up from there."""
    folder = tmp_path / "folder"
    server = Rotating()
    prober = fresh(server)

    unkept = await probe_while_the_folder_vanishes(server, prober, tmp_path)
    (tmp_path / "away").rename(folder)
    by_another, by_itself = await fresh(server).probe(session(folder)), await prober.probe(session(folder))

    assert not unkept.outcome.success
    assert by_another.outcome.success
    assert by_itself.outcome.success
    assert server.presented == [SEED, f"{SEED}-1", f"{SEED}-2"]


async def test_no_token_is_in_any_sink(tmp_path: Path) -> None:
    """Neither the one presented nor the one that came."""
    for server in (Rotating(), Rotating(error="server_error"), Rotating("another")):
        result = await fresh(server).probe(session(tmp_path))
        assert result.outcome.renewed is None
        for shown in (repr(result), result.evidence.body, conversation(result)):
            assert SEED not in shown


CONFIG = """
defaults: {{confirmations: 60}}
targets:
  - name: a
    provider: entra
    tenant: contoso
    grant: refresh_token
    client_id: prober
    refresh_token_file: seed
    {more}
"""


@pytest.mark.parametrize(("more", "confirmations"), [("", 60), ("state_file: a", 0)])
def test_a_token_that_works_once_is_not_spent_to_be_sure(more: str, confirmations: int) -> None:
    """The fewer are under way, the fewer can get lost."""
    config = parse_config(CONFIG.format(more=more), Path("/etc/x"))

    assert isinstance(config, Config)
    assert config.targets[0].confirmations == confirmations
    assert config.targets[0].state_file == (Path("/etc/x/a") if more else None)


def test_two_targets_have_two_state_files() -> None:
    """Else each would present the other's."""
    text = CONFIG.format(more="state_file: a")
    both = text + text.partition("targets:")[2].replace("name: a", "name: b")

    found = parse_config(both, Path())

    assert isinstance(found, list)
    assert [problem.message for problem in found] == ["another target above has this state file"]


def test_confirmations_beside_a_state_file_are_a_mistake() -> None:
    """They would not be made."""
    found = parse_config(CONFIG.format(more="state_file: a\n    confirmations: 9"), Path())

    assert isinstance(found, list)
    assert found[0].message.startswith("grant refresh_token makes no attempts beside its schedule")
