"""The Alertmanager configuration that we ship: who is told of which alert, and which alert mutes which."""

import re
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from alertmanagers import CONFIG, Labels, Notification, Webhook, alertmanager, post_alerts, seen_alerts, webhook
from processes import ROOT, Running
from tools import require_tool

from exporter.catalogue import Category, codes

RULE_FILE = ROOT / "dashboards" / "rules" / "token-probe.yaml"


def load(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(path.read_text())
    return document


DOCUMENT = load(CONFIG)
RULES = [rule for group in load(RULE_FILE)["groups"] for rule in group["rules"] if "alert" in rule]

WATCHDOG = "TokenProbeWatchdog"
RECEIVERS = {"critical": "pager", "warning": "tickets", "info": "notes"}

TARGET = {"job": "a", "target": "x"}
INSTANCE = {"job": "a", "instance": "one"}
LABELS: dict[str, Labels] = {
    "TokenProbeAADSTS50000Spike": TARGET | {"code": "AADSTS50000"},
    "TokenProbeSignInServiceFailing": {"job": "a", "provider": "entra", "cloud": "public"},
    "TokenProbeNetworkFailing": {"job": "a"},
    "TokenProbeTargetFailing": TARGET,
    "TokenProbeErrorCodeWidespread": {"job": "a", "provider": "entra", "cloud": "public", "code": "AADSTS7000215"},
    "TokenProbeErrorCodeSpike": TARGET | {"code": "AADSTS7000215"},
    "TokenProbeNewErrorCode": {"job": "a", "code": "AADSTS7000215"},
    "TokenProbeNoSuccess": TARGET,
    "TokenProbeThrottled": TARGET,
    "TokenProbeTokenInvalid": TARGET,
    "TokenProbeContractBroken": TARGET,
    "TokenProbeCredentialExpired": TARGET,
    "TokenProbeNextCredentialFailing": TARGET | {"credential": "next"},
    "TokenProbeCredentialUnreadable": TARGET | {"instance": "one", "credential": "current"},
    "TokenProbeCredentialExpiresIn7Days": TARGET | {"credential": "secret"},
    "TokenProbeCredentialExpiresIn30Days": TARGET | {"credential": "secret"},
    "TokenProbeTLSExpiresSoon": TARGET,
    "TokenProbeStalled": TARGET,
    "TokenProbeDown": INSTANCE,
    "TokenProbeAbsent": {"job": "a"},
    "TokenProbeConfigReloadFailed": INSTANCE,
    "TokenProbeTargetsUnowned": {"job": "a"},
    "TokenProbeWatchdog": {"job": "a"},
    "TokenProbeErrorBudgetBurn": TARGET,
    "TokenProbeLatencyHigh": TARGET,
    "TokenProbeLagging": INSTANCE,
}
"""The labels that each alert's expression leaves, beside those that the rule adds."""

FIRING: list[Labels] = [
    {"alertname": rule["alert"], **rule["labels"], **LABELS.get(rule["alert"], {})} for rule in RULES
]
"""Each alert of the pack as Alertmanager gets it."""


def firing(alert: str, **labels: str) -> Labels:
    """An alert of the pack, the first of this name, with some labels changed."""
    return next(known for known in FIRING if known["alertname"] == alert) | labels


def frozen(labels: Labels) -> frozenset[tuple[str, str]]:
    """Labels that a set can hold."""
    return frozenset(labels.items())


def amtool(*arguments: str) -> str:
    """What amtool, which must succeed, prints."""
    program = require_tool("amtool", "prometheus-alertmanager")
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


def receiver_of(labels: Labels) -> str:
    """Who is told of an alert."""
    pairs = (f"{name}={value}" for name, value in labels.items())
    return amtool("config", "routes", "test", f"--config.file={CONFIG}", *pairs)


def seconds(duration: str) -> int:
    """Of a duration with one unit."""
    return int(duration[:-1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[duration[-1]]


def matches(matchers: list[str], labels: Labels) -> bool:
    """Whether all matchers of a rule hold, as Alertmanager reads them."""
    for matcher in matchers:
        found = re.fullmatch(r'(\w+)(=~|!~|!=|=)"(.*)"', matcher)
        assert found, matcher
        name, operator, value = found.groups()
        pattern = value if operator.endswith("~") else re.escape(value)
        if bool(re.fullmatch(pattern, labels.get(name, ""))) == operator.startswith("!"):
            return False
    return True


def test_alertmanager_accepts_the_config() -> None:
    """Syntax, matchers, and every receiver that a route names is there."""
    assert "SUCCESS" in amtool("check-config", str(CONFIG))


def test_this_file_knows_every_alert_of_the_pack() -> None:
    """So that a new one is routed and muted on purpose."""
    assert LABELS.keys() == {rule["alert"] for rule in RULES}


def test_this_file_knows_the_labels_of_each_alert() -> None:
    """As the unit tests of the rules expect them."""
    tests = [test for path in sorted(RULE_FILE.parent.glob("*_test.yaml")) for test in load(path)["tests"]]
    cases = [case for test in tests for case in test.get("alert_rule_test", [])]
    for case in cases:
        for expected in case.get("exp_alerts") or []:
            assert expected["exp_labels"].keys() | {"alertname"} == firing(case["alertname"]).keys(), case


def test_the_config_names_only_alerts_of_the_pack() -> None:
    """In its comments too."""
    named = set(re.findall(r"TokenProbe\w+", CONFIG.read_text()))

    assert named
    assert named <= LABELS.keys()


@pytest.mark.parametrize("labels", FIRING, ids=lambda labels: labels["alertname"] + labels.get("long", ""))
def test_an_alert_goes_where_its_severity_says(labels: Labels) -> None:
    """Except for the one that always fires."""
    expected = "dead-man" if labels["alertname"] == WATCHDOG else RECEIVERS[labels["severity"]]

    assert receiver_of(labels) == expected


def test_a_drill_takes_the_way_of_the_real_thing() -> None:
    """It is there to try the way to the pager."""
    assert receiver_of(firing("TokenProbeAADSTS50000Spike", target="drill")) == "pager"


def test_an_unknown_severity_is_not_lost() -> None:
    """It makes a ticket."""
    assert receiver_of({"alertname": "Other", "severity": "page"}) == "tickets"


def test_a_critical_alert_hardly_waits() -> None:
    """Only for those of the same evaluation."""
    (route,) = [route for route in DOCUMENT["route"]["routes"] if route["receiver"] == "pager"]

    assert 0 < seconds(route["group_wait"]) <= 5


def test_the_watchdog_repeats_every_minute() -> None:
    """Alertmanager looks once every group_interval whether repeat_interval has passed."""
    (route,) = [route for route in DOCUMENT["route"]["routes"] if route["receiver"] == "dead-man"]
    group, repeat = seconds(route["group_interval"]), seconds(route["repeat_interval"])

    assert group * (repeat // group + 1) == 60


@pytest.mark.parametrize("rule", DOCUMENT["inhibit_rules"], ids=lambda rule: rule["source_matchers"][0])
def test_a_rule_mutes_some_alerts_but_neither_its_own_nor_the_watchdog(rule: dict[str, Any]) -> None:
    """What matches both sides would mute itself, or would but for an exception of Alertmanager's."""
    sources = [labels for labels in FIRING if matches(rule["source_matchers"], labels)]
    targets = [labels for labels in FIRING if matches(rule["target_matchers"], labels)]

    assert sources
    assert targets
    assert not [labels for labels in sources if labels in targets]
    assert WATCHDOG not in {labels["alertname"] for labels in targets}


@pytest.mark.parametrize("rule", DOCUMENT["inhibit_rules"], ids=lambda rule: rule["source_matchers"][0])
def test_what_must_be_equal_is_there(rule: dict[str, Any]) -> None:
    """A label that both alerts lack would count as equal. No job mutes another."""
    assert "job" in rule["equal"]
    for labels in FIRING:
        if matches(rule["source_matchers"], labels):
            assert set(rule["equal"]) <= labels.keys(), labels


def test_a_credential_that_expired_mutes_the_codes_that_say_so() -> None:
    """All of the catalogue, and no other."""
    (rule,) = [rule for rule in DOCUMENT["inhibit_rules"] if "Expired" in rule["source_matchers"][0]]
    muted = {
        code for code in codes() if matches(rule["target_matchers"], firing("TokenProbeErrorCodeSpike", code=code))
    }

    assert muted == {entry.code for entry in codes().values() if entry.category is Category.CREDENTIAL_EXPIRED}


@dataclass(frozen=True, slots=True)
class Alerting:
    """An Alertmanager, and whom it notifies."""

    server: Running
    webhook: Webhook

    def paged(self, **labels: str) -> Notification:
        """Waits for the page that an alert with these labels makes."""
        return self.webhook.wait_for(lambda each: each.receiver == "pager" and each.tells(**labels), within=10)


@pytest.fixture(scope="module")
def alerting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Alerting]:
    """The bundled config at work; tests keep apart by the label job."""
    with (
        webhook() as receiver,
        alertmanager(tmp_path_factory.mktemp("alertmanager"), receiver.url) as server,
    ):
        yield Alerting(server, receiver)


@dataclass(frozen=True, slots=True)
class Case:
    """One alert, those that it mutes, and those that it leaves alone."""

    source: Labels
    muted: tuple[Labels, ...]
    spared: tuple[Labels, ...]

    def of_job(self, job: str) -> "Case":
        """The same in a job of its own."""
        return Case(
            self.source | {"job": job},
            tuple(labels | {"job": job} for labels in self.muted),
            tuple(labels | {"job": job} for labels in self.spared),
        )


BURN = "TokenProbeErrorBudgetBurn"
SLOW = {"severity": "warning", "long": "1d", "short": "2h"}

CASES = {
    "absent": Case(
        firing("TokenProbeAbsent"),
        tuple(labels for labels in FIRING if labels["alertname"] not in {"TokenProbeAbsent", WATCHDOG}),
        (firing(WATCHDOG),),
    ),
    "one-of-two-down": Case(
        firing("TokenProbeDown"),
        (firing("TokenProbeLagging"), firing("TokenProbeConfigReloadFailed")),
        (
            firing("TokenProbeLagging", instance="two"),
            firing("TokenProbeAADSTS50000Spike"),
            firing("TokenProbeSignInServiceFailing"),
            firing("TokenProbeThrottled"),
            firing(WATCHDOG),
        ),
    ),
    "stalled": Case(
        firing("TokenProbeStalled"),
        tuple(
            labels for labels in FIRING if labels.get("target") == "x" and labels["alertname"] != "TokenProbeStalled"
        ),
        (
            firing("TokenProbeStalled", target="y"),
            firing("TokenProbeNoSuccess", target="z"),
            firing("TokenProbeLagging"),
            firing(WATCHDOG),
        ),
    ),
    "network": Case(
        firing("TokenProbeNetworkFailing"),
        (
            firing("TokenProbeSignInServiceFailing"),
            firing("TokenProbeErrorCodeWidespread"),
            firing("TokenProbeErrorCodeSpike"),
            firing("TokenProbeTargetFailing"),
            firing("TokenProbeAADSTS50000Spike"),
            firing("TokenProbeAADSTS50000Spike", target="drill"),
            firing("TokenProbeNoSuccess"),
        ),
        (firing(BURN), firing("TokenProbeCredentialExpired"), firing(WATCHDOG)),
    ),
    "provider": Case(
        firing("TokenProbeSignInServiceFailing"),
        (
            firing("TokenProbeTargetFailing"),
            firing("TokenProbeTargetFailing", target="y"),
            firing("TokenProbeErrorCodeSpike"),
            firing("TokenProbeNoSuccess"),
            firing("TokenProbeNoSuccess", target="drill"),
        ),
        (
            firing("TokenProbeAADSTS50000Spike"),
            firing("TokenProbeAADSTS50000Spike", target="drill"),
            firing("TokenProbeSignInServiceFailing", provider="okta"),
            firing(BURN),
            firing(WATCHDOG),
        ),
    ),
    "code": Case(
        firing("TokenProbeErrorCodeWidespread"),
        (firing("TokenProbeErrorCodeSpike"), firing("TokenProbeErrorCodeSpike", target="y")),
        (firing("TokenProbeErrorCodeSpike", code="AADSTS90002"), firing("TokenProbeNoSuccess")),
    ),
    "credential": Case(
        firing("TokenProbeCredentialExpired"),
        (
            firing("TokenProbeCredentialExpiresIn7Days"),
            firing("TokenProbeNoSuccess"),
            firing("TokenProbeErrorCodeSpike", code="AADSTS7000222"),
        ),
        (
            firing("TokenProbeCredentialExpiresIn7Days", target="y"),
            firing("TokenProbeNoSuccess", target="y"),
            firing("TokenProbeErrorCodeSpike", code="AADSTS7000222", target="y"),
            firing("TokenProbeErrorCodeSpike"),
            firing("TokenProbeAADSTS50000Spike"),
            firing("TokenProbeTargetFailing"),
        ),
    ),
    "critical-over-warning": Case(
        firing(BURN),
        (firing(BURN, **SLOW),),
        (firing(BURN, target="y", **SLOW), firing("TokenProbeThrottled"), firing(BURN, long="6h", short="30m")),
    ),
}


@pytest.fixture(scope="module")
def settled(alerting: Alerting) -> Alerting:
    """All cases at once, each with a job of its own, and whatever they page has been paged."""
    cases = [case.of_job(job) for job, case in CASES.items()]
    post_alerts(alerting.server, [labels for case in cases for labels in (case.source, *case.muted, *case.spared)])
    for case in cases:
        alerting.paged(alertname=case.source["alertname"], job=case.source["job"])
    # What comes later waits as long as what came before, so nothing of those is on its way any more.
    post_alerts(alerting.server, [firing("TokenProbeDown", job="afterwards")])
    alerting.paged(alertname="TokenProbeDown", job="afterwards")
    return alerting


@pytest.mark.fault(94)
@pytest.mark.parametrize("job", CASES)
def test_an_alert_mutes_what_it_makes_superfluous_and_nothing_else(settled: Alerting, job: str) -> None:
    """Alertmanager says which alerts are suppressed, and by which."""
    case = CASES[job].of_job(job)

    muted = {frozen(labels): ("suppressed", frozenset({case.source["alertname"]})) for labels in case.muted}
    active = {frozen(labels): ("active", frozenset[str]()) for labels in (case.source, *case.spared)}
    seen = {frozen(each.labels): (each.state, each.inhibited_by) for each in seen_alerts(settled.server, job=job)}
    assert seen == muted | active


@pytest.mark.parametrize("job", CASES)
def test_the_pager_hears_of_no_muted_alert_but_of_every_other_critical_one(settled: Alerting, job: str) -> None:
    """Though all of them reach Alertmanager at once."""
    case = CASES[job].of_job(job)
    pages = [
        labels
        for each in settled.webhook.received()
        if each.receiver == "pager"
        for labels in each.labels()
        if labels["job"] == job
    ]

    expected = [labels for labels in (case.source, *case.spared) if labels["severity"] == "critical"]
    assert Counter(map(frozen, pages)) == Counter(map(frozen, expected))


def test_the_watchdog_is_heard_whatever_else_fires(settled: Alerting) -> None:
    """Of a job whose exporters are all gone, too."""
    settled.webhook.wait_for(lambda each: each.receiver == "dead-man" and each.tells(alertname=WATCHDOG, job="absent"))


@pytest.mark.fault(94)
def test_fifty_targets_are_one_page_within_seconds(alerting: Alerting) -> None:
    """The page names all of them."""
    posted = time.time()
    post_alerts(
        alerting.server,
        [firing("TokenProbeAADSTS50000Spike", job="fifty", target=f"t{number}") for number in range(50)],
    )

    page = alerting.paged(alertname="TokenProbeAADSTS50000Spike", job="fifty")

    assert page.at - posted < 5
    assert len(page.labels()) == 50


def test_the_wider_alert_may_come_a_moment_later(alerting: Alerting) -> None:
    """Prometheus sends what each rule found on its own, the provider's before the network's."""
    post_alerts(alerting.server, [firing("TokenProbeSignInServiceFailing", job="later")])
    post_alerts(alerting.server, [firing("TokenProbeNetworkFailing", job="later")])

    alerting.paged(alertname="TokenProbeNetworkFailing", job="later")

    post_alerts(alerting.server, [firing("TokenProbeDown", job="even-later")])
    alerting.paged(alertname="TokenProbeDown", job="even-later")
    assert not any(
        each.tells(alertname="TokenProbeSignInServiceFailing", job="later") for each in alerting.webhook.received()
    )


def test_a_new_failure_does_not_wait_behind_an_old_one(alerting: Alerting) -> None:
    """It does not join an open page at the next group_interval, but makes its own: after a drill, too."""
    spike, failing = firing("TokenProbeAADSTS50000Spike"), firing("TokenProbeSignInServiceFailing")
    pairs = {
        "after-drill": (spike | {"target": "drill"}, spike),
        "after-other-alert": (firing("TokenProbeCredentialExpired"), spike),
        "after-other-provider": (failing | {"provider": "okta"}, failing),
    }
    old = [labels | {"job": job} for job, (labels, _) in pairs.items()]
    new = [labels | {"job": job} for job, (_, labels) in pairs.items()]
    post_alerts(alerting.server, old)
    for labels in old:
        alerting.paged(**labels)

    posted = time.time()
    post_alerts(alerting.server, new)

    for labels in new:
        assert alerting.paged(**labels).at - posted < 5


def test_the_pager_hears_of_the_end(alerting: Alerting) -> None:
    """Of what it has heard of before."""
    spike = firing("TokenProbeAADSTS50000Spike", job="ended")
    post_alerts(alerting.server, [spike])
    alerting.paged(alertname="TokenProbeAADSTS50000Spike", job="ended")

    post_alerts(alerting.server, [spike], resolved=True)
    # Once it has read its config again, it looks at all groups without waiting for the next group_interval.
    alerting.server.process.send_signal(signal.SIGHUP)

    end = alerting.webhook.wait_for(
        lambda each: each.tells("resolved", alertname="TokenProbeAADSTS50000Spike", job="ended"), within=10
    )
    assert end.receiver == "pager"
    assert end.body["status"] == "resolved"
