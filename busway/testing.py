"""For tests of nodes and flows: ``from busway.testing import flow_of``. See docs/flow-tests.md."""

from __future__ import annotations

from .engine.testing import (
    LogLine,
    NothingCame,
    Probe,
    RunningFlow,
    StatusReport,
    VirtualClock,
    flow_of,
    node,
    virtual_loop,
)

__all__ = [
    "LogLine",
    "NothingCame",
    "Probe",
    "RunningFlow",
    "StatusReport",
    "VirtualClock",
    "flow_of",
    "node",
    "virtual_loop",
]
