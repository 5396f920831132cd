"""Prints what each folder of tests took, beside its budget in tests/budget.yml.

CPU seconds are those of the tests, of the processes that they start and wait for, and of those that live through many
tests; a fixture counts for the test that needed it first. Seconds in which a test waits cost no CPU, and they are why a
run has more workers than CPUs.
"""

from __future__ import annotations

import os
import resource
import time
from collections import Counter, defaultdict
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

BUDGET: dict[str, int] = yaml.safe_load(Path(__file__).with_name("budget.yml").read_text())
TIMES = "times"

cpu_seconds: dict[str, float] = defaultdict(float)
wall_seconds: dict[str, float] = defaultdict(float)
counts: Counter[str] = Counter()
started: dict[str, tuple[float, float]] = {}
living: set[int] = set()
TICKS = os.sysconf("SC_CLK_TCK")


def used() -> float:
    """The CPU seconds of this process, of the children that it has waited for, and of those that are counted."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages) + sum(map(used_by, living))


def used_by(process: int) -> float:
    """The CPU seconds of a living process and of the children that it has waited for."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / TICKS


@contextmanager
def counted(process: int) -> Iterator[None]:
    """Count a child of this process while it lives; it has ended and was waited for when this is left."""
    if Path("/proc").exists():
        living.add(process)
    try:
        yield
    finally:
        living.discard(process)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Measure a test with its fixtures; its reports carry the figures from a worker to the process that prints."""
    started[item.nodeid] = (used(), time.monotonic())
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Put the figures of a part of a test into its report."""
    report = yield
    before = started[item.nodeid]
    now = started[item.nodeid] = (used(), time.monotonic())
    report.user_properties.append((TIMES, (now[0] - before[0], now[1] - before[1])))
    return report


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Add a part of a test (its setup, its call, its teardown) to what its folder took."""
    figures: list[Any] = [value for name, value in report.user_properties if name == TIMES]
    if not figures:
        return
    folder = folder_of(report.nodeid)
    cpu_seconds[folder] += figures[-1][0]
    wall_seconds[folder] += figures[-1][1]
    counts[folder] += report.when == "call"


def folder_of(test: str) -> str:
    """The folder in tests/ that a test is in."""
    parts = Path(test.partition("::")[0]).parts
    return parts[1] if len(parts) > 2 else "tests"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table."""
    terminalreporter.section("time per folder, seconds")
    terminalreporter.write_line(f"{'':<12}{'tests':>7}{'CPU':>8}{'budget':>8}{'wall':>8}")
    for folder, cpu in sorted(cpu_seconds.items(), key=lambda row: -row[1]):
        budget = BUDGET.get(folder, 0)  # folders of other targets than `make test` have none
        over = "  over its budget" if 0 < budget < cpu else ""
        terminalreporter.write_line(
            f"{folder:<12}{counts[folder]:>7}{cpu:>8.0f}{budget:>8}{wall_seconds[folder]:>8.0f}{over}"
        )
    terminalreporter.write_line(
        f"{'all':<12}{counts.total():>7}{sum(cpu_seconds.values()):>8.0f}{sum(BUDGET.values()):>8}"
        f"{sum(wall_seconds.values()):>8.0f}"
    )
