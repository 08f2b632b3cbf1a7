"""Whether what was seen of a case is what should be: its outcome, and what holds whatever happens."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache

from fakes import SECRET
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text
from prometheus_client.samples import Sample
from wirecase import SUCCESS, Case, Seen

from exporter.model import ProbeResult, Secret

GRACE = 0.25
"""Seconds that an attempt may take beyond its timeout, and that a healthy target takes at the most."""

MOST_LAG = 0.1
"""Seconds that nothing else may wait, whatever comes."""

MOST_MEMORY = 20 << 20

MOST_SERIES = 163 + 4 + 2
"""A target's series, as docs/configuration.md has them: some, and more for a code and for a kind of failure."""

OPENMETRICS = "/metrics in OpenMetrics"

# Whatever escapes the signs of a secret leaves its letters as they are; base64 does not.
_SPELLINGS = {SECRET[:10], *Secret(SECRET).spellings()}


@dataclass(slots=True)
class Verdict:
    """How a case ended, and what is wrong with it; `late` is what a busy machine may have brought about."""

    outcome: str = ""
    problems: list[str] = field(default_factory=list)
    late: list[str] = field(default_factory=list)


def judge(case: Case, seen: Seen) -> Verdict:
    if seen.complaints or not seen.results:
        return Verdict(problems=[*seen.complaints, *_leaks("log", seen.log)])
    late = [*_late(case, seen)]
    problems = [*_surprises(case, seen.results), *_shown(seen), *_miscounted(seen)]
    if seen.grown > MOST_MEMORY:
        problems.append(f"memory grew by {seen.grown >> 20} MiB")
    if not late:
        problems += [f"not so: {check.__name__}" for check in case.checks if not check(seen)]
    return Verdict(_outcome(seen.results[0]), problems, late)


def _outcome(result: ProbeResult) -> str:
    failure = result.outcome.failure
    return SUCCESS if failure is None else f"{failure.fault.stage}/{failure.fault.reason}"


def _surprises(case: Case, results: Iterable[ProbeResult]) -> Iterator[str]:
    for result in results:
        if _outcome(result) not in case.expected and not _is_early(case, result):
            yield f"outcome {_outcome(result)}"


def _late(case: Case, seen: Seen) -> Iterator[str]:
    """What took too long, was met by its deadline at another stage, or disturbed the healthy target."""
    yield from (f"outcome {_outcome(result)}" for result in seen.results if _is_early(case, result))
    if (slowest := max(seen.seconds)) > case.timeout + GRACE:
        yield f"an attempt took {slowest:.3f} s"
    if case.alone and seen.lag > MOST_LAG:
        yield f"the event loop was {seen.lag:.3f} s late"
    failures = [_outcome(result) for result in seen.healthy if not result.outcome.success]
    if failures or max(seen.healthy_seconds) > GRACE:
        yield f"the healthy target took {max(seen.healthy_seconds):.3f} s {failures}"


def _is_early(case: Case, result: ProbeResult) -> bool:
    return case.times_out and _outcome(result) not in case.expected and _outcome(result).endswith("/timeout")


def _shown(seen: Seen) -> Iterator[str]:
    """Secrets in anything that anybody can see."""
    yield from _leaks("log", seen.log)
    for path, text in seen.pages.items():
        yield from _leaks(path, text)
    for result in seen.results:
        yield from _leaks("result", f"{result!r} {result.evidence} {result.evidence.body}")


def _leaks(sink: str, text: str) -> Iterator[str]:
    if any(spelling in text for spelling in _SPELLINGS):
        yield f"a secret in the {sink}"


def _miscounted(seen: Seen) -> Iterator[str]:
    """Whether each attempt has exactly one outcome, in both formats, and in no more series than documented."""
    openmetrics, end = seen.pages[OPENMETRICS].split("# EOF")
    if end != "\n":
        yield "no end of OpenMetrics"
    for page, parse, closing in (
        (seen.pages["/metrics"], parse_text, ""),
        (openmetrics, parse_openmetrics, "# EOF\n"),
    ):
        blocks = [block for block in re.split("^(?=# HELP )", page, flags=re.MULTILINE) if block]
        if len({block.split()[2] for block in blocks}) < len(blocks):
            yield "a family stands there twice"
        samples = [sample for block in blocks for sample in _parsed(parse, block + closing)]
        for target, results in (("case", seen.results), ("healthy", seen.healthy)):
            yield from _miscounts(target, [s for s in samples if s.labels.get("target") == target], results)


@cache
def _parsed(parse: Callable[[str], Iterable[Metric]], block: str) -> tuple[Sample, ...]:
    """The samples of one family: most are the same in most cases, and both parsers are slow."""
    return tuple(sample for family in parse(block) for sample in family.samples)


def _miscounts(target: str, samples: list[Sample], results: list[ProbeResult]) -> Iterator[str]:
    attempts, failed, answered, unanswered = (
        sum(sample.value for sample in samples if sample.name == f"token_probe_{name}_total")
        for name in ("attempts", "failures", "oauth_errors", "transport_failures")
    )
    expected = len(results), sum(not result.outcome.success for result in results)
    if (attempts, failed) != expected or failed != answered + unanswered:
        yield f"{target}: {expected} is counted as {attempts}, {failed}, {answered} + {unanswered}"
    if len(samples) > MOST_SERIES:
        yield f"{target}: {len(samples)} series"
