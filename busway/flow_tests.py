"""``busway test``: the case files of flows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .engine.cases import CaseResult, run_cases
from .engine.settings import load_settings
from .nodes.ocpp import cases as _ocpp_cases  # noqa: F401 (lets case files play charging stations)


def run_paths(paths: Sequence[Path], user_dir: Path | None = None) -> list[CaseResult]:
    """Runs the case files among ``paths``, in the folders among them, and beside the flow files among them."""
    return run_cases(list(paths), load_settings(user_dir).user_dir / "nodes")
