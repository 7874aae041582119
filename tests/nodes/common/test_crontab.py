from datetime import datetime
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from busway.engine.errors import ConfigError
from busway.nodes.common.crontab import spelled_out, times

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture(autouse=True)
def in_berlin(monkeypatch):
    monkeypatch.setenv("TZ", "Europe/Berlin")


def moments(expression, after, count):
    start = datetime.fromisoformat(after).replace(tzinfo=BERLIN).timestamp()
    return [datetime.fromtimestamp(t, BERLIN).isoformat() for t in islice(times(expression, start), count)]


def test_five_fields_are_minute_hour_day_month_weekday_in_local_time():
    assert moments("30 7 * * 1-5", "2026-01-02T08:00", 2) == ["2026-01-05T07:30:00+01:00", "2026-01-06T07:30:00+01:00"]


def test_six_fields_have_the_seconds_first():
    assert moments("*/20 0 12 * * *", "2026-01-01T00:00", 3) == [
        "2026-01-01T12:00:00+01:00",
        "2026-01-01T12:00:20+01:00",
        "2026-01-01T12:00:40+01:00",
    ]


@pytest.mark.parametrize(
    ("between", "hours"),
    [("8-9", ["08:00", "08:30", "09:00", "09:30", "08:00"]), ("23,0", ["00:00", "00:30", "23:00", "23:30", "00:00"])],
)
def test_an_interval_between_times_as_the_editor_writes_it(between, hours):
    found = moments(f"*/30 {between} * * *", "2025-12-31T23:45", 5)
    assert [moment[11:16] for moment in found] == hours


def test_an_interval_goes_on_while_clocks_are_put_back():
    found = moments("*/30 * * * *", "2026-10-25T01:40", 6)
    assert [moment[11:] for moment in found] == [
        "02:00:00+02:00",
        "02:30:00+02:00",
        "02:00:00+01:00",
        "02:30:00+01:00",
        "03:00:00+01:00",
        "03:30:00+01:00",
    ]


def test_a_fixed_time_in_the_hour_that_is_left_out_is_not_forgotten():
    assert moments("30 2 * * *", "2026-03-28T12:00", 2) == ["2026-03-29T03:00:00+02:00", "2026-03-30T02:30:00+02:00"]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("0 0 * jan fri-mon", "0 0 * 1 5,6,0,1"),
        ("0 22-3/2 * * *", "0 22,0,2 * * *"),
        ("50-10/20 * * * * *", "50,10 * * * * *"),
        ("0 0 ? * mon#2", "0 0 * * 1#2"),
        ("0 0 * * friL", "0 0 * * 5L"),
        ("@daily", "0 0 * * *"),
        ("  5   4 * * SUN ", "5 4 * * 0"),
        ("0 0 L * 7", "0 0 L * 7"),
    ],
)
def test_what_users_of_node_red_write_is_spelled_out(written, meant):
    assert spelled_out(written) == meant


@pytest.mark.parametrize(
    "wrong", ["", "* * *", "61 * * * *", "nonsense here for a cron", "0 0 31 2 *", "* * * * * * 2030"]
)
def test_what_is_no_expression_is_named_with_the_right_form(wrong):
    with pytest.raises(ConfigError, match="write five fields") as raised:
        times(wrong, 0)
    assert repr(wrong) in str(raised.value)


FIELD = st.text(alphabet="0123456789*/,-?LW#", min_size=1, max_size=8) | st.sampled_from(
    ["MON-FRI", "jan", "*/5", "5L"]
)


@given(st.text(max_size=30) | st.lists(FIELD, min_size=5, max_size=6).map(" ".join))
def test_any_text_is_an_expression_or_a_clear_error(text):
    try:
        upcoming = times(text, 1_767_225_600)
    except ConfigError:
        return
    assert next(upcoming, 1e12) > 1_767_225_600
