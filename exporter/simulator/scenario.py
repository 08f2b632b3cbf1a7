"""A scenario: what goes wrong, from when to when, for whom, and how often."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from exporter.catalogue import REASONS, Stage, code_entry
from exporter.config.values import Duration, Error, matching, one_of
from exporter.document import Problem, load
from exporter.durations import parse_duration

Draw = Callable[[], float]
"""A number in [0, 1), uniformly."""


def _parse_moment(value: object) -> float:
    return 0.0 if value == "0s" else parse_duration(value)


def _known_code(value: str) -> str:
    if code_entry(value) is None:
        raise ValueError("must be a code of the catalogue, as AADSTS50000")
    return value


Endpoint = Literal["token", "devicecode", "discovery", "jwks"]
"""What of a provider an entry strikes."""

Moment = Annotated[float, BeforeValidator(_parse_moment)]
HeaderName = Annotated[str, AfterValidator(matching(r"[A-Za-z0-9-]{1,64}", "must be the name of a header field"))]
HeaderValue = Annotated[str, AfterValidator(matching(r"[\x20-\x7e]{0,1000}", "must be printable ASCII text"))]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)


_KINDS = ("token", "code", "body", "stall", "reset", "truncate", "latency", "fault")
_WORDS = frozenset({"token", "reset", "truncate"})

_UNREACHABLE = tuple(
    f"{stage}/{reason}" for stage in (Stage.DNS, Stage.CONNECT, Stage.TLS) for reason in REASONS[stage]
)
"""What keeps a request from ever reaching a server."""


class Play(_Strict):
    """What the simulator answers: a token, a refusal, a literal answer, or a fault on the wire."""

    token: Literal[True] | None = None
    code: Annotated[str, AfterValidator(_known_code)] | None = None
    error: Error | None = None
    status: int | None = Field(default=None, ge=200, le=599)
    headers: dict[HeaderName, HeaderValue] = {}
    body: str | None = Field(default=None, max_length=1 << 20)
    stall: Literal["headers", "body"] | None = None
    reset: Literal[True] | None = None
    truncate: Literal[True] | None = None
    latency: Duration | None = None
    fault: one_of(_UNREACHABLE) | None = None  # type: ignore[valid-type]

    @model_validator(mode="before")
    @classmethod
    def _word(cls, value: object) -> object:
        """Lets `answer: token`, `reset` and `truncate` stand without a mapping."""
        if isinstance(value, str) and value not in _WORDS:
            raise ValueError("must be token, reset or truncate, or a mapping such as {code: AADSTS50000}")
        return {value: True} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        kinds = [kind for kind in _KINDS if getattr(self, kind) is not None]
        if self.status is not None and not kinds:
            return self
        if len(kinds) != 1:
            raise ValueError("must be exactly one of " + ", ".join(_KINDS) + ", or a status")
        if (self.status or self.error or self.headers) and kinds[0] not in {"code", "body"}:
            raise ValueError("status, error and headers go with a code or a body only")
        return self


class Entry(_Strict):
    """One line of the timeline. Moments in seconds after the start; `ramp` raises the ratio from 0."""

    begin: Moment = Field(alias="from")
    end: Moment = Field(alias="to")
    ratio: float = Field(1.0, gt=0, le=1)
    ramp: Duration | None = None
    targets: list[str] = Field(["*"], min_length=1)
    endpoint: Endpoint = "token"
    answer: Play

    @model_validator(mode="after")
    def _forward(self) -> Self:
        if self.end <= self.begin:
            raise ValueError("must end after it begins: to must be later than from")
        return self

    def ratio_at(self, elapsed: float) -> float:
        """The share of answers that this entry decides; 0 outside its time."""
        if not self.begin <= elapsed < self.end:
            return 0.0
        return self.ratio * min(1.0, (elapsed - self.begin) / self.ramp) if self.ramp else self.ratio

    def concerns(self, names: Collection[str]) -> bool:
        """Whether one of a request's names matches one of the patterns."""
        return any(fnmatchcase(name, pattern) for pattern in self.targets for name in names)


class ScenarioFile(_Strict):
    """A scenario file."""

    name: str = Field(min_length=1)
    repeat: Duration | None = Field(None, description="Start over after this time.")
    timeline: list[Entry] = []

    @model_validator(mode="after")
    def _within_period(self) -> Self:
        if self.repeat and any(entry.end > self.repeat for entry in self.timeline):
            raise ValueError("every entry must end before the scenario repeats")
        return self


@dataclass(frozen=True, slots=True)
class Scenario:
    """What happens when; everything that no entry decides is answered with a token."""

    name: str
    timeline: tuple[Entry, ...] = ()
    repeat: float | None = None

    def play(self, elapsed: float, names: Collection[str], draw: Draw, endpoint: Endpoint = "token") -> Play | None:
        """What to answer to a request that goes by these names, so many seconds after the start."""
        moment = elapsed % self.repeat if self.repeat else elapsed
        for entry in (entry for entry in self.timeline if entry.endpoint == endpoint):
            ratio = entry.ratio_at(moment)
            if ratio and entry.concerns(names) and draw() < ratio:
                return entry.answer
        return None


QUIET = Scenario("quiet")
"""Nothing ever goes wrong."""


def load_scenario(path: Path) -> Scenario | list[Problem]:
    """Reads a scenario file."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        return [Problem(0, "", f"cannot be read: {getattr(error, 'strerror', None) or 'it is not UTF-8 text'}")]
    return parse_scenario(text)


def parse_scenario(text: str) -> Scenario | list[Problem]:
    """Reads the text of a scenario: a Scenario, or every problem in the order of its lines."""
    document = load(text)
    if document.root is None or document.problems:
        return sorted(document.problems)
    try:
        entry = ScenarioFile.model_validate(document.root)
    except ValidationError as error:
        known = {*ScenarioFile.model_fields, *Play.model_fields, *Entry.model_fields, "from", "to"}
        return sorted(document.invalid(error, known))
    return Scenario(entry.name, tuple(entry.timeline), entry.repeat)
