"""What a release renames is brought along: answers, choices, and files with the owner's edits.

The template here is a small one, and it has the migrations of the real one.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from tests.conftest import ROOT
from tests.programs import git
from tests.updates.projects import commit, conflicts, make, recorded, release, update

ANSWERS_FILE = "{{ _copier_answers | to_nice_yaml -}}\n"
NUMBERS = "".join(f"line {number}\n" for number in range(1, 10))

OLD_QUESTIONS = """\
_subdirectory: template
project_name: my-model
server: {type: str, choices: [flask, fastapi], default: flask}
builders: {type: str, multiselect: true, choices: [docker, codebuild], default: [docker, codebuild]}
"""
NEW_QUESTIONS = """\
_subdirectory: template
_migrations:
  - version: v2.0.0
    when: "{{ true }}"
    command:
      - "{{ _copier_python }}"
      - "{{ _copier_conf.src_path }}/migrations/migrate.py"
      - "{{ _version_current }}"
      - "{{ _stage }}"
      - "{{ _version_from }}"
project_name: my-model
web_server: {type: str, choices: [flask, fastapi], default: flask}
builders: {type: str, multiselect: true, choices: [local, codebuild], default: [codebuild]}
"""
STEPS = """\
map_choices:
  builders: {docker: local}
rename_answers:
  server: web_server
move_files:
  serve.txt: serving/app.txt
"""


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """v1.0.0 as it was before, and v2.0.0, which renames a question, a choice and a file."""
    repository = tmp_path_factory.mktemp("template") / "small-template"
    write(repository, "copier.yml", OLD_QUESTIONS)
    write(repository, "template/{{ _copier_conf.answers_file }}.jinja", ANSWERS_FILE)
    write(repository, "template/serve.txt.jinja", "{{ server }}\n" + NUMBERS)
    release(repository, "v1.0.0")
    (repository / "template/serve.txt.jinja").unlink()
    write(repository, "copier.yml", NEW_QUESTIONS)
    write(repository, "template/serving/app.txt.jinja", "{{ web_server }}\n" + NUMBERS.replace("line 3", "improved 3"))
    write(repository, "migrations/v2.0.0.yml", STEPS)
    shutil.copy(ROOT / "migrations/migrate.py", repository / "migrations")
    release(repository, "v2.0.0")
    return repository


def write(repository: Path, file: str, text: str) -> None:
    (repository / file).parent.mkdir(parents=True, exist_ok=True)
    (repository / file).write_text(text)


@pytest.fixture
def project(template: Path, tmp_path: Path) -> Path:
    """A project of v1.0.0."""
    return make(template, tmp_path / "project", {"server": "fastapi"})


def edit(project: Path, old: str, new: str) -> None:
    file = project / "serve.txt"
    file.write_text(file.read_text().replace(old, new))
    commit(project, "mine")


def test_a_renamed_question_keeps_its_answer(project: Path) -> None:
    update(project)

    assert recorded(project)["web_server"] == "fastapi"
    assert "server" not in recorded(project)


def test_a_renamed_choice_stays_chosen(project: Path) -> None:
    update(project)

    assert recorded(project)["builders"] == ["local", "codebuild"]


def test_a_moved_file_that_nobody_edited_is_the_templates(project: Path) -> None:
    update(project)

    assert not (project / "serve.txt").exists()
    assert (project / "serving/app.txt").read_text() == "fastapi\n" + NUMBERS.replace("line 3", "improved 3")


def test_a_moved_file_has_the_owners_edits_and_the_templates_improvements(project: Path) -> None:
    edit(project, "line 8", "mine 8")

    update(project)

    assert conflicts(project) == []
    moved = (project / "serving/app.txt").read_text()
    assert moved == "fastapi\n" + NUMBERS.replace("line 3", "improved 3").replace("line 8", "mine 8")


def test_a_moved_file_with_edits_where_the_template_changed_is_a_conflict_that_git_knows(project: Path) -> None:
    edit(project, "line 3", "mine 3")

    update(project)

    assert conflicts(project) == ["serving/app.txt"]
    assert "improved 3\n=======\nmine 3\n" in (project / "serving/app.txt").read_text()


def test_a_moved_file_that_the_owner_deleted_stays_deleted(project: Path) -> None:
    git(project, "rm", "--quiet", "serve.txt")
    commit(project, "mine")

    update(project)

    assert not (project / "serving/app.txt").exists()


def test_every_version_with_migrations_is_known_to_copier() -> None:
    entries = yaml.safe_load((ROOT / "copier.yml").read_text().partition("\n---\n")[0]).get("_migrations", [])

    assert [entry["version"] for entry in entries] == sorted(file.stem for file in (ROOT / "migrations").glob("*.yml"))
