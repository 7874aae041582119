"""A log that cannot be flooded."""

import logging

from busway.gateway import throttle
from busway.gateway.throttle import ThrottledLog

log = logging.getLogger("busway.test")


def test_subject_is_told_once_and_then_with_the_number_left_out(caplog, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(throttle.time, "monotonic", lambda: now[0])
    throttled = ThrottledLog(log, pause=60)
    for _ in range(4):
        throttled.warning("CP1", "wrong")
    throttled.warning("CP2", "wrong")
    now[0] += 60
    throttled.warning("CP1", "wrong")
    assert [record.message for record in caplog.records] == [
        "CP1: wrong",
        "CP2: wrong",
        "CP1: wrong (3 more like this)",
    ]


def test_memory_is_bounded(caplog):
    throttled = ThrottledLog(log)
    for number in range(2000):
        throttled.warning(str(number), "wrong")
    assert len(throttled._silent) == 1000
