"""A provider that says whatever harms: codes without end, text that draws, and our own secret."""

import base64
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote, quote_plus

import pytest
from endpoints import answer_of, endpoint, serve_flags, targets_on
from fakes import SECRET
from processes import running
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from exporter.metrics.codes import CODE_BUDGET

SPELLINGS = {SECRET, quote(SECRET, safe=""), quote_plus(SECRET), base64.b64encode(SECRET.encode()).decode()}
DRAWS = "\x1b[2J\x1b]0;owned\x07\r\nlevel=error msg=forged\u202e\u2066\x85\x9b31m\0\u2028<script>alert(1)</script>"
LONG = "A" * 50_000
LONGEST_LINE = 2000


def answer(number: int, _request: bytes) -> bytes:
    """Another code and another error at each request, and everything else in every place."""
    text = f"{DRAWS} {' '.join(sorted(SPELLINGS))}"
    said = {
        "error": f"made_up_{number}",
        "error_codes": [9_990_000 + number],
        "error_description": f"AADSTS{9_990_000 + number}: {text} {LONG}",
        "suberror": f"{text} {number}",
        "trace_id": text,
        "correlation_id": f"{text} {number}",
        "timestamp": text,
    }
    header = f"{SECRET} \x9b31m <script> {number}"
    extra = f"x-ms-request-id: {header}\r\nx-ms-ests-server: {header}\r\nServer: {header}\r\nDate: {header}\r\n"
    return answer_of(json.dumps(said).encode(), f"400 {header}", extra)


@dataclass(frozen=True)
class Shown:
    """What an exporter has shown of such a provider."""

    metrics: str
    openmetrics: str
    pages: dict[str, str]
    log: str


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    """Of more codes than the budget has, in the log, too."""
    folder = tmp_path_factory.mktemp("hostile")
    with endpoint(answer) as provider:
        flags = serve_flags(folder, targets_on(provider.port, "a", secret=SECRET), interval="100ms", timeout="90ms")
        with running(*flags) as exporter:
            exporter.until(lambda: sum(exporter.samples("token_exporter_code_overflow_total")) >= 3)
            paths = ("/", "/targets/a", "/failures", "/failures/1", "/probe?target=a&debug=true", "/config")
            pages = {path: exporter.get(path) for path in (*paths, "/evidence?code=AADSTS9990000")}
            metrics = exporter.get("/metrics")
            openmetrics = exporter.get("/metrics", Accept="application/openmetrics-text; version=1.0.0")
            assert exporter.stop() == 0
            yield Shown(metrics, openmetrics, pages, exporter.said())


@pytest.mark.fault(70)
def test_made_up_codes_and_errors_have_a_bound(shown: Shown) -> None:
    """The budget's codes and `other`; error values are registered ones; both parsers read every line."""
    families = list(parse_text(shown.metrics))
    assert list(parse_openmetrics(shown.openmetrics))  # type: ignore[no-untyped-call]

    errors = [sample for family in families for sample in family.samples if sample.name == "token_probe_errors_total"]
    codes = {sample.labels["code"] for sample in errors if sample.labels["category"] == "unknown"}
    assert "other" in codes
    assert len([code for code in codes if code.startswith("AADSTS999")]) == CODE_BUDGET
    assert "made_up" not in shown.metrics + shown.openmetrics


@pytest.mark.fault(71)
def test_a_line_of_the_log_is_a_line_and_short(shown: Shown) -> None:
    """Whatever an answer holds: no control, no mark that turns writing round, no line of its own, nothing long."""
    lines = shown.log.splitlines()
    assert sum("AADSTS9990" in line for line in lines) > CODE_BUDGET
    assert all(re.match(r"ts=\S+Z level=(info|warning) msg=", line) for line in lines), shown.log
    assert "forged" not in shown.log
    assert shown.log.replace("\n", "").isprintable()
    assert max(map(len, lines)) < LONGEST_LINE
    assert "forged" not in shown.metrics + shown.openmetrics


@pytest.mark.fault(72)
def test_no_text_is_markup(shown: Shown) -> None:
    """It is shown, as text, and on no page is it an element."""
    assert "&lt;script&gt;alert(1)" in shown.pages["/failures/1"]
    for path, page in shown.pages.items():
        if not path.startswith(("/probe", "/evidence", "/config")):
            assert "<script>" not in page


@pytest.mark.fault(73)
def test_our_secret_comes_back_and_is_nowhere(shown: Shown) -> None:
    """As it is, as URLs, forms and base64 have it: not on a page, in a metric or in the log."""
    sinks = {**shown.pages, "metrics": shown.metrics, "openmetrics": shown.openmetrics, "log": shown.log}
    assert "&lt;secret&gt;" in shown.pages["/failures/1"]
    for sink, text in sinks.items():
        assert not [spelling for spelling in SPELLINGS if spelling in text], sink
