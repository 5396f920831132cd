"""Which tests go to which worker, in which order, and which run alone.

`pytest --dist=loadgroup` gives a group to one worker. The tests of a file are a group, because they share what their
fixtures made; those of tests/served are one, because they share environments and trained models. Files whose tests are
many and share nothing are given out test by test. The groups that take longest start first, so that no core is left
with one of them at the end.

A test that is marked `alone` looks at times: nothing else runs meanwhile.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

# The folders whose groups take longest, in the order in which they start; all others follow.
FIRST = ("served", "aws", "updates", "verbs", "engines", "fleet", "repository")
ONE_GROUP = ("served",)
# Their tests share nothing but renders, which all workers share.
ONE_BY_ONE = ("renders", "questions", "catalog")

LOCKS = pytest.StashKey[Path]()


def pytest_configure(config: pytest.Config) -> None:
    """Register the mark."""
    config.addinivalue_line("markers", "alone: looks at times, so no other test runs meanwhile")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Order the tests and put them into groups."""
    items.sort(key=lambda item: rank(folder_of(item, config)))
    for item in items:
        folder = folder_of(item, config)
        if folder in ONE_GROUP:
            item.add_marker(pytest.mark.xdist_group(folder))
        elif folder not in ONE_BY_ONE:
            item.add_marker(pytest.mark.xdist_group(str(item.path.relative_to(config.rootpath))))


def folder_of(item: pytest.Item, config: pytest.Config) -> str:
    """The folder in tests/ that a test is in."""
    return item.path.relative_to(config.rootpath / "tests").parts[0]


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
