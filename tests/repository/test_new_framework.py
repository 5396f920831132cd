"""A framework is a folder and a row: in a copy of the repository, everything else follows from them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import copier
import pytest
import yaml

from extensions.template_parts import ROOT, TEMPLATE_PARTS, copy_part
from tests.exhaustive import exhaustive

ROW = """
toy:
  title: Toy
  package: numpy
  version: "2.3.4"
  system_packages: [libtoy1]
  start_limit_seconds: 7
  largest_image_mb: 300
  what: Linear models whose coefficients are written in a text file.
  why: To show that a framework is a folder and a row.
  limits: No model of yours is one.
  formats:
    coefficients:
      title: coefficients
      artifact: model.json
      what: A JSON list of numbers.
      why: Anyone can read it.
      limits: Linear models only.
"""
HANDLER = '''"""Serves linear models."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from serving.handlers.base import Handler


class ToyHandler(Handler):
    """Multiplies each row with the coefficients of model.json."""

    def load(self, model_dir: Any) -> Any:
        """Read the coefficients."""
        return np.array(json.loads((model_dir / "model.json").read_text()))

    def predict(self, model: Any, rows: Any) -> Any:
        """One number per row."""
        return rows @ model
'''
FILES = {
    "serving/handlers/toy.py": HANDLER,
    "serving/model_handler.py": "from serving.handlers.toy import ToyHandler as ModelHandler\n",
    "{{flask}}/requirements.in": "numpy\n",
    "{{fastapi}}/requirements.in": "numpy\n",
}
# what follows from the table of served projects, in the copy
SERVED = "from tests.real_servers.test_contract import SERVED; import json; print(json.dumps(SERVED))"

pytestmark = exhaustive


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of this repository with the toy framework, in which docs, schema and interface were generated."""
    copy = tmp_path_factory.mktemp("repository")
    for part in (*TEMPLATE_PARTS, "docs", "examples", "interface.yml", "scripts", "tests"):
        copy_part(ROOT / part, copy / part)
    with (copy / "extensions/catalog/frameworks.yml").open("a") as catalog:
        catalog.write(ROW)
    for name, text in FILES.items():
        file = copy / "template/{{toy}}" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    for generator in ("document_questions", "answers_schema", "record_interface"):
        run(copy, "-m", f"extensions.{generator}")
    return copy


def run(folder: Path, *command: str) -> str:
    return subprocess.run([sys.executable, *command], cwd=folder, check=True, capture_output=True, text=True).stdout


def test_a_folder_and_a_row_are_a_framework_in_a_rendered_project(repository: Path, tmp_path: Path) -> None:
    answers = {"project_name": "toys", "framework": "toy", "model_source": "local"}
    template = tmp_path / "template"
    template.mkdir()
    for part in TEMPLATE_PARTS:
        copy_part(repository / part, template / part)

    project = tmp_path / "project"
    copier.run_copy(str(template), project, answers, defaults=True, quiet=True, unsafe=True, skip_tasks=True)

    assert (project / "serving/handlers/toy.py").read_text() == HANDLER
    assert not (project / "serving/handlers/sklearn.py").exists()
    assert "install --yes --no-install-recommends libtoy1 nginx " in (project / "Dockerfile").read_text()
    assert json.loads((project / "do/lib/checks/container/limits.json").read_text()) == {"start_limit_seconds": 7}
    assert "To show that a framework is a folder and a row." in (project / "DECISIONS.md").read_text()
    assert yaml.safe_load((project / ".copier-answers.yml").read_text())["model_format"] == "coefficients"


def test_docs_schema_and_record_name_it(repository: Path) -> None:
    page = (repository / "docs/questions.md").read_text()
    schema = json.loads((repository / "docs/answers.schema.json").read_text())
    record = yaml.safe_load((repository / "interface.yml").read_text())

    assert "`toy`" in page
    assert "`coefficients`" in page
    assert "toy" in json.dumps(schema["properties"]["framework"])
    assert "toy" in record["questions"]["framework"]["choices"]


def test_its_servers_are_tested_behind_every_web_application(repository: Path) -> None:
    served = [case for case in json.loads(run(repository, "-c", SERVED)) if case[0] == "toy"]

    assert sorted(served) == [["toy", "coefficients", "fastapi"], ["toy", "coefficients", "flask"]]
