"""Under CI a skipped test fails: what a laptop may lack, CI must have."""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest

__all__ = ["pytest_collectreport", "pytest_runtest_makereport"]


def _is_ci() -> bool:
    return os.environ.get("CI", "").lower() in {"1", "true"}


def _refuse(report: pytest.TestReport | pytest.CollectReport, where: str) -> None:
    """Turn a skip into a failure that keeps the reason."""
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    report.outcome = "failed"
    report.longrepr = f"{where} was skipped, which CI does not allow: {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail the test that skipped itself (an expected failure is none)."""
    report = yield
    if _is_ci() and report.skipped and not hasattr(report, "wasxfail"):
        _refuse(report, item.nodeid)
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_collectreport(report: pytest.CollectReport) -> None:
    """Fail the module that skipped itself while it was imported."""
    if _is_ci() and report.skipped:
        _refuse(report, report.nodeid)
