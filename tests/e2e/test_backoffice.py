"""The main job as the README shows it: the example flow with simulated stations."""

import httpx
import pytest

from tests.e2e.program import FLOWS, processes_that_mention

ACTIONS = [
    "BootNotification",
    "StatusNotification",
    "Authorize",
    "StartTransaction",
    "TransactionEvent",
    "MeterValues",
    "Heartbeat",
]


@pytest.mark.parametrize("stations", [4])
def test_simulated_stations_boot_are_answered_and_charge_and_ctrl_c_ends_it_all(start, user_dir, stations):
    program = start(FLOWS / "charging-backoffice.json", "--simulate", stations)
    for number in range(1, stations + 1):
        program.wait_for(rf"SIM-00{number} BootNotification.* -> Accepted")
    for action in ACTIONS:
        program.wait_for(rf"SIM-00\d {action}")
    program.wait_for(r"SIM-00\d StatusNotification Charging")
    httpx.post(f"{program.http}/inject/cs_press").raise_for_status()
    program.wait_for(r"\[debug 'answer of the station'\]")
    program.wait_for(r"status: '(Accepted|Rejected)'")
    assert program.stop() == 0
    assert program.lines[-1].endswith("stopped")
    assert processes_that_mention(str(user_dir)) == []
    assert program.errors() == []
    assert not [line for line in program.lines if "refused" in line or "CALLError" in line]
