"""Projects that are made from one release of the template and brought to another, as their owners do it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import copier
import yaml

from tests.programs import git

ANSWERS_FILE = ".copier-answers.yml"

Answers = dict[str, Any]


def commit(folder: Path, message: str) -> None:
    """Commit all that is in a folder; it becomes a repository where it is none."""
    if not (folder / ".git").exists():
        git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", message)


def release(template: Path, tag: str) -> None:
    """Commit all that is in the template, and tag it."""
    commit(template, tag)
    git(template, "tag", tag)


def make(template: Path, project: Path, answers: Answers, tag: str = "v1.0.0") -> Path:
    """A project of a release, with a first commit."""
    copier.run_copy(
        str(template),
        project,
        {"project_name": "my-model", **answers},
        vcs_ref=tag,
        defaults=True,
        quiet=True,
        unsafe=True,
        skip_tasks=True,
    )
    commit(project, "generated")
    return project


def update(project: Path, **answers: Any) -> None:
    """Bring a project to the last release, with some answers changed."""
    copier.run_update(project, answers, defaults=True, overwrite=True, quiet=True, unsafe=True)


def recorded(project: Path) -> Answers:
    """The answers that a project was made from."""
    answers: Answers = yaml.safe_load((project / ANSWERS_FILE).read_text())
    return {name: value for name, value in answers.items() if not name.startswith("_")}


def conflicts(project: Path) -> list[str]:
    """The files that git or copier left with a conflict."""
    rejected = [str(path.relative_to(project)) for path in project.rglob("*.rej")]
    return [*git(project, "diff", "--name-only", "--diff-filter=U").splitlines(), *rejected]


def contents(project: Path) -> dict[str, tuple[bytes, bool]]:
    """What is in a project's files and whether they can be run; what is recorded of the template is left out."""
    files = {
        str(path.relative_to(project)): (path.read_bytes(), os.access(path, os.X_OK))
        for path in sorted(project.rglob("*"))
        if path.is_file() and ".git" not in path.relative_to(project).parts
    }
    answers, executable = files[ANSWERS_FILE]
    kept = [line for line in answers.splitlines(keepends=True) if not line.startswith(b"_")]
    return {**files, ANSWERS_FILE: (b"".join(kept), executable)}
