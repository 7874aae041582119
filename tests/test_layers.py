"""Who may import whom: the arrows of the design, read from the source."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PROTOCOL = {"nodes.ocpp"}
ALLOWED = {
    "engine": {"engine"},
    "nodes": {"engine", "nodes"},
    "gateway": {"engine", "gateway", *PROTOCOL},
    "editor": {"engine", "editor"},
}
FILES = [path for folder in ALLOWED for path in sorted((ROOT / folder).rglob("*.py"))]


def imported(path: Path) -> set[str]:
    """Our own modules that a file imports, as ``engine.flow``."""
    package = path.relative_to(ROOT).parent.parts
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = package[: len(package) - node.level + 1]
            names = [node.module] if node.module else [alias.name for alias in node.names]
            found |= {".".join((*base, name)) for name in names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("busway."):
            found.add((node.module or "").removeprefix("busway."))
        elif isinstance(node, ast.Import):
            found |= {alias.name.removeprefix("busway.") for alias in node.names if alias.name.startswith("busway.")}
    return found


def is_allowed(module: str, allowed: set[str]) -> bool:
    return any(module == name or module.startswith(name + ".") for name in allowed)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_module_imports_only_what_its_layer_may(path: Path) -> None:
    layer = path.relative_to(ROOT).parts[0]
    wrong = {module for module in imported(path) if not is_allowed(module, ALLOWED[layer])}
    assert not wrong


@pytest.mark.parametrize("path", sorted((ROOT / "nodes").rglob("*.py")), ids=lambda p: str(p.relative_to(ROOT)))
def test_a_node_module_imports_no_module_of_another_folder(path: Path) -> None:
    mine = "nodes." + path.relative_to(ROOT).parts[1]
    wrong = {module for module in imported(path) if module.startswith("nodes.") and not is_allowed(module, {mine})}
    assert not wrong


def top_level_imports(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    names: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.add((node.module or "").split(".")[0])
    return names


@pytest.mark.parametrize("path", sorted((ROOT / "engine").rglob("*.py")), ids=lambda p: str(p.relative_to(ROOT)))
def test_the_engine_needs_neither_web_framework_nor_redis_to_be_imported(path: Path) -> None:
    assert not top_level_imports(path) & {"fastapi", "starlette", "uvicorn", "redis", "hiredis"}


def test_there_is_no_import_cycle() -> None:
    import networkx

    graph = networkx.DiGraph()
    modules = {".".join(p.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): p for p in FILES}
    for name, path in modules.items():
        graph.add_edges_from((name, other) for other in run_time_imports(path) if other in modules and other != name)
    assert not list(networkx.simple_cycles(graph))


def run_time_imports(path: Path) -> set[str]:
    """As :func:`imported`, at module level only: what is imported for type checking or inside functions makes no cycle."""
    package = path.relative_to(ROOT).parent.parts
    found: set[str] = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ImportFrom) and node.level:
            base = package[: len(package) - node.level + 1]
            names = [f"{node.module}"] if node.module else [alias.name for alias in node.names]
            found |= {".".join((*base, name)) for name in names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("busway."):
            found.add((node.module or "").removeprefix("busway."))
    return found
