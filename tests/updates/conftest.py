"""Repositories of the template with two releases: v1.0.0, as it was, and v1.1.0, as it is."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.programs import git
from tests.updates import previous
from tests.updates.projects import release


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which update it was that was tested."""
    terminalreporter.write_line(f"updates: tested from {previous.TITLE} to the working tree")


@pytest.fixture(scope="session")
def history(plain_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """From the last release, if there is history to take it from, to the working tree."""
    return two_releases(previous.write, plain_template, tmp_path_factory.mktemp("history") / "mcc-template")


@pytest.fixture(scope="session")
def releases(plain_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """From an older state that is always the same to the working tree."""
    return two_releases(previous.write_stand_in, plain_template, tmp_path_factory.mktemp("releases") / "mcc-template")


def two_releases(write_older: Callable[[Path], None], newer: Path, repository: Path) -> Path:
    repository.mkdir()
    write_older(repository)
    release(repository, "v1.0.0")
    git(repository, "rm", "--quiet", "-r", ".")
    shutil.copytree(newer, repository, dirs_exist_ok=True)
    release(repository, "v1.1.0")
    return repository
