"""Case files: YAML beside a flow that says what goes in and what must come out.

The YAML is read by version 1.2's core schema: ``no`` and ``on`` are texts, ``12:30`` is a text, ``010`` is ten, dates
are texts. What is wrong in a file is told with its line.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from .errors import BuswayError, suggest

SUFFIXES = (".cases.yaml", ".case.yaml", ".cases.yml", ".case.yml")
DEFAULT_WITHIN = 10.0
"""Seconds, by the case's clock, that a step waits for what it expects."""

STEPS: dict[str, frozenset[str]] = {
    "send": frozenset({"to"}),
    "press": frozenset({"props"}),
    "request": frozenset(),
    "wait": frozenset(),
    "expect": frozenset({"from", "at", "output", "within", "after"}),
    "expect_nothing": frozenset({"output", "for"}),
    "expect_error": frozenset({"within", "after"}),
    "expect_status": frozenset({"from", "within", "after"}),
    "expect_response": frozenset({"within", "after"}),
}
"""The steps of a case and what else each may say. Those of other worlds are added by :func:`add_steps`."""
NEEDED = {"send": ("to",), "expect_status": ("from",)}
DURATIONS = ("wait", "within", "after", "for")
_FILE_KEYS = frozenset({"flow", "clock", "within", "env", "credentials", "stubs", "cases"})
_CASE_KEYS = frozenset({"name", "clock", "within", "env", "credentials", "stubs", "steps"})
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86_400.0}
_DURATION = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|min|m|h|d)\s*")


class CaseFileError(BuswayError):
    """A case file cannot be read; names the file, the line and what would be right."""


@dataclass(frozen=True)
class Step:
    """One step: ``verb`` says what is done, ``spec`` with what; ``options`` are its other members, durations in
    seconds.
    """

    verb: str
    spec: Any
    options: dict[str, Any]
    line: int


@dataclass(frozen=True)
class Case:
    """A case. ``clock`` is when it begins, in seconds since the epoch; ``within`` how long a step waits, in seconds."""

    name: str
    line: int
    steps: list[Step]
    clock: float | None = None
    within: float = DEFAULT_WITHIN
    env: dict[str, Any] = field(default_factory=dict)
    credentials: dict[str, dict[str, Any]] = field(default_factory=dict)
    stubs: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class CaseFile:
    """The cases of a file and the flow file they are about."""

    path: Path
    flow: Path
    cases: list[Case]


def add_steps(*verbs: str, options: tuple[str, ...] = ("within", "after")) -> None:
    """Allows further steps in case files; those whose name begins with ``expect_`` take ``options``."""
    for verb in verbs:
        STEPS[verb] = frozenset(options) if verb.startswith("expect_") else frozenset()


def is_case_file(path: Path) -> bool:
    """Whether a file is one by its name."""
    return path.name.endswith(SUFFIXES)


def case_files(paths: list[Path]) -> list[Path]:
    """The case files among ``paths``, in the folders among them, and beside the flow files among them."""
    found: dict[Path, None] = {}
    for path in paths:
        found.update(dict.fromkeys(_case_files_of(path)))
    return list(found)


def _case_files_of(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(one for one in path.rglob("*") if is_case_file(one) and one.is_file())
    if is_case_file(path):
        return [path]
    beside = [path.with_name(path.stem + suffix) for suffix in SUFFIXES]
    return [one for one in beside if one.is_file()]


# -- reading --------------------------------------------------------------------------------------------------------
def load(path: Path) -> CaseFile:
    """Reads a case file. Raises CaseFileError."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CaseFileError(f"{path}: {error}") from None
    try:
        return _Reader(path).read(text)
    except RecursionError:
        raise CaseFileError(f"{path}: an anchor contains itself, or values are nested too deep") from None


class _Reader:
    """Reads one file; knows where each part stands."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def fail(self, line: int, text: str) -> CaseFileError:
        return CaseFileError(f"{self.path}:{line}: {text}")

    def read(self, text: str) -> CaseFile:
        import yaml

        try:
            root = yaml.compose(text, Loader=yaml.SafeLoader)
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark is not None else 1
            raise self.fail(line, f"not valid YAML: {error.problem}") from None
        except yaml.YAMLError as error:
            raise self.fail(1, f"not valid YAML: {error}") from None
        if root is None:
            raise self.fail(1, "the file is empty; it needs a list of cases")
        top = self.members(root, "a case file", _FILE_KEYS, ("cases",))
        defaults = {key: self.value(top[key]) for key in top if key not in ("flow", "cases")}
        cases = [self.case(node, defaults) for node in self.items(top["cases"], "cases")]
        return CaseFile(self.path, self.flow(top), cases)

    def flow(self, top: Mapping[str, Any]) -> Path:
        if "flow" in top:
            return self.path.parent / str(self.value(top["flow"]))
        suffix = next(suffix for suffix in (*SUFFIXES, self.path.suffix) if self.path.name.endswith(suffix))
        return self.path.with_name(self.path.name.removesuffix(suffix) + ".json")

    def case(self, node: Any, defaults: dict[str, Any]) -> Case:
        line = _line(node)
        members = self.members(node, "a case", _CASE_KEYS, ("name", "steps"))
        own = {key: self.value(value) for key, value in members.items() if key != "steps"}
        values = {key: self.check(line, key, value) for key, value in (defaults | own).items()}
        for key in ("env", "credentials", "stubs"):
            values[key] = self.table(line, key, defaults) | self.table(line, key, own)
        steps = [self.step(item) for item in self.items(members["steps"], "steps")]
        return Case(line=line, steps=steps, **values)

    def table(self, line: int, key: str, values: Mapping[str, Any]) -> dict[str, Any]:
        table = values.get(key, {})
        if not isinstance(table, dict):
            raise self.fail(line, f"{key} is a mapping of names to values")
        return table

    def check(self, line: int, key: str, value: Any) -> Any:
        if key == "within":
            return self.seconds(line, key, value)
        if key == "clock":
            return self.moment(line, value)
        return str(value) if key == "name" else value

    def step(self, node: Any) -> Step:
        line = _line(node)
        members = dict(self.pairs(node, "a step"))
        verbs = [key for key in members if key in STEPS]
        if len(verbs) != 1:
            raise self.fail(line, _no_step(members, verbs))
        verb = verbs[0]
        for key in members:
            if key != verb and key not in STEPS[verb]:
                raise self.fail(line, _unknown(key, f"a step {verb!r}", STEPS[verb]))
        values = {key: self.value(value) for key, value in members.items()}
        for key in DURATIONS:
            if key in values:
                values[key] = self.seconds(line, key, values[key])
        for key in NEEDED.get(verb, ()):
            if key not in values:
                raise self.fail(line, f"a step {verb!r} needs {key!r}")
        if verb == "expect" and ("from" in values) == ("at" in values):
            raise self.fail(
                line, "a step 'expect' needs either 'from', a node that sends, or 'at', a node that receives"
            )
        return Step(verb, values.pop(verb), values, line)

    # -- values -----------------------------------------------------------------------------------------------------
    def members(self, node: Any, what: str, known: frozenset[str], needed: tuple[str, ...]) -> dict[str, Any]:
        found = dict(self.pairs(node, what))
        for key in found:
            if key not in known:
                raise self.fail(_line(node), _unknown(key, what, known))
        for key in needed:
            if key not in found:
                raise self.fail(_line(node), f"{what} needs {key!r}")
        return found

    def pairs(self, node: Any, what: str) -> Iterator[tuple[str, Any]]:
        if node.id != "mapping":
            raise self.fail(_line(node), f"{what} is a mapping, this is a {node.id}")
        seen: set[str] = set()
        for key, value in node.value:
            name = str(self.value(key))
            if name in seen:
                raise self.fail(_line(key), f"{name!r} is there twice")
            seen.add(name)
            yield name, value

    def items(self, node: Any, what: str) -> list[Any]:
        if node.id != "sequence":
            raise self.fail(_line(node), f"{what!r} is a list, this is a {node.id}")
        return list(node.value)

    def value(self, node: Any) -> Any:
        """What a part of the file means."""
        if node.id == "mapping":
            return {key: self.value(value) for key, value in self.pairs(node, "it")}
        if node.id == "sequence":
            return [self.value(item) for item in node.value]
        return node.value if node.style is not None else _plain(node.value)

    def seconds(self, line: int, key: str, value: Any) -> float:
        if isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0:
            return float(value)
        found = _DURATION.fullmatch(value) if isinstance(value, str) else None
        if found is None:
            raise self.fail(line, f"{key} is {value!r}; write seconds, or a time such as 500ms, 2s, 5m, 1h, 1d")
        return float(found[1]) * _UNITS[found[2]]

    def moment(self, line: int, value: Any) -> float:
        try:
            moment = datetime.fromisoformat(value)
        except (TypeError, ValueError):
            raise self.fail(line, f"clock is {value!r}; write a time such as 2026-01-01T08:00:00Z") from None
        return moment.timestamp()


def _line(node: Any) -> int:
    return int(node.start_mark.line) + 1


def _unknown(key: str, what: str, known: frozenset[str]) -> str:
    has = f"it may say {', '.join(sorted(known))}" if known else "it says nothing else"
    return f"{what} cannot say {key!r}{suggest(key, known)}; {has}"


def _no_step(members: Mapping[str, Any], verbs: list[str]) -> str:
    if verbs:
        return f"a step does one thing, this one {' and '.join(verbs)}; make it two steps"
    near = next((hint for key in members if (hint := suggest(key, STEPS))), "")
    return f"this step does nothing that is known{near}; it has to say one of {', '.join(STEPS)}"


_NULLS, _TRUTHS = {"null", "Null", "NULL", "~", ""}, {"true": True, "false": False}
_SPECIAL = {".inf": math.inf, "+.inf": math.inf, "-.inf": -math.inf, ".nan": math.nan}
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")


def _plain(text: str) -> Any:
    """A scalar without quotes, by the core schema of YAML 1.2."""
    if text in _NULLS:
        return None
    if text.lower() in _TRUTHS and text in (text.lower(), text.upper(), text.capitalize()):
        return _TRUTHS[text.lower()]
    if text.lower() in _SPECIAL:
        return _SPECIAL[text.lower()]
    if _INTEGER.fullmatch(text):
        return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
    return float(text) if _FLOAT.fullmatch(text) else text
