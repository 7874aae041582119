"""Dates by Moment's rules. The expected values were produced by Moment.js."""

import time
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from busway.engine.errors import ValueEvaluationError
from busway.engine.moment import Moment, format_date, iso_text, parse_iso

NEW_YORK = ZoneInfo("America/New_York")
LEAP = 1709210096789  # Thursday 2024-02-29 12:34:56.789 UTC
NEW_YEAR = 1798761600000  # Friday 2027-01-01 00:00 UTC


@pytest.fixture
def berlin(monkeypatch):
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("pattern", "leap", "new_year"),
    [
        ("YYYY YY Y YYYYYY", "2024 24 2024 +002024", "2027 27 2027 +002027"),
        ("Q Qo", "1 1st", "1 1st"),
        ("M Mo MM MMM MMMM", "2 2nd 02 Feb February", "1 1st 01 Jan January"),
        ("D Do DD", "29 29th 29", "1 1st 01"),
        ("DDD DDDo DDDD", "60 60th 060", "1 1st 001"),
        ("d do dd ddd dddd", "4 4th Th Thu Thursday", "5 5th Fr Fri Friday"),
        ("e E", "4 4", "5 5"),
        ("w wo ww gg gggg", "9 9th 09 24 2024", "1 1st 01 27 2027"),
        ("W Wo WW GG GGGG", "9 9th 09 24 2024", "53 53rd 53 26 2026"),
        ("H HH h hh k kk", "12 12 12 12 12 12", "0 00 12 12 24 24"),
        ("m mm s ss", "34 34 56 56", "0 00 0 00"),
        ("S SS SSS SSSSSS", "7 78 789 789000", "0 00 000 000000"),
        ("A a", "PM pm", "AM am"),
        ("Z ZZ z", "+00:00 +0000 UTC", "+00:00 +0000 UTC"),
        ("X x", "1709210096 1709210096789", "1798761600 1798761600000"),
        ("L l", "02/29/2024 2/29/2024", "01/01/2027 1/1/2027"),
        ("LL ll", "February 29, 2024 Feb 29, 2024", "January 1, 2027 Jan 1, 2027"),
        ("LT LTS", "12:34 PM 12:34:56 PM", "12:00 AM 12:00:00 AM"),
        ("LLLL", "Thursday, February 29, 2024 12:34 PM", "Friday, January 1, 2027 12:00 AM"),
        ("llll", "Thu, Feb 29, 2024 12:34 PM", "Fri, Jan 1, 2027 12:00 AM"),
        ("[at] YYYY [Y]", "at 2024 Y", "at 2027 Y"),
        ("é-_:", "é-_:", "é-_:"),
    ],
)
def test_format(pattern, leap, new_year):
    assert Moment.at(LEAP, UTC).format(pattern) == leap
    assert Moment.at(NEW_YEAR, UTC).format(pattern) == new_year


def test_format_without_pattern_is_iso_with_the_offset(berlin):
    assert Moment.at(LEAP).format() == "2024-02-29T13:34:56+01:00"
    assert Moment.at(LEAP, NEW_YORK).format("YYYY-MM-DD HH:mm z Z") == "2024-02-29 07:34 EST -05:00"
    assert Moment.at(LEAP).format("z") == ""


def test_iso_text_is_utc_with_milliseconds():
    assert iso_text(datetime(2026, 1, 1, 5, 0, 0, 999999, tzinfo=NEW_YORK)) == "2026-01-01T10:00:00.999Z"


@pytest.mark.parametrize(
    ("text", "pattern", "ms"),
    [
        ("2026-03-01", None, 1772319600000),
        ("2026-03-01T05:06:07Z", None, 1772341567000),
        ("2026-03-01T05:06:07.123+02:00", None, 1772334367123),
        ("20260301", None, 1772319600000),
        ("20260301T0506", None, 1772337960000),
        ("2026-03", None, 1772319600000),
        ("2026-03-01T24:00", None, 1772406000000),
        ("2026-13-01", None, None),
        ("x", None, None),
        ("01/02/2026", "DD/MM/YYYY", 1769900400000),
        ("1-2-26", "D-M-YY", 1769900400000),
        ("1-2-70", "D-M-YY", 2674800000),
        ("Mar 5, 2026 3:04 PM", "MMM D, YYYY h:mm A", 1772719440000),
        ("1767225600", "X", 1767225600000),
        ("1767225600123", "x", 1767225600123),
        ("2026-03-01 05:06:07.5", "YYYY-MM-DD HH:mm:ss.S", 1772337967500),
        ("March 3rd 2026", "MMMM Do YYYY", 1772492400000),
        ("03/05/2026", "L", 1772665200000),
        ("nope", "YYYY", None),
        ("2026-40-01", "YYYY-DD-MM", None),
    ],
)
def test_of_a_text(berlin, text, pattern, ms):
    assert Moment.of(text, pattern).value_of() == ms


def test_of_other_values(berlin):
    assert Moment.of(5).value_of() == 5
    assert Moment.of([2026, 2, 1]).value_of() == 1772319600000
    assert Moment.of(datetime(2026, 3, 1)).value_of() == 1772319600000
    assert abs(Moment.of().value_of() - time.time() * 1000) < 60_000
    assert Moment.of(float("nan")).format() == "Invalid date"
    assert Moment.of(1e300).value_of() is None
    assert Moment.of("x").add(1, "day").start_of("day").zoned(UTC).value_of() is None


@pytest.mark.parametrize(
    ("amount", "unit", "text"),
    [
        (1, "year", "2025-02-28T12:34:56"),
        (1, "M", "2024-03-29T12:34:56"),
        (-1, "months", "2024-01-29T12:34:56"),
        (13, "M", "2025-03-29T12:34:56"),
        (1, "Q", "2024-05-29T12:34:56"),
        (2, "weeks", "2024-03-14T12:34:56"),
        (-40, "d", "2024-01-20T12:34:56"),
        (25, "h", "2024-03-01T13:34:56"),
        (1.5, "minutes", "2024-02-29T12:36:26"),
        ({"days": 1, "hours": 2}, None, "2024-03-01T14:34:56"),
    ],
)
def test_add_and_subtract(amount, unit, text):
    start = Moment.at(LEAP, UTC)
    moved = start.add(amount, unit) if unit else start.add(amount)
    assert moved.format("YYYY-MM-DDTHH:mm:ss") == text
    if not isinstance(amount, dict):
        assert start.subtract(-amount, unit).value_of() == moved.value_of()


def test_days_keep_the_time_of_day_where_clocks_change():
    before = Moment.at(1772953200000 - 86_400_000, NEW_YORK)  # 2026-03-07 02:00, the clocks change next day
    assert before.add(1, "day").format("MM-DD HH:mm Z") == "03-08 03:00 -04:00"
    assert before.add(24, "hours").format("MM-DD HH:mm Z") == "03-08 03:00 -04:00"
    assert before.add(2, "days").format("MM-DD HH:mm Z") == "03-09 02:00 -04:00"
    assert before.add(48, "hours").format("MM-DD HH:mm Z") == "03-09 03:00 -04:00"


@pytest.mark.parametrize(
    ("unit", "start", "end"),
    [
        ("year", "2024-01-01T00:00:00.000", "2024-12-31T23:59:59.999"),
        ("quarter", "2024-01-01T00:00:00.000", "2024-03-31T23:59:59.999"),
        ("month", "2024-02-01T00:00:00.000", "2024-02-29T23:59:59.999"),
        ("week", "2024-02-25T00:00:00.000", "2024-03-02T23:59:59.999"),
        ("isoWeek", "2024-02-26T00:00:00.000", "2024-03-03T23:59:59.999"),
        ("day", "2024-02-29T00:00:00.000", "2024-02-29T23:59:59.999"),
        ("hour", "2024-02-29T12:00:00.000", "2024-02-29T12:59:59.999"),
        ("s", "2024-02-29T12:34:56.000", "2024-02-29T12:34:56.999"),
    ],
)
def test_start_and_end_of_a_unit(unit, start, end):
    moment = Moment.at(LEAP, UTC)
    assert moment.start_of(unit).format("YYYY-MM-DDTHH:mm:ss.SSS") == start
    assert moment.end_of(unit).format("YYYY-MM-DDTHH:mm:ss.SSS") == end


@pytest.mark.parametrize(
    ("this", "that", "unit", "whole", "precise"),
    [
        (1772323199999, 0, "years", 56, 56.15860215050652),
        (1772323199999, 1798761600000, "months", -10, -10.096774193921744),
        (1709210096789, 1772323199999, "months", -24, -24.01640453783525),
        (951782399001, 1772323199999, "years", -26, -26.000000034377752),
        (1735689599000, 1772323199999, "months", -14, -14.000000372983871),
        (NEW_YEAR, LEAP, "days", 1036, 1036.4757316087963),
        (NEW_YEAR, LEAP, "hours", 24875, 24875.417558611112),
    ],
)
def test_difference(this, that, unit, whole, precise):
    this, that = Moment.at(this, UTC), Moment.at(that, UTC)
    assert this.diff(that, unit) == whole
    assert this.diff(that, unit, True) == pytest.approx(precise, rel=1e-12)


def test_comparison():
    early, late, never = Moment.at(0, UTC), Moment.at(1), Moment(None)
    assert early.compare(late) == -1
    assert late.compare(early) == 1
    assert early.compare(late, "day") == 0
    assert early.compare(never) is None
    assert early.diff(never) is None


def test_parts():
    moment = Moment.at(LEAP, UTC)
    names = (
        "year",
        "month",
        "date",
        "day",
        "hour",
        "minute",
        "second",
        "millisecond",
        "dayOfYear",
        "daysInMonth",
        "unix",
    )
    assert [moment.get(name) for name in names] == [2024, 1, 29, 4, 12, 34, 56, 789, 60, 29, 1709210096]
    assert Moment.at(LEAP, NEW_YORK).get("utcOffset") == -300
    assert Moment(None).get("year") is None


def test_an_unknown_unit_is_told():
    with pytest.raises(ValueEvaluationError, match="'fortnight' is no unit of time; there are: year, quarter"):
        Moment.at(0).add(1, "fortnight")


@settings(deadline=None)
@given(
    st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1)).map(lambda when: when.replace(microsecond=0, tzinfo=UTC))
)
def test_what_was_written_is_read_back(when):
    assert parse_iso(iso_text(when)) == when
    pattern = "YYYY-MM-DDTHH:mm:ss.SSSZ"
    assert Moment.of(format_date(when, pattern), pattern).value_of() == Moment.of(when).value_of()


@settings(deadline=None)
@given(st.text(alphabet="0123456789-:T.Z+ /", max_size=25), st.text(alphabet="YMDHmsSAZXx-/: []", max_size=15))
def test_any_text_is_a_date_or_none(text, pattern):
    moment = Moment.of(text, pattern)
    assert (moment.format() == "Invalid date") is (moment.value_of() is None)
