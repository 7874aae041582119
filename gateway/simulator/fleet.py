"""Many simulated chargers at once."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from busway.engine.errors import suggest
from busway.gateway.simulator.pace import Pace

if TYPE_CHECKING:
    from busway.gateway.simulator.charger import Charger
    from busway.gateway.simulator.dialect import Dialect

Connect = Callable[["Charger"], contextlib.AbstractAsyncContextManager["Dialect"]]

ID_TAGS: Final = ("DE-BSW-C00000001", "DE-BSW-C00000002", "DE-BSW-C00000003", "RFID12345")
_VERSIONS: Final = ("1.6", "2.0.1")


class Simulator:
    """Chargers ``SIM-001``, ``SIM-002``, ... of one tenant, which connect to ``{url}/{tenant}/{charger}``.

    ``versions`` are dealt out in turn. The same ``seed`` gives the same drivers, cars and pauses. ``speed`` is how many
    simulated seconds pass in a real one. ``password`` is sent by all (security profiles 1 and 2), ``tls`` used with
    ``wss:`` addresses.
    """

    def __init__(
        self,
        url: str,
        *,
        tenant: str = "demo",
        count: int = 5,
        seed: int = 1,
        speed: float = 10.0,
        versions: Sequence[str] = _VERSIONS,
        id_tags: Sequence[str] = ID_TAGS,
        prefix: str = "SIM",
        password: str | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        unknown = [version for version in versions if version not in _VERSIONS]
        if unknown or not versions:
            hint = suggest(unknown[0], _VERSIONS) if unknown else ""
            raise ValueError(f"simulated chargers speak OCPP {' and '.join(_VERSIONS)}, not {unknown or 'none'}{hint}")
        self.counts: Counter[str] = Counter()
        """How often each action was said or heard, by all."""
        self._url, self._tenant, self._count, self._seed = url.rstrip("/"), tenant, count, seed
        self._pace, self._versions, self._id_tags, self._prefix = Pace(speed), tuple(versions), tuple(id_tags), prefix
        self._password, self._tls = password, tls
        self.chargers: list[Charger] = []

    async def start(self) -> None:
        """Starts all chargers and returns; they connect by and by, and again whenever they have to."""
        from busway.gateway.simulator.charger import Charger

        for number in range(1, self._count + 1):
            version = self._versions[(number - 1) % len(self._versions)]
            identity, seed = f"{self._prefix}-{number:03}", self._seed * 1_000_003 + number
            connect = self._connector(version)
            charger = Charger(identity, seed, self._pace, connect, self._id_tags, counts=self.counts)
            self.chargers.append(charger)
            charger.start()
            if number % 50 == 0:
                # Thousands of handshakes at once would overrun the listening socket.
                await asyncio.sleep(0.05)

    async def stop(self) -> None:
        """Ends all chargers."""
        await asyncio.gather(*(charger.stop() for charger in self.chargers))
        self.chargers.clear()

    def _connector(self, version: str) -> Connect:
        from busway.gateway.simulator.v16 import Dialect16
        from busway.gateway.simulator.v201 import Dialect201

        dialect: Any = {"1.6": Dialect16, "2.0.1": Dialect201}[version]

        @contextlib.asynccontextmanager
        async def connect_charger(charger: Charger) -> AsyncIterator[Dialect]:
            async with self._open(charger, f"ocpp{version}") as socket:
                try:
                    yield dialect(charger, socket)
                finally:
                    # Left by an error or a cancelling, the socket would be closed as if something were broken.
                    await socket.close()

        return connect_charger

    def _open(self, charger: Charger, protocol: str) -> Any:
        from websockets.asyncio.client import connect
        from websockets.headers import build_authorization_basic
        from websockets.typing import Subprotocol

        headers = {}
        if self._password is not None:
            headers["Authorization"] = build_authorization_basic(charger.identity, self._password)
        address = f"{self._url}/{quote(self._tenant, safe='')}/{quote(charger.identity, safe='')}"
        options: dict[str, Any] = {"compression": None, "close_timeout": 1, "additional_headers": headers}
        if self._tls is not None:
            options["ssl"] = self._tls
        return connect(address, subprotocols=[Subprotocol(protocol)], **options)
