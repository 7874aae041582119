"""The resources of the admin API, one module each."""

from __future__ import annotations

from ..api import Api
from . import auth, context, debug, flows, health, inject, nodes, settings

RESOURCES = (
    flows.resource,
    nodes.resource,
    inject.resource,
    debug.resource,
    context.resource,
    settings.resource,
    auth.resource,
    health.resource,
)


def admin_api() -> Api:
    """The whole admin API."""
    return Api(RESOURCES)
