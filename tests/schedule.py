"""Which tests go to which worker, in which order, and which run alone.

The tests of a file go to one worker, because they share what their fixtures made. Files whose tests are many and share
nothing are given out test by test. The folders that take longest start first, so that no core is left with one of their
files at the end.

xdist's own `--dist=loadgroup` can't do this: version 3.8 has no effect with pytest 9.2, whose items have other ids.

A test that is marked `alone` looks at times: nothing else runs meanwhile.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

# The folders whose files take longest, in the order in which they start; all others follow.
FIRST = ("real_servers", "aws", "updates", "verbs", "engines", "fleet", "repository")
# Their tests share nothing but renders, which all workers share.
ONE_BY_ONE = ("renders", "questions", "catalog")


def pytest_configure(config: pytest.Config) -> None:
    """Register the marks."""
    config.addinivalue_line("markers", "exhaustive: left to make test-exhaustive, see tests/exhaustive.py")
    config.addinivalue_line("markers", "alone: looks at times, so no other test runs meanwhile")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order the tests, when all other plugins are done."""
    items.sort(key=lambda item: rank(folder_of(item.nodeid)))


@pytest.hookimpl(optionalhook=True)  # a run without xdist doesn't know it
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """Give each group to one worker."""
    return Groups(config, log)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Three workers for two CPUs, because many tests wait for a server or for a clock."""
    return max(2, (os.cpu_count() or 1) * 3 // 2)


class Groups(LoadScopeScheduling):  # type: ignore[misc]
    """xdist's scheduler of scopes, with groups in their place."""

    def _split_scope(self, nodeid: str) -> str:
        return nodeid if folder_of(nodeid) in ONE_BY_ONE else nodeid.partition("::")[0]


def folder_of(test: str) -> str:
    """The folder in tests/ that a test is in."""
    return Path(test).parts[1]


def rank(folder: str) -> int:
    """The place of a folder in the order."""
    return FIRST.index(folder) if folder in FIRST else len(FIRST)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Let a test that is marked `alone` wait for those of the other workers, and those wait for it."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return (yield)
    factory: pytest.TempPathFactory = item.config._tmp_path_factory  # type: ignore[attr-defined]
    folder = factory.getbasetemp().parent
    kind = fcntl.LOCK_EX if item.get_closest_marker("alone") else fcntl.LOCK_SH
    with ExitStack() as stack:
        # who waits to be alone keeps the turn, so that the others don't begin another test
        with held(folder / "turn.lock", fcntl.LOCK_EX):
            stack.enter_context(held(folder / "tests.lock", kind))
        return (yield)


@contextmanager
def held(file: Path, kind: int) -> Generator[None, None, None]:
    """Hold a lock on a file."""
    with file.open("w") as lock:
        fcntl.flock(lock, kind)
        yield
