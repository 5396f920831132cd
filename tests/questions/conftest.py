"""The questions on their own: a template that renders the answers and nothing else."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import copier
import pytest
from copier.errors import UserMessageError

from extensions.answers import load_questions
from extensions.template_parts import ROOT, TEMPLATE_PARTS, copy_part
from tests.programs import git

ANSWERS_FILE = "{{ _copier_conf.answers_file }}.jinja"
INSPECTION = "{{predictive}}/do/lib/inspection"  # what extensions/inspection.py loads

Answers = dict[str, Any]


@pytest.fixture(scope="session")
def questions_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template with all its questions, whose only file has every answer and computed value."""
    target = tmp_path_factory.mktemp("questions")
    for part in set(TEMPLATE_PARTS) - {"template"}:
        copy_part(ROOT / part, target / part)
    checks = Path("template", "{{project}}", "do", "lib")  # the verbs' own modules, which the questions ask, too
    (target / checks).mkdir(parents=True)
    for module in ("values.py", "policy.py"):
        copy_part(ROOT / checks / module, target / checks / module)
    for part in (ANSWERS_FILE, INSPECTION):
        copy_part(ROOT / "template" / part, target / "template" / part)
    values = ", ".join(f"'{name}': {name}" for name in load_questions(ROOT))
    (target / "template" / "values.json.jinja").write_text("{{ {" + values + "} | to_json }}\n")
    return target


@pytest.fixture
def ask(questions_template: Path, tmp_path: Path) -> Callable[..., Answers]:
    """A function that gives these answers, takes the defaults for the rest, and returns all values."""

    def ask(**given: Any) -> Answers:
        project = tmp_path / "project"
        shutil.rmtree(project, ignore_errors=True)  # Copier would take the answers recorded there
        copier.run_copy(
            str(questions_template),
            project,
            data=given,
            defaults=True,
            unsafe=True,
            skip_tasks=True,
        )
        values: Answers = json.loads((project / "values.json").read_text())
        return values

    return ask


@pytest.fixture
def refusal(ask: Callable[..., Answers], tmp_path: Path) -> Callable[..., str]:
    """A function that gives these answers and returns the one line with which they are refused."""

    def refusal(**given: Any) -> str:
        with pytest.raises(UserMessageError) as caught:
            ask(**given)
        line = str(caught.value)
        assert len(line.splitlines()) == 1
        assert line.isascii()
        assert line.isprintable()
        assert not (tmp_path / "project").exists()
        return line

    return refusal


@pytest.fixture
def run_copier(questions_template: Path, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """A function that runs `copier copy` as a user does, with these options, into tmp_path/project."""

    def run_copier(*options: str, **environment: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "copier", "copy", *options, str(questions_template), str(tmp_path / "project")]
        return subprocess.run(
            command, check=False, capture_output=True, text=True, env={**os.environ, **environment}, cwd=tmp_path
        )

    return run_copier


class TemplateRepository:
    """A git repository of a template, with the release v1.0.0. As a string it is its path, as Copier wants it."""

    def __init__(self, template: Path, path: Path) -> None:
        self.path = path
        shutil.copytree(template, path)
        git(path, "init", "--quiet")
        self.release("v1.0.0")

    def __str__(self) -> str:
        return str(self.path)

    def release(self, tag: str) -> None:
        """Commit a change of the template and tag it."""
        (self.path / "template" / "VERSION").write_text(f"{tag}\n")
        git(self.path, "add", "--all")
        git(self.path, "commit", "--quiet", "--message", tag)
        git(self.path, "tag", tag)
