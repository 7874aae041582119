"""A scope for typed values without a running node."""

from types import SimpleNamespace

from busway.engine.context import Contexts
from busway.engine.message import UNDEFINED


def make_scope(variables=None, contexts=None, now=1767225600.1239):
    """A scope whose environment is a dict and whose clock stands still."""
    contexts = contexts or Contexts()
    found = dict(variables or {})
    return SimpleNamespace(
        context=contexts.node("n", "f"),
        flow_context=contexts.flow("f"),
        global_context=contexts.global_(),
        env=SimpleNamespace(get=lambda name: found.get(name, UNDEFINED)),
        now=lambda: now,
        contexts=contexts,
    )
