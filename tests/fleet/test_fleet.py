"""`python -m extensions.fleet` on projects in all states: what the table says, and that nobody's work is touched."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import copier
import pytest

from extensions.fleet import Row, table
from extensions.template_parts import ROOT, copy_part
from tests.environments import make_environment_with_fast_copier
from tests.programs import git
from tests.rendering import kept_by_fast_copier

# What of template/ the questions need: the answers file, and the verbs' own checks of values and models.
PARTS = (
    "template/{{ _copier_conf.answers_file }}.jinja",
    "template/{{project}}/do/lib",
    "template/{{predictive}}/do/lib/inspection",
)

# the command of --test, which fails where there is this file
TEST = "test ! -e failing.txt"

Project = Callable[..., Path]
Fleet = Callable[..., "subprocess.CompletedProcess[str]"]


def commit(folder: Path, message: str) -> None:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", message)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template's questions, their checks and one file, in the releases v1.0.0 and v1.1.0, which improves a line."""
    repository = tmp_path_factory.mktemp("template") / "mcc-template"
    (repository / "template").mkdir(parents=True)
    for part in ("copier.yml", "extensions", "questions", "tasks", *PARTS):
        copy_part(ROOT / part, repository / part)
    git(repository, "init", "--quiet")
    for tag, line in (("v1.0.0", "plain"), ("v1.1.0", "improved")):
        (repository / "template/serving.txt").write_text(f"one\n{line}\nthree\n")
        commit(repository, tag)
        git(repository, "tag", tag)
    return repository


@pytest.fixture(scope="module")
def generated(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of v1.0.0 in its first commit."""
    project = tmp_path_factory.mktemp("generated") / "project"
    copier.run_copy(str(template), project, vcs_ref="v1.0.0", defaults=True, quiet=True, unsafe=True, skip_tasks=True)
    git(project, "init", "--quiet", "--initial-branch=main")
    commit(project, "generated")
    return project


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the projects are."""
    return tmp_path_factory.mktemp("projects")


@pytest.fixture(scope="module")
def project(generated: Path, folder: Path) -> Project:
    """A function that makes a project of v1.0.0 in which these files were written and committed."""

    def project(name: str, **files: str) -> Path:
        path = Path(shutil.copytree(generated, folder / name))
        for file, text in files.items():
            (path / f"{file}.txt").write_text(text)
        commit(path, "owner's edits")
        return path

    return project


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python that runs the command, and Copier for each project."""
    folder = tmp_path_factory.mktemp("environments") / "fleet"
    return make_environment_with_fast_copier(folder, kept_by_fast_copier(tmp_path_factory)) / "bin/python"


@pytest.fixture(scope="module")
def fleet(folder: Path, python: Path) -> Fleet:
    """A function that runs the command with these arguments, in the folder of the projects."""

    def fleet(*arguments: str, trust: bool = True) -> subprocess.CompletedProcess[str]:
        command = [str(python), "-m", "extensions.fleet", *arguments, *(["--trust"] if trust else [])]
        identity = {"GIT_AUTHOR_NAME": "fleet", "GIT_AUTHOR_EMAIL": "fleet@localhost"}
        identity |= {"GIT_COMMITTER_NAME": "fleet", "GIT_COMMITTER_EMAIL": "fleet@localhost"}
        environment = {**os.environ, **identity, "PYTHONPATH": str(ROOT)}
        return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)

    return fleet


def rows(result: subprocess.CompletedProcess[str]) -> dict[str, dict[str, Any]]:
    """What --json prints, by project."""
    assert result.stdout, result.stderr
    return {row["project"]: row for row in json.loads(result.stdout)}


def snapshot(project: Path) -> tuple[str, ...]:
    """Where a checkout is and what is in its files."""
    files = (f"{path}: {path.read_text()}" for path in sorted(project.glob("*")) if path.is_file())
    return (git(project, "status", "--porcelain", "--branch"), git(project, "rev-parse", "HEAD"), *files)


@dataclass
class Run:
    """A run on a project in each state, and what was there before."""

    projects: dict[str, Path]
    before: dict[str, tuple[str, ...]]
    result: subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def mixed(project: Project, fleet: Fleet, folder: Path) -> Run:
    """A run on a project in each state."""
    projects = {
        "untouched": project("untouched"),
        "edited": project("edited", notes="mine\n"),
        "conflicting": project("conflicting", serving="one\nmine\nthree\n"),
        "failing": project("failing", failing="x\n"),
        "dirty": project("dirty"),
        "waiting": project("waiting"),
    }
    (projects["dirty"] / "half-done.txt").write_text("work\n")
    git(projects["waiting"], "branch", "template-update")
    (folder / "empty").mkdir()
    (folder / "fleet.txt").write_text("# the last ones\nempty\ngone\n")
    before = {name: snapshot(path) for name, path in projects.items()}
    return Run(projects, before, fleet(*projects, "--list", "fleet.txt", "--test", TEST, "--json"))


def test_each_project_gets_its_own_result(mixed: Run) -> None:
    assert mixed.result.returncode == 1
    assert {name: (row["result"], row["detail"]) for name, row in rows(mixed.result).items()} == {
        "untouched": ("updated", "on the branch template-update"),
        "edited": ("updated", "on the branch template-update"),
        "conflicting": ("conflicts", "serving.txt: update this one by hand"),
        "failing": ("tests failed", f"on the branch template-update: {TEST} ended with 1"),
        "dirty": ("dirty", "left alone: it has changes that are not committed"),
        "waiting": ("failed", "the branch template-update is there: merge or delete it first"),
        "empty": ("failed", ".copier-answers.yml: No such file or directory"),
        "gone": ("failed", ".copier-answers.yml: No such file or directory"),
    }


def test_versions_are_those_of_the_template(mixed: Run) -> None:
    versions = {name: (row["before"], row["after"]) for name, row in rows(mixed.result).items()}

    assert versions["edited"] == ("v1.0.0", "v1.1.0")
    assert versions["conflicting"] == ("v1.0.0", "v1.0.0")


@pytest.mark.parametrize("name", ["untouched", "edited", "failing"])
def test_update_is_one_commit_on_the_branch_with_the_owners_edits_kept(mixed: Run, name: str) -> None:
    path = mixed.projects[name]

    assert git(path, "log", "--format=%s", "main..template-update") == "Update from the template: v1.0.0 to v1.1.0\n"
    assert git(path, "diff", "--name-only", "main", "template-update").splitlines() == [
        ".copier-answers.yml",
        "serving.txt",
    ]


@pytest.mark.parametrize("name", ["conflicting", "dirty"])
def test_project_that_is_not_updated_has_no_branch(mixed: Run, name: str) -> None:
    assert git(mixed.projects[name], "branch", "--list", "template-update") == ""


def test_checkouts_stay_as_they_were(mixed: Run) -> None:
    assert {name: snapshot(path) for name, path in mixed.projects.items()} == mixed.before
    assert {len(git(path, "worktree", "list").splitlines()) for path in mixed.projects.values()} == {1}


def test_branch_of_an_earlier_update_is_not_overwritten(mixed: Run) -> None:
    assert git(mixed.projects["waiting"], "log", "--format=%s", "main..template-update") == ""


def test_merged_update_leaves_nothing_to_do_and_exit_code_0(project: Project, fleet: Fleet) -> None:
    path = project("merged")
    assert fleet("merged", "--data", "aws_region=eu-west-1").returncode == 0
    git(path, "merge", "--quiet", "template-update")
    git(path, "branch", "--quiet", "--delete", "template-update")

    result = fleet("merged", "--json")

    assert "aws_region: eu-west-1" in (path / ".copier-answers.yml").read_text()
    assert (result.returncode, rows(result)["merged"]["result"]) == (0, "unchanged")
    assert git(path, "branch", "--list", "template-update") == ""


def test_projects_in_folders_of_one_repository_have_their_own_branches(
    project: Project, fleet: Fleet, folder: Path
) -> None:
    repository = folder / "repository"
    repository.mkdir()
    git(repository, "init", "--quiet")
    for name in ("one", "two"):
        shutil.rmtree(project(name) / ".git")
        shutil.move(folder / name, repository / name)
    commit(repository, "projects")

    assert fleet("repository/one", "repository/two", "--jobs", "1").returncode == 0

    assert git(repository, "show", "template-update-one:one/serving.txt") == "one\nimproved\nthree\n"
    assert git(repository, "show", "template-update-one:two/serving.txt") == "one\nplain\nthree\n"
    assert git(repository, "show", "template-update-two:two/serving.txt") == "one\nimproved\nthree\n"


@pytest.mark.parametrize(
    ("options", "trust", "detail"),
    [
        (["--data", "aws_region=mars-1"], True, "aws_region='mars-1': not a region with SageMaker"),
        ([], False, "If you trust this template, consider adding the `--trust` option"),
    ],
)
def test_failure_says_why_and_leaves_nothing(
    project: Project, fleet: Fleet, options: list[str], trust: bool, detail: str
) -> None:
    path = project(f"failed-{len(options)}")

    row = rows(fleet(path.name, "--json", *options, trust=trust))[path.name]

    assert row["result"] == "failed"
    assert row["detail"].startswith(detail)
    assert git(path, "branch", "--list", "template-update") == ""


def test_project_that_takes_too_long_is_given_up_and_leaves_nothing(project: Project, fleet: Fleet) -> None:
    path = project("slow")

    row = rows(fleet("slow", "--timeout", "0.01", "--json"))["slow"]

    assert row["result"] == "timed out"
    assert row["detail"].endswith("had not ended; --timeout gives it longer")
    assert git(path, "branch", "--list", "template-update") == ""
    assert len(git(path, "worktree", "list").splitlines()) == 1


def test_interrupted_run_ends_what_runs_and_shows_what_was_done(project: Project, folder: Path, python: Path) -> None:
    project("quick")
    path = project("endless", failing="x\n")
    command = [str(python), "-m", "extensions.fleet", "quick", "endless", "--trust", "--jobs", "1"]
    command += ["--test", "sh -c 'test ! -e failing.txt || sleep 300'"]
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "GIT_AUTHOR_NAME": "fleet",
        "GIT_AUTHOR_EMAIL": "fleet@localhost",
    }
    environment |= {"GIT_COMMITTER_NAME": "fleet", "GIT_COMMITTER_EMAIL": "fleet@localhost"}
    running = subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert running.stderr
    assert running.stderr.readline() == "1 of 2: quick updated on the branch template-update\n"

    running.send_signal(signal.SIGINT)
    out, errors = running.communicate(timeout=30)

    assert running.returncode == 1
    assert [line.split()[:2] for line in out.splitlines()[1:3]] == [["quick", "updated"], ["endless", "interrupted"]]
    assert "Traceback" not in errors
    assert len(git(path, "worktree", "list").splitlines()) == 1


def test_table_has_a_line_for_each_project_and_the_counts() -> None:
    updated = Row("one", "updated", "v1.0.0", "v1.1.0", 2.04, "on the branch template-update")

    assert table([updated, Row("another", "failed", "", "", 0.0, "gone")]).splitlines() == [
        "project  result   from    to      seconds  detail",
        "one      updated  v1.0.0  v1.1.0  2.0      on the branch template-update",
        "another  failed                   0.0      gone",
        "",
        "1 updated, 1 failed",
    ]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ([], "name a project, or a --list of them"),
        (["--list", "nowhere.txt"], "--list nowhere.txt: No such file or directory"),
    ],
)
def test_wrong_command_line_ends_with_2_and_says_why(fleet: Fleet, arguments: list[str], line: str) -> None:
    result = fleet(*arguments)

    assert result.returncode == 2
    assert result.stderr.splitlines()[-1].endswith(line)
