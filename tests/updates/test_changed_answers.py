"""An answer that an update changes brings its files, takes away those of the answer before, and touches no other."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.exhaustive import first_of_each
from tests.renders.answers import Render, layers_of, name_of
from tests.renders.test_files import expected_files
from tests.updates.edits import add_a_requirement, add_an_own_file, write_own_handler
from tests.updates.projects import Answers, commit, conflicts, contents, make, recorded, update

# The answers of a project, and those that its owner changes.
CHANGES: list[tuple[Answers, Answers]] = [
    ({"model_server": "flask"}, {"model_server": "fastapi"}),
    ({"model_server": "fastapi"}, {"model_server": "flask"}),
    ({"build_with": "codebuild"}, {"build_with": "docker"}),
    ({"build_with": "docker"}, {"build_with": "codebuild"}),
    ({"instance_type": "ml.m5.large"}, {"instance_type": "ml.m6g.large"}),
    ({"instance_type": "ml.m6g.large"}, {"deploy_target": "serverless"}),  # which has no instances, and no arm64
    ({"deploy_target": "serverless"}, {"deploy_target": "async"}),
    ({"deploy_target": "async"}, {"deploy_target": "batch"}),
    ({"deploy_target": "batch"}, {"deploy_target": "kubernetes"}),
    ({"deploy_target": "kubernetes"}, {"deploy_target": "realtime"}),
    ({"model_format": "pkl"}, {"model_format": "joblib"}),
    ({"framework": "sklearn", "model_format": "pkl"}, {"framework": "xgboost", "model_format": "ubj"}),
    ({"framework": "xgboost"}, {"framework": "lightgbm", "model_format": "txt"}),
    ({"framework": "lightgbm"}, {"framework": "onnx", "model_format": "onnx"}),
    ({"framework": "onnx"}, {"framework": "catboost", "model_format": "cbm"}),
    ({"framework": "catboost"}, {"framework": "pytorch", "model_format": "pt2"}),
    ({"framework": "pytorch"}, {"framework": "mlflow", "model_format": "MLmodel"}),
    ({"framework": "mlflow"}, {"framework": "python", "model_format": "folder"}),
    ({"framework": "python"}, {"framework": "sklearn", "model_format": "pkl"}),
    ({"include_tests": True}, {"include_tests": False}),
    ({"model_kind": "generative"}, {"profile": "low-latency"}),
    ({"model_kind": "generative", "model_server": "vllm"}, {"model_server": "lmi"}),
    ({"model_kind": "generative", "model_server": "tensorrt-llm"}, {"build_with": "docker", "model_source": "s3"}),
    ({"ci": "github"}, {"ci": "gitlab", "renovate": True}),
]

# Answers that change no more than lines, which any other update does as well.
LINES = {"instance_type", "model_format", "profile"}

every_change = pytest.mark.parametrize(
    ("before", "after"),
    first_of_each(
        {f"{name_of(before)}-to-{name_of(after)}": (before, after) for before, after in CHANGES},
        lambda before, after: "lines" if after.keys() <= LINES else (before.get("model_kind"), *after),
    ),
)


@every_change
def test_files_of_the_new_answer_come_and_those_of_the_old_one_go(
    releases: Path, render: Render, tmp_path: Path, before: Answers, after: Answers
) -> None:
    project = make(releases, tmp_path / "project", before, "v1.1.0")
    assert {*contents(project)} == expected_files(layers_of(recorded(project)))

    update(project, **after)

    assert {name: recorded(project)[name] for name in after} == after
    assert {*contents(project)} == expected_files(layers_of(recorded(project)))
    assert contents(project) == contents(render(**recorded(project)))


def test_what_was_locked_for_the_models_own_version_stays_through_updates(releases: Path, tmp_path: Path) -> None:
    answers = {"framework_version": "1.2.2", "python_version": "3.11", "model_source": "local"}
    project = make(releases, tmp_path / "project", answers, "v1.1.0")
    assert not (project / "requirements.txt").exists()
    (project / "requirements.txt").write_text("scikit-learn==1.2.2\n")
    commit(project, "do/lock")

    update(project, instance_type="ml.m6g.large")

    assert conflicts(project) == []
    assert answers.items() <= recorded(project).items()
    assert (project / "requirements.txt").read_text() == "scikit-learn==1.2.2\n"
    assert "python:3.11-slim" in (project / "Dockerfile").read_text()


def test_an_owners_edits_survive_another_web_application(releases: Path, render: Render, tmp_path: Path) -> None:
    edits = (write_own_handler, add_a_requirement, add_an_own_file)
    project = make(releases, tmp_path / "project", {"model_server": "flask"})
    fresh = tmp_path / "fresh"
    shutil.copytree(render(model_server="fastapi"), fresh)
    for edited in (project, fresh):
        for edit in edits:
            edit(edited)
    commit(project, "mine")

    update(project, model_server="fastapi")

    assert conflicts(project) == []
    assert contents(project) == contents(fresh)
