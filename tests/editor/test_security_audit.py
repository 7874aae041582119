"""The audit log: bounded, and not to be flooded."""

import json
import logging

from busway.editor.server.audit import REFUSALS, Audit
from tests.editor.people import audit_of


def test_a_record_is_a_line_of_json_in_file_and_log(tmp_path, caplog):
    caplog.set_level(logging.INFO, "busway.audit")
    audit = Audit(tmp_path)
    audit.record("flows.write", "anna\n{", "10.0.0.1", "ok", status=204)
    audit.close()
    (entry,) = audit_of(tmp_path)
    assert entry["who"] == "anna\n{"
    assert json.loads(caplog.messages[0]) == entry
    assert (tmp_path / "audit.jsonl").stat().st_mode & 0o777 == 0o600


def test_the_file_is_bounded(tmp_path):
    audit = Audit(tmp_path, largest=1000)
    for number in range(100):
        audit.record("flows.write", "anna", "10.0.0.1", "ok", number=number)
    audit.close()
    sizes = [path.stat().st_size for path in sorted(tmp_path.iterdir())]
    assert len(sizes) == 2
    assert max(sizes) < 1300
    kept = [json.loads(line) for path in tmp_path.iterdir() for line in path.read_text().splitlines()]
    assert max(entry["number"] for entry in kept) == 99


def test_a_flood_of_refusals_is_counted_not_written(tmp_path, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr("busway.editor.server.audit.time.monotonic", lambda: now[0])
    audit = Audit(tmp_path)
    for _ in range(500):
        audit.refusal("permission.fail", "", "10.6.6.6", "unknown")
    audit.refusal("permission.fail", "", "10.0.0.1", "unknown")
    now[0] += 61
    audit.refusal("permission.fail", "", "10.6.6.6", "unknown")
    audit.refusal("permission.fail", "", "10.6.6.6", "unknown")
    audit.close()
    entries = audit_of(tmp_path)
    assert len(entries) == REFUSALS + 3
    assert [entry.get("left_out") for entry in entries[-3:]] == [None, 500 - REFUSALS, None]


def test_a_long_text_is_cut(tmp_path):
    audit = Audit(tmp_path)
    audit.record("auth.login", "x" * 10_000, "10.0.0.1", "ok")
    audit.close()
    assert (tmp_path / "audit.jsonl").stat().st_size < 500


def test_a_file_that_cannot_be_written_stops_nothing(tmp_path, caplog):
    (tmp_path / "audit.jsonl").mkdir()
    audit = Audit(tmp_path)
    audit.record("flows.write", "anna", "10.0.0.1", "ok")
    assert "cannot be written" in caplog.text
    audit.close()
