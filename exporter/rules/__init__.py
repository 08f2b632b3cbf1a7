"""The pack of alert rules, for the settings of a site; the bundled file is the pack of the defaults."""

from dataclasses import dataclass

import jinja2

from exporter.catalogue import OUTAGE_CATEGORIES, SERVICE_CATEGORIES, Category
from exporter.durations import show_duration

SLOW_INTERVAL = 60.0
"""Seconds between two evaluations of what looks back for hours; at least as long as the interval of the rest."""

_TEMPLATES = jinja2.Environment(
    loader=jinja2.PackageLoader("exporter", "rules"),
    autoescape=False,  # noqa: S701 - YAML, and every value is a number, a duration or checked text
    undefined=jinja2.StrictUndefined,
    # Prometheus's own templates have the usual delimiters.
    block_start_string="<%",
    block_end_string="%>",
    variable_start_string="<<",
    variable_end_string=">>",
    comment_start_string="<#",
    comment_end_string="#>",
    keep_trailing_newline=True,
)


@dataclass(frozen=True, slots=True)
class _Burn:
    """One arm of the multi-window, multi-burn-rate alert (The Site Reliability Workbook, chapter 5)."""

    factor: float
    long: str
    short: str
    severity: str

    @property
    def times(self) -> str:
        """How much more often attempts fail than they may, for a sentence."""
        return "" if self.factor == 1 else f"(more than {self.factor:g} times as often), "


_BURNS = (
    _Burn(14.4, "1h", "5m", "critical"),
    _Burn(6, "6h", "30m", "critical"),
    _Burn(3, "1d", "2h", "warning"),
    _Burn(1, "3d", "6h", "warning"),
)
_WINDOWS = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a site may want otherwise.

    `slo` in percent, `interval` of scrapes and evaluations, `no_success` and `latency` in seconds; `runbooks` and
    `dashboards` are where alerts point to.
    """

    slo: float = 99.9
    interval: float = 5.0
    job: str = "token-probe"
    no_success: float = 300.0
    latency: float = 2.0
    runbooks: str = "runbooks"
    dashboards: str = "/d/token-probe-overview"


def render(settings: Settings, command: str = "aadsts-exporter rules") -> str:
    """The pack as the text of a rule file; `command` is what its first line says it was printed by."""
    answered = OUTAGE_CATEGORIES - {Category.NETWORK}
    return _TEMPLATES.get_template("token-probe.yaml.j2").render(
        command=command,
        slo=f"{settings.slo:g}",
        budget=f"{1 - settings.slo / 100:.6g}",
        interval=show_duration(settings.interval),
        slow_interval=show_duration(max(SLOW_INTERVAL, settings.interval)),
        job=settings.job,
        no_success=f"{settings.no_success:g}",
        no_success_words=show_duration(settings.no_success),
        latency=f"{settings.latency:g}",
        runbooks=settings.runbooks.rstrip("/"),
        dashboards=settings.dashboards.rstrip("/"),
        joint="&" if "?" in settings.dashboards else "?",
        outage="|".join(sorted(OUTAGE_CATEGORIES)),
        service="|".join(sorted(SERVICE_CATEGORIES)),
        answered="|".join(sorted(answered)),
        windows=_WINDOWS,
        burns=_BURNS,
    )
