"""JavaScript's regular expressions, translated to Python's ``re``.

The same text means other things in the two: ``$`` and ``.`` at line ends, ``\\d`` beyond ASCII, ``(?<name>)``, ``[^]``,
escapes without meaning. Not every pattern has a counterpart: look-behind must have a fixed width.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from functools import lru_cache
from typing import NoReturn

from .errors import ValueEvaluationError

_LINE_ENDS = r"\n\r\u2028\u2029"
_CLASSES = {
    "d": "0-9",
    "w": "A-Za-z0-9_",
    "s": r"\t\n\v\f\r \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff",
    "D": r"\x00-/:-\U0010ffff",
    # Without the four characters that Python, ignoring case, takes for i, s and k.
    "W": r"\x00-/:-@\[-\^`\{-\u012f\u0132-\u017e\u0180-\u2129\u212b-\U0010ffff",
    "S": r"\x00-\x08\x0e-\x1f!-\x9f\xa1-\u167f\u1681-\u1fff\u200b-\u2027\u202a-\u202e\u2030-\u205e\u2060-\u2fff"
    r"\u3001-\ufefe\uff00-\U0010ffff",
}
_SAME_ESCAPES = frozenset("fnrtv")
_GROUP = re.compile(r"\((?!\?)|\(\?<(?![=!])")
_NO_GROUPS = re.compile(r"\\.|\[(?:\\.|[^\]])*\]", re.DOTALL)
_FLAGS = {"i": re.IGNORECASE, "m": re.MULTILINE, "s": re.DOTALL}
_KNOWN_FLAGS = "dgimsuvy"

Expansion = Callable[[re.Match[str]], str]


@lru_cache(maxsize=1024)
def compile_regexp(source: str, flags: str = "") -> re.Pattern[str]:
    """A pattern that matches what ``new RegExp(source, flags)`` matches.

    ``flags`` are JavaScript's; ``i``, ``m``, ``s`` and ``u`` have an effect. Raises ValueEvaluationError with the
    reason.
    """
    unknown = [flag for flag in flags if flag not in _KNOWN_FLAGS]
    if unknown:
        raise ValueEvaluationError(f"invalid regular expression /{source}/{flags}: unknown flag {unknown[0]!r}")
    python = _Translator(source, flags).translate()
    chosen = re.NOFLAG
    for flag in flags:
        chosen |= _FLAGS.get(flag, re.NOFLAG)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return re.compile(python, chosen)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueEvaluationError(f"invalid regular expression /{source}/{flags}: {error}") from None


class _Translator:
    """One pass over the source; ``at`` is the position reached."""

    def __init__(self, source: str, flags: str) -> None:
        self.source, self.flags, self.at = source, flags, 0
        self.groups = len(_GROUP.findall(_NO_GROUPS.sub("", source)))
        self.opened = 0

    def translate(self) -> str:
        out: list[str] = []
        while self.at < len(self.source):
            out.append(self._next())
        return "".join(out)

    def _fail(self, reason: str) -> NoReturn:
        raise ValueEvaluationError(f"invalid regular expression /{self.source}/{self.flags}: {reason}")

    def _take(self, pattern: str) -> str | None:
        """Takes what matches here."""
        found = re.compile(pattern, re.DOTALL).match(self.source, self.at)
        if found is None:
            return None
        self.at = found.end()
        return found[0]

    def _next(self) -> str:
        char = self.source[self.at]
        if char == "\\":
            return self._escape()
        if char == "[":
            return self._class()
        if char == "{" and not re.compile(r"\{[0-9]+(,[0-9]*)?\}").match(self.source, self.at):
            self.at += 1
            return r"\{"
        if char == "(" and self._take(r"\(\?<(?![=!])"):
            self.opened += 1
            return "(?P<" + self._group_name() + ">"
        self.opened += char == "(" and not self.source.startswith("(?", self.at)
        self.at += 1
        return self._single(char)

    def _single(self, char: str) -> str:
        if char == "$":
            return rf"(?=[{_LINE_ENDS}]|\Z)" if "m" in self.flags else r"\Z"
        if char == "^" and "m" in self.flags:
            return rf"(?:\A|(?<=[{_LINE_ENDS}]))"
        if char == "." and "s" not in self.flags:
            return f"[^{_LINE_ENDS}]"
        return char if char not in "+*?" else self._quantifier(char)

    def _quantifier(self, char: str) -> str:
        """``a++`` is possessive in Python and an error in JavaScript."""
        if self.source.startswith(("+", "*"), self.at):
            self._fail(f"nothing to repeat at position {self.at}")
        return char

    def _group_name(self) -> str:
        name = self._take(r"[^\W\d]\w*>")
        if name is None:
            self._fail("a group has no valid name")
        return name[:-1]

    def _escape(self) -> str:
        if self.at + 1 >= len(self.source):
            self._fail(r"\ at the end")
        char = self.source[self.at + 1]
        if char in "bB":
            self.at += 2
            return rf"(?a:\{char})"
        if char in _CLASSES:
            self.at += 2
            return f"[{_CLASSES[char]}]" if char.islower() else f"[^{_CLASSES[char.lower()]}]"
        if "(?<" in self.source and self._take(r"\\k<"):
            return self._reference(self._group_name(), "(?P={})")
        number = re.compile(r"\\([1-9][0-9]*)").match(self.source, self.at)
        if number and int(number[1]) <= self.groups:
            self.at = number.end()
            return self._reference(number[1], r"\{}") if int(number[1]) <= self.opened else "(?:)"
        return self._character()

    def _reference(self, group: str, form: str) -> str:
        """A group that took no part matches nothing in Python, the empty text in JavaScript."""
        return f"(?({group}){form.format(group)})"

    def _character(self) -> str:
        """An escape that means one character, so that it means the same in Python, in and outside of a class."""
        code = self._take(r"\\u\{[0-9a-fA-F]+\}") if "u" in self.flags else None
        code = code or self._take(r"\\u[0-9a-fA-F]{4}|\\x[0-9a-fA-F]{2}|\\(?:[0-3][0-7]{0,2}|[4-7][0-7]?)")
        if code is not None:
            digits = code.strip("\\ux{}")
            return re.escape(chr(int(digits, 8 if code[1].isdigit() else 16)))
        control = self._take(r"\\c[A-Za-z]")
        if control is not None:
            return re.escape(chr(ord(control[2]) % 32))
        char = self.source[self.at + 1]
        self.at += 2
        return f"\\{char}" if char in _SAME_ESCAPES else re.escape(char)

    def _class(self) -> str:
        if self._take(r"\[\^\]"):
            return r"[\s\S]"
        if self._take(r"\[\]"):
            return "(?!)"
        out = [self._take(r"\[\^?") or "["]
        while self.at < len(self.source) and self.source[self.at] != "]":
            out.append(self._class_member())
        if self.at >= len(self.source):
            self._fail("a [ is not closed")
        self.at += 1
        return "".join(out) + "]"

    def _class_member(self) -> str:
        char = self.source[self.at]
        if char != "\\":
            self.at += 1
            return char if char == "-" else re.escape(char)
        following = self.source[self.at + 1 : self.at + 2]
        if not following:
            self._fail("a [ is not closed")
        if following in _CLASSES or following == "b":
            self.at += 2
            return _CLASSES.get(following, r"\x08")
        return self._character()


def escape(text: str) -> str:
    """A JavaScript pattern that matches ``text`` itself."""
    return re.sub(r"[-\[\]{}()*+?.,\\^$|#\s/]", _escaped_character, text)


def _escaped_character(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"


# -- replacement -----------------------------------------------------------------------------------------------------
_REFERENCE = re.compile(r"\$(?:([$&`'])|([0-9][0-9]?)|<([^>]*)>)")


def compile_replacement(text: str) -> str | Expansion:
    """What to give ``Pattern.sub`` for the replacement ``text`` of ``String.replace``: ``$1``, ``$&``, ``$$``,
    ``$<name>``.

    A function; or, when the text refers to nothing, a text in which ``re.sub`` finds no escapes.
    """
    if "$" not in text:
        return text.replace("\\", "\\\\")
    return lambda match: _REFERENCE.sub(lambda reference: _expand(reference, match), text)


def _expand(reference: re.Match[str], match: re.Match[str]) -> str:
    special, digits, name = reference.groups()
    if special:
        before, after = match.string[: match.start()], match.string[match.end() :]
        return {"$": "$", "&": match[0], "`": before, "'": after}[special]
    if digits:
        return _numbered(reference[0], digits, match)
    groups = match.re.groupindex
    return reference[0] if not groups else (match[name] or "") if name in groups else ""


def _numbered(whole: str, digits: str, match: re.Match[str]) -> str:
    """``$10`` is group 10 if there are so many, else group 1 and a zero; what names no group stays as it is."""
    for length in range(len(digits), 0, -1):
        number = int(digits[:length])
        if 1 <= number <= match.re.groups:
            return (match[number] or "") + digits[length:]
    return whole
