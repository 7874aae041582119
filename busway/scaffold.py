"""``busway nodes new``: a node and its test, ready to run."""

from __future__ import annotations

import re
from pathlib import Path

from .engine.errors import BuswayError
from .engine.settings import load_settings

NODE = '''from busway import Config, Field, Message, Node


class {cls}Config(Config):
    prefix: str = Field("", title="Prefix", description="Text put before the payload.")


class {cls}(Node[{cls}Config]):
    """Puts a prefix before the payload. (This text is the node's help; Markdown.)"""

    type = "{name}"
    category = "function"

    def on_message(self, msg: Message) -> Message:
        msg["payload"] = f"{{self.config.prefix}}{{msg.get('payload', '')}}"
        return msg
'''

TEST = '''"""Run with: pytest {test}"""

import asyncio
import sys
from pathlib import Path

from busway.testing import flow_of

sys.path.insert(0, str(Path(__file__).parent))

from {module} import {cls}


async def with_prefix(payload):
    node = {{"id": "n1", "type": "{name}", "prefix": "hello ", "wires": [["out"]]}}
    async with flow_of([node], types=[{cls}]) as flow:
        await flow.send("n1", {{"payload": payload}})
        return (await flow.output("out"))["payload"]


def test_it_puts_the_prefix_before_the_payload():
    assert asyncio.run(with_prefix("world")) == "hello world"
'''


def scaffold(name: str, user_dir: Path | None) -> list[Path]:
    """Writes ``<user dir>/nodes/<name>.py`` and its test; returns both paths.

    Raises BuswayError when the name cannot be one or a file is there already.
    """
    if not re.fullmatch(r"[a-z][a-z0-9 _-]*", name):
        raise BuswayError(
            f"{name!r} cannot be a node type: use small letters, digits, spaces, - and _, beginning with a letter"
        )
    module = re.sub(r"[ -]", "_", name)
    cls = "".join(part.capitalize() for part in module.split("_") if part)
    folder = load_settings(user_dir).user_dir / "nodes"
    node, test = folder / f"{module}.py", folder / f"test_{module}.py"
    for path in (node, test):
        if path.exists():
            raise BuswayError(f"{path} exists already; choose another name or remove it")
    folder.mkdir(parents=True, exist_ok=True)
    node.write_text(NODE.format(cls=cls, name=name))
    test.write_text(TEST.format(cls=cls, name=name, module=module, test=test))
    return [node, test]
