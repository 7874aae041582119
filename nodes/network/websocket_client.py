"""The websocket-client node: a WebSocket to a server, opened again whenever it is lost."""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import urlsplit

from busway.engine.errors import ConfigError
from busway.engine.fields import Placeholder, Stored, Unit
from busway.engine.http.payload import text_of
from busway.engine.message import new_id
from busway.engine.node import Config, Field, NodeError

from .header_rows import HEADERS, HeaderRow, compile_rows
from .proxies import environment_proxy
from .references import require
from .tls_config import TlsConfig
from .websocket_endpoint import FRAMES, SESSION_TYPE, Data, WebsocketEndpoint

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

RECONNECT = 3.0
"""Seconds between two attempts."""
OPENING = 10.0
"""Seconds that opening may take."""
LARGEST_FRAME = 100 * 1024 * 1024


class ClientConfig(Config):
    path: Annotated[str, Placeholder("wss://host/path")] = Field(
        "", title="URL", description="Address of the server: `ws://host/path` or `wss://host/path`."
    )
    tls: TlsConfig | None = Field(None, title="TLS", description="Certificates for `wss:`.")
    wholemsg: Annotated[Literal["false", "true"], FRAMES] = Field(
        "false", title="Frames are", description="The payload of messages, or whole messages as JSON."
    )
    hb: Annotated[float, Unit("s"), Stored("")] = Field(
        0, ge=0, title="Heartbeat", description="How often to ask the server for a sign of life; empty: never."
    )
    subprotocol: str = Field("", title="Subprotocols", description="Names to offer, separated by commas.")
    headers: Annotated[list[HeaderRow], HEADERS] = Field(
        default_factory=list, title="Headers", description="Headers of the request that opens the socket."
    )


class WebsocketClient(WebsocketEndpoint[ClientConfig]):
    """A WebSocket to a server.

    It is opened with the flows and opened again three seconds after it was lost. With a heartbeat, a server that does not
    answer a ping before the next one is due counts as lost.
    """

    type = "websocket-client"
    category = "config"
    label = "{path}"

    def start(self) -> None:
        if urlsplit(self.config.path).scheme not in ("ws", "wss") or not urlsplit(self.config.path).hostname:
            raise ConfigError(
                f"websocket-client: {self.config.path!r} is no address of a WebSocket; write it like ws://host:80/path"
            )
        require(self, tls=self.config.tls)
        self.whole_message = self.config.wholemsg == "true"
        self._connection: ClientConnection | None = None
        self._headers = compile_rows(self.config.headers, self.env)
        self._unsent: asyncio.Queue[Data] = asyncio.Queue(self.flow.runtime.settings.source_limit)
        self.spawn(self._live())

    @property
    def connected(self) -> int:
        return int(self._connection is not None)

    def transmit(self, data: Data, session: str | None) -> None:
        if self._connection is None:
            raise NodeError(f"not connected to {self.config.path}: the message was not sent")
        try:
            self._unsent.put_nowait(data)
        except asyncio.QueueFull:
            raise NodeError(f"{self.config.path} takes messages too slowly: this one was not sent") from None

    async def _live(self) -> None:
        from websockets.exceptions import WebSocketException

        await self.flow.runtime.started.wait()
        while True:
            session = {"type": SESSION_TYPE, "id": new_id()}
            try:
                await self._connect(session)
            except (OSError, WebSocketException, TimeoutError, ValueError) as error:
                self.debug(f"{self.config.path}: {error or type(error).__name__}")
                self.happened("error", session)
            await asyncio.sleep(RECONNECT)

    async def _connect(self, session: dict[str, Any]) -> None:
        """One connection, from opening to its end."""
        from websockets.asyncio.client import connect

        async with connect(self.config.path, **self._options()) as connection:
            self._connection, self._unsent = connection, asyncio.Queue(self._unsent.maxsize)
            self.happened("connect", session)
            writer = self.spawn(self._write(connection))
            try:
                async for data in connection:
                    self.took(data, session)
                    await self.room()
            finally:
                writer.cancel()
                self._connection = None
                self.happened("disconnect", session)

    async def _write(self, connection: ClientConnection) -> None:
        from websockets.exceptions import ConnectionClosed

        try:
            while True:
                await connection.send(await self._unsent.get())
        except ConnectionClosed as error:
            self.debug(f"{self.config.path}: {error}")

    def _options(self) -> dict[str, Any]:
        config = self.config
        rows = [(text_of(name({})), value({})) for name, value in self._headers]
        options: dict[str, Any] = {
            "additional_headers": [(name, text_of(value)) for name, value in rows if name and value not in (None, "")],
            "subprotocols": self.subprotocols or None,
            "ping_interval": config.hb or None,
            "ping_timeout": config.hb or None,
            "open_timeout": OPENING,
            "close_timeout": 1,
            "max_size": LARGEST_FRAME,
            "proxy": environment_proxy(config.path),
        }
        return options | self._tls_options()

    def _tls_options(self) -> dict[str, Any]:
        if urlsplit(self.config.path).scheme != "wss":
            return {}
        if self.config.tls is None:
            return {"ssl": ssl.create_default_context()}
        named = {"server_hostname": self.config.tls.server_name} if self.config.tls.server_name else {}
        return {"ssl": self.config.tls.ssl_context} | named

    @property
    def subprotocols(self) -> list[str]:
        """The names to offer."""
        return [name.strip() for name in self.config.subprotocol.split(",") if name.strip()]
