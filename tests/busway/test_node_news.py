"""What editors hear of when files in the user's folder of nodes change."""

import asyncio
import contextlib

from busway.engine.model import FlowModel
from busway.engine.registry import Registry
from busway.engine.runtime import Runtime
from busway.engine.settings import Settings
from busway.run import reload_on_change

NODE = '''
from busway import Message, Node


class Mine(Node):
    """{text}"""

    type = "{type}"
'''


async def test_files_that_come_change_and_go_are_told(tmp_path):
    folder = tmp_path / "nodes"
    folder.mkdir()
    (folder / "old.py").write_text(NODE.format(text="Old.", type="old"))
    runtime = Runtime(Settings(user_dir=tmp_path), Registry(folder))
    await runtime.start(FlowModel.parse([]))
    heard = asyncio.Queue()
    runtime.events.on("notification", heard.put_nowait)
    watch = asyncio.create_task(reload_on_change(runtime, [folder]))

    async def told(write):
        """Writes until it is noticed: when the watch has begun is not told."""
        for _ in range(50):
            write()
            with contextlib.suppress(TimeoutError):
                return await asyncio.wait_for(heard.get(), 0.5)
        raise AssertionError("nobody told")

    try:
        name, sets = await told(lambda: (folder / "fresh.py").write_text(NODE.format(text="New.", type="fresh")))
        assert (name, sets[0]["id"], sets[0]["types"]) == ("node/added", "user/fresh", ["fresh"])
        while not heard.empty():
            heard.get_nowait()
        (folder / "old.py").unlink()
        names = []
        async with asyncio.timeout(10):
            while (found := await heard.get())[1][0]["id"] != "user/old":
                names.append(found[0])
        assert found[0] == "node/removed"
        (folder / "fresh.py").write_text(NODE.format(text="Changed.", type="fresh"))
        async with asyncio.timeout(10):
            first, second = await heard.get(), await heard.get()
        assert (first[0], second[0]) == ("node/removed", "node/added")
        assert second[1][0]["id"] == "user/fresh"
    finally:
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)
        await runtime.stop()
