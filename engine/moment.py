"""Dates as Moment.js writes and reads them: format strings of typed values (type ``date``), ``$moment`` in JSONata.

    Moment.of("2026-03-01").add(1, "day").format("dddd, D MMMM YYYY")

English names, the week rules of Moment's default locale (``en``), local time unless a zone is given.
"""

from __future__ import annotations

import calendar
import math
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from .coercion import milliseconds
from .errors import ValueEvaluationError

_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
INVALID = "Invalid date"


# -- writing
# -------------------------------------------------------------------------------------------------------------
def _weekday(when: datetime) -> int:
    """0 is Sunday."""
    return when.isoweekday() % 7


def _week_year(when: datetime) -> tuple[int, int]:
    """Year and week of the locale ``en``: weeks begin on Sunday, the first is that of 1 January."""
    saturday = when + timedelta(days=6 - _weekday(when))
    return saturday.year, (saturday.timetuple().tm_yday - 1) // 7 + 1


def _ordinal(number: int) -> str:
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def _offset(when: datetime, colon: str) -> str:
    minutes = int((when.utcoffset() or timedelta()).total_seconds() // 60)
    sign = "+" if minutes >= 0 else "-"
    return f"{sign}{abs(minutes) // 60:02d}{colon}{abs(minutes) % 60:02d}"


def _long_year(when: datetime) -> str:
    return f"{when.year:04d}"


def _zone_name(when: datetime) -> str:
    """Nothing for local time, as Moment does."""
    return (when.tzname() or "") if when.tzinfo is UTC or isinstance(when.tzinfo, ZoneInfo) else ""


def _half(when: datetime) -> str:
    return "AM" if when.hour < 12 else "PM"


_TOKENS: dict[str, Callable[[datetime], Any]] = {
    "YYYYYY": lambda when: f"+{when.year:06d}",
    "YYYY": _long_year,
    "YY": lambda when: _long_year(when)[-2:],
    "Y": lambda when: when.year,
    "Q": lambda when: (when.month + 2) // 3,
    "Qo": lambda when: _ordinal((when.month + 2) // 3),
    "M": lambda when: when.month,
    "Mo": lambda when: _ordinal(when.month),
    "MM": lambda when: f"{when.month:02d}",
    "MMM": lambda when: _MONTHS[when.month - 1][:3],
    "MMMM": lambda when: _MONTHS[when.month - 1],
    "D": lambda when: when.day,
    "Do": lambda when: _ordinal(when.day),
    "DD": lambda when: f"{when.day:02d}",
    "DDD": lambda when: when.timetuple().tm_yday,
    "DDDo": lambda when: _ordinal(when.timetuple().tm_yday),
    "DDDD": lambda when: f"{when.timetuple().tm_yday:03d}",
    "d": _weekday,
    "do": lambda when: _ordinal(_weekday(when)),
    "dd": lambda when: _DAYS[_weekday(when)][:2],
    "ddd": lambda when: _DAYS[_weekday(when)][:3],
    "dddd": lambda when: _DAYS[_weekday(when)],
    "e": _weekday,
    "E": lambda when: when.isoweekday(),
    "w": lambda when: _week_year(when)[1],
    "wo": lambda when: _ordinal(_week_year(when)[1]),
    "ww": lambda when: f"{_week_year(when)[1]:02d}",
    "W": lambda when: when.isocalendar().week,
    "Wo": lambda when: _ordinal(when.isocalendar().week),
    "WW": lambda when: f"{when.isocalendar().week:02d}",
    "gg": lambda when: f"{_week_year(when)[0] % 100:02d}",
    "gggg": lambda when: f"{_week_year(when)[0]:04d}",
    "GG": lambda when: f"{when.isocalendar().year % 100:02d}",
    "GGGG": lambda when: f"{when.isocalendar().year:04d}",
    "H": lambda when: when.hour,
    "HH": lambda when: f"{when.hour:02d}",
    "h": lambda when: when.hour % 12 or 12,
    "hh": lambda when: f"{when.hour % 12 or 12:02d}",
    "k": lambda when: when.hour or 24,
    "kk": lambda when: f"{when.hour or 24:02d}",
    "m": lambda when: when.minute,
    "mm": lambda when: f"{when.minute:02d}",
    "s": lambda when: when.second,
    "ss": lambda when: f"{when.second:02d}",
    "A": _half,
    "a": lambda when: _half(when).lower(),
    "Z": lambda when: _offset(when, ":"),
    "ZZ": lambda when: _offset(when, ""),
    "z": _zone_name,
    "zz": _zone_name,
    "X": lambda when: math.floor(when.timestamp()),
    "x": milliseconds,
}
_TOKENS.update({"S" * n: (lambda when, n=n: f"{when.microsecond // 1000:03d}000000"[:n]) for n in range(1, 10)})  # type: ignore[misc]
_LONG = {
    "LT": "h:mm A",
    "LTS": "h:mm:ss A",
    "L": "MM/DD/YYYY",
    "l": "M/D/YYYY",
    "LL": "MMMM D, YYYY",
    "ll": "MMM D, YYYY",
    "LLL": "MMMM D, YYYY h:mm A",
    "lll": "MMM D, YYYY h:mm A",
    "LLLL": "dddd, MMMM D, YYYY h:mm A",
    "llll": "ddd, MMM D, YYYY h:mm A",
}
_TOKEN = re.compile(r"\[([^\[]*?)\]|" + "|".join(sorted({**_TOKENS, **_LONG}, key=len, reverse=True)), re.DOTALL)


def format_date(when: datetime, pattern: str) -> str:
    """An aware date by a Moment format string: ``format_date(when, "YYYY-MM-DD [at] HH:mm:ss.SSS Z")``."""

    def write(found: re.Match[str]) -> str:
        if found[1] is not None:
            return found[1]
        return format_date(when, _LONG[found[0]]) if found[0] in _LONG else str(_TOKENS[found[0]](when))

    return _TOKEN.sub(write, pattern)


def iso_text(when: datetime) -> str:
    """A date as ``toISOString`` writes it: UTC, milliseconds, ``Z``."""
    return when.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


# -- reading
# -------------------------------------------------------------------------------------------------------------
_ISO = re.compile(
    r"([+-]\d{6}|\d{4})-?(?:(\d\d)-?(\d\d)?)?"
    r"(?:[T ](\d\d)(?::?(\d\d)(?::?(\d\d)(?:[.,](\d{1,9}))?)?)?\s*(Z|[+-]\d\d:?(?:\d\d)?)?)?",
    re.ASCII,
)
_FIELDS: dict[str, tuple[str, str]] = {
    "YYYY": ("year", r"\d{1,4}"),
    "YY": ("short_year", r"\d{1,2}"),
    "MMMM": ("month_name", r"[A-Za-z]+"),
    "MMM": ("month_name", r"[A-Za-z]+"),
    "MM": ("month", r"\d{1,2}"),
    "M": ("month", r"\d{1,2}"),
    "DD": ("day", r"\d{1,2}"),
    "D": ("day", r"\d{1,2}"),
    "Do": ("day", r"\d{1,2}(?=st|nd|rd|th)"),
    "HH": ("hour", r"\d{1,2}"),
    "H": ("hour", r"\d{1,2}"),
    "hh": ("hour", r"\d{1,2}"),
    "h": ("hour", r"\d{1,2}"),
    "mm": ("minute", r"\d{1,2}"),
    "m": ("minute", r"\d{1,2}"),
    "ss": ("second", r"\d{1,2}"),
    "s": ("second", r"\d{1,2}"),
    "A": ("half", r"[AaPp]\.?[Mm]?\.?"),
    "a": ("half", r"[AaPp]\.?[Mm]?\.?"),
    "Z": ("offset", r"Z|[+-]\d\d:?\d\d"),
    "ZZ": ("offset", r"Z|[+-]\d\d:?\d\d"),
    "X": ("seconds", r"[+-]?\d+(?:\.\d{1,3})?"),
    "x": ("milliseconds", r"[+-]?\d+"),
}
_FIELDS.update({"S" * n: ("fraction", r"\d{1,9}") for n in range(1, 10)})


def _zone_of(text: str | None) -> tzinfo | None:
    if not text:
        return None
    if text == "Z":
        return UTC
    digits = text[1:].replace(":", "").ljust(4, "0")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-offset if text[0] == "-" else offset)


def parse_iso(text: str) -> datetime | None:
    """A date in ISO 8601 form, local without a zone; None when the text is none."""
    found = _ISO.fullmatch(text.strip())
    if found is None:
        return None
    year, month, day, hour, minute, second, fraction, zone = found.groups()
    parts = {"year": year, "month": month, "day": day, "hour": hour, "minute": minute, "second": second}
    return _build(
        {key: part for key, part in parts.items() if part} | {"fraction": fraction or "0", "offset": zone or ""}
    )


def parse_date(text: str, pattern: str) -> datetime | None:
    """A date read by a Moment format string; None when the text does not fit. What the pattern skips is ignored."""
    fields: dict[str, str] = {}
    at = 0
    for found in _TOKEN.finditer(_TOKEN.sub(lambda token: _LONG.get(token[0], token[0]), pattern)):
        name, shape = _FIELDS.get(found[0], ("", ""))
        if not name:
            continue
        value = re.compile(shape, re.ASCII).search(text, at)
        if value is None:
            return None
        fields[name], at = value[0], value.end()
    return _build(fields)


def _build(fields: dict[str, str]) -> datetime | None:
    try:
        if "milliseconds" in fields or "seconds" in fields:
            seconds = int(fields["milliseconds"]) / 1000 if "milliseconds" in fields else float(fields["seconds"])
            return datetime.fromtimestamp(seconds, UTC).astimezone()
        made = _from_fields(fields)
    except (ValueError, OverflowError, OSError):
        return None
    return made if made.tzinfo is not None else made.astimezone()


def _from_fields(fields: dict[str, str]) -> datetime:
    today = datetime.now()
    date_given = fields.keys() & {"year", "short_year", "month", "month_name", "day"}
    hour = int(fields.get("hour", 0))
    if "half" in fields:
        hour = hour % 12 + (12 if fields["half"][0] in "pP" else 0)
    next_day = timedelta(days=1) if hour == 24 else timedelta()
    made = datetime(
        year=_year(fields, today),
        month=_month(fields, 1 if "year" in fields or "short_year" in fields else today.month),
        day=int(fields.get("day", 1 if date_given else today.day)),
        hour=hour % 24,
        minute=int(fields.get("minute", 0)),
        second=int(fields.get("second", 0)),
        microsecond=int(fields.get("fraction", "0").ljust(6, "0")[:6]) // 1000 * 1000,
        tzinfo=_zone_of(fields.get("offset")),
    )
    return made + next_day


def _year(fields: dict[str, str], today: datetime) -> int:
    if "short_year" in fields:
        return int(fields["short_year"]) + (1900 if int(fields["short_year"]) > 68 else 2000)
    return int(fields.get("year", today.year))


def _month(fields: dict[str, str], default: int) -> int:
    if "month_name" not in fields:
        return int(fields.get("month", default))
    start = fields["month_name"][:3].title()
    return [name[:3] for name in _MONTHS].index(start) + 1


# -- a moment
# ------------------------------------------------------------------------------------------------------------
_UNITS = {
    "y": "year", "Q": "quarter", "M": "month", "w": "week", "d": "day", "D": "day",
    "h": "hour", "m": "minute", "s": "second", "ms": "millisecond",
}  # fmt: skip
_LENGTHS = {
    "week": timedelta(weeks=1),
    "day": timedelta(days=1),
    "hour": timedelta(hours=1),
    "minute": timedelta(minutes=1),
    "second": timedelta(seconds=1),
    "millisecond": timedelta(milliseconds=1),
}
_MONTHS_IN = {"year": 12, "quarter": 3, "month": 1}


def _unit(name: Any) -> str:
    text = str(name)
    unit = _UNITS.get(text) or text.lower().removesuffix("s")
    unit = {"date": "day", "isoweek": "week"}.get(unit, unit)
    if unit not in _LENGTHS and unit not in _MONTHS_IN:
        raise ValueEvaluationError(f"{text!r} is no unit of time; there are: {', '.join([*_MONTHS_IN, *_LENGTHS])}")
    return unit


class Moment:
    """A point in time and the zone to show it in (None: local). ``when`` is the aware datetime, None for an invalid
    date."""

    def __init__(self, when: datetime | None, zone: tzinfo | None = None) -> None:
        self.when, self.zone = (when.astimezone(zone) if when is not None else None), zone

    @classmethod
    def of(cls, value: Any = None, pattern: str | None = None) -> Moment:
        """From milliseconds, an ISO text, a text by ``pattern``, a list ``[year, month - 1, day, ...]``, a date, or
        now."""
        if value is None:
            return cls(datetime.now(UTC))
        if isinstance(value, str):
            return cls(parse_date(value, pattern) if pattern else parse_iso(value))
        if isinstance(value, datetime):
            return cls(value)
        if isinstance(value, list):
            names = ("year", "month", "day", "hour", "minute", "second")
            fields = {name: str(int(part) + (name == "month")) for name, part in zip(names, value, strict=False)}
            return cls(_build(fields))
        return cls.at(value)

    @classmethod
    def at(cls, ms: Any, zone: tzinfo | None = None) -> Moment:
        """From milliseconds since the epoch."""
        try:
            return cls(_EPOCH + timedelta(milliseconds=math.trunc(ms)), zone)
        except (TypeError, ValueError, OverflowError):
            return cls(None)

    # -- output
    # ----------------------------------------------------------------------------------------------------------
    def format(self, pattern: str | None = None) -> str:
        """The date by a format string; ISO 8601 with offset without one."""
        return format_date(self.when, pattern or "YYYY-MM-DDTHH:mm:ssZ") if self.when else INVALID

    def value_of(self) -> int | None:
        """Milliseconds since the epoch."""
        return milliseconds(self.when) if self.when else None

    def get(self, name: str) -> int | None:
        """A part of the date by Moment's name of it: ``month`` counts from 0, ``date`` is the day of the month."""
        return int(GETTERS[name](self.when)) if self.when else None

    # -- change
    # ----------------------------------------------------------------------------------------------------------
    def add(self, amount: Any, unit: Any = "millisecond", sign: int = 1) -> Moment:
        """Later by an amount of a unit, or by ``{"days": 1, "hours": 2}``. Days and longer keep the time of day."""
        if isinstance(amount, dict):
            moved = self
            for name, number in amount.items():
                moved = moved.add(number, name, sign)
            return moved
        number, name = float(amount) * sign, _unit(unit)
        if self.when is None:
            return self
        if name in _MONTHS_IN:
            return self._at_local(_add_months(self.local, round(number * _MONTHS_IN[name])))
        if name in ("week", "day"):
            return self._at_local(self.local + round(number) * _LENGTHS[name])
        return Moment(self.when.astimezone(UTC) + number * _LENGTHS[name], self.zone)

    def subtract(self, amount: Any, unit: Any = "millisecond") -> Moment:
        """Earlier by an amount, see :meth:`add`."""
        return self.add(amount, unit, -1)

    def start_of(self, unit: Any) -> Moment:
        """The first moment of the year, quarter, month, week, day, hour, minute or second."""
        if self.when is None:
            return self
        name, local = _unit(unit), self.local
        if name == "week":
            back = local.weekday() if str(unit).lower() == "isoweek" else _weekday(local)
            name, local = "day", local - timedelta(days=back)
        elif name == "quarter":
            name, local = "month", local.replace(day=1, month=(local.month - 1) // 3 * 3 + 1)
        parts = _PARTS[_PARTS.index(name) + 1 :] if name in _PARTS else ()
        first = {part: 1 if part in ("month", "day") else 0 for part in parts}
        return self._at_local(local.replace(**first))  # type: ignore[arg-type]

    def end_of(self, unit: Any) -> Moment:
        """The last millisecond of a unit."""
        return self.start_of(unit).add(1, unit).subtract(1)

    def zoned(self, zone: tzinfo | None) -> Moment:
        """The same moment, shown in another zone; None is local time."""
        return Moment(self.when, zone)

    @property
    def local(self) -> datetime:
        """The date without its zone, for arithmetic with the calendar."""
        return (self.when or _EPOCH).replace(tzinfo=None)

    def _at_local(self, local: datetime) -> Moment:
        aware = local.replace(tzinfo=self.zone) if self.zone is not None else local.astimezone()
        return Moment(aware.astimezone(UTC), self.zone)  # by way of UTC: a time of day may not exist on that day

    # -- comparison
    # ------------------------------------------------------------------------------------------------------
    def diff(self, other: Moment, unit: Any = "millisecond", precise: Any = False) -> float | int | None:
        """How much later than ``other``, in whole units (towards zero) or precisely."""
        if self.when is None or other.when is None:
            return None
        name = _unit(unit)
        if name in _MONTHS_IN:
            number = _months_between(other.zoned(self.zone).local, self.local) / _MONTHS_IN[name]
        else:
            number = (self.when - other.when) / _LENGTHS[name]
        return number if precise else math.trunc(number)

    def compare(self, other: Moment, unit: Any = None) -> int | None:
        """-1, 0 or 1: before, same, after; by the start of a unit when one is given. None when one is invalid."""
        mine, theirs = self, other.zoned(self.zone)
        if unit:
            mine, theirs = mine.start_of(unit), theirs.start_of(unit)
        if mine.when is None or theirs.when is None:
            return None
        return (mine.when > theirs.when) - (mine.when < theirs.when)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PARTS = ("year", "month", "day", "hour", "minute", "second", "microsecond")


def _add_months(local: datetime, months: int) -> datetime:
    year, month = divmod(local.year * 12 + local.month - 1 + months, 12)
    day = min(local.day, calendar.monthrange(year, month + 1)[1])
    return local.replace(year=year, month=month + 1, day=day)


def _months_between(start: datetime, end: datetime) -> float:
    """Months from ``start`` to ``end``; the rest as a share of the month it falls in.

    Counted from the one with the later day of the month, so that the end of a short month is a whole month's end.
    """
    if end.day < start.day:
        return -_months_between(end, start)
    whole = (start.year - end.year) * 12 + start.month - end.month
    anchor = _add_months(end, whole)
    step = 1 if start >= anchor else -1
    other = _add_months(end, whole + step)
    return -(whole + step * ((start - anchor) / (other - anchor)))


GETTERS: dict[str, Callable[[datetime], Any]] = {
    "year": lambda when: when.year,
    "quarter": _TOKENS["Q"],
    "month": lambda when: when.month - 1,
    "date": lambda when: when.day,
    "day": _weekday,
    "weekday": _weekday,
    "isoWeekday": lambda when: when.isoweekday(),
    "dayOfYear": _TOKENS["DDD"],
    "week": _TOKENS["w"],
    "isoWeek": _TOKENS["W"],
    "hour": lambda when: when.hour,
    "hours": lambda when: when.hour,
    "minute": lambda when: when.minute,
    "minutes": lambda when: when.minute,
    "second": lambda when: when.second,
    "seconds": lambda when: when.second,
    "millisecond": lambda when: when.microsecond // 1000,
    "milliseconds": lambda when: when.microsecond // 1000,
    "daysInMonth": lambda when: calendar.monthrange(when.year, when.month)[1],
    "utcOffset": lambda when: (when.utcoffset() or timedelta()).total_seconds() // 60,
    "unix": _TOKENS["X"],
}
