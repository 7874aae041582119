"""The JavaScript that every context, or every context that asks for it, is given."""

from __future__ import annotations

import os
import platform
import signal
import socket
import tempfile
import time
from functools import cache
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).with_name("js")

ALWAYS = ("core", "paths", "clone", "context", "atomic", "api")
"""What every context is made of, in order."""

FILES_OF = {
    "Buffer": ("text", "buffer"),
    "TextEncoder": ("text",),
    "TextDecoder": ("text",),
    "URL": ("text", "url"),
    "URLSearchParams": ("text", "url"),
    "util": ("text", "util"),
    "console": ("util",),
    "promisify": ("util",),
    "RED": ("text", "buffer", "red"),
}
"""The names that function bodies may use, beyond those of every context, and the files that define them."""

MODULES = {
    "buffer": ("text", "buffer"),
    "crypto": ("text", "buffer", "crypto"),
    "events": ("events",),
    "os": ("os",),
    "path": ("path",),
    "querystring": ("text", "url"),
    "url": ("text", "url"),
    "util": ("text", "util"),
}
"""The modules that function bodies may import."""


@cache
def source(name: str) -> str:
    """The text of one file. Its lines begin beyond :data:`OWN_LINES`, so that a place in it is never taken for one in a
    function body."""
    return "\n" * OWN_LINES + (_FOLDER / f"{name}.js").read_text(encoding="utf-8")


OWN_LINES = 100_000


def module_name(spec: str) -> str:
    """The name of a module without its ``node:`` prefix and its version."""
    return spec.removeprefix("node:").split("@")[0].strip()


def os_facts() -> dict[str, Any]:
    """What the module ``os`` tells."""
    page, uname = os.sysconf("SC_PAGE_SIZE"), platform.uname()
    return {
        "type": uname.system,
        "release": uname.release,
        "version": uname.version,
        "machine": uname.machine,
        "arch": {"x86_64": "x64", "aarch64": "arm64"}.get(uname.machine, uname.machine),
        "hostname": socket.gethostname(),
        "homedir": str(Path.home()),
        "tmpdir": tempfile.gettempdir(),
        "totalmem": page * os.sysconf("SC_PHYS_PAGES"),
        "freemem": page * os.sysconf("SC_AVPHYS_PAGES"),
        "loadavg": list(os.getloadavg()),
        "uptime": time.clock_gettime(time.CLOCK_BOOTTIME),
        "cpus": os.cpu_count() or 1,
        "processor": uname.processor or uname.machine,
        "signals": {each.name: each.value for each in signal.Signals},
        "user": {
            "uid": os.getuid(),
            "gid": os.getgid(),
            "homedir": str(Path.home()),
            "username": os.environ.get("USER", ""),
        },
    }
