"""Makes HTTP requests: connections shared by all nodes of a runtime, redirects with their cookies, errors by their usual names."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from busway.engine.http.request import SINGLE_HEADERS
from busway.engine.node import NodeError

from .cookie_jar import CookieJar, described
from .digest import authorization, read_challenges
from .outgoing import Outgoing, basic, clean_url, split_user

if TYPE_CHECKING:
    import aiohttp

    from busway.engine.runtime import Runtime

MAX_REDIRECTS = 21
_SERVICE = "http client"
_LONGEST_HEADER = 64 * 1024


class RequestError(NodeError):
    """A request that got no answer. ``code`` is the error's name as Node.js has it: ECONNREFUSED, ENOTFOUND, ETIMEDOUT, ..."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message, code=code)
        self.code = code


@dataclass
class Way:
    """How a server is reached."""

    timeout: float
    persist: bool = False
    tls: ssl.SSLContext | bool = True
    server_name: str | None = None
    proxy: str | None = None
    follow: bool = True


@dataclass
class Incoming:
    """What came back; ``redirects`` are the answers on the way to it."""

    status: int
    headers: dict[str, Any]
    body: bytes
    url: str
    challenges: list[str] = field(default_factory=list)
    redirects: list[dict[str, Any]] = field(default_factory=list)


class HttpClient:
    """The connections of one runtime: kept for nodes that ask for it, else closed after each answer."""

    def __init__(self) -> None:
        self._sessions: dict[bool, aiohttp.ClientSession] = {}

    @classmethod
    def of(cls, runtime: Runtime) -> HttpClient:
        """The client that the nodes of a runtime share."""
        found = runtime.services.get(_SERVICE)
        if not isinstance(found, HttpClient):
            found = runtime.services[_SERVICE] = cls()
        return found

    async def aclose(self) -> None:
        """Closes all connections."""
        sessions, self._sessions = list(self._sessions.values()), {}
        await asyncio.gather(*(session.close() for session in sessions))

    def _session(self, persist: bool) -> aiohttp.ClientSession:
        found = self._sessions.get(persist)
        if found is None:
            import aiohttp

            found = self._sessions[persist] = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, force_close=not persist),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                requote_redirect_url=False,
                skip_auto_headers=("Content-Type", "Accept-Encoding"),
                headers={"User-Agent": "busway"},
                max_line_size=_LONGEST_HEADER,
                max_field_size=_LONGEST_HEADER,
            )
        return found

    async def fetch(
        self, request: Outgoing, way: Way, jar: CookieJar, digest_user: tuple[str, str] | None = None
    ) -> Incoming:
        """Makes a request and follows where it leads. Raises RequestError."""
        session = self._session(way.persist)
        try:
            async with asyncio.timeout(way.timeout):
                return await self._follow(session, request, way, jar, digest_user)
        except TimeoutError:
            raise RequestError("no response from server", "ETIMEDOUT") from None
        except (OSError, ValueError, _client_error()) as error:
            raise describe(error) from error

    async def _follow(
        self,
        session: aiohttp.ClientSession,
        request: Outgoing,
        way: Way,
        jar: CookieJar,
        digest_user: tuple[str, str] | None,
    ) -> Incoming:
        redirects: list[dict[str, Any]] = []
        while True:
            answer = await self._answered(session, request, way, jar, digest_user)
            location = answer.headers.get("location")
            if not way.follow or answer.status not in (301, 302, 303, 307, 308) or not location:
                answer.redirects = redirects
                return answer
            if len(redirects) >= MAX_REDIRECTS:
                raise RequestError(
                    f"MaxRedirectsError: Redirected {MAX_REDIRECTS} times. Aborting.", "ERR_TOO_MANY_REDIRECTS"
                )
            cookies = answer.headers.get("set-cookie")
            redirects.append({"location": location} | ({"cookies": described(cookies)} if cookies else {}))
            request = redirected(request, answer.status, location)
            if urlsplit(request.url).netloc != urlsplit(answer.url).netloc:
                digest_user = None

    async def _answered(
        self,
        session: aiohttp.ClientSession,
        request: Outgoing,
        way: Way,
        jar: CookieJar,
        digest_user: tuple[str, str] | None,
    ) -> Incoming:
        answer = await self._once(session, request, way, jar)
        if digest_user is None or answer.status != 401:
            return answer
        challenge = read_challenges(answer.challenges)
        if challenge is None:
            return answer
        parts = urlsplit(request.url)
        target = f"{parts.path}?{parts.query}" if parts.query else parts.path
        for digest in challenge.digests:
            header = authorization(challenge, digest, *digest_user, request.method, target)
            request.headers.set("Authorization", header)
            answer = await self._once(session, request, way, jar)
            if answer.status != 401:
                break
        return answer

    async def _once(self, session: aiohttp.ClientSession, request: Outgoing, way: Way, jar: CookieJar) -> Incoming:
        from yarl import URL

        headers = list(request.headers.lines())
        cookies = jar.header(request.url)
        if cookies:
            headers.append(("Cookie", cookies))
        proxy = _proxy_options(way.proxy, request.url, headers)
        async with session.request(
            request.method,
            URL(request.url, encoded=True),
            data=request.body,
            headers=headers,
            allow_redirects=False,
            ssl=way.tls,
            server_hostname=way.server_name,
            timeout=_no_timeout(),
            **proxy,
        ) as response:
            body = await response.read()
            jar.take(request.url, response.headers.getall("Set-Cookie", ()))
            challenges = response.headers.getall("WWW-Authenticate", [])
            return Incoming(response.status, plain_headers(response.headers.items()), body, request.url, challenges)


def _client_error() -> type[Exception]:
    import aiohttp

    return aiohttp.ClientError


def _no_timeout() -> aiohttp.ClientTimeout:
    """The time limit is one over all redirects, set elsewhere."""
    import aiohttp

    return aiohttp.ClientTimeout(total=None, connect=None, sock_connect=None, sock_read=None)


def _proxy_options(proxy: str | None, url: str, headers: list[tuple[str, str]]) -> dict[str, Any]:
    """How the proxy is asked; for HTTP, which it passes on itself, its user goes into ``headers``."""
    if proxy is None:
        return {}
    address, who = split_user(proxy)
    user = {"Proxy-Authorization": basic(who)} if who else {}
    if url.startswith("http:"):
        headers.extend(user.items())
        return {"proxy": address}
    return {"proxy": address, "proxy_headers": user or None}


def redirected(request: Outgoing, status: int, location: str) -> Outgoing:
    """The request that a redirect asks for. Raises RequestError."""
    try:
        target = clean_url(urljoin(request.url, location))
    except ValueError as error:
        raise RequestError(f"RequestError: redirected to {location!r}: {error}", "ERR_INVALID_URL") from None
    target, _who = split_user(target)
    before, after = urlsplit(request.url), urlsplit(target)
    if after.scheme not in ("http", "https"):
        raise RequestError(f"RequestError: redirected to {location!r}, which is not HTTP", "ERR_UNSUPPORTED_PROTOCOL")
    headers = request.headers
    if before.netloc != after.netloc or before.scheme != after.scheme:
        headers.set("host", None)
        headers.set("authorization", None)
    method, body = request.method, request.body
    if status not in (307, 308) and method not in ("GET", "HEAD"):
        method, body = "GET", None
        headers.set("content-type", None)
    return Outgoing(method, target, headers, body)


def plain_headers(lines: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Headers by name in lower case, as Node.js gives them: one text a name, but a list for ``set-cookie``."""
    found: dict[str, Any] = {}
    for name, value in lines:
        lower = name.lower()
        if lower == "set-cookie":
            found.setdefault(lower, []).append(value)
        elif lower not in found:
            found[lower] = value
        elif lower not in SINGLE_HEADERS:
            found[lower] += f", {value}"
    return found


def describe(error: Exception) -> RequestError:
    """An error of the network, of TLS or of the protocol, in the words and with the code that Node.js has for it."""
    import aiohttp

    cause = getattr(error, "os_error", None) or getattr(error, "certificate_error", None) or error
    where = f" {error.host}:{error.port}" if isinstance(error, aiohttp.ClientConnectorError) else ""
    if isinstance(cause, ssl.SSLError):
        text = getattr(cause, "verify_message", "") or cause.reason or str(cause)
        code = "CERT_INVALID" if isinstance(cause, ssl.SSLCertVerificationError) else "EPROTO"
        return RequestError(f"RequestError: {text}{where}", code)
    if isinstance(cause, socket.gaierror) or isinstance(error, aiohttp.ClientConnectorDNSError):
        return RequestError(f"RequestError: getaddrinfo ENOTFOUND{where.rpartition(':')[0]}", "ENOTFOUND")
    if isinstance(error, aiohttp.ServerDisconnectedError) or getattr(cause, "errno", None) == errno.ECONNRESET:
        return RequestError("RequestError: socket hang up", "ECONNRESET")
    if isinstance(error, (aiohttp.ClientPayloadError, aiohttp.ClientResponseError)):
        text = str(getattr(error, "message", "")) or str(error)
        return RequestError(f"RequestError: Parse Error: {text}", "HPE_INVALID_RESPONSE")
    if isinstance(cause, OSError) and cause.errno:
        code = errno.errorcode.get(cause.errno, "EIO")
        return RequestError(f"RequestError: connect {code}{where}", code)
    return RequestError(f"RequestError: {error}", "ERR_REQUEST")
