"""Every exception the engine raises on purpose, with when it is raised.

All of them derive from :class:`BuswayError`; their text is written for the person who reads the log or the editor's message:
it names the thing, says what is wrong with it, and what would be right.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class BuswayError(Exception):
    """Base of all errors raised on purpose."""


class FlowFileError(BuswayError):
    """A flow file cannot be read as Node-RED flow JSON."""


class ConfigError(BuswayError):
    """A node's properties are not what its type allows: names node, property and remedy."""


class DeployError(BuswayError):
    """A deploy is refused before anything is stopped; ``problems`` lists every reason."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class RevisionMismatch(BuswayError):
    """A deploy names a revision that is no longer the running one (HTTP 409)."""

    def __init__(self, wanted: str, current: str) -> None:
        super().__init__(f"the flows changed since revision {wanted[:8]}: now {current[:8]}; load them again and merge")
        self.wanted, self.current = wanted, current


class PathError(BuswayError):
    """A property path does not parse, or a nested reference in it is undefined (Node-RED: INVALID_EXPR)."""

    code = "INVALID_EXPR"


class ValueEvaluationError(BuswayError):
    """A typed value cannot be evaluated (bad JSON, bad buffer, failing JSONata)."""


class ContextError(BuswayError):
    """A context key is invalid or a store cannot do what is asked."""


class CredentialsError(BuswayError):
    """The credentials file cannot be decrypted with the secret at hand; it is left as it is."""


class ScriptError(BuswayError):
    """A function body failed. ``name`` is the error class of the script's language, ``line``/``column`` count from the
    user's first line (1-based; None when unknown), ``stack`` is the script's own, ``code`` and ``cause`` as the error carried them."""

    def __init__(
        self,
        message: str,
        *,
        name: str = "Error",
        line: int | None = None,
        column: int | None = None,
        stack: str = "",
        code: object = None,
        cause: object = None,
    ) -> None:
        super().__init__(message)
        self.message, self.name, self.line, self.column = message, name, line, column
        self.stack, self.code, self.cause = stack, code, cause


class ScriptSyntaxError(ScriptError):
    """A function body does not compile; raised at deploy."""


class ScriptTimeout(ScriptError):
    """A function body ran longer than its time limit (Node-RED: ERR_SCRIPT_EXECUTION_TIMEOUT)."""


class StorageError(BuswayError):
    """Flows, credentials or context cannot be read or written; names the file and the cause."""


class NodeStopped(BuswayError):
    """A message reached a node that was removed, disabled or did not start, or the node stopped while it had the message."""


class Overloaded(BuswayError):
    """The run queue or a source is at its bound; the message was not taken."""


def suggest(word: str, known: Iterable[str]) -> str:
    """``"; did you mean 'x'?"`` for the nearest of ``known``, or an empty text when nothing is near."""
    near = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""
