"""The http in node: an HTTP endpoint that starts a flow for each request."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

from busway.engine.fields import Choices, Hidden, Label, Placeholder, ShownIf
from busway.engine.http import HttpRequest, HttpResponse, HttpRoute, error_answer
from busway.engine.message import new_id
from busway.engine.node import Config, Field, Node
from busway.engine.origin import Origin

from .bodies import BodyError, read_body

RETRY = [(b"retry-after", b"1")]


METHODS = Choices(get="GET", post="POST", put="PUT", delete="DELETE", patch="PATCH")


class HttpInConfig(Config):
    url: Annotated[str, Placeholder("/stations/:id")] = Field(
        "",
        title="URL",
        description="Path of the endpoint: `/stations/:id` has a parameter, `/files/*` takes all below it.",
    )
    method: Annotated[Literal["get", "post", "put", "delete", "patch"], METHODS] = Field(
        "get", title="Method", description="HTTP method that the endpoint answers to."
    )
    upload: Annotated[bool, ShownIf("method", "post")] = Field(
        False, title="Accept file uploads", description="Read multipart forms: their files go to `msg.req.files`."
    )
    skipBodyParsing: Annotated[bool, ShownIf("method", "post", "put", "patch", "delete")] = Field(
        False, title="Do not parse the body", description="Hand the body over as bytes, whatever its type."
    )
    swaggerDoc: Annotated[str | None, Hidden()] = Field(
        None, title="API documentation", description="Id of a description of this endpoint; kept for other tools."
    )


class HttpIn(Node[HttpInConfig]):
    """Opens an HTTP endpoint and sends a message for each request.

    ### Outputs

    - `payload`: the query of a GET request, else the body: JSON and forms as objects, text as text, everything else as
      bytes.
    - `req`: the request: `params` (of the path), `query`, `headers`, `cookies`, `body`, `files`, `ip`, `method`, `url` and
      the other properties that Express gives a request.
    - `res`: the way back to the client. A message with it has to reach an **http response** node.

    ### Details

    A path may hold parameters (`:id`, optional `:id?`, with a pattern `:id(\\d+)`) and `*` for anything.

    A request that a flow ends without answering gets 504, one that ends in an error nobody catches gets 500. A flow may keep
    `msg.res` (in its context, or in a node that holds the message) and answer later; after the setting
    `http_response_timeout` the client gets 504. When too much is under way the client gets 503 and may try again.

    A body that cannot be read is answered with 400, 413 or 415 and starts no flow.
    """

    type = "http in"
    category = "network"
    color = "#E7E7AE"
    icon = "white-globe.svg"
    label = "http"
    labels = (Label("[{method}] {url}"),)
    inputs = 0
    outputs = 1

    def start(self) -> None:
        self._waiting = 0
        self._close: Callable[[], None] | None = None
        self._limit = self.flow.runtime.settings.source_limit
        self._largest = self.flow.runtime.settings.api_max_length
        if not self.config.url:
            self.warn("missing path")
            return
        self._close = self.flow.runtime.http.add(HttpRoute(self.config.method, self.config.url, self._take))

    def stop(self) -> None:
        if self._close is not None:
            self._close()

    def _take(self, request: HttpRequest, response: HttpResponse) -> None:
        exchange = response.exchange
        if self._waiting >= self._limit:
            text = f"{self._waiting} requests of this endpoint are under way; try again later"
            exchange.respond(error_answer(503, "overloaded", text, RETRY))
            return
        try:
            payload = self._payload(request)
        except BodyError as error:
            exchange.respond(error_answer(error.status, error.code, str(error)))
            return

        def settled(origin: Origin) -> None:
            self._waiting -= 1
            if origin.errors:
                exchange.fail(500, "flow_failed", "the flow failed on this request; the server's log says why")

        self._waiting += 1
        with self.origin(settled):
            self.send({"_msgid": new_id(), "req": request, "res": response, "payload": payload})

    def _payload(self, request: HttpRequest) -> Any:
        if self.config.method == "get":
            return request.query
        if self.config.skipBodyParsing:
            request.body = request.raw_body
        else:
            request.body = read_body(request, self._largest, self.config.upload)
        return request.body
