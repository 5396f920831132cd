"""do/upload of a generative project sends the weights as they are, big ones in parts."""

from __future__ import annotations

import pytest

from tests.aws.conftest import Make, Project
from tests.aws.service.account import Account

BIG = 16 * 1024**2 + 5  # one byte range more than a part


@pytest.fixture
def weights(make: Make) -> Project:
    """A project with a model of three files, one of which needs two parts."""
    project = make(model_kind="generative", model_server="vllm", model_id="Qwen/Qwen3-4B", model_source="s3")
    model = project.path / "model"
    (model / "tokenizer").mkdir(parents=True)
    (model / "tokenizer/vocab.json").write_text("{}")
    (model / "config.json").write_text("{}")
    (model / ".cache").mkdir()
    (model / ".cache/lock").touch()
    with (model / "model.safetensors").open("wb") as file:
        file.truncate(BIG)
    return project


def test_files_lie_under_a_prefix_as_they_are_here(weights: Project, aws: Account) -> None:
    done = weights.verb("upload")

    assert done.returncode == 0, done.stderr
    url = done.stdout.strip()
    bucket, _, prefix = url.removeprefix("s3://").partition("/")
    found = aws.client("s3").list_objects_v2(Bucket=bucket, Prefix=prefix)["Contents"]
    assert {entry["Key"].removeprefix(prefix): entry["Size"] for entry in found} == {
        "config.json": 2,
        "tokenizer/vocab.json": 2,
        "model.safetensors": BIG,
    }
    assert aws.changes().count("s3:UploadPart") == 2
    assert f"MODEL_DATA_URL={url}\n" in (weights.path / "do/config.env").read_text()


def test_after_an_interruption_the_rest_is_sent(weights: Project, aws: Account) -> None:
    url = weights.verb("upload").stdout.strip()
    bucket, _, prefix = url.removeprefix("s3://").partition("/")
    aws.client("s3").delete_object(Bucket=bucket, Key=f"{prefix}config.json")
    aws.calls.clear()

    assert weights.verb("upload").stdout.strip() == url
    assert aws.changes() == ["s3:PutObject"]


def test_a_dry_run_sends_nothing(weights: Project, aws: Account) -> None:
    weights.verb("upload")
    (weights.path / "model/config.json").write_text("[]")
    aws.calls.clear()
    done = weights.verb("upload", "--dry-run")

    assert done.returncode == 0, done.stderr
    assert aws.changes() == []
