"""``/auth``: logging in and out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from busway.engine.http import Answer
from busway.engine.http.query import TooDeep, TooManyParameters, parse_form

from ..api import ApiError, Call, Resource, empty_answer, json_answer

if TYPE_CHECKING:
    from ..security import Guard
    from ..users import User

resource = Resource("auth")

CLIENTS = ("node-red-editor", "node-red-admin")
CLIENT_SECRET = "not_available"
DEVICE_COOKIE = "busway_device"
_YEAR = 365 * 86_400
_LONGEST_NAME = 200
_NOT_KEPT = [(b"cache-control", b"no-store"), (b"pragma", b"no-cache")]
_PROMPTS = [
    {"id": "username", "type": "text", "label": "user.username"},
    {"id": "password", "type": "password", "label": "user.password"},
]


class _Refused(Exception):
    """A login is refused in the words of OAuth 2: ``code`` is the error, ``status`` that of the answer."""

    def __init__(self, status: int, code: str, text: str) -> None:
        super().__init__(text)
        self.status, self.code = status, code


@resource.get("/auth/login", "")
async def login(call: Call) -> Answer:
    """What a login asks for: `prompts` for name and password, or an empty object when there are no users.

    Node-RED's tools ask this first. The labels are keys of the editor's message catalogue.
    """
    needs_login = call.guard is not None and (len(call.guard.users) or call.guard.users.anonymous is None)
    return json_answer({"type": "credentials", "prompts": _PROMPTS} if needs_login else {})


@resource.post("/auth/token", "")
async def create_token(call: Call) -> Answer:
    """Logs in: gives a token for name and password.

    The body (JSON or a form) holds `client_id` (`node-red-editor` or `node-red-admin`), `grant_type` `password`, `scope`
    (empty: all that the user may do), `username` and `password`. 401: another client. 403: wrong name, password or scope.
    500: more than five failed tries within ten minutes. 501: another grant.
    """
    guard = _guard(call)
    body = _body(call)
    if body.get("client_id") not in CLIENTS or body.get("client_secret", CLIENT_SECRET) != CLIENT_SECRET:
        return guard.challenge()
    try:
        return await _log_in(guard, call, body)
    except _Refused as refused:
        answer = json_answer({"error": refused.code, "error_description": str(refused)}, refused.status)
        return answer._replace(headers=[*answer.headers, *_NOT_KEPT])


@resource.post("/auth/revoke", "")
async def revoke(call: Call) -> Answer:
    """Logs out: ends the session of the body's `token`, and closes its sockets.

    Asks for a valid token, which may be the one that ends. 401: there is none.
    """
    guard = _guard(call)
    if call.user is None:
        return guard.challenge()
    token = _body(call).get("token")
    session = await guard.sessions.revoke(token) if isinstance(token, str) else None
    if session is not None:
        whose = {} if session.user == call.user.name else {"user": session.user}
        guard.audit.record("auth.revoke", call.user.name, guard.address(call.request), "ok", **whose)
    return empty_answer(200)


async def _log_in(guard: Guard, call: Call, body: dict[str, Any]) -> Answer:
    from ..login import TooManyTries, Try

    if body.get("grant_type") != "password":
        raise _Refused(501, "unsupported_grant_type", f"Unsupported grant type: {body.get('grant_type')}")
    name, password = (_required(body, field) for field in ("username", "password"))
    address = guard.address(call.request)
    device = call.request.cookies.get(DEVICE_COOKIE)
    attempt = Try(name, password, address, device if isinstance(device, str) else "")
    try:
        user = await guard.login.check(attempt)
    except TooManyTries as error:
        if error.is_first:
            guard.audit.record("auth.login", name, address, "too many tries")
        raise _Refused(500, "server_error", str(error)) from None
    scope = _scope(body, user)
    if user is None or scope is None:
        result = "wrong name or password" if user is None else "scope beyond the permissions"
        guard.audit.refusal("auth.login", name, address, result)
        raise _Refused(403, "invalid_grant", "Invalid resource owner credentials")
    token = await guard.sessions.create(user.name, body["client_id"], scope)
    guard.audit.record("auth.login", user.name, address, "ok", client=body["client_id"], scope=scope)
    return _logged_in(guard, call, user, token)


def _logged_in(guard: Guard, call: Call, user: User, token: str) -> Answer:
    answer = json_answer({"access_token": token, "expires_in": int(guard.sessions.lifetime), "token_type": "Bearer"})
    secure = "; Secure" if call.request.secure else ""
    cookie = f"{DEVICE_COOKIE}={guard.login.device(user.name)}; Max-Age={_YEAR}; HttpOnly; SameSite=Strict{secure}"
    return answer._replace(headers=[*answer.headers, (b"set-cookie", cookie.encode()), *_NOT_KEPT])


def _required(body: dict[str, Any], field: str) -> str:
    value = body.get(field)
    if value in (None, ""):
        raise _Refused(400, "invalid_request", f"Missing required parameter: {field}")
    if not isinstance(value, str):
        raise _Refused(400, "invalid_request", f"Invalid parameter: {field} must be a string")
    if field == "username" and len(value) > _LONGEST_NAME:
        raise _Refused(403, "invalid_grant", "Invalid resource owner credentials")
    return value


def _scope(body: dict[str, Any], user: User | None) -> list[str] | None:
    """The scope that a login asks for; None when it is more than the user may do."""
    text = body.get("scope") or ""
    if not isinstance(text, str):
        raise _Refused(400, "invalid_request", "Invalid parameter: scope must be a string")
    if user is None:
        return None
    wanted = text.split() or list(user.permissions)
    return wanted if user.grants(wanted) else None


def _body(call: Call) -> dict[str, Any]:
    """The body as an object, from JSON or a form."""
    kind = call.request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/x-www-form-urlencoded":
        try:
            return parse_form(call.request.raw_body.decode("utf-8", "replace"))
        except (TooManyParameters, TooDeep) as error:
            raise ApiError(400, "invalid_request", str(error)) from None
    body = call.json()
    return body if isinstance(body, dict) else {}


def _guard(call: Call) -> Guard:
    return call.guard if call.guard is not None else _nobody_logs_in()


def _nobody_logs_in() -> NoReturn:
    raise ApiError(404, "not_found", "there are no users: nobody has to log in")
