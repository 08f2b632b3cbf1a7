"""What is handed to support."""

import csv
import io
import json
from types import MappingProxyType

import pytest

from exporter.history import Entry, Tally
from exporter.ticket import COLUMNS, MAX_ROWS, Ticket, make_ticket, render

NOW = 1_700_000_000.0


def entry(number: int, target: str, code: str | None, **values: object) -> Entry:
    defaults: dict[str, object] = dict.fromkeys(COLUMNS)
    defaults |= {"target": target, "code": code, "tenant": "contoso", "client_id": "c", "endpoint": "https://login/"}
    defaults |= {"trace_id": f"trace-{number}", "started_at": f"at-{number}", "status": 500}
    return Entry(number, target, NOW - 600 + number, False, MappingProxyType(defaults | values))


FAILURES = [
    entry(9, "graph", "AADSTS50000"),
    entry(8, "orders", "AADSTS50000"),
    entry(7, "payroll", "AADSTS7000222"),
    entry(6, "graph", "AADSTS50000"),
    entry(5, "graph", None, stage="dns", reason="timeout"),
]
TALLIES = {
    "graph": Tally(40, 3, {"AADSTS50000": 2}),
    "orders": Tally(20, 1, {"AADSTS50000": 1}),
    "payroll": Tally(20, 1, {"AADSTS7000222": 1}),
    "front-door": Tally(60, 0),
    "idle": Tally(0, 0),
}


def ticket(code: str = "", target: str = "") -> Ticket:
    return make_ticket(FAILURES, TALLIES, code=code, target=target, since=NOW - 3600, until=NOW)


def test_a_ticket_tells_what_is_affected_and_what_is_not() -> None:
    """By targets: failing so, failing otherwise, sound; a target without attempts is none of these."""
    about = ticket("AADSTS50000")

    assert [e.id for e in about.failures] == [9, 8, 6]
    assert about.affected == ("graph", "orders")
    assert about.otherwise_affected == ("payroll",)
    assert about.healthy == ("front-door",)
    assert about.attempts == 60


def test_a_ticket_may_be_about_one_target_or_everything() -> None:
    """Without a code every failure counts."""
    assert len(ticket().failures) == 5
    assert [e.id for e in ticket(target="graph").failures] == [9, 6, 5]
    assert [e.id for e in ticket("AADSTS50000", "orders").failures] == [8]


def test_markdown_is_ready_to_paste() -> None:
    """Code and name, counts, since when, whom, and the ids."""
    text = render(ticket("AADSTS50000"), "md")

    assert text.startswith("# AADSTS50000 TokenIssuanceError\n")
    assert "3 of 60 token requests of the affected targets failed" in text
    assert "since 2023-11-14T22:03:26.000Z, last 2023-11-14T22:03:29.000Z" in text
    assert "**Affected**: `graph`, `orders`" in text
    assert "**Not affected**: `front-door`" in text
    assert "| at-9 | graph | AADSTS50000 | 500 | trace-9 |" in text


def test_an_oauth_error_value_may_stand_for_a_code() -> None:
    """Not every provider has codes."""
    entries = [
        entry(2, "sso", None, error="invalid_client"),
        entry(1, "graph", "AADSTS7000222", error="invalid_client"),
        entry(0, "sso", None, error="invalid_scope"),
    ]
    about = make_ticket(entries, TALLIES, code="invalid_client", target="", since=NOW - 3600, until=NOW)

    assert (about.affected, about.count) == (("graph", "sso"), 2)


def test_json_and_csv_carry_the_same_rows() -> None:
    """For programs and for spreadsheets."""
    document = json.loads(render(ticket("AADSTS50000"), "json"))
    rows = list(csv.DictReader(io.StringIO(render(ticket("AADSTS50000"), "csv"))))

    assert (document["failures"], document["attempts"]) == (3, 60)
    assert (
        [row["trace_id"] for row in document["rows"]]
        == [row["trace_id"] for row in rows]
        == [
            "trace-9",
            "trace-8",
            "trace-6",
        ]
    )


def test_no_failure_is_a_ticket_too() -> None:
    """It says so."""
    assert "No such failure since 2023-11-14T21:13:20.000Z" in render(ticket("AADSTS90033"), "md")
    assert json.loads(render(ticket("AADSTS90033"), "json"))["first_failure"] is None


def test_long_lists_are_cut_and_counted() -> None:
    """The counts are of all."""
    many = [entry(n, "graph", "AADSTS50000") for n in range(200, 0, -1)]
    tallies = {"graph": Tally(400, 200, {"AADSTS50000": 200})}
    text = render(make_ticket(many, tallies, code="AADSTS50000", target="", since=0, until=NOW), "md")

    assert f"the newest {MAX_ROWS} of 200" in text
    assert text.count("| trace-") == MAX_ROWS


@pytest.mark.parametrize("evil", ["a|b", "`x`", "<script>", "[link](http://evil)", "line\nbreak", "*bold*"])
def test_no_value_leaves_its_cell(evil: str) -> None:
    """Markdown of a provider stays text."""
    about = make_ticket([entry(1, "graph", "AADSTS50000", trace_id=evil)], {}, code="", target="", since=0, until=NOW)
    row = render(about, "md").strip().splitlines()[-1]

    assert row.replace("\\|", "").count("|") == 8
    for mark in "`<[*":
        assert f"{mark}" not in row.replace(f"\\{mark}", "")


@pytest.mark.parametrize("formula", ["=1+1", "+1", "-1", "@x"])
def test_no_value_is_a_formula(formula: str) -> None:
    """A spreadsheet shows it as text."""
    about = make_ticket([entry(1, "graph", "AADSTS50000", server=formula)], {}, code="", target="", since=0, until=NOW)
    (row,) = csv.DictReader(io.StringIO(render(about, "csv")))

    assert row["server"] == f"'{formula}"


def test_failures_that_are_no_longer_kept_are_still_counted() -> None:
    """And the ticket does not claim to know when they began."""
    tallies = {"graph": Tally(1000, 800, {"AADSTS50000": 700})}
    about = make_ticket(FAILURES[:1], tallies, code="AADSTS50000", target="", since=NOW - 3600, until=NOW)

    assert "700 of 1000 token requests" in render(about, "md")
    assert "since 2023-11-14T22:03:29.000Z or earlier" in render(about, "md")
    assert (json.loads(render(about, "json"))["failures"], json.loads(render(about, "json"))["kept"]) == (700, 1)
