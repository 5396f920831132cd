"""The id of a project is random, recorded, and kept when the answers are given again."""

from __future__ import annotations

import json
from pathlib import Path

import copier
import pytest
import yaml


def test_every_project_has_an_id_of_its_own_which_its_answers_keep(
    plain_template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MCC_PROJECT_ID")

    first, second = (copied(plain_template, tmp_path / name, {"project_name": "my-model"}) for name in ("1", "2"))
    again = copied(plain_template, tmp_path / "3", recorded(first))

    assert identity(first) == recorded(first)["project_id"]
    assert identity(again) == identity(first) != identity(second)


def copied(template: Path, folder: Path, answers: dict[str, str]) -> Path:
    copier.run_copy(str(template), folder, answers, defaults=True, quiet=True, unsafe=True, skip_tasks=True)
    return folder


def recorded(project: Path) -> dict[str, str]:
    """The answers that Copier keeps."""
    answers = yaml.safe_load((project / ".copier-answers.yml").read_text())
    return {name: answer for name, answer in answers.items() if not name.startswith("_")}


def identity(project: Path) -> str:
    """The id that the verbs use."""
    return str(json.loads((project / "do/lib/answers.json").read_text())["PROJECT_ID"])
