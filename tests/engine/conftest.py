"""A runtime with small recording nodes."""

import pytest

from tests.engine.bench import Bench


@pytest.fixture
async def bench(tmp_path):
    bench = Bench(tmp_path)
    yield bench
    await bench.runtime.stop()
