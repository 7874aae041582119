"""The settings of who may do what: users, tokens, anonymous visitors, and the flows' own HTTP endpoints."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from .passwords import check_hash

_PERMISSION = re.compile(r"\*|read|write|(?:\*|[a-z][a-z-]*)\.[a-z]+")
_TOKEN_HASH = re.compile(r"sha256:[0-9a-f]{64}")


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _check_permission(text: str) -> str:
    if not _PERMISSION.fullmatch(text):
        raise ValueError(f"{text!r} is no permission; they look like 'flows.read', 'read', 'write' or '*'")
    return text


def _check_token_hash(text: str) -> str:
    if not _TOKEN_HASH.fullmatch(text):
        raise ValueError(
            "this is no hash of a token; store what `busway password --token` prints, never the token itself"
        )
    return text


Permissions = Annotated[list[Annotated[str, AfterValidator(_check_permission)]], BeforeValidator(_as_list)]
PasswordHash = Annotated[str, AfterValidator(check_hash)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, defer_build=True)


class UserSettings(_Section):
    """Somebody who may log in."""

    name: str = Field(min_length=1, max_length=200, description="The name to log in with.")
    password: PasswordHash = Field(
        repr=False, description="Hash of the password, as `busway password` prints it or from Node-RED's settings."
    )
    permissions: Permissions = Field(description="What the user may do: `*`, `read`, `flows.write`, or a list.")


class TokenSettings(_Section):
    """A token for a program, which needs no login and does not expire."""

    name: str = Field(min_length=1, max_length=200, description="Who uses it; the audit log names it.")
    hash: Annotated[str, AfterValidator(_check_token_hash)] = Field(
        repr=False, description="Hash of the token, as `busway password --token` prints it."
    )
    permissions: Permissions = Field(description="What it allows: `*`, `read`, `flows.write`, or a list.")


class AuthSettings(_Section):
    """Users of the admin API. Without any user or token, and without anonymous permissions, everybody may do everything."""

    users: list[UserSettings] = Field(default_factory=list, description="Who may log in.")
    tokens: list[TokenSettings] = Field(default_factory=list, description="Tokens for programs.")
    default_permissions: Permissions | None = Field(
        None, description="What visitors without a login may do; unset is nothing, once there are users."
    )
    session_lifetime: float = Field(604800, gt=0, description="Seconds after which a login ends.")
    trusted_proxies: list[str] = Field(
        default_factory=list,
        description="Addresses of proxies whose X-Forwarded-For names the client, for login limit and audit log.",
    )

    @field_validator("users", "tokens")
    @classmethod
    def _are_distinct(cls, found: list[Any]) -> list[Any]:
        names = [one.name for one in found]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"{twice!r} is there twice; names must differ")
        return found

    @property
    def is_used(self) -> bool:
        """Whether requests are checked at all."""
        return bool(self.users or self.tokens) or self.default_permissions is not None


class EndpointAuthSettings(_Section):
    """One user for all HTTP endpoints of flows (HTTP basic authentication), as Node-RED's httpNodeAuth."""

    user: str = Field(min_length=1, pattern=r"^[^:]+$", description="The user's name, without a colon.")
    password: PasswordHash = Field(repr=False, description="Hash of the password, as `busway password` prints it.")


class CorsSettings(_Section):
    """Which pages of other origins may use the HTTP endpoints of flows, as Node-RED's httpNodeCors."""

    origins: list[str] = Field(min_length=1, description="Origins such as `https://example.com`, or `*`.")
    methods: list[str] = Field(
        ["GET", "HEAD", "PUT", "PATCH", "POST", "DELETE"], description="Methods that those pages may use."
    )
    headers: list[str] = Field(
        default_factory=list, description="Request headers that those pages may send; empty allows what they ask for."
    )
    exposed_headers: list[str] = Field(default_factory=list, description="Answer headers that those pages may read.")
    credentials: bool = Field(False, description="Whether browsers send cookies and basic authentication along.")
    max_age: int = Field(600, ge=0, description="Seconds that a browser remembers the permission.")

    @field_validator("credentials")
    @classmethod
    def _is_safe(cls, credentials: bool, info: Any) -> bool:
        if credentials and "*" in info.data.get("origins", ()):
            raise ValueError("cannot be true when origins holds '*': name the origins")
        return credentials
