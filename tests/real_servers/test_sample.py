"""The sample is trained from the real data, and always to the same model."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.real_servers.conftest import Project, run


@pytest.mark.parametrize(("framework", "model_format"), [("sklearn", "joblib"), ("xgboost", "ubj")])
def test_two_trainings_give_the_same_answers(
    project: Project, tmp_path: Path, framework: str, model_format: str
) -> None:
    first = project(framework=framework, model_format=model_format, model_server="fastapi")
    second = tmp_path / "again"
    shutil.copytree(first, second, symlinks=True, ignore=shutil.ignore_patterns(".venv"))
    (second / ".venv").symlink_to(first / ".venv")
    (second / "sample_model/expected.json").unlink()
    shutil.rmtree(second / "model")

    run(second, "do/train")

    assert (second / "sample_model/expected.json").read_bytes() == (first / "sample_model/expected.json").read_bytes()
