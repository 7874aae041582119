"""What goes wrong in JavaScript, as exceptions of the engine: with the place in the user's own code."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import quickjs

from ..errors import ScriptError, ScriptSyntaxError, ScriptTimeout
from .modules import OWN_LINES

TIMEOUT_CODE = "ERR_SCRIPT_EXECUTION_TIMEOUT"
_FRAME = re.compile(r"<input>:(\d+):(\d+)")


@dataclass(frozen=True)
class Layout:
    """On which line of the compiled text each part of a function's source begins; ``parts`` are ``(name, first line, lines)``."""

    parts: tuple[tuple[str, int, int], ...]

    def locate(self, line: int) -> tuple[str, int] | None:
        """The part that a compiled line belongs to and the line in it; None for lines that are not the user's."""
        for name, first, count in self.parts:
            if first <= line < first + count:
                return name, line - first + 1
        return None


def timeout_error(limit: float) -> ScriptTimeout:
    """A script ran for longer than ``limit`` seconds."""
    text = f"Script execution timed out after {limit * 1000:g}ms"
    return ScriptTimeout(text, name="Error", code=TIMEOUT_CODE)


def script_error(told: dict[str, Any], layout: Layout) -> ScriptError:
    """What was thrown, as JavaScript describes it: an error's fields, or the ``text`` of anything else."""
    if "text" in told:
        return ScriptError(told["text"], name="")
    name, message = told["name"], told["message"]
    stack, place = _stack(told.get("stack") or "", layout)
    if name == "ReferenceError" and place is not None:
        message = f"{message} (line {place[0]}, col {place[1]})"
    line, column = place or (None, None)
    code, cause = told.get("code"), told.get("cause")
    return ScriptError(
        message, name=name, line=line, column=column, stack=f"{name}: {message}\n{stack}", code=code, cause=cause
    )


def _stack(text: str, layout: Layout) -> tuple[str, tuple[int, int] | None]:
    """The frames in the user's code, and the place of the innermost."""
    frames, place = [], None
    for frame in text.splitlines():
        found = _FRAME.search(frame)
        if found is None:
            frames.append(frame)
            continue
        line, column = int(found[1]), int(found[2])
        where = layout.locate(line) if line <= OWN_LINES else None
        if where is None:
            continue
        frames.append(frame.replace(found[0], f"{where[0]}:{where[1]}:{column}"))
        place = place or (where[1], column)
    return "\n".join(frames), place


def raised_error(error: Exception, layout: Layout, limit: float) -> ScriptError:
    """What the engine itself raised: out of time, out of memory, out of stack; or what a value that cannot cross raised."""
    if not isinstance(error, quickjs.JSException):
        return ScriptError(str(error), name=type(error).__name__)
    told = str(error)
    if "interrupted" in told.split("\n")[0]:
        return timeout_error(limit)
    first, _, stack = told.partition("\n")
    if first in ("null", ""):
        first = "InternalError: out of memory"
    name, _, message = first.partition(": ")
    return script_error({"name": name, "message": message, "stack": stack}, layout)


def syntax_error(error: Exception, layout: Layout) -> ScriptSyntaxError:
    """A body that does not compile. Says in which part and where."""
    first, _, stack = str(error).partition("\n")
    message = first.removeprefix("SyntaxError: ")
    found = _FRAME.search(stack)
    line, column = (int(found[1]), int(found[2])) if found else (layout.parts[0][1], 1)
    where = layout.locate(line)
    if where is None:
        name, _, count = max(
            (part for part in layout.parts if part[1] <= line), key=lambda part: part[1], default=layout.parts[0]
        )
        where, message = (name, count), "unexpected end: a bracket or brace is not closed"
    place = f"line {where[1]}, col {column}" + ("" if where[0] == "function" else f" of the {where[0]} code")
    return ScriptSyntaxError(f"{message} ({place})", name="SyntaxError", line=where[1], column=column)
