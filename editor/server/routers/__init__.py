"""The resources of the admin API, one module each."""

from __future__ import annotations

from ..api import Api
from . import (
    assets,
    auth,
    context,
    credentials,
    debug,
    diagnostics,
    flow,
    flows,
    health,
    history,
    inject,
    library,
    messages,
    metrics,
    nodes,
    plugins,
    settings,
)

RESOURCES = (
    flows.resource,
    flow.resource,
    nodes.resource,
    assets.resource,
    plugins.resource,
    inject.resource,
    messages.resource,
    debug.resource,
    context.resource,
    settings.resource,
    credentials.resource,
    library.resource,
    diagnostics.resource,
    auth.resource,
    history.resource,
    metrics.resource,
    health.resource,
)


def admin_api() -> Api:
    """The whole admin API."""
    return Api(RESOURCES)
