"""Every metric and label has one name: in the exporter, the golden list, dashboards, rules and docs."""

import asyncio
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path

import pytest
import yaml
from boards import BOARDS, QUERIES, expanded
from fakes import SECRET, ScriptedSend, make_prober, make_rotating_target, make_target, refusal, token
from processes import ROOT
from prometheus_client import Metric
from promql import (
    OF_A_SCRAPE,
    exported_series,
    golden,
    labels_in,
    labels_of,
    metrics_in,
    of_prometheus,
    selectors_in,
)
from signing import Party, jwks

from exporter.catalogue import Phase, Reason, Stage
from exporter.exporter import Exporter
from exporter.model import (
    Answer,
    Config,
    Credential,
    Exchange,
    Fault,
    InlineSecret,
    Issuer,
    Secret,
    TokenRequest,
    TokenResponse,
    TransportFailure,
)
from exporter.probe import Send
from replay.virtual import VirtualClock, VirtualLoop, run

RULES = [
    rule
    for group in yaml.safe_load((ROOT / "dashboards/rules/token-probe.yaml").read_text())["groups"]
    for rule in group["rules"]
]
DOCS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "dashboards/runbooks").glob("*.md"))]

ON_DEMAND = {"token_probe_failure_info", "probe_success", "probe_duration_seconds"}
"""What /probe has and /metrics does not."""


def recordings() -> dict[str, frozenset[str]]:
    """The recordings of the rules, with their labels; a recording may read those before it."""
    known = exported_series() | of_prometheus()
    found: dict[str, frozenset[str]] = {}
    for rule in RULES:
        if "record" in rule:
            found[rule["record"]] = labels_of(rule["expr"], known | found)
    return found


KNOWN = exported_series() | of_prometheus() | recordings()

EXPRESSIONS = {
    **{str(query): expanded(query.expr) for query in QUERIES},
    **{f"rule {rule.get('alert') or rule['record']} {n}": rule["expr"] for n, rule in enumerate(RULES)},
}


ISSUER = "https://sso.example"


def answering(posts: ScriptedSend) -> Send:
    """Answers of a provider that has another key each time it is asked."""
    numbers = count()
    document = {"issuer": ISSUER, "token_endpoint": f"{ISSUER}/token", "jwks_uri": f"{ISSUER}/keys"}

    async def send(request: TokenRequest, timeout: float) -> Answer:
        if request.method == "POST":
            return await posts(request, timeout)
        if request.url.endswith("/keys"):
            return jwks(Party(kid=str(next(numbers))).jwk())
        return TokenResponse(status=200, body=json.dumps(document).encode())

    return send


def emitted() -> list[Metric]:
    """What a real exporter has of a target with two credentials after a success, a refusal and a reset; and of keys."""

    async def probe() -> list[Metric]:
        clock = VirtualClock(asyncio.get_running_loop(), 1_700_000_000.0)
        exchange = Exchange(phases=dict.fromkeys(Phase, 0.1), certificate_expiry=1_800_000_000.0)
        headers = {"content-type": "application/json", "date": "Tue, 14 Nov 2023 22:13:20 GMT"}
        answers: list[Answer] = [
            token(exchange=exchange, headers=headers),
            refusal(50000, "server_error", 500),
            TransportFailure(fault=Fault(Stage.HEADERS, Reason.RESET)),
            token(),
        ]
        credential = Credential("client_secret_post", InlineSecret(Secret(SECRET)), expires=1_800_000_000.0)
        rotated = make_rotating_target(credential=credential)
        keys = make_target("keys", grant="jwks", provider="oidc", endpoint=Issuer(ISSUER))
        config = Config(targets=(rotated, keys), concurrency=10)
        # Each is given twice: to the current credential and to the next.
        twice = [answer for answer in answers for _ in range(2)]
        exporter = Exporter(config, make_prober(answering(ScriptedSend(twice)), clock), clock)
        task = asyncio.create_task(exporter.run())
        await asyncio.sleep(200)
        found = list(exporter.registry.collect())
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        return found

    return run(probe(), VirtualLoop())


def listed_by(metric: Metric) -> tuple[str, str, frozenset[str]]:
    labels = {label for sample in metric.samples for label in sample.labels} - {"le"}
    return metric.name + ("_total" if metric.type == "counter" else ""), metric.type, frozenset(labels)


def test_the_golden_list_is_what_the_exporter_emits() -> None:
    """Names, types and labels, those of the process included."""
    found = emitted()

    assert all(metric.samples for metric in found), "the attempts above do not bring every metric about"
    assert {listed_by(metric) for metric in found} == {
        (name, metric["type"], frozenset(metric["labels"])) for name, metric in golden().items()
    }


def test_the_readme_lists_every_metric() -> None:
    """Each with its type and labels: nothing is shown that is not explained, nothing explained that is not there."""
    rows = re.findall(r"^\| `(token_\w+)` \| (\w+) \| ([^|]*)\|", (ROOT / "README.md").read_text(), re.MULTILINE)
    explained = {
        name: (kind, [label for label in re.split(r",\s*(?:and\s+)?", labels.strip()) if re.fullmatch(r"\w+", label)])
        for name, kind, labels in rows
    }

    assert explained == {
        name: (metric["type"], metric["labels"]) for name, metric in golden().items() if name.startswith("token_")
    }


@pytest.mark.parametrize("expression", EXPRESSIONS.values(), ids=list(EXPRESSIONS))
def test_an_expression_names_what_exists(expression: str) -> None:
    """Metrics, and labels that these metrics have."""
    named = selectors_in(expression)
    made = set(re.findall(r'label_replace\(.*?, "(\w+)", "\$', expression))

    assert metrics_in(expression) <= KNOWN.keys()
    for selector in named:
        assert {label for label, _, _ in selector.matchers} <= KNOWN[selector.name]
    there = set().union(*(KNOWN[selector.name] for selector in named)) if named else set()
    assert labels_in(expression) <= there | made


def test_every_metric_is_shown_used_or_excused() -> None:
    """By a dashboard, by a rule, or with a reason in the golden list."""
    read = set().union(*(metrics_in(expression) for expression in EXPRESSIONS.values()))
    bare = {re.sub(r"_(bucket|sum|count)$", "", name) for name in read} | read
    excused = {name for name, metric in golden().items() if metric.get("unshown")}

    assert golden().keys() - bare == excused


def test_every_recording_that_a_dashboard_shows_is_one() -> None:
    """A recording has a colon in its name, which no metric of ours has."""
    shown = {name for query in QUERIES for name in metrics_in(expanded(query.expr)) if ":" in name}

    assert shown
    assert shown <= recordings().keys()


def named_in(text: str) -> Iterator[tuple[str, str]]:
    """The metrics that a text names, each with the matchers behind it, if any."""
    yield from re.findall(r"(?<![\w/-])((?:[a-z_]+:)?token_(?:probe|error|exporter)_[\w:]*\w)(\{[^}\n]*\})?", text)


@pytest.mark.parametrize("path", DOCS, ids=[str(path.relative_to(ROOT)) for path in DOCS])
def test_a_document_names_what_exists(path: Path) -> None:
    """Metrics and their labels, wherever they stand; a family may stand for its parts."""
    for name, matchers in named_in(path.read_text(encoding="utf-8")):
        known = KNOWN.get(name) or KNOWN.get(f"{name}_sum")
        assert known is not None or name in ON_DEMAND, name
        labels = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", matchers))
        assert labels <= (known or set()) | OF_A_SCRAPE, name


@pytest.mark.parametrize("path", DOCS, ids=[str(path.relative_to(ROOT)) for path in DOCS])
def test_a_document_asks_what_prometheus_understands(path: Path) -> None:
    """Indented lines that select a metric of ours are expressions, and group by labels that are there."""
    lines = re.findall(
        r"(?m)^ {4,}([a-z_]+ ?(?:by \([^)]*\) )?\(.*token_(?:probe|error|exporter)_.*\).*)$", path.read_text()
    )
    for line in lines:
        there = set().union(*(KNOWN[name] for name in metrics_in(line)))
        assert labels_in(line) <= there, line


def test_links_between_dashboards_lead_to_dashboards() -> None:
    """And hand over what was chosen: the time range, the data source, the variables."""
    urls = re.findall(
        r'"url": "(/d/[^"]*)"', "".join(path.read_text() for path in (ROOT / "dashboards/grafana").glob("*.json"))
    )

    assert urls
    for url in urls:
        uid, _, query = url.removeprefix("/d/").partition("?")
        assert uid in BOARDS
        if query:
            assert {"${__url_time_range}", "${datasource:queryparam}", "${job:queryparam}"} <= set(query.split("&"))
