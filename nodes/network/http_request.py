"""The http request node: asks a server and sends its answer on."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Annotated, Any, Literal

from busway.engine.errors import ValueEvaluationError
from busway.engine.fields import Choices, Credential, Placeholder, ShownIf
from busway.engine.http.payload import text_of
from busway.engine.message import UNDEFINED, Message
from busway.engine.mustache import compile_template
from busway.engine.node import Config, Field, Node, NodeError
from busway.engine.values import parse_json

from .cookie_jar import CookieJar, described
from .header_rows import HEADERS, HeaderRow, compile_rows
from .http_client import HttpClient, Incoming, RequestError, Way
from .http_proxy import HttpProxy
from .outgoing import Outgoing, basic, clean_url, set_body, split_user, with_query
from .proxies import environment_proxy
from .references import require
from .request_mark import MARK, headers_hash, set_by_flow
from .tls_config import TlsConfig

NO_OVERRIDE = "Warning: msg properties can no longer override set node properties. See bit.ly/nr-override-msg-props"


METHODS = Choices(
    *((name, name) for name in ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS")),
    use="The one in msg.method",
)
RETURNS = Choices(txt="Text", bin="Bytes", obj="The value of its JSON")
PAYLOADS = Choices(
    (True, "Append it to the query, as older files say it"),
    (False, "Leave it out, as older files say it"),
    ignore="Leave it out",
    query="Append it to the query",
    body="Send it as body",
)
AUTHENTICATION = Choices(
    ("", "None"), basic="User and password (basic)", digest="User and password (digest)", bearer="Token"
)


class HttpRequestConfig(Config):
    method: Annotated[Literal["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "use"], METHODS] = Field(
        "GET", title="Method", description="HTTP method; `use` takes `msg.method`."
    )
    ret: Annotated[Literal["txt", "bin", "obj"], RETURNS] = Field(
        "txt", title="Return", description="What the answer's body becomes: text, bytes, or the value of its JSON."
    )
    paytoqs: Annotated[Literal[True, False, "ignore", "query", "body"], PAYLOADS, ShownIf("method", "GET")] = Field(
        False,
        title="Payload of GET",
        description="With GET: leave the payload out, append it to the query, or send it as body.",
    )
    url: Annotated[str, Placeholder("https://host/path")] = Field(
        "", title="URL", description="Address; may hold mustache tags over the message. Empty takes `msg.url`."
    )
    tls: TlsConfig | None = Field(None, title="TLS", description="Certificates for HTTPS.")
    persist: bool = Field(False, title="Keep alive", description="Keep the connection open for further requests.")
    proxy: HttpProxy | None = Field(None, title="Proxy", description="Proxy to go through.")
    insecureHTTPParser: bool = Field(
        False,
        title="Lenient parser",
        description="Take answers that break the rules of HTTP. Small breaches are always taken.",
    )
    authType: Annotated[Literal["", "basic", "digest", "bearer"], AUTHENTICATION] = Field(
        "", title="Authentication", description="How user and password, or a token, are sent."
    )
    senderr: bool = Field(
        False, title="Errors to catch nodes only", description="Send no message when there is no answer."
    )
    headers: Annotated[list[HeaderRow], HEADERS] = Field(
        default_factory=list, title="Headers", description="Headers to send; they win over `msg.headers`."
    )
    user: Annotated[str, Credential("text"), ShownIf("authType", "basic", "digest")] = Field(
        "", title="User", description="User at the server."
    )
    password: Annotated[str, Credential("password"), ShownIf("authType", "basic", "digest", "bearer")] = Field(
        "", title="Password", description="Password, or the token of `bearer`."
    )


class HttpRequest(Node[HttpRequestConfig]):
    """Sends an HTTP request and outputs the answer.

    ### Inputs

    - `url`, `method`: where the node has none.
    - `payload`: the body. Text and bytes are sent as they are, numbers as text, everything else as JSON. With the header
      `content-type: application/x-www-form-urlencoded` an object is sent as a form, with `multipart/form-data` too: its
      values are texts, bytes, or `{value, options: {filename, contentType}}`.
    - `headers`: headers to send. Those that came unchanged from another **http request** node are not sent.
    - `cookies`: `{name: "value"}` or `{name: {value, encode: false}}`.
    - `followRedirects`: false returns the redirect itself.
    - `requestTimeout`: milliseconds to wait, default 120000.
    - `rejectUnauthorized`: false takes any certificate.

    ### Outputs

    - `payload`: the body of the answer.
    - `statusCode`, `headers`, `responseUrl`, `responseCookies`: of the answer.
    - `redirectList`: `[{location, cookies}]`, where the request was redirected.

    ### Details

    An answer with an error status is an answer like others. When there is none, catch nodes get the error, and the message
    is sent on with the error as `payload` and its code (`ECONNREFUSED`, ...) as `statusCode`, unless errors go to catch
    nodes only.

    Proxies of the environment (`http_proxy`, `https_proxy`, `no_proxy`) are used where the node has none of its own.
    """

    type = "http request"
    category = "network"
    color = "#E7E7AE"
    icon = "white-globe.svg"
    inputs = 1
    outputs = 1

    def start(self) -> None:
        config = self.config
        require(self, tls=config.tls, proxy=config.proxy)
        self._under_way = 0
        self._url = self._compile_url(config.url)
        self._rows = compile_rows(config.headers, self.env)

    def stop(self) -> None:
        self.status()

    def _compile_url(self, url: str) -> Callable[[Message], Any]:
        if not url:
            return lambda msg: msg.get("url")
        return compile_template(url, lambda name, msg: UNDEFINED) if "{{" in url else lambda msg: url

    # -- one request ------------------------------------------------------------------------------------------------
    async def on_message(self, msg: Message) -> Message | None:
        self.status("requesting", "blue")
        self._under_way += 1
        url, failed = "", False
        try:
            url = self._address(msg)
            started = self.flow.runtime.dispatcher.loop.time()
            answer = await self._ask(msg, url)
            self._fill(msg, answer)
            self._measured(msg, answer, self.flow.runtime.dispatcher.loop.time() - started)
        except RequestError as error:
            failed = True
            return self._failed(msg, url, error)
        except NodeError:
            failed = True
            self.status("error", "red", "ring")
            raise
        finally:
            self._under_way -= 1
            if not self._under_way and not failed:
                self.status()
        return msg

    def _measured(self, msg: Message, answer: Incoming, seconds: float) -> None:
        events = self.flow.runtime.events
        if events.heard("metric"):
            measured = {"duration.millis": round(1000 * seconds, 3), "size.bytes": len(answer.body)}
            for name, value in measured.items():
                event = f"node.{self.type}.{name}"
                events.emit("metric", {"nodeid": self.id, "event": event, "msgid": msg["_msgid"], "value": value})

    def _failed(self, msg: Message, url: str, error: RequestError) -> Message | None:
        self.status(str(error) if error.code == "ETIMEDOUT" else error.code, "red", "ring")
        if self.config.senderr:
            raise error
        self.error(error, msg)
        text = "TimeoutError: Timeout awaiting 'request'" if error.code == "ETIMEDOUT" else str(error)
        msg["payload"], msg["statusCode"] = f"{text} : {url}", error.code
        return msg

    def _address(self, msg: Message) -> str:
        """The URL with its scheme. Raises NodeError."""
        given, own = msg.get("url"), self.config.url
        if given and own and given != own:
            self.warn(NO_OVERRIDE)
        url = self._url(msg)
        if not isinstance(url, str) or not url.strip():
            raise NodeError("No url specified")
        if "://" in url and not url.lower().startswith("http"):
            raise NodeError("non-http transport requested")
        if not url.lower().startswith(("http://", "https://")):
            url = f"{'https' if self.config.tls is not None else 'http'}://{url}"
        return url

    async def _ask(self, msg: Message, url: str) -> Incoming:
        request = self._request(msg, url)
        jar = CookieJar()
        jar.give(request.url, request.headers.get("cookie"), msg.get("cookies"))
        client = HttpClient.of(self.flow.runtime)
        who = (self.config.user, self.config.password) if self.config.authType == "digest" else None
        return await client.fetch(request, self._way(msg, request.url), jar, who)

    def _request(self, msg: Message, url: str) -> Outgoing:
        """What is sent. Raises RequestError, NodeError."""
        request = Outgoing(self._method(msg), url)
        self._set_headers(request, msg)
        payload = msg.get("payload", UNDEFINED)
        if payload is not UNDEFINED:
            self._place_payload(request, payload)
        try:
            request.url, who = split_user(clean_url(request.url))
        except ValueError as error:
            raise RequestError(f"RequestError: Invalid URL: {error}", "ERR_INVALID_URL") from None
        if who and not request.headers.get("authorization"):
            request.headers.set("Authorization", basic(who))
        self._authorize(request)
        return request

    def _method(self, msg: Message) -> str:
        given = msg.get("method")
        if self.config.method == "use":
            return given.upper() if isinstance(given, str) and given else "GET"
        if given and "method" in self.properties:
            self.warn(NO_OVERRIDE)
        return self.config.method

    def _place_payload(self, request: Outgoing, payload: Any) -> None:
        how = self.config.paytoqs
        try:
            if request.method not in ("GET", "HEAD") or (request.method == "GET" and how == "body"):
                set_body(request, payload)
        except TypeError as error:
            raise NodeError(f"Invalid payload: {error}") from None
        if request.method == "GET" and how in (True, "query"):
            if not isinstance(payload, (dict, list)):
                raise NodeError("Invalid payload")
            request.url = with_query(request.url, payload)

    def _set_headers(self, request: Outgoing, msg: Message) -> None:
        given = msg.get("headers")
        for name, value in set_by_flow(given).items() if isinstance(given, dict) else ():
            if name.lower() != MARK:
                request.headers.set(name, value)
        for name_of, value_of in self._rows:
            name = name_of(msg)
            if name:
                request.headers.set(text_of(name), value_of(msg))

    def _authorize(self, request: Outgoing) -> None:
        config = self.config
        if config.authType == "bearer" and config.password:
            request.headers.set("Authorization", f"Bearer {config.password}")
        elif config.authType in ("", "basic") and (config.user or config.password):
            request.headers.set("Authorization", basic(f"{config.user}:{config.password}"))

    def _way(self, msg: Message, url: str) -> Way:
        tls = self.config.tls
        return Way(
            timeout=self._timeout(msg),
            persist=self.config.persist,
            tls=tls.ssl_context if tls is not None else self._checked(msg),
            server_name=tls.server_name if tls is not None else None,
            proxy=self.config.proxy.proxy_for(url) if self.config.proxy is not None else environment_proxy(url),
            follow=msg.get("followRedirects") is not False,
        )

    def _timeout(self, msg: Message) -> float:
        given = msg.get("requestTimeout")
        default = self.flow.runtime.settings.http_request_timeout
        if given is None:
            return default
        try:
            milliseconds = float(given)
        except (TypeError, ValueError):
            milliseconds = float("nan")
        if milliseconds != milliseconds:
            self.warn(f"msg.requestTimeout is no number: {given!r}; the default is used")
        elif milliseconds < 1:
            self.warn(f"msg.requestTimeout is not above 0: {given!r}; the default is used")
        else:
            return milliseconds / 1000
        return default

    def _checked(self, msg: Message) -> ssl.SSLContext | bool:
        """Whether the server's certificate is checked."""
        given = msg.get("rejectUnauthorized")
        text = given.lower() if isinstance(given, str) else given
        if text in ("false", "true", True, False, None):
            return text not in ("false", False)
        self.warn(f"msg.rejectUnauthorized is {given!r}; it has to be true or false")
        return True

    # -- the answer -------------------------------------------------------------------------------------------------
    def _fill(self, msg: Message, answer: Incoming) -> None:
        headers = answer.headers
        if "set-cookie" in headers:
            msg["responseCookies"] = described(headers["set-cookie"])
        msg["statusCode"], msg["responseUrl"] = answer.status, answer.url
        msg["headers"] = headers | {MARK: headers_hash(headers)}
        msg["redirectList"], msg["retry"] = answer.redirects, 0
        msg["payload"] = self._payload(answer)

    def _payload(self, answer: Incoming) -> Any:
        if self.config.ret == "bin":
            return answer.body
        text = answer.body.decode("utf-8", "replace")
        if self.config.ret == "txt":
            return text
        if answer.status == 204:
            return {}
        try:
            return parse_json(text)
        except ValueEvaluationError:
            self.warn("JSON parse error")
            return text
