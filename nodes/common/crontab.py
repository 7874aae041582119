"""Cron expressions as Node-RED's inject node takes them: five fields, or six with the seconds first, in local time.

``cronsim`` finds the next moment. What Node-RED's users may write beyond its syntax is spelled out first: names in
lower case, ``?``, ranges that wrap around (``FRI-MON``, ``22-3``), and the short forms from ``@yearly`` to ``@hourly``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from busway.engine.errors import ConfigError

SHORT_FORMS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_NAMES = {4: {name: str(n + 1) for n, name in enumerate(_MONTHS)}, 5: {name: str(n) for n, name in enumerate(_DAYS)}}
_CYCLES = {0: range(60), 1: range(60), 2: range(24), 4: range(1, 13), 5: range(7)}
"""The fields, seconds first, in which a range may wrap around."""
_NUMBER = re.compile("[0-9]{1,2}")
_FORM = "write five fields (minute hour day month weekday), or six with the seconds first"


def times(expression: str, after: float) -> Iterator[float]:
    """The moments of a cron expression after ``after``, in seconds since the epoch, by the local time zone.

    Where clocks are put forward or back, what is due at a fixed time happens once, what is due every so often goes on.
    Raises ConfigError when the expression is none.
    """
    from cronsim import CronSim, CronSimError

    try:
        moments = CronSim(spelled_out(expression), datetime.fromtimestamp(after, local_zone()))
    except (CronSimError, AssertionError, TypeError, ValueError) as error:
        said = str(error) or "no cron expression"
        raise ConfigError(f"crontab {expression!r}: {said[0].lower()}{said[1:]}; {_FORM}") from None
    return (moment.timestamp() for moment in moments)


def spelled_out(expression: str) -> str:
    """The expression in the words of ``cronsim``."""
    text = expression.strip()
    fields = SHORT_FORMS.get(text.lower(), text).upper().split()
    first = 6 - len(fields)
    return " ".join(_field(field, first + index) for index, field in enumerate(fields))


def _field(text: str, place: int) -> str:
    if text == "?":
        return "*"
    names = _NAMES.get(place)
    if names is not None:
        text = re.sub("|".join(names), lambda found: names[found[0]], text)
    return ",".join(_term(term, place) for term in text.split(","))


def _term(term: str, place: int) -> str:
    base, _, step = term.partition("/")
    start, _, end = base.partition("-")
    cycle = _CYCLES.get(place)
    if cycle is None or not (_NUMBER.fullmatch(start) and _NUMBER.fullmatch(end)) or int(start) <= int(end):
        return term
    wrapped = [n for n in cycle if n >= int(start)] + [n for n in cycle if n <= int(end)]
    every = int(step) if _NUMBER.fullmatch(step) and int(step) else 1
    return ",".join(str(n) for n in wrapped[::every])


def local_zone() -> tzinfo:
    """The time zone of this machine, with its changes of the clock: from ``TZ``, else from ``/etc/localtime``, else
    UTC.
    """
    name = os.environ.get("TZ", "").lstrip(":")
    try:
        if name:
            return ZoneInfo(name)
        with Path("/etc/localtime").open("rb") as file:
            return ZoneInfo.from_file(file)
    except (OSError, ValueError, ZoneInfoNotFoundError):
        return datetime.now().astimezone().tzinfo or UTC
