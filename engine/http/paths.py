"""Path patterns as Node-RED users write them (Express 4).

``:name`` is one segment, ``:name?`` may be absent, ``:name(\\d+)``
has a pattern of its own, ``*`` is the rest (parameters ``0``, ``1``, ...), ``?``, ``+`` and parentheses are those of regular
expressions. Upper and lower case are the same, a slash at the end does not matter.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

from ..errors import ConfigError

_TOKEN = re.compile(
    r"""(?P<slash>/)?:(?P<name>\w+)(?P<pattern>\([^()]*\))?(?P<many>[*+?])?
      | (?P<rest>\*) | (?P<group>/\((?!\?)) | (?P<open>\((?!\?)) | (?P<plain>[?+)|]|\(\?)""",
    re.VERBOSE,
)


def compile_path(path: str) -> re.Pattern[str]:
    """The regular expression of a path pattern. Raises ConfigError when it is none."""
    out, at, last, unnamed = "", 0, 0, 0
    text = bare(path)
    for token in _TOKEN.finditer(text):
        out += re.escape(text[at : token.start()])
        at = token.end()
        if token["name"]:
            between = text[last : token.start()] if last and not token["slash"] else ""
            out += _named(token, f"(?:(?!{re.escape(between)})[^/])+?" if between else "[^/]+?")
            last = at
        elif token["rest"] or token["open"]:
            out += f"(?P<_{unnamed}>" + (".*)" if token["rest"] else "")
            unnamed += 1
        else:
            out += "/(?:" if token["group"] else token["plain"]
    try:
        return re.compile(out + re.escape(text[at:]) + "/?", re.DOTALL | re.IGNORECASE)
    except re.error as error:
        raise ConfigError(f"{path!r} is no path pattern: {error}; write it like /stations/:id or /files/*") from None


def _named(token: re.Match[str], segment: str) -> str:
    """The expression of ``/:name``; the slash before it belongs to it when it may be absent or repeated.

    Of two parameters in one segment (``:from-:to``) the second does not hold what stands between them.
    """
    slash, many = token["slash"] or "", token["many"] or ""
    inner = f"(?P<{token['name']}>{token['pattern'][1:-1] if token['pattern'] else segment})"
    if many == "*":  # Express: one segment, and then anything
        return f"{slash}{inner}.*"
    return f"(?:{slash}{inner}){many}" if many else slash + inner


def parameters(found: re.Match[str]) -> dict[str, str]:
    """The parameters of a path that matched :func:`compile_path`, percent-decoded; those without a name by number."""
    return {name.lstrip("_") if name[1:].isdigit() else name: unquote(value) for name, value in _given(found)}


def _given(found: re.Match[str]) -> list[tuple[str, str]]:
    return [(name, value) for name, value in found.groupdict().items() if value is not None]


def bare(path: str) -> str:
    """With a leading slash, without a trailing one."""
    path = path if path.startswith("/") else "/" + path
    return path.rstrip("/") or "/"
