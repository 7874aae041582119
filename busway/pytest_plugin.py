"""Lets pytest collect case files of flows: each case is a test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .engine.casefile import Case, CaseFile

SUFFIXES = (".cases.yaml", ".case.yaml", ".cases.yml", ".case.yml")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collects files whose name says that they hold cases."""
    if file_path.name.endswith(SUFFIXES):
        return FlowCases.from_parent(parent, path=file_path)
    return None


class FlowCases(pytest.File):
    """A case file."""

    def collect(self) -> Iterator[FlowCase]:
        from .engine.casefile import CaseFileError, load
        from .nodes.ocpp import cases as _ocpp_cases  # noqa: F401 (lets case files play charging stations)

        try:
            file = load(self.path)
        except CaseFileError as error:
            raise self.CollectError(str(error)) from None
        for case in file.cases:
            yield FlowCase.from_parent(self, name=case.name, file=file, case=case)


class CaseFailed(Exception):
    """A case did not go as it should."""


class FlowCase(pytest.Item):
    """A case."""

    def __init__(self, *, file: CaseFile, case: Case, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.file, self.case = file, case

    def runtest(self) -> None:
        from .engine.cases import run_case

        result = run_case(self.file, self.case)
        if not result.passed:
            raise CaseFailed(result.failure)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        if isinstance(excinfo.value, CaseFailed):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, self.case.line - 1, self.name
