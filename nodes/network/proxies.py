"""Which proxy a URL is reached through: by the rules of the environment variables that most programs know."""

from __future__ import annotations

import os
from collections.abc import Iterable
from urllib.parse import urlsplit

_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
_LIKE = {"ws": "http", "wss": "https"}


def environment_proxy(url: str) -> str | None:
    """The proxy for ``url`` by ``http_proxy``, ``https_proxy``, ``all_proxy`` and ``no_proxy``, in lower or upper case."""
    scheme = urlsplit(url).scheme.lower()
    proxy = _variable(f"{_LIKE.get(scheme, scheme)}_proxy") or _variable("all_proxy")
    return with_scheme(proxy) if proxy and not is_excluded(url, [_variable("no_proxy")]) else None


def is_excluded(url: str, rules: Iterable[str]) -> bool:
    """Whether one of the rules names the host of ``url``.

    A rule is a host, perhaps with a port, ``.domain`` or ``*.domain`` for all hosts below, or ``*``; several are
    separated by commas or blanks.
    """
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    port = parts.port or _PORTS.get(parts.scheme.lower(), 0)
    every = [rule for text in rules for rule in text.replace(",", " ").lower().split()]
    return any(_matches(rule, host, port) for rule in every)


def with_scheme(proxy: str) -> str:
    """A proxy's URL; without a scheme it is HTTP."""
    return proxy if "://" in proxy else f"http://{proxy}"


def _matches(rule: str, host: str, port: int) -> bool:
    name, colon, wanted = rule.rpartition(":")
    if colon and wanted.isdigit() and not rule.endswith("]"):
        if int(wanted) != port:
            return False
        rule = name
    rule = rule.strip("[]")
    if rule == "*":
        return True
    suffix = rule.removeprefix("*")
    return host.endswith(suffix) if suffix.startswith(".") else host == suffix


def _variable(name: str) -> str:
    return os.environ.get(name) or os.environ.get(name.upper()) or ""
