"""References to config nodes that must not be passed over when they lead nowhere."""

from __future__ import annotations

from typing import Any

from busway.engine.errors import ConfigError
from busway.engine.node import ConfigNode, Node


def require(node: Node[Any], **found: ConfigNode[Any] | None) -> None:
    """Raises ConfigError when a property names a config node that was not found: without its certificates or proxy a
    connection would go another way than its owner thinks."""
    for name, instance in found.items():
        wanted = node.properties.get(name)
        if instance is None and wanted not in (None, "", "_ADD_"):
            raise ConfigError(f"{name} refers to {wanted!r}, which does not exist or did not start")
