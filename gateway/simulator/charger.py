"""A charger's life, whatever the OCPP version: connecting, drivers coming and going, transactions, commands."""

from __future__ import annotations

import asyncio
import logging
import random
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeVar

from ocpp.exceptions import OCPPError
from websockets.exceptions import WebSocketException

from busway.gateway.simulator.charging import Car, ChargingSession
from busway.gateway.simulator.dialect import Dialect, InvalidAnswer
from busway.gateway.simulator.pace import Pace

if TYPE_CHECKING:
    from busway.gateway.simulator.fleet import Connect

log = logging.getLogger("busway.simulator")

Answer = TypeVar("Answer")
_UNHEARD: Final = (WebSocketException, OSError, TimeoutError)
"""What was said may not have been heard: said again, where it matters."""
_REFUSED: Final = (OCPPError, InvalidAnswer, TypeError)
_ATTEMPTS: Final = 3
FULL_POWER: Final = 22_080.0


@dataclass(slots=True)
class Connector:
    """One outlet. ``status`` is one of OCPP 1.6's; ``reserved`` is id and card of a reservation."""

    number: int
    status: str = "Available"
    operative: bool = True
    meter: float = 0.0
    limit: float = FULL_POWER
    session: ChargingSession | None = None
    reserved: tuple[int, str] | None = None

    @property
    def free(self) -> bool:
        """Whether a transaction may begin here."""
        return self.session is None and self.operative

    def resting(self) -> str:
        """The status without a transaction."""
        if not self.operative:
            return "Unavailable"
        return "Reserved" if self.reserved else "Available"


@dataclass(slots=True)
class Plate:
    """What a charger tells of itself."""

    vendor: str = "Busway"
    model: str = "Simulated 22"
    serial: str = ""
    firmware: str = "1.0.0"


@dataclass
class Charger:
    """A charger with its connectors. Its life goes on while it is offline; transactions are reported afterwards."""

    identity: str
    seed: int
    pace: Pace
    connect: Connect
    id_tags: tuple[str, ...]
    patience: float = 30.0
    """Real seconds to wait for an answer."""
    counts: Counter[str] = field(default_factory=Counter)
    connectors: list[Connector] = field(default_factory=lambda: [Connector(1), Connector(2)])
    settings: dict[str, str] = field(default_factory=dict)
    dialect: Dialect | None = None

    def __post_init__(self) -> None:
        self.plate = Plate(serial=f"{self.identity}-{self.seed}")
        self.online = asyncio.Event()
        self.boot_reason = "PowerUp"
        self.local_list_version = 0
        self.interval = 300.0
        self._random = random.Random(self.seed)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._rebooting = asyncio.Event()
        for connector in self.connectors:
            connector.meter = float(self._random.randrange(10_000, 5_000_000))

    # -- tasks

    def spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        """Starts something that ends with the charger, or by itself."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("%s: %s", self.identity, error, exc_info=error)

    def start(self) -> None:
        """Begins the charger's life."""
        self.spawn(self._stay_connected())
        for connector in self.connectors:
            self.spawn(self._serve_drivers(connector, random.Random(self._random.random())))

    async def stop(self) -> None:
        """Ends it, as by pulling the plug."""
        await _cancel(self._tasks)

    # -- what is said and heard

    def said(self, action: str, essence: str, answer: Any) -> None:
        """Something was said and answered."""
        self.counts[action] += 1
        status = getattr(answer, "status", None)
        said = " ".join(filter(None, (action, essence, f"-> {status}" if status else "")))
        log.info("%s %s", self.identity, said)

    def heard(self, action: str, payload: dict[str, Any]) -> None:
        """A command came."""
        self.counts[action] += 1
        log.info("%s was asked for %s %s", self.identity, action, payload or "")

    async def tell(self, say: Callable[[Dialect], Awaitable[Answer]]) -> Answer | None:
        """Says something that does not matter any more when it cannot be said now."""
        if self.dialect is None:
            return None
        try:
            return await say(self.dialect)
        except _UNHEARD as error:
            log.warning("%s got no answer: %s", self.identity, error)
        except _REFUSED as error:
            log.warning("%s was refused: %s", self.identity, error)
        return None

    async def report(self, say: Callable[[Dialect, str], Awaitable[Answer]]) -> Answer | None:
        """Says something about a transaction until it is heard, under one message id; None when it is refused for good."""
        message_id = str(uuid.UUID(int=self._random.getrandbits(128), version=4))
        refusals = 0
        while refusals < _ATTEMPTS:
            await self.online.wait()
            try:
                return await say(self.dialect, message_id) if self.dialect else None
            except _UNHEARD as error:
                log.warning("%s says it again: %s", self.identity, error or type(error).__name__)
            except _REFUSED as error:
                log.warning("%s was refused: %s", self.identity, error)
                refusals += 1
            await self.pace.sleep(10)
        return None

    # -- connection

    async def _stay_connected(self) -> None:
        failures = 0
        while True:
            try:
                async with self.connect(self) as dialect:
                    failures = 0
                    await self._live(dialect)
            except _UNHEARD as error:
                log.warning("%s is offline: %s", self.identity, error or type(error).__name__)
            failures += 1
            await self.pace.sleep(min(10.0 * 2**failures, 600.0) * self._random.uniform(0.5, 1.0))

    async def _live(self, dialect: Dialect) -> None:
        """Until the connection ends or the charger restarts. Speaking and listening go on at the same time."""
        self.dialect = dialect
        self._rebooting.clear()
        parts = [asyncio.create_task(part) for part in (self._listen(dialect), self._speak(dialect), self._reboot())]
        try:
            done, _ = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
            for part in done:
                part.result()
        finally:
            self.online.clear()
            self.dialect = None
            await _cancel(parts)

    @staticmethod
    async def _listen(dialect: Any) -> None:
        await dialect.start()

    async def _reboot(self) -> None:
        await self._rebooting.wait()

    async def _speak(self, dialect: Dialect) -> None:
        await self._register(dialect)
        self.online.set()
        for connector in self.connectors:
            await self.tell(lambda speaker, connector=connector: speaker.status(connector))  # type: ignore[misc]
        while True:
            await self.pace.sleep(self.interval)
            await self.tell(lambda speaker: speaker.heartbeat())

    async def _register(self, dialect: Dialect) -> None:
        """Registers again and again until the back office accepts the charger (OCPP 1.6 section 4.2, 2.0.1 B02, B03)."""
        while True:
            interval: float = 60
            try:
                registration = await dialect.boot(self.boot_reason)
                interval = registration.interval or interval
                if registration.status == "Accepted":
                    self.interval = interval
                    return
            except _REFUSED as error:
                log.warning("%s was refused: %s", self.identity, error)
            await self.pace.sleep(interval)

    # -- transactions

    async def _serve_drivers(self, connector: Connector, rng: random.Random) -> None:
        """Drivers come, charge for a while and leave; the first come soon, so that there is something to see."""
        await self.online.wait()
        await self.pace.sleep(rng.uniform(5, 120))
        while True:
            await self.online.wait()
            if connector.free and not connector.reserved:
                car = Car.arriving(rng)
                session = await self.admit(connector, rng.choice(self.id_tags), car)
                if session is not None:
                    await self.charge(connector, session, rng.uniform(900, 7200))
            await self.pace.sleep(rng.uniform(300, 1800))

    async def admit(
        self, connector: Connector, id_tag: str, car: Car, remote_start_id: int | None = None
    ) -> ChargingSession | None:
        """A driver shows a card; the session when it may charge."""
        reserved = connector.reserved
        if not connector.free or (reserved and reserved[1] != id_tag):
            return None
        session = ChargingSession(id_tag, car, connector.meter, connector.limit, remote_start_id)
        connector.session, connector.reserved = session, None
        session.reservation_id = reserved[0] if reserved else None
        await self.set_status(connector, "Preparing")
        if await self.tell(lambda dialect: dialect.authorize(id_tag)):
            return session
        await self.release(connector)
        return None

    async def charge(self, connector: Connector, session: ChargingSession, longest: float) -> None:
        """A whole transaction, for at most so many seconds."""
        if await self.report(lambda dialect, message_id: dialect.begin(connector, session, message_id)):
            await self.set_status(connector, "Charging")
            await self._take_energy(connector, session, longest)
        else:
            session.stop("DeAuthorized")
        connector.meter = session.meter
        if session.transaction_id is not None:
            await self.report(lambda dialect, message_id: dialect.end(connector, session, message_id))
        await self.set_status(connector, "Finishing")
        await self.pace.sleep(30)
        await self.release(connector)

    async def _take_energy(self, connector: Connector, session: ChargingSession, longest: float) -> None:
        while not session.stopping.is_set() and session.seconds < longest and not session.full:
            began = self.pace.now()
            await self.pace.wait(session.stopping, float(self.settings.get("MeterValueSampleInterval", "60")))
            session.advance(self.pace.now() - began)
            if not session.stopping.is_set():
                await self.tell(lambda dialect: dialect.meter(connector, session))

    async def release(self, connector: Connector) -> None:
        """The car is gone."""
        connector.session = None
        await self.set_status(connector, connector.resting())

    async def set_status(self, connector: Connector, status: str) -> None:
        """Changes a connector's status and tells it."""
        connector.status = status
        await self.tell(lambda dialect: dialect.status(connector))

    # -- commands

    def connector(self, number: int | None) -> Connector | None:
        """The connector of that number; for None a free one, else the first."""
        if number is None:
            return next((one for one in self.connectors if one.free and not one.reserved), self.connectors[0])
        return next((one for one in self.connectors if one.number == number), None)

    def of_transaction(self, transaction_id: str | int) -> Connector | None:
        """The connector on which a transaction goes on."""
        going = (one for one in self.connectors if one.session is not None)
        return next((one for one in going if one.session and one.session.transaction_id == transaction_id), None)

    def start_remotely(self, connector: Connector | None, id_tag: str, remote_start_id: int | None = None) -> bool:
        """Begins a transaction by command; False when the connector cannot."""
        if connector is None or not connector.free or (connector.reserved and connector.reserved[1] != id_tag):
            return False
        self.spawn(self._start_remotely(connector, id_tag, remote_start_id))
        return True

    async def _start_remotely(self, connector: Connector, id_tag: str, remote_start_id: int | None) -> None:
        session = await self.admit(connector, id_tag, Car.arriving(self._random), remote_start_id)
        if session is not None:
            await self.charge(connector, session, 7200)

    def stop_remotely(self, transaction_id: str | int) -> bool:
        """Ends a transaction by command; False when there is none of that id."""
        connector = self.of_transaction(transaction_id)
        if connector is None or connector.session is None:
            return False
        connector.session.stop("Remote")
        return True

    def reset(self, *, hard: bool) -> None:
        """Restarts: transactions end first, then the connection."""
        self.spawn(self._reset("HardReset" if hard else "SoftReset"))

    async def _reset(self, reason: str) -> None:
        for connector in self.connectors:
            if connector.session is not None:
                connector.session.stop(reason)
        for _ in range(60):
            if all(connector.session is None for connector in self.connectors):
                break
            await self.pace.sleep(2)
        self.boot_reason = "RemoteReset"
        self._rebooting.set()

    def set_operative(self, connector: Connector, operative: bool) -> bool:
        """Changes availability; False when that has to wait for the end of a transaction (OCPP: Scheduled)."""
        connector.operative = operative
        if connector.session is not None:
            return False
        self.spawn(self.set_status(connector, connector.resting()))
        return True

    def unlock(self, connector: Connector) -> None:
        """Unlocks the plug, which ends a transaction."""
        if connector.session is not None:
            connector.session.stop("UnlockCommand")

    def reserve(self, connector: Connector, reservation_id: int, id_tag: str) -> str:
        """Keeps a connector for a card; one of OCPP's reservation statuses."""
        if not connector.operative:
            return "Unavailable"
        if connector.session is not None or (connector.reserved and connector.reserved[0] != reservation_id):
            return "Occupied"
        connector.reserved = (reservation_id, id_tag)
        self.spawn(self.set_status(connector, "Reserved"))
        return "Accepted"

    def cancel_reservation(self, reservation_id: int) -> bool:
        """Ends a reservation; False when there is none of that id."""
        for connector in self.connectors:
            if connector.reserved and connector.reserved[0] == reservation_id:
                connector.reserved = None
                self.spawn(self.set_status(connector, connector.resting()))
                return True
        return False

    def limit(self, connector_number: int, power: float | None) -> None:
        """Limits a connector's power, 0 means all of them; None ends the limit."""
        for connector in self.connectors:
            if connector_number in (0, connector.number):
                connector.limit = FULL_POWER if power is None else power
                if connector.session is not None:
                    connector.session.limit = connector.limit

    def upload_log(self, request_id: int | None) -> str:
        """Uploads a log, in steps that are told; the file's name."""
        self.spawn(self._told(("Uploading", "Uploaded"), "log_status", request_id))
        return f"{self.identity}.log"

    def update_firmware(self, request_id: int | None) -> None:
        """Installs a firmware, in steps that are told."""
        self.spawn(self._told(("Downloading", "Downloaded", "Installing", "Installed"), "firmware_status", request_id))

    async def _told(self, steps: tuple[str, ...], method: str, request_id: int | None) -> None:
        for step in steps:
            await self.tell(lambda dialect, step=step: getattr(dialect, method)(step, request_id))  # type: ignore[misc]
            await self.pace.sleep(20)


async def _cancel(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancels until all have ended: ``ocpp`` waits by wait_for, which may swallow a cancelling (Python 3.11)."""
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=0.1)
    await asyncio.gather(*tasks, return_exceptions=True)
