"""``safe_mode``: the flows are there and do not run before the next deploy."""

from busway.engine.runtime import Runtime
from busway.engine.settings import Settings
from tests.engine.bench import TYPES, model, node, tab


async def test_flows_start_with_the_next_deploy_only(tmp_path):
    runtime = Runtime(Settings(user_dir=tmp_path, safe_mode=True, stop_drain_timeout=0.1))
    runtime.journal, told = [], []
    runtime.events.on("notification", told.append)
    for cls in TYPES:
        runtime.registry.add(cls)
    flows = model(tab(), node("n"))
    await runtime.start(flows)
    assert (runtime.state, runtime.nodes, runtime.model) == ("safe", {}, flows)
    assert told == [("runtime-state", {"state": "safe"})]
    await runtime.deploy(flows, "nodes")
    assert (runtime.state, set(runtime.nodes)) == ("start", {"n"})
    await runtime.stop()
