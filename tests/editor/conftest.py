"""One served runtime for all tests of a module; each deploys its own nodes."""

import pytest_asyncio

from tests.editor.serving import served


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(tmp_path_factory):
    async with served(tmp_path_factory.mktemp("site")) as running:
        yield running
