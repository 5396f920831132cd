"""Each example, made at the last release and edited by its owner, becomes what a new project with the edits is."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.exhaustive import first_of_each
from tests.renders.answers import Render
from tests.updates import previous
from tests.updates.edits import EDITS, OWNERS_FILES
from tests.updates.projects import Answers, commit, conflicts, contents, make, recorded, update

EXAMPLES = previous.examples()


def kind_of(answers: Answers) -> tuple[str | None, ...]:
    """Each web application, and one of the engines, whose projects have the same layers but for one."""
    kind = answers.get("model_kind")
    return kind, answers.get("model_server") if kind is None else None


every_example = pytest.mark.parametrize(
    "answers",
    first_of_each(
        {name: (answers,) for name, answers in EXAMPLES.items()},
        kind_of,
    ),
)


@pytest.fixture
def project(history: Path, answers: Answers, tmp_path: Path) -> Path:
    """An example of the last release, with all edits."""
    project = make(history, tmp_path / "project", answers)
    edit(project)
    commit(project, "mine")
    return project


def edit(project: Path) -> None:
    for change in EDITS.values():
        change(project)


@every_example
def test_an_edited_example_becomes_a_fresh_render_with_the_edits(project: Path, render: Render, tmp_path: Path) -> None:
    update(project)

    fresh = tmp_path / "fresh"
    shutil.copytree(render(**recorded(project)), fresh)
    edit(fresh)
    in_conflict = conflicts(project)
    if previous.RELEASE:  # nobody has a project of a state in between
        assert {*in_conflict} & {*OWNERS_FILES} == set()
    assert without(contents(project), in_conflict) == without(contents(fresh), in_conflict)


def without(files: dict[str, tuple[bytes, bool]], names: list[str]) -> dict[str, tuple[bytes, bool]]:
    """The files but those, in which owner and template changed the same lines."""
    return {name: content for name, content in files.items() if name not in names}
