"""The ocpp-config node: the Redis that carries messages between stations and flows, and the group that reads them."""

from __future__ import annotations

import socket
from typing import Annotated
from urllib.parse import quote
from zlib import crc32

from busway.engine.errors import ConfigError
from busway.engine.fields import Choices, Credential, Label, Placeholder, ShownIf, Unit
from busway.engine.node import Config, ConfigNode, Field
from busway.engine.settings import Settings
from busway.nodes.ocpp.streams.address import Address
from busway.nodes.ocpp.streams.flow_side import FlowSide
from busway.nodes.ocpp.streams.groups import Group, Unanswered
from busway.nodes.ocpp.streams.link import LinkDown
from busway.nodes.ocpp.streams.pool import Pool
from busway.nodes.ocpp.versions import Compat

DEFAULT_HOST = "localhost"
DEFAULT_PORT = 6379


NO_URL = ShownIf("url", "")
CONVERSION = Choices(strict="Strict: nothing is made up", seed="As node-red-contrib-ocpp, mistakes included")
UNANSWERED = Choices(
    auto="Answer with an error, unless another group may answer",
    answer="Answer with an error",
    leave="Let the station wait",
)


class OcppServer(Config):
    host: Annotated[str, NO_URL] = Field(DEFAULT_HOST, title="Host", description="Host of the Redis server.")
    port: Annotated[int, NO_URL] = Field(
        DEFAULT_PORT, ge=1, le=65535, title="Port", description="Port of the Redis server."
    )
    db: Annotated[int, NO_URL] = Field(0, ge=0, title="Database", description="Number of the Redis database.")
    consumerGroup: str = Field(
        "biz-workers",
        title="Consumer group",
        description="Processes of one group share the messages; each group gets all of them.",
    )
    consumerName: str = Field(
        "",
        title="Consumer name",
        description="Name of this process in the group. It must stay the same over a restart, and differ between "
        "processes. Empty: host name and instance.",
    )
    password: Annotated[str, Credential("password")] = Field(
        "", title="Password", description="Password of the Redis server, if it wants one."
    )
    username: str = Field("", title="User", description="User of the Redis server; empty is the default user.")
    tls: Annotated[bool, NO_URL] = Field(False, title="TLS", description="Encrypt the connection to host and port.")
    url: Annotated[str, Placeholder("redis://host:6379/0")] = Field(
        "",
        title="URL",
        description="Instead of host, port, database and TLS: `redis://`, `rediss://`, `unix://`, or "
        "`redis+sentinel://host:26379,host2:26379/service`.",
    )
    compat: Annotated[Compat, CONVERSION] = Field(
        "strict",
        title="Conversion",
        description="`strict`: a refusal is never turned into an acceptance, 2.1 is known. `seed`: exactly as "
        "node-red-contrib-ocpp converts messages, mistakes included.",
    )
    unanswered: Annotated[Unanswered, UNANSWERED] = Field(
        "auto",
        title="CALLs that the flow does not answer",
        description="`answer` tells the station so by an error, `leave` lets it wait. `auto` answers unless another "
        "consumer group may be the one that answers.",
    )
    maxDeliveries: int = Field(
        5, ge=1, title="Deliveries", description="How often a message is handed out before it is given up."
    )
    claimIdle: Annotated[float, Unit("s")] = Field(
        60, gt=0, title="Take over after", description="When messages of a consumer that has died are taken over."
    )
    trimHistory: bool = Field(
        True, title="Trim history", description="Delete messages that all consumer groups have acknowledged."
    )


class OcppConfig(ConfigNode[OcppServer]):
    """The Redis server through which charging stations' messages come and go, and the consumer group that reads them.

    With host and port left as they are (`localhost`, 6379) and no URL, the server that Busway itself was started with is
    used: the embedded one, or that of `--redis`. Database, user and password then do not count.

    All OCPP nodes of one server share its connections. Nodes of the same group share one reader, so every node with a
    fitting filter gets a message, whichever of them has read it.
    """

    type = "ocpp-config"
    category = "config"
    color = "#4CAF50"
    icon = "font-awesome/fa-plug"
    label = "ocpp"
    labels = (Label("{url}"), Label("{host}:{port}"))

    side: FlowSide
    group: Group

    def start(self) -> None:
        runtime, config = self.flow.runtime, self.config
        self.address = address_of(config, runtime.settings)
        self.instance = instance_of(runtime.settings)
        self.group = Group(
            config.consumerGroup or "biz-workers",
            config.consumerName or self.instance,
            config.compat,
            config.claimIdle,
            config.maxDeliveries,
            config.unanswered,
            config.trimHistory,
        )
        self._pool = Pool.of(runtime.services)
        self._pool.offer(runtime.gauges)
        dispatcher = runtime.dispatcher
        try:
            limit = runtime.settings.source_limit
            self.side = self._pool.acquire(self.address, limit, lambda: dispatcher.overloaded)
        except LinkDown as error:
            raise ConfigError(f"{self.label_text}: {error}") from None

    async def stop(self) -> None:
        await self.side.flush()
        self._pool.release(self.address)


def address_of(config: OcppServer, settings: Settings) -> Address:
    """Where a config node's Redis is."""
    if config.url:
        return Address.of(config.url, config.username, config.password, config.db)
    untouched = config.host in ("", DEFAULT_HOST) and config.port == DEFAULT_PORT
    if untouched and settings.redis_url:
        return Address.of(settings.redis_url)
    host = config.host or DEFAULT_HOST
    host = f"[{host}]" if ":" in host else quote(host)
    url = f"{'rediss' if config.tls else 'redis'}://{host}:{config.port}"
    return Address.of(url, config.username, config.password, config.db)


def instance_of(settings: Settings) -> str:
    """A name of this process that another one on the host does not have, and that is the same after a restart."""
    place = f"{settings.user_dir.absolute()}:{settings.port}"
    return f"{socket.gethostname()}-{crc32(place.encode()):08x}"
