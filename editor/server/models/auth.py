"""``/auth``: logging in and out."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from . import Contract, Model, Problem


class Prompt(Model):
    """One thing that a login asks for."""

    id: str = Field(description="Name of the field.")
    type: str = Field(description="`text` or `password`.")
    label: str = Field(description="A key of the editor's message catalogue.")


class LoginForm(Model):
    """What a login asks for; empty when nobody has to log in."""

    type: Literal["credentials"] | None = Field(None, description="`credentials`: name and password.")
    prompts: list[Prompt] | None = Field(None, description="The fields.")


class Login(Model):
    """Name and password, in the form of OAuth 2."""

    client_id: Literal["node-red-editor", "node-red-admin"] = Field(description="Which program asks.")
    grant_type: Literal["password"] = Field(description="`password`.")
    scope: str = Field("", description="Permissions, with blanks between; empty: all that the user has.")
    username: str = Field(min_length=1, max_length=200, description="The user's name.")
    password: str = Field(min_length=1, description="The user's password.")


class Token(Model):
    """A token for the header `Authorization: Bearer ...`."""

    access_token: str = Field(description="The token.")
    expires_in: int = Field(description="Seconds that it lasts.")
    token_type: Literal["Bearer"] = Field(description="`Bearer`.")


class Refused(Model):
    """Why there is no token, in the words of OAuth 2; or a problem with the request itself."""

    error: str | None = Field(None, description="A word for programs, such as `invalid_grant`.")
    error_description: str | None = Field(None, description="A sentence for people.")
    code: str | None = Field(None, description="In place of `error`, where the request itself is wrong.")
    message: str | None = Field(None, description="In place of `error_description`, where the request itself is wrong.")


class Ended(Model):
    """The token that ends."""

    token: str = Field(description="The token.")


login = Contract(answers={200: LoginForm})
create_token = Contract(
    body=Login,
    answers={200: Token, 400: Refused, 401: None, 403: Refused, 404: Problem, 500: Refused, 501: Refused},
)
revoke = Contract(body=Ended, answers={200: None, 401: None, 404: Problem})
