"""Where settings come from: ``busway.toml``, ``BUSWAY_*`` variables, the command line; and what a mistake in one is told."""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .errors import BuswayError, suggest

PREFIX = "BUSWAY_"
_TABLE = re.compile(r"\s*(\[{1,2})([^\[\]]+)\]")
_KEY = re.compile(r"""\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=""")
_PART = re.compile(r"""[\w-]+|"[^"]*"|'[^']*'""")
_JSON_BEGINS = ("{", "[")

Location = tuple[int | str, ...]
"""The path of a value in the settings, as pydantic names it: ``("context_storage", "disk", "module")``."""


class SettingsError(BuswayError):
    """A setting is unknown or has a value it cannot have; names the setting, where it stands and what would be right."""


@dataclass(frozen=True)
class Source:
    """Settings from one place. ``kind`` names it in sentences; ``text`` is the file's, for the lines of mistakes."""

    kind: str
    values: Mapping[str, Any]
    path: Path | None = None
    text: str = field(default="", repr=False)

    def place(self, location: Location) -> str:
        """Where a setting stands: ``/srv/busway.toml, line 3``, ``BUSWAY_PORT``, ``--port``."""
        name = str(location[0])
        if self.path is not None:
            line = line_of(self.text, location)
            return f"{self.path}, line {line}" if line else str(self.path)
        return f"{PREFIX}{name.upper()}" if self.kind == "environment" else f"--{name.replace('_', '-')}"


def command_line(given: Mapping[str, Any]) -> Source:
    """What the command line gives; options that were not used are None."""
    return Source("command line", {key: value for key, value in given.items() if value is not None})


def file(path: Path) -> Source:
    """A TOML file; empty when there is none. Raises SettingsError."""
    try:
        text = path.read_text(encoding="utf-8")
        return Source("file", tomllib.loads(text), path, text)
    except FileNotFoundError:
        return Source("file", {}, path)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: not valid TOML: {error}") from None
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}") from None


def environment(names: Iterable[str], environ: Mapping[str, str] = os.environ) -> Source:
    """``BUSWAY_<NAME>`` for each setting; objects and lists are written as JSON. Raises SettingsError."""
    found = {name: environ.get(f"{PREFIX}{name.upper()}", "") for name in names}
    return Source("environment", {name: _from_text(name, text) for name, text in found.items() if text})


def _from_text(name: str, text: str) -> Any:
    if not text.startswith(_JSON_BEGINS):
        return text
    try:
        return json.loads(text)
    except ValueError as error:
        raise SettingsError(f"{PREFIX}{name.upper()} begins like JSON and is none: {error}") from None


def strangers(names: Iterable[str], environ: Mapping[str, str] = os.environ) -> list[str]:
    """Variables that look like misspelt settings, each with what was meant: a sentence.

    Others that begin with BUSWAY_ are let alone: Kubernetes makes some for a service of that name.
    """
    known = {f"{PREFIX}{name.upper()}" for name in (*names, "token")}
    unknown = sorted(name for name in environ if name.startswith(PREFIX) and name not in known)
    return [f"{name} is not a setting{hint}" for name in unknown if (hint := suggest(name, known))]


def line_of(text: str, location: Location) -> int | None:
    """The line, from 1 on, where a setting stands in a TOML text: its own, or that of the nearest table around it."""
    wanted = [str(part) for part in location]
    best, deepest = None, 0
    for number, path in _paths(text):
        depth = min(len(path), len(wanted))
        if depth > deepest and path[:depth] == wanted[:depth]:
            best, deepest = number, depth
    return best


def _paths(text: str) -> Iterator[tuple[int, list[str]]]:
    """The lines that name something, each with the path that it names; tables of a list are numbered from 0 on."""
    table: list[str] = []
    seen: Counter[str] = Counter()
    for number, line in enumerate(text.splitlines(), 1):
        if header := _TABLE.match(line):
            table = _parts(header[2])
            if len(header[1]) == 2:
                seen[header[2]] += 1
                table.append(str(seen[header[2]] - 1))
            yield number, table
        elif key := _KEY.match(line):
            yield number, table + _parts(key[1])


def _parts(dotted: str) -> list[str]:
    return [part.strip("\"'") for part in _PART.findall(dotted)]
