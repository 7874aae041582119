"""A workbench for function bodies."""

import pytest

from busway.engine.context import Contexts
from busway.engine.script.javascript import JavaScript
from tests.engine.script.hosting import Workbench


@pytest.fixture
def bench():
    contexts = Contexts()
    return Workbench(contexts=contexts, engine=JavaScript(contexts, time_limit=2.0, memory_limit=128 * 1024 * 1024))
