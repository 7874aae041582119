"""``/plugins`` and ``/projects``: there are none."""

from __future__ import annotations

from typing import Any

from . import HTML, PHRASE, Contract, Problem

list_plugins = Contract(answers={200: (list[Any], HTML)})
read_plugin_messages = Contract(answers={200: dict[str, Any]})
read_plugin = Contract(answers={404: Problem})
read_projects = Contract(answers={404: PHRASE})
