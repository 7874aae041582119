"""A fleet of charging stations that behave like real ones, on the package ``ocpp`` and ``websockets``."""

from busway.gateway.simulator.fleet import Simulator

__all__ = ["Simulator"]
