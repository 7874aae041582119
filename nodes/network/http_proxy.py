"""The http proxy node: a proxy that http request nodes go through."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote, urlsplit, urlunsplit

from busway.engine.errors import ConfigError
from busway.engine.fields import Credential, Items, Label, Placeholder
from busway.engine.node import Config, ConfigNode, Field

from .proxies import is_excluded, with_scheme


class HttpProxySettings(Config):
    url: Annotated[str, Placeholder("http://host:3128")] = Field(
        "", title="URL", description="Address of the proxy: `http://host:port`."
    )
    noproxy: Annotated[list[str], Items("Host")] = Field(
        default_factory=list,
        title="Not for",
        description="Hosts that are reached directly: `host`, `host:port`, `.domain`, `*`.",
    )
    username: Annotated[str, Credential("text")] = Field("", title="User", description="User at the proxy.")
    password: Annotated[str, Credential("password")] = Field(
        "", title="Password", description="Password of the user at the proxy."
    )


class HttpProxy(ConfigNode[HttpProxySettings]):
    """A proxy for HTTP requests, and the hosts that are reached without it."""

    type = "http proxy"
    category = "config"
    labels = (Label("{url}"),)

    def start(self) -> None:
        url = self.config.url
        if url and not urlsplit(with_scheme(url)).hostname:
            raise ConfigError(f"http proxy: {url!r} is no address of a proxy; write it like http://host:3128")

    def proxy_for(self, url: str) -> str | None:
        """The proxy's address with user and password, or None when ``url`` is reached without it."""
        if not self.config.url or is_excluded(url, self.config.noproxy):
            return None
        parts = urlsplit(with_scheme(self.config.url))
        if not (self.config.username or self.config.password):
            return urlunsplit(parts)
        who = f"{quote(self.config.username, safe='')}:{quote(self.config.password, safe='')}"
        return urlunsplit(parts._replace(netloc=f"{who}@{parts.netloc.rpartition('@')[2]}"))
