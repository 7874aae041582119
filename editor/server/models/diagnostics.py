"""``/diagnostics``: a report on process, machine and runtime."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from . import Contract, Model, Problem


class Report(Model):
    """The report."""

    report: str = Field(description="`diagnostics`.")
    scope: str = Field(description="How much is told: `basic`.")
    time: dict[str, str] = Field(description="When: `utc` and `local`.")
    intl: dict[str, str] = Field(description="Language and time zone.")
    python: dict[str, Any] = Field(description="The interpreter: version, memory in bytes, libraries.")
    os: dict[str, Any] = Field(description="The machine and its system.")
    runtime: dict[str, Any] = Field(
        description="The engine: state of the flows, numbers of nodes, modules, some settings."
    )


read_diagnostics = Contract(answers={200: Report, 403: Problem})
