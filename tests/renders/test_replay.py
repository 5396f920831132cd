"""Recorded answers make the same project again, and an update without a change changes nothing."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import copier
import jsonschema
import pytest
import yaml

from tests.exhaustive import exhaustive
from tests.programs import git
from tests.renders.answers import EXAMPLES, ROOT, Answers, Render, every_render

SCHEMA = jsonschema.Draft202012Validator(json.loads((ROOT / "docs/answers.schema.json").read_text()))

every_example = pytest.mark.parametrize("answers", EXAMPLES.values(), ids=EXAMPLES)


def contents(project: Path) -> dict[str, bytes]:
    """What is in a project's files, the commit of the template left out."""
    files = {
        str(path.relative_to(project)): path.read_bytes()
        for path in sorted(project.rglob("*"))
        if path.is_file() and ".git" not in path.relative_to(project).parts
    }
    recorded = files[".copier-answers.yml"].splitlines(keepends=True)
    files[".copier-answers.yml"] = b"".join(line for line in recorded if not line.startswith(b"_commit"))
    return files


def commit(folder: Path, message: str) -> None:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", message)


@pytest.fixture(scope="session")
def releases(plain_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository of the template with two releases that are alike."""
    repository = tmp_path_factory.mktemp("releases") / "mcc-template"
    shutil.copytree(plain_template, repository)
    git(repository, "init", "--quiet")
    for tag in ("v1.0.0", "v1.1.0"):
        commit(repository, tag)
        git(repository, "tag", tag)
    return repository


def render_release(releases: Path, project: Path, tag: str, answers: Answers) -> None:
    copier.run_copy(
        str(releases), project, answers, vcs_ref=tag, defaults=True, quiet=True, unsafe=True, skip_tasks=True
    )


def update(project: Path, **answers: str) -> None:
    copier.run_update(project, answers, defaults=True, overwrite=True, quiet=True, unsafe=True)


FORBID = """
import sys

def forbid(event, arguments):
    if event in {"socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"}:
        raise OSError("no network in this test")

sys.addaudithook(forbid)
"""


@pytest.fixture(scope="session")
def no_network(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which neither Python nor git can reach any host, this machine included."""
    folder = tmp_path_factory.mktemp("no-network")
    (folder / "sitecustomize.py").write_text(FORBID)
    return {**os.environ, "PYTHONPATH": str(folder), "GIT_ALLOW_PROTOCOL": "file"}


def run_copier(*arguments: str, folder: Path, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "copier", *arguments]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)


def without_version(project: Path) -> dict[str, bytes]:
    """What is in a project's files, but where the template was and what follows from it."""
    return {name: content for name, content in contents(project).items() if name != ".copier-answers.yml"}


@every_example
def test_every_answer_of_an_example_is_recorded(render: Render, answers: Answers) -> None:
    recorded = yaml.safe_load((render(**answers) / ".copier-answers.yml").read_text())

    assert {name: recorded[name] for name in answers} == answers


@every_example
def test_recorded_answers_make_the_same_project(render: Render, answers: Answers) -> None:
    project = render(**answers)
    recorded = yaml.safe_load((project / ".copier-answers.yml").read_text())
    replayed = render(**{name: value for name, value in recorded.items() if not name.startswith("_")})

    assert contents(replayed) == contents(project)


@every_example
def test_example_is_valid_under_the_schema(answers: Answers) -> None:
    assert [error.message for error in SCHEMA.iter_errors(answers)] == []


@every_render
def test_recorded_answers_of_any_project_are_valid_under_the_schema(render: Render, answers: Answers) -> None:
    recorded = yaml.safe_load((render(**answers) / ".copier-answers.yml").read_text())

    assert [error.message for error in SCHEMA.iter_errors(recorded)] == []


@pytest.mark.parametrize("example", ["sklearn-fastapi", "tensorflow-flask"])
def test_copier_replays_a_data_file_without_any_network(
    releases: Path, render: Render, no_network: dict[str, str], tmp_path: Path, example: str
) -> None:
    answers = tmp_path / "answers.yml"
    shutil.copy(render(**EXAMPLES[example]) / ".copier-answers.yml", answers)
    options = ["--trust", "--defaults", "--data-file", str(answers), "--data", "git_init=true"]

    copied = run_copier("copy", *options, "--skip-tasks", str(releases), "project", folder=tmp_path, env=no_network)

    assert copied.returncode == 0, copied.stderr
    assert without_version(tmp_path / "project") == without_version(render(**EXAMPLES[example]))


@exhaustive
def test_copier_updates_without_any_network(releases: Path, no_network: dict[str, str], tmp_path: Path) -> None:
    render_release(releases, tmp_path / "project", "v1.0.0", {})
    git(tmp_path / "project", "init", "--quiet")
    commit(tmp_path / "project", "generated")

    updated = run_copier("update", "--trust", "--defaults", folder=tmp_path / "project", env=no_network)

    assert updated.returncode == 0, updated.stderr
    assert "_commit: v1.1.0" in (tmp_path / "project/.copier-answers.yml").read_text()


def test_what_forbids_the_network_does(no_network: dict[str, str]) -> None:
    connect = "import socket; socket.create_connection(('127.0.0.1', 9))"
    python = subprocess.run([sys.executable, "-c", connect], env=no_network, capture_output=True, text=True)
    cloned = subprocess.run(
        ["git", "ls-remote", "https://127.0.0.1:9/x"], env=no_network, capture_output=True, text=True
    )

    assert "no network in this test" in python.stderr
    assert "transport 'https' not allowed" in cloned.stderr


@pytest.mark.parametrize("example", ["tensorflow-fastapi", "xgboost-flask"])
def test_an_update_without_a_change_changes_nothing(releases: Path, tmp_path: Path, example: str) -> None:
    project = tmp_path / "project"
    render_release(releases, project, "v1.0.0", EXAMPLES[example])
    git(project, "init", "--quiet")
    commit(project, "generated")
    before = contents(project)

    update(project)

    assert contents(project) == before
    assert git(project, "diff", "--stat").count("|") == 1  # the recorded version
    assert "_commit: v1.1.0" in (project / ".copier-answers.yml").read_text()


def test_an_update_keeps_what_the_user_wrote(releases: Path, tmp_path: Path) -> None:
    project = tmp_path / "project"
    render_release(releases, project, "v1.0.0", EXAMPLES["sklearn-fastapi"])
    handler = project / "serving/model_handler.py"
    handler.write_text(handler.read_text() + "\n    allow_missing = True\n")
    with (project / "requirements.in").open("a") as requirements:
        requirements.write("lightgbm\n")
    git(project, "init", "--quiet")
    commit(project, "mine")
    before = contents(project)

    copier.run_update(
        project, data={"instance_type": "ml.c5.xlarge"}, defaults=True, overwrite=True, quiet=True, unsafe=True
    )

    after = contents(project)
    assert {name for name, content in after.items() if content != before.get(name)} == {
        ".copier-answers.yml",
        "DECISIONS.md",
        "README.md",
        "do/lib/answers.json",
    }
    assert '"INSTANCE_TYPE": "ml.c5.xlarge"' in (project / "do/lib/answers.json").read_text()


@pytest.mark.parametrize("answers", [{}, {"model_source": "local", "build_with": "docker"}], ids=["sample", "local"])
def test_a_project_holds_nothing_of_the_day_or_the_place_it_was_made(
    releases: Path, tmp_path: Path, answers: Answers
) -> None:
    """Predecessor F.1-14: names with the day in them made a new role and build project each day."""
    for place in ("one", "another/deeper"):
        render_release(releases, tmp_path / place, "v1.0.0", {"project_name": "churn", **answers})

    assert contents(tmp_path / "one") == contents(tmp_path / "another/deeper")
