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
    from .engine.fields import (
        Choices,
        Code,
        Column,
        Credential,
        Hidden,
        Items,
        Label,
        NodeIds,
        Pairs,
        Placeholder,
        PropertyPath,
        Rows,
        RowsFrom,
        ShownIf,
        Stored,
        TypedValue,
        Unit,
        When,
        Widget,
    )
    from .engine.node import Config, ConfigNode, Field, Hold, Message, Node, NodeError, Timer

__version__ = "0.1.0"

__all__ = [
    "Choices",
    "Code",
    "Column",
    "Config",
    "ConfigNode",
    "Credential",
    "Field",
    "Hidden",
    "Hold",
    "Items",
    "Label",
    "Message",
    "Node",
    "NodeError",
    "NodeIds",
    "Pairs",
    "Placeholder",
    "PropertyPath",
    "Rows",
    "RowsFrom",
    "ShownIf",
    "Stored",
    "Timer",
    "TypedValue",
    "Unit",
    "When",
    "Widget",
    "__version__",
]

_FIELDS = {
    "Choices",
    "Code",
    "Column",
    "Credential",
    "Hidden",
    "Items",
    "Label",
    "NodeIds",
    "Pairs",
    "Placeholder",
    "PropertyPath",
    "Rows",
    "RowsFrom",
    "ShownIf",
    "Stored",
    "TypedValue",
    "Unit",
    "When",
    "Widget",
}


def __getattr__(name: str) -> Any:
    """The author's names, imported when first asked for: the command line must not pay for them."""
    if name not in __all__:
        raise AttributeError(f"module 'busway' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module("busway.engine.fields" if name in _FIELDS else "busway.engine.node"), name)
