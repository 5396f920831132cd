"""An update of a project that nobody touched."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.programs import git
from tests.renders.answers import Render
from tests.updates.projects import ANSWERS_FILE, commit, contents, make, update


@pytest.fixture
def project(releases: Path, tmp_path: Path) -> Path:
    """A project of the older release."""
    return make(releases, tmp_path / "project", {})


def test_makes_it_a_fresh_render(project: Path, render: Render) -> None:
    update(project)

    assert contents(project) == contents(render())
    assert "_commit: v1.1.0" in (project / ANSWERS_FILE).read_text()


def test_brings_the_files_that_are_new_and_removes_those_that_are_gone(project: Path) -> None:
    update(project)

    assert (project / "do/lib/image/sbom.py").exists()
    assert not (project / "do/retired").exists()


def test_changes_nothing_where_the_template_did_not_change(project: Path) -> None:
    update(project)
    commit(project, "updated")

    update(project)

    assert git(project, "status", "--porcelain") == ""


def test_runs_none_of_the_tasks_of_a_new_project(project: Path) -> None:
    update(project, train_sample=True, git_init=True)

    assert git(project, "log", "--oneline").count("\n") == 1
    assert [path.name for path in (project / "model").iterdir()] == [".gitignore"]
