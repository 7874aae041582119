"""Everything that can be set about a gateway, with its default."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from busway.gateway.passwords import check_format

Protocol = Literal["ocpp1.6", "ocpp2.0.1", "ocpp2.1"]
PasswordHash = Annotated[str, BeforeValidator(check_format)]


def _own_name() -> str:
    return f"gw-{socket.gethostname()}-{os.getpid()}"


class GatewaySettings(BaseModel):
    """Settings of one gateway process. Durations are seconds, sizes bytes."""

    model_config = ConfigDict(extra="forbid")

    host: str = Field(
        default="127.0.0.1", description="Address to bind to; any other opens the gateway to the network."
    )
    port: int = Field(default=9220, ge=0, le=65535, description="Port to bind to; 0 takes a free one.")
    path: str = Field(default="/ocpp", pattern="^(/[^/?#]+)*$", description="What stands before /{tenant}/{station}.")
    server_id: str = Field(default_factory=_own_name, min_length=1, description="Name of this gateway for the flows.")
    protocols: tuple[Protocol, ...] = Field(
        default=("ocpp1.6", "ocpp2.0.1", "ocpp2.1"), min_length=1, description="Subprotocols that stations may speak."
    )

    security_profile: Literal[0, 1, 2, 3] = Field(
        default=0,
        description="OCPP security profile: 1 password, 2 TLS and password, 3 TLS with client certificate; 0 none.",
    )
    tls_cert: Path | None = Field(default=None, description="Certificate chain of the gateway, PEM.")
    tls_key: Path | None = Field(default=None, description="Private key of the certificate, PEM.")
    tls_ca: Path | None = Field(default=None, description="Authorities that sign the stations' certificates, PEM.")
    passwords: dict[str, PasswordHash] = Field(
        default_factory=dict, description="Password hashes by tenant:station, beside those in the Redis hash ws:auth."
    )

    ping_interval: float = Field(default=30, gt=0, description="How often a station is pinged.")
    ping_timeout: float = Field(default=30, gt=0, description="How long a station may take to answer a ping.")
    open_timeout: float = Field(default=10, gt=0, description="How long a handshake may take.")
    close_timeout: float = Field(default=5, gt=0, description="How long a closing handshake may take.")
    max_frame: int = Field(
        default=1 << 20, ge=1024, description="Largest message of a station; larger ones close with 1009."
    )

    call_timeout: float = Field(
        default=25, gt=0, description="A CALL that no flow answered by then gets InternalError."
    )
    command_timeout: float = Field(default=30, gt=0, description="Life of a command whose sender set none.")
    max_waiting_calls: int = Field(
        default=16, ge=1, description="Unanswered CALLs of one station, one of them with a flow."
    )
    max_buffered: int = Field(default=20_000, ge=1, description="Messages kept while Redis is away.")
    write_responses: bool = Field(default=False, description="Write the stations' answers to ws:inbound, too.")
    inbound_maxlen: int = Field(
        default=0, ge=0, description="Keep ws:inbound to about so many entries; 0 leaves it alone."
    )
    trim_outbound: bool = Field(default=True, description="Forget what was delivered to the stations.")
    presence_life: int = Field(default=90, ge=3, description="A killed gateway's stations count as connected so long.")
    stop_timeout: float = Field(default=10, ge=0, description="How long a stop waits for answers that are under way.")

    @model_validator(mode="after")
    def _tls_is_complete(self) -> Self:
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("tls_cert and tls_key belong together: give both, or none")
        if self.security_profile >= 2 and self.tls_cert is None:
            raise ValueError(f"security profile {self.security_profile} needs tls_cert and tls_key")
        if self.security_profile == 3 and self.tls_ca is None:
            raise ValueError("security profile 3 needs tls_ca, the authorities that sign the stations' certificates")
        return self

    @property
    def scheme(self) -> str:
        """``wss`` with a certificate, else ``ws``."""
        return "wss" if self.tls_cert else "ws"
