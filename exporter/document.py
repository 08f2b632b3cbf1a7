"""A YAML document read strictly: every problem at once, with its path and line and never its value."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any

import yaml
from pydantic import ValidationError
from yaml.reader import Reader
from yaml.resolver import Resolver

Path = tuple[str | int, ...]
Complaint = tuple[Path, str]
"""A path and what is wrong there."""

Private = Mapping[str, Collection[str]]
"""Keys below which secrets stand, each with the words that may be repeated from there."""

MAX_SIZE = 16 << 20
TOO_LARGE = f"the file is larger than {MAX_SIZE >> 20} MiB"
MAX_ALIASES = 1000
MAX_DEPTH = 32

NO_KEY = ""
"""Stands for a key that was reported; what belongs to it is read and left out."""

# libyaml where PyYAML was built with it: ten times faster, and the same events.
_Loader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_RESOLVER = Resolver()
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})")
_FLOAT = re.compile(r"[-+]?(?:0|[1-9][0-9]*)\.[0-9]+")
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")
_KEY = re.compile(r"[a-z_]{1,32}")
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
_TAG = "tag:yaml.org,2002:"


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing wrong with a document: where, and what to do about it. Line 0 is the document as a whole."""

    line: int
    path: str
    message: str

    def __str__(self) -> str:
        where = f"line {self.line}: " if self.line else ""
        return f"{where}{self.path + ': ' if self.path else ''}{self.message}"


@dataclass(frozen=True, slots=True)
class Document:
    """Plain values (mappings, lists, strings, numbers, booleans, None) and the line at which each path stands."""

    root: Any
    lines: dict[Path, int]
    problems: tuple[Problem, ...]
    private: Private

    def problem(self, path: Iterable[str | int], message: str) -> Problem:
        """A problem at the path; its line is that of the nearest part of the path that stands in the text."""
        whole = tuple(path)
        known = whole
        while known and known not in self.lines:
            known = known[:-1]
        return Problem(self.lines.get(known, 1), dotted(whole, self.private), message)

    def invalid(self, error: ValidationError, known: Collection[str]) -> Iterator[Problem]:
        """The problems that pydantic found, without the values that it found them in.

        An unknown key is compared with the known ones; the one that it was likely meant to be is not missed too.
        """
        details = error.errors(include_url=False, include_context=False, include_input=False)
        strangers = [detail["loc"] for detail in details if detail["type"] == "extra_forbidden"]
        meant = {(*path[:-1], likely_key(str(path[-1]), known)) for path in strangers}
        for detail in details:
            path, kind = detail["loc"], detail["type"]
            if kind == "extra_forbidden":
                # A key that looks like none of ours may be a value on the wrong side of a colon.
                shown = path if _KEY.fullmatch(str(path[-1])) else (*path[:-1], "?")
                problem = self.problem(shown, "unknown key" + _hint(str(path[-1]), known))
                yield replace(problem, line=self.problem(path, "").line)
            elif kind != "missing" or path not in meant:
                message = detail["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
                # pydantic adds a part of its own where a key is wrong rather than what stands under it.
                yield self.problem(path[:-1] if path[-1:] == ("[key]",) else path, _MESSAGES.get(kind, message))


_MESSAGES: Mapping[str, str] = MappingProxyType(
    {
        "bool_type": "must be true or false",
        "dict_type": "must be a mapping",
        "int_type": "must be a whole number",
        "list_type": "must be a list",
        "missing": "is required",
        "model_type": "must be a mapping",
        "string_type": "must be text; put it in quotes if it looks like a number",
        "too_short": "must not be empty",
    }
)


def likely_key(word: str, known: Iterable[str]) -> str:
    """The known key that a misspelt one was meant to be; '' where none is near."""
    return next(iter(get_close_matches(word, sorted(known), 1)), "")


def _hint(word: str, known: Collection[str]) -> str:
    if word in known:
        return "; it belongs elsewhere"
    likely = likely_key(word, known)
    return f"; did you mean {likely}?" if likely else ""


def dotted(path: Path, private: Private) -> str:
    """Writes a path the way people do: `targets[2].credential`; a key that is no plain word or private as `?`."""
    text = ""
    public: Collection[str] | None = None
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
            continue
        # A value on the wrong side of a colon becomes a key, and it may be a secret.
        word = part if _WORD.fullmatch(part) and (public is None or part in public) else "?"
        text += f".{word}" if text else word
        public = private.get(part, public)
    return text


def load(text: str, private: Private = MappingProxyType({})) -> Document:
    """Reads one YAML document, refusing what YAML 1.1 would silently take for something else than it looks like.

    Duplicate keys, tags, merge keys and plain scalars such as `NO`, `0123` and `22:22` are problems.
    Never raises; what cannot be read is None.
    """
    reader = _Reader(private)
    root = None
    if len(text) > MAX_SIZE:
        reader.complain(1, (), TOO_LARGE)
    elif stranger := Reader.NON_PRINTABLE.search(text):
        line = text.count("\n", 0, stranger.start()) + 1
        reader.complain(line, (), "not valid YAML: a character that YAML does not allow")
    else:
        try:
            # Events rather than nodes: composing nodes recurses in C and dies of a deep enough text.
            root = reader.read(yaml.parse(text, Loader=_Loader))
        except yaml.MarkedYAMLError as error:
            # PyYAML quotes parts of the text, which may be a secret's.
            problem = _QUOTED.sub("...", error.problem or "")
            reader.complain(_line(error.problem_mark or error.context_mark), (), f"not valid YAML: {problem}")
        except yaml.YAMLError:
            reader.complain(1, (), "not valid YAML: a character that YAML does not allow")
    return Document(root, reader.lines, tuple(reader.problems), private)


def _line(mark: Any) -> int:
    return mark.line + 1 if mark else 1


@dataclass(slots=True)
class _Collection:
    """A mapping or list that is being read."""

    value: dict[str, Any] | list[Any]
    path: Path
    anchor: str | None
    key: str | None = None
    aliased: bool = False

    @property
    def awaits_key(self) -> bool:
        return isinstance(self.value, dict) and self.key is None


@dataclass(slots=True)
class _Reader:
    """Builds plain values out of YAML events, without recursion."""

    private: Private
    problems: list[Problem] = field(default_factory=list)
    lines: dict[Path, int] = field(default_factory=dict)
    stack: list[_Collection] = field(default_factory=list)
    anchors: dict[str, Any] = field(default_factory=dict)
    aliases: int = 0

    def complain(self, line: int, path: Path, message: str) -> None:
        self.problems.append(Problem(line, dotted(path, self.private), message))

    def read(self, events: Iterable[yaml.Event]) -> Any:
        root: Any = None
        documents = 0
        for event in events:
            line = _line(event.start_mark)
            match event:
                case yaml.DocumentStartEvent():
                    documents += 1
                    if documents > 1:
                        self.complain(line, (), "a second document begins; keep one document in a file")
                        return root
                case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                    if len(self.stack) == MAX_DEPTH:
                        self.complain(line, self.path(), f"nested deeper than {MAX_DEPTH} levels")
                        return None
                    self.begin(event, line)
                case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                    root = self.end(line)
                case yaml.ScalarEvent():
                    root = self.scalar(event, line)
                case yaml.AliasEvent():
                    self.alias(event.anchor or "", line)
        if root is None and not self.problems:
            self.complain(1, (), "the file is empty")
        return root

    def path(self) -> Path:
        """Where the next value belongs."""
        if not self.stack:
            return ()
        top = self.stack[-1]
        if isinstance(top.value, list):
            return (*top.path, len(top.value))
        return top.path if top.key is None else (*top.path, top.key)

    def begin(self, event: yaml.CollectionStartEvent, line: int) -> None:
        path = self.path()
        if event.tag is not None:
            self.complain(line, path, "tags have no meaning here")
        if self.stack and self.stack[-1].awaits_key:
            self.complain(line, path, "a key must be a plain word")
        self.lines.setdefault(path, line)
        value: dict[str, Any] | list[Any] = {} if isinstance(event, yaml.MappingStartEvent) else []
        self.stack.append(_Collection(value, path, event.anchor))

    def end(self, line: int) -> Any:
        done = self.stack.pop()
        if done.anchor is not None and done.aliased:
            self.complain(line, done.path, "an anchored value must not contain an alias")
        if self.stack:
            self.stack[-1].aliased |= done.aliased
        return self.place(done.value, done.anchor)

    def scalar(self, event: yaml.ScalarEvent, line: int) -> Any:
        if self.stack and self.stack[-1].awaits_key:
            self.begin_value(self.stack[-1], event, line)
            return None
        path = self.path()
        self.lines.setdefault(path, line)
        return self.place(self.plain(event, path, line), event.anchor)

    def begin_value(self, mapping: _Collection, key: yaml.ScalarEvent, line: int) -> None:
        path = (*mapping.path, key.value)
        mapping.key = key.value
        if key.value == "<<":
            self.complain(line, mapping.path, "merge keys (<<) are not supported; write the keys out")
            mapping.key = NO_KEY
        elif key.value == NO_KEY:
            self.complain(line, mapping.path, "a key must be a plain word")
        elif key.value in mapping.value:
            self.complain(line, path, "this key stands twice; the first is on line " + str(self.lines[path]))
        self.lines.setdefault(path, line)

    def alias(self, anchor: str, line: int) -> None:
        path = self.path()
        self.aliases += 1
        if self.stack:
            self.stack[-1].aliased = True
        if self.stack and self.stack[-1].awaits_key:
            self.complain(line, path, "a key must be a plain word")
            self.stack[-1].key = NO_KEY
            return
        if anchor not in self.anchors:
            self.complain(line, path, "this alias names no anchor above it")
        if self.aliases > MAX_ALIASES:
            self.complain(line, path, f"more than {MAX_ALIASES} aliases")
        self.place(self.anchors.get(anchor) if self.aliases <= MAX_ALIASES else None, None)

    def place(self, value: Any, anchor: str | None) -> Any:
        if anchor is not None:
            self.anchors[anchor] = value
        if self.stack:
            top = self.stack[-1]
            if isinstance(top.value, list):
                top.value.append(value)
            elif top.key is None:
                top.key = NO_KEY
            else:
                # The first of two equal keys stays: the second was reported.
                if top.key != NO_KEY:
                    top.value.setdefault(top.key, value)
                top.key = None
        return value

    def plain(self, event: yaml.ScalarEvent, path: Path, line: int) -> Any:
        """The value of a scalar; one that YAML 1.1 and its reader would take differently is a problem."""
        text: str = event.value
        if event.tag is not None and event.tag != _TAG + "str":
            self.complain(line, path, "tags have no meaning here")
            return None
        if event.tag is not None or not event.implicit[0]:
            return text
        resolved: str = _RESOLVER.resolve(yaml.ScalarNode, text, (True, False))  # type: ignore[no-untyped-call]
        match resolved.removeprefix(_TAG):
            case "null":
                return None
            case "bool" if text.lower() in {"true", "false"}:
                return text.lower() == "true"
            case "int" if _INTEGER.fullmatch(text):
                return int(text)
            case "float" if _FLOAT.fullmatch(text):
                return float(text)
            case "bool" | "int" | "float" | "value" | "merge" as trap:
                kind = {"bool": "a boolean", "int": "another number", "float": "another number"}
                self.complain(
                    line, path, f"YAML reads this as {kind.get(trap, 'a directive')}; put it in quotes if it is text"
                )
                return None
            case _:
                return text
