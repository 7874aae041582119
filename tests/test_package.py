"""The package as it is installed: the wheel holds what the folders hold, and an sdist builds the same wheel."""

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("engine", "nodes", "gateway", "editor", "flows")
DATA = {".py", ".js", ".json", ".md", ".yaml", ".html", ".css", ".typed", ".svg"}


def source_files() -> set[str]:
    """What a wheel has to hold, by its path there."""
    tracked = {path for folder in FOLDERS for path in (ROOT / folder).rglob("*")}
    found = {f"busway/{path.relative_to(ROOT).as_posix()}" for path in tracked if wanted(path)}
    return found | {path.relative_to(ROOT).as_posix() for path in (ROOT / "busway").iterdir() if wanted(path)}


def wanted(path: Path) -> bool:
    return (
        path.is_file() and path.suffix in DATA and "__pycache__" not in path.parts and "node_modules" not in path.parts
    )


def pip_wheel(source: Path, target: Path) -> Path:
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(target), str(source)]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = target.glob("*.whl")
    return wheel


def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if not name.startswith("busway-")}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pip_wheel(ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.mark.timeout(300)
def test_the_wheel_holds_exactly_what_the_folders_hold(wheel: Path) -> None:
    assert names(wheel) == source_files()


@pytest.mark.timeout(300)
def test_a_wheel_from_the_sdist_is_the_same(wheel: Path, tmp_path: Path) -> None:
    build = "import sys, hatchling.build as b; print(b.build_sdist(sys.argv[1]))"
    made = subprocess.run(
        [sys.executable, "-c", build, str(tmp_path)], cwd=ROOT, check=True, capture_output=True, text=True
    )
    with tarfile.open(tmp_path / made.stdout.split()[-1]) as archive:
        archive.extractall(tmp_path, filter="data")
    (folder,) = (path for path in tmp_path.iterdir() if path.is_dir())
    assert names(pip_wheel(folder, tmp_path / "again")) == names(wheel)


@pytest.mark.timeout(300)
def test_the_installed_package_runs_outside_of_the_checkout(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    code = "import busway, busway.engine.runtime, busway.nodes; print(busway.engine.runtime.__file__)"
    environment = {"PYTHONPATH": str(tmp_path / "site"), "PATH": ""}
    command = [
        sys.executable,
        "-S",
        "-c",
        f"import sys; sys.path += {[p for p in sys.path if 'site-packages' in p]!r}; {code}",
    ]
    ran = subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True, text=True)
    assert str(tmp_path) in ran.stdout
