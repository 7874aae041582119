"""``/diagnostics``: a report on process, machine and runtime, to be shown to whoever helps."""

from __future__ import annotations

import gc
import os
import platform
import sys
import time
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from busway import __version__
from busway.engine.http import Answer
from busway.engine.runtime import Runtime

from ..api import ApiError, Call, Resource, json_answer
from ..node_sets import node_sets

resource = Resource("diagnostics")

_LIBRARIES = ("pydantic", "uvicorn", "uvloop", "redis", "quickjs-ng")
_TOLD = (
    "deploy_drain_timeout",
    "debug_max_length",
    "function_timeout",
    "http_admin_root",
    "http_node_root",
    "python_functions",
)
"""Settings that tell nothing of whom or what the installation is for."""


@resource.get("/diagnostics", "diagnostics.read")
async def read_diagnostics(call: Call) -> Answer:
    """A report on process, machine and runtime. Holds no secret, no path, and nothing of what is in the flows."""
    if not call.runtime.settings.diagnostics.enabled:
        raise ApiError(403, "diagnostics.disabled", "the report is switched off (setting diagnostics.enabled)")
    return json_answer(_report(call.runtime))


def _report(runtime: Runtime) -> dict[str, Any]:
    return {
        "report": "diagnostics",
        "scope": "basic",
        "time": {
            "utc": datetime.now(UTC).isoformat(timespec="seconds"),
            "local": datetime.now().astimezone().isoformat(timespec="seconds"),
        },
        "intl": {"locale": "en-US", "timeZone": time.tzname[0]},
        "python": _python(),
        "os": _machine(),
        "runtime": _runtime(runtime),
    }


def _python() -> dict[str, Any]:
    return {
        "version": platform.python_version(),
        "implementation": platform.python_implementation(),
        "arch": platform.machine(),
        "platform": sys.platform,
        "memoryUsage": {"rss": _resident()},
        "collections": [generation["collections"] for generation in gc.get_stats()],
        "libraries": {name: version(name) for name in _LIBRARIES},
    }


def _resident() -> int:
    """Bytes of memory that the process holds now; the most that it held where the system does not tell."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        import resource as limits

        return limits.getrusage(limits.RUSAGE_SELF).ru_maxrss


def _machine() -> dict[str, Any]:
    return {
        "type": platform.system(),
        "release": platform.release(),
        "version": platform.version(),
        "arch": platform.machine(),
        "platform": sys.platform,
        "processors": os.cpu_count(),
        "loadavg": list(os.getloadavg()),
        "containerised": os.path.exists("/.dockerenv"),
    }


def _runtime(runtime: Runtime) -> dict[str, Any]:
    modules = {found["module"]: found["version"] for found in node_sets(runtime.registry)}
    return {
        "version": __version__,
        "isStarted": runtime.state == "start",
        "flows": {"state": runtime.state, "started": runtime.state == "start"},
        "nodes": {"running": len(runtime.nodes), "failed": len(runtime.failed)},
        "queued": len(runtime.dispatcher.queue),
        "modules": modules,
        "settings": {name: getattr(runtime.settings, name) for name in _TOLD},
    }
