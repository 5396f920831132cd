"""`copier update`, as an owner types it: the template's improvements come, and the owner's edits stay."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from pytest_copier.plugin import CopierFixture, CopierProject

SERVER = "template/{{ predictive }}/serving/nginx.conf"
HANDLER = "serving/model_handler.py"


class TemplateRepository:
    """A repository of the template that makes releases."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def release(self, tag: str) -> None:
        """Commit what is there, and tag it."""
        for command in (["add", "--all"], ["commit", "--quiet", "--allow-empty", "--message", tag], ["tag", tag]):
            subprocess.run(["git", *command], cwd=self.path, check=True)

    def improve(self, file: str, line: str) -> None:
        """Put a line in front of a file."""
        improved = self.path / file
        improved.write_text(f"{line}\n{improved.read_text()}")


@pytest.fixture
def template(plain_template: Path, copier: CopierFixture, tmp_path: Path) -> TemplateRepository:
    """The template, released as v1.0.0, where the fixture `copier` copies from."""
    repository = TemplateRepository(tmp_path / "mcc-template")
    shutil.copytree(plain_template, repository.path)
    subprocess.run(["git", "init", "--quiet"], cwd=repository.path, check=True)
    repository.release("v1.0.0")
    copier.template = repository.path
    return repository


@pytest.fixture
def project(copier: CopierFixture, template: TemplateRepository, tmp_path: Path) -> CopierProject:
    """A project of the first release, as its tasks left it: a repository with a first commit."""
    return copier.copy(tmp_path / "project", project_name="my-model", train_sample=False)


def commit(project: CopierProject) -> None:
    project.run("git add --all")
    project.run("git commit --quiet --message edits")


def conflicts(project: CopierProject) -> str:
    return str(project.run("git diff --name-only --diff-filter=U"))


def test_an_update_brings_improvements_and_keeps_the_owners_edits(
    project: CopierProject, template: TemplateRepository
) -> None:
    handler = project.path / HANDLER
    handler.write_text(handler.read_text().replace("class ModelHandler", "# mine\nclass ModelHandler"))
    (project.path / "notes.md").write_text("mine\n")
    with (project.path / "requirements.in").open("a") as requirements:
        requirements.write("scipy\n")
    (project.path / "tests/test_model_cli.py").unlink()
    commit(project)

    template.improve(SERVER, "# improved")
    template.release("v1.1.0")
    project.update()

    assert conflicts(project) == ""
    assert (project.path / "serving/nginx.conf").read_text().startswith("# improved\n")
    assert "# mine" in handler.read_text()
    assert (project.path / "notes.md").read_text() == "mine\n"
    assert (project.path / "requirements.in").read_text().endswith("scipy\n")
    assert not (project.path / "tests/test_model_cli.py").exists()
    assert "_commit: v1.1.0" in (project.path / ".copier-answers.yml").read_text()


def test_a_changed_answer_changes_the_files_that_follow_from_it(
    project: CopierProject, template: TemplateRepository
) -> None:
    template.release("v1.1.0")
    project.update(model_server="flask", include_tests=False)

    assert conflicts(project) == ""
    assert "from flask import" in (project.path / "serving/app.py").read_text()
    assert "flask" in (project.path / "requirements.in").read_text()
    assert not (project.path / "tests").exists()


def test_an_update_runs_none_of_the_tasks_of_a_new_project(
    project: CopierProject, template: TemplateRepository
) -> None:
    template.release("v1.1.0")
    project.update(train_sample=True)

    assert project.run("git log --oneline").count("\n") == 1
    assert not list((project.path / "model").glob("model*"))
