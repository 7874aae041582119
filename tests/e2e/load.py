"""Many stations as bare WebSockets: what each asked, what it was answered, how long that took."""

import asyncio
import contextlib
import json
import os
import time

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.e2e.program import PATIENCE

SCALE = int(os.environ.get("BUSWAY_E2E_SCALE", "1"))
"""How many times more than usual the tests of load and bad input do."""


class Station:
    """A station that keeps its unanswered CALL and sends it again, with the same id, when it is connected anew."""

    def __init__(self, name):
        self.name = name
        self.answers = {}
        """Every frame that came as an answer, by message id."""
        self.latencies = []
        self._socket = None

    async def connect(self, gateway):
        address = f"{gateway}/demo/{self.name}"
        self._socket = await connect(address, subprotocols=["ocpp1.6"], open_timeout=PATIENCE, ping_interval=None)

    async def close(self):
        if self._socket is not None:
            await self._socket.close()

    async def closed(self):
        """Waits until the other side has closed the connection; the code that it gave."""
        async with asyncio.timeout(PATIENCE):
            await self._socket.wait_closed()
        return self._socket.close_code

    async def call(self, action, payload, id):
        """Sends a CALL and waits for its answer; gives the frame."""
        begun = time.monotonic()
        await self.send(action, payload, id)
        async with asyncio.timeout(PATIENCE):
            frame = await self.answer(id)
        self.latencies.append(time.monotonic() - begun)
        return frame

    async def send(self, action, payload, id):
        await self._socket.send(json.dumps([2, id, action, payload]))

    async def answer(self, id):
        while True:
            frame = json.loads(await self._socket.recv())
            self.answers.setdefault(frame[1], []).append(frame)
            if frame[1] == id:
                return frame

    async def answer_if_it_lasts(self, id):
        """The answer, or None when the connection breaks before."""
        with contextlib.suppress(ConnectionClosed):
            return await self.answer(id)


@contextlib.asynccontextmanager
async def stations(count, gateway):
    """Connected stations."""
    found = [Station(f"CP{number}") for number in range(count)]
    await asyncio.gather(*(station.connect(gateway) for station in found))
    try:
        yield found
    finally:
        await asyncio.gather(*(station.close() for station in found), return_exceptions=True)


def start_transaction(number):
    return {"connectorId": 1, "idTag": f"RFID{number}", "meterStart": 0, "timestamp": "2026-01-01T00:00:00Z"}


async def steady(station, rate, stop, action="StartTransaction"):
    """Calls again and again, ``rate`` times a second where the answers allow it, until ``stop`` is set."""
    number = 0
    begun = time.monotonic()
    while not stop.is_set():
        number += 1
        await station.call(action, start_transaction(number), f"{station.name}-{number}")
        pause = begun + number / rate - time.monotonic()
        if pause > 0:
            await asyncio.sleep(pause)
    return number
