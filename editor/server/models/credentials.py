"""``/credentials``: which secrets a node has."""

from __future__ import annotations

from typing import Any

from . import Contract

Secrets = dict[str, Any]
"""Texts in clear by name, ``has_<name>`` for everything else."""

read_credentials = Contract(path={"id": "Id of the node."}, answers={200: Secrets})
