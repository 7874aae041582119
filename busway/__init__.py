"""Busway: a visual flow-based programming engine in Python.

The folders of the source tree (``engine``, ``nodes``, ``gateway``, ``editor``, ``flows``) are parts of this package:
``engine/flow.py`` is ``busway.engine.flow``. In a checkout they are found beside this folder, in an installation inside it.
What node authors need can be imported from here: ``from busway import Node, Config, Field, Message``.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

_checkout = Path(__file__).resolve().parent.parent
if (_checkout / "pyproject.toml").is_file() and (_checkout / "engine").is_dir():
    __path__.append(str(_checkout))

if TYPE_CHECKING:
    from .engine.fields import Code, Credential, NodeIds, PropertyPath, TypedValue, Unit, Widget
    from .engine.node import Config, ConfigNode, Field, Hold, Message, Node, NodeError, Timer

__version__ = "0.1.0"

__all__ = [
    "Code",
    "Config",
    "ConfigNode",
    "Credential",
    "Field",
    "Hold",
    "Message",
    "Node",
    "NodeError",
    "NodeIds",
    "PropertyPath",
    "Timer",
    "TypedValue",
    "Unit",
    "Widget",
    "__version__",
]

_FIELDS = {"Code", "Credential", "NodeIds", "PropertyPath", "TypedValue", "Unit", "Widget"}


def __getattr__(name: str) -> Any:
    """The author's names, imported when first asked for: the command line must not pay for them."""
    if name not in __all__:
        raise AttributeError(f"module 'busway' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module("busway.engine.fields" if name in _FIELDS else "busway.engine.node"), name)
