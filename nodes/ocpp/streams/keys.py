"""Names of every Redis key and channel of the OCPP contract.

Names are plain concatenations, as the seed nodes make them; a tenant holds no colon, so the first colon ends the tenant.
"""

from __future__ import annotations

INBOUND = "ws:inbound"
"""Stream: gateway -> flows."""
DEAD = "ws:dead"
"""Stream: inbound entries given up on, with the reason."""
DISCONNECT = "ws:ctrl:disconnect"
"""Channel: asks the gateways to close a station's connection."""


def outbound(tenant: str, device: str) -> str:
    """Stream of frames for one station."""
    return f"ws:out:{tenant}:{device}"


def connection(tenant: str, device: str) -> str:
    """Hash of a connected station: ``protocol``, ``serverId``, ``connectedAt``, ..."""
    return f"ws:conn:{tenant}:{device}"


def pending(tenant: str, device: str) -> str:
    """Hash of commands waiting for their answer, by message id."""
    return f"ws:pending:{tenant}:{device}"


def responses(server_id: str) -> str:
    """Channel on which answers to the commands of ``server_id`` are published."""
    return f"ws:resp:{server_id}"


def answered(tenant: str, device: str) -> str:
    """Hash of the answers already given to a station's CALLs, by message id."""
    return f"ws:answered:{tenant}:{device}"
