"""The exporter over a scenario in virtual time: the same code, the same counts, every time."""

import math
from itertools import pairwise

import pytest

from exporter.simulator import QUIET, Scenario, parse_scenario
from replay.fleet import fleet
from replay.grid import CELLS, DURATION, grid
from replay.grid import QUIET as PAUSE
from replay.record import EPOCH, Recording, Setup, record
from replay.world import DAY, NOISES, Noise

METRICS = (
    "token_probe_attempts_total",
    "token_probe_failures_total",
    "token_probe_transport_failures_total",
    "token_probe_errors_total",
    "token_probe_outage",
)


def recorded(
    scenario: Scenario = QUIET,
    noise: Noise = NOISES["none"],
    hours: float = 1.0,
    seed: int = 1,
    confirmations: int = 0,
    scrape_interval: float = 5.0,
) -> Recording:
    """What Prometheus would have stored of two targets."""
    setup = Setup(
        config=fleet(1, 15.0, confirmations),
        scenario=scenario,
        noise=noise,
        seed=seed,
        duration=hours * 3600,
        scrape_interval=scrape_interval,
    )
    return record(setup, METRICS)


def last(recording: Recording, name: str, **labels: str) -> float:
    """The sum of the last values of the series with these labels."""
    return sum(
        next(value for value in reversed(values) if not math.isnan(value))
        for (metric, known), values in recording.values.items()
        if metric == name and labels.items() <= dict(known).items()
    )


def playing(timeline: str) -> Scenario:
    found = parse_scenario(f"name: x\ntimeline: [{timeline}]")
    assert isinstance(found, Scenario)
    return found


def test_an_hour_is_an_hour_of_attempts_and_scrapes() -> None:
    """Without noise and outage all of them succeed."""
    recording = recorded()

    assert len(recording.times) == 720
    assert all(EPOCH <= moment < EPOCH + 3600 for moment in recording.times)
    assert last(recording, "token_probe_attempts_total", target="contoso-graph") in {239, 240}
    assert last(recording, "token_probe_failures_total") == 0


def test_one_seed_is_one_replay() -> None:
    """To the last sample; another seed is another."""
    one, same, other = (recorded(noise=NOISES["harsh"], seed=seed) for seed in (1, 1, 2))

    assert one.times == same.times
    assert {k: v.tobytes() for k, v in one.values.items()} == {k: v.tobytes() for k, v in same.values.items()}
    assert one.times != other.times


@pytest.mark.parametrize(
    ("answer", "name", "labels"),
    [
        ("{code: AADSTS90033}", "token_probe_errors_total", {"code": "AADSTS90033"}),
        ("{status: 502, body: x}", "token_probe_failures_total", {"category": "service_fault"}),
        ("{stall: headers}", "token_probe_transport_failures_total", {"stage": "headers", "reason": "timeout"}),
        ("{stall: body}", "token_probe_transport_failures_total", {"stage": "body", "reason": "timeout"}),
        ("reset", "token_probe_transport_failures_total", {"stage": "headers", "reason": "reset"}),
        ("truncate", "token_probe_transport_failures_total", {"stage": "body", "reason": "truncated"}),
        ("{latency: 20s}", "token_probe_transport_failures_total", {"stage": "headers", "reason": "timeout"}),
        ("{fault: dns/nxdomain}", "token_probe_transport_failures_total", {"stage": "dns", "reason": "nxdomain"}),
        ("{fault: connect/timeout}", "token_probe_transport_failures_total", {"stage": "connect", "reason": "timeout"}),
    ],
)
def test_an_outage_is_seen_as_what_it_is(answer: str, name: str, labels: dict[str, str]) -> None:
    """By the exporter's own reading, for ten minutes of an hour."""
    recording = recorded(playing(f"{{from: 10m, to: 20m, targets: [contoso-graph], answer: {answer}}}"))

    assert last(recording, name, target="contoso-graph", **labels) == 40
    assert last(recording, "token_probe_failures_total", target="contoso-graph") == 40
    assert last(recording, "token_probe_failures_total", target="contoso-orders") == 0


def test_a_share_fails_of_a_partial_outage() -> None:
    """One in five, give or take."""
    recording = recorded(
        playing("{from: 0s, to: 5h, ratio: 0.2, answer: {code: AADSTS50000}}"), hours=5, scrape_interval=60
    )

    assert 0.18 < last(recording, "token_probe_failures_total") / last(recording, "token_probe_attempts_total") < 0.22


def test_noise_is_as_much_as_it_says() -> None:
    """Stray errors, AADSTS50000 and blips of two or three."""
    noise = Noise(stray=0.01, aadsts50000=0.01, blips=200, aadsts50000_blips=200)
    recording = recorded(noise=noise, hours=6, scrape_interval=60)

    attempts, failures = last(recording, "token_probe_attempts_total"), last(recording, "token_probe_failures_total")
    aadsts50000 = last(recording, "token_probe_errors_total", code="AADSTS50000")
    expected = 0.01 * attempts + 2 * 50 * 2.5
    assert failures == pytest.approx(2 * expected, rel=0.15)
    assert aadsts50000 == pytest.approx(expected, rel=0.2)


def test_restarts_reset_counters_and_gaps_leave_holes() -> None:
    """As Prometheus would see them."""
    recording = recorded(noise=Noise(restarts=48, scrape_gaps=24, lost_scrapes=0.01), hours=6, scrape_interval=30)
    (attempts,) = (
        [value for value in values if not math.isnan(value)]
        for (name, labels), values in recording.values.items()
        if name == "token_probe_attempts_total" and ("target", "contoso-graph") in labels
    )
    (up,) = (values for (name, _), values in recording.values.items() if name == "up")

    assert sum(later < earlier for earlier, later in pairwise(attempts)) >= 4
    assert up.count(0.0) > 40
    assert set(up) == {0.0, 1.0}


def test_confirmations_bring_the_verdict_in_seconds() -> None:
    """Under the schedule's own code; without them it takes a minute more."""
    scenario = playing("{from: 10m, to: 20m, answer: {code: AADSTS50000}}")
    verdicts = []
    for confirmations in (120, 0):
        recording = recorded(scenario, confirmations=confirmations)
        (series,) = (
            values
            for (name, labels), values in recording.values.items()
            if name == "token_probe_outage" and ("target", "contoso-graph") in labels
        )
        verdicts.append(recording.times[list(series).index(1.0)] - EPOCH - 600)

    assert verdicts[0] < 15 + 8 + 5
    assert verdicts[0] + 30 < verdicts[1] < 5 * 15 + 5 + 2


def test_the_grid_holds_every_cell() -> None:
    """Apart from each other, within its time, and the same for one seed."""
    entries = sorted(grid(1).timeline, key=lambda entry: entry.begin)

    assert len(entries) == 5 * len(CELLS)
    assert grid(1) == grid(1) != grid(2)
    for cell in CELLS:
        alike = [e for e in entries if (e.ratio, round(e.end - e.begin)) == (cell.ratio, cell.duration)]
        assert len(alike) == 5
    assert all(later.begin - earlier.end >= PAUSE - 1 for earlier, later in pairwise(entries))
    assert entries[-1].end < DURATION
    with pytest.raises(ValueError, match="so many outages need"):
        grid(1, DAY)
