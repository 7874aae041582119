"""Mustache templates of text and variables only, as one generated function: no call per name where a message has what is asked."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

Find = Callable[[Any], str]
"""The text of a variable, found and escaped the general way."""

_UNSAFE = re.compile("[&<>\"'/`=]").search


def inline(parts: Sequence[str | tuple[tuple[str, ...], bool, Find]]) -> Callable[[Any], str]:
    """A function that renders a message.

    Each part is text, or a variable: its keys, whether it is escaped, and how its text is found where the message does not have
    it, or holds no plain text, integer or fraction there.
    """
    names: dict[str, Any] = {"unsafe": _UNSAFE, "missing": (KeyError, TypeError, IndexError)}
    lines, pieces = ["def render(msg):"], []
    for number, part in enumerate(parts):
        if isinstance(part, str):
            pieces.append(part.replace("{", "{{").replace("}", "}}"))
            continue
        keys, escaped, find = part
        names[f"find{number}"] = find
        lines += _variable(number, keys, escaped)
        pieces.append(f"{{v{number}}}")
    lines.append(f"    return f{''.join(pieces)!r}")
    exec(compile("\n".join(lines), "<mustache>", "exec"), names)
    render: Callable[[Any], str] = names["render"]
    return render


def _variable(number: int, keys: tuple[str, ...], escaped: bool) -> list[str]:
    """The lines that set ``v<number>`` to the text of a variable."""
    v, path = f"v{number}", "".join(f"[{key!r}]" for key in keys)
    text = f"        if not {v}.isalnum() and unsafe({v}): {v} = find{number}(msg)" if escaped else "        pass"
    return [
        "    try:",
        f"        {v} = msg{path}",
        "    except missing:",
        f"        {v} = find{number}(msg)",
        "    else:",
        f"        kind = {v}.__class__",
        "        if kind is str:",
        f"    {text}",
        f"        elif kind is not int and not (kind is float and 1e-4 <= {v} < 1e15 and {v} % 1):",
        f"            {v} = find{number}(msg)",
    ]
