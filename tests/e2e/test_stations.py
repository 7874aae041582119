"""Stations written by others, on the `ocpp` package, at the gateway of the example flow."""

import httpx
import pytest
from ocpp.exceptions import NotImplementedError as OcppNotImplemented
from ocpp.v16 import call as call16
from ocpp.v201 import call as call201

from tests.e2e.office import command, unified
from tests.e2e.stations import ask, charge_2, charge_16, station


async def test_a_1_6_station_gets_a_valid_answer_to_every_call(office):
    async with station(office.gateway, "CP16", "1.6") as point:
        boot, beat, token, begun, ended = await charge_16(point)
    assert (boot.status, boot.interval) == ("Accepted", 60)
    assert beat.current_time
    assert token.id_tag_info == {"status": "Accepted"}
    assert begun.transaction_id > 0
    assert begun.id_tag_info["status"] == "Accepted"
    assert ended is not None
    await office.until("energyWh: 7500")


@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
async def test_a_station_of_version_2_gets_a_valid_answer_to_every_call(office, version):
    async with station(office.gateway, "CP2", version) as point:
        boot, beat, known, begun, ended = await charge_2(point)
    assert (boot.status, boot.interval) == ("Accepted", 60)
    assert beat.current_time
    assert known.id_token_info["status"] == "Accepted"
    assert begun.id_token_info["status"] == "Accepted"
    assert ended is not None


async def test_a_refused_token_is_refused_in_both_versions(office):
    async with station(office.gateway, "CP16", "1.6") as old, station(office.gateway, "CP201", "2.0.1") as new:
        answer = await ask(old, call16.Authorize("BLOCKED-1"))
        assert answer.id_tag_info["status"] == "Blocked"
        answer = await ask(new, call201.Authorize({"id_token": "BLOCKED-1", "type": "ISO14443"}))
        assert answer.id_token_info["status"] == "Blocked"


async def test_an_action_that_the_flow_does_not_handle_is_answered_as_not_implemented(office):
    async with station(office.gateway, "CP16", "1.6") as point:
        with pytest.raises(OcppNotImplemented):
            await ask(point, call16.DataTransfer("Acme", "m1", "hello"))
        assert (await ask(point, call16.Heartbeat())).current_time


async def test_the_button_of_the_example_starts_charging(office):
    async with station(office.gateway, "SIM-001", "1.6") as point:
        before = len(office.lines)
        async with httpx.AsyncClient() as client:
            assert (await client.post(f"{office.http}/inject/cs_press")).status_code == 200
        await office.until("status: 'Accepted'", after=before)
        assert point.commands == [("RemoteStartTransaction", {"id_tag": "RFID12345", "connector_id": 1})]


@pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
async def test_every_unified_command_reaches_the_station_and_its_reply_the_flow(office, version):
    async with station(office.gateway, "CPC", version) as point:
        for number, (name, payload) in enumerate(unified(version), 1):
            content, told = await command(office, "CPC", name, payload)
            assert len(point.commands) == number, (name, told)
            assert told["action"] == point.commands[-1][0]
            assert (told["error"], told["version"], told["response"]) == (False, version, True), (name, told)
            assert content, name
            assert told["latency"] >= 0


async def test_an_error_as_reply_reaches_the_flow_as_one(office):
    async with station(office.gateway, "CPE", "1.6"):
        _, told = await command(office, "CPE", "GetLocalListVersion")
    assert (told["error"], told["errorCode"]) == (True, "NotImplemented")
    assert told["action"] == "GetLocalListVersion"


async def test_a_command_to_a_station_that_is_away_is_answered_in_time_and_never_sent_later(office):
    content, told = await command(office, "CPAWAY", "Reset", {"type": "Hard"}, node="hasty")
    assert (content, told["error"], told["errorCode"]) == (None, True, "Timeout")
    async with station(office.gateway, "CPAWAY", "1.6") as point:
        assert (await ask(point, call16.Heartbeat())).current_time
        content, told = await command(office, "CPAWAY", "ClearCache")
    assert point.commands == [("ClearCache", {})]
