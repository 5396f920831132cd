"""do/upload keeps the model in S3 so that it lands in /opt/ml/model, and says where."""

from __future__ import annotations

import io
import re
import tarfile

import pytest

from tests.aws.conftest import Make, Project
from tests.aws.service.account import Account
from tests.verbs.conftest import refusal


@pytest.fixture
def from_s3(make: Make) -> Project:
    """A project whose model comes from S3, with a copy of it here."""
    project = make(model_source="s3")
    (project.path / "model").mkdir()
    (project.path / "model" / "model.pkl").write_bytes(b"model")
    return project


def uploaded(aws: Account, url: str) -> tarfile.TarFile:
    """The archive at a URL."""
    bucket, _, key = url.removeprefix("s3://").partition("/")
    return tarfile.open(fileobj=io.BytesIO(aws.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()))


def test_the_archive_holds_the_model_as_it_should_lie_in_the_container(from_s3: Project, aws: Account) -> None:
    (from_s3.path / "model" / "assets").mkdir()
    (from_s3.path / "model" / "assets" / "names.txt").write_text("a b")
    (from_s3.path / "model" / ".gitignore").write_text("*")

    done = from_s3.verb("upload")

    assert done.returncode == 0, done.stderr
    assert uploaded(aws, done.stdout.strip()).getnames() == ["assets", "assets/names.txt", "model.pkl"]


def test_a_project_whose_model_comes_from_s3_deploys_what_was_uploaded(from_s3: Project) -> None:
    url = from_s3.verb("upload").stdout.strip()

    assert f"MODEL_DATA_URL={url}\n" in (from_s3.path / "do" / "config.env").read_text()


def test_the_same_model_is_not_sent_again_and_another_is(from_s3: Project, aws: Account) -> None:
    first = from_s3.verb("upload").stdout
    aws.calls.clear()
    (from_s3.path / "model" / "model.pkl").touch()

    assert from_s3.verb("upload").stdout == first
    assert aws.changes() == []

    (from_s3.path / "model" / "model.pkl").write_bytes(b"another")
    assert from_s3.verb("upload").stdout != first
    assert aws.changes() == ["s3:PutObject"]


def test_a_project_with_a_model_in_its_image_is_told_how_to_serve_it_from_s3(project: Project) -> None:
    before = (project.path / "do" / "config.env").read_text()

    done = project.verb("upload")

    url = done.stdout.strip()
    assert re.fullmatch(r"s3://my-model-[0-9a-f]{12}/models/[0-9a-f]{12}\.tar\.gz", url)
    assert f"--data model_source=s3 --data model_data_url={url}\n" in done.stderr
    assert (project.path / "do" / "config.env").read_text() == before


def test_a_dry_run_changes_nothing(from_s3: Project, aws: Account) -> None:
    done = from_s3.verb("upload", "--dry-run")

    assert "would call s3 PutObject" in done.stdout
    assert aws.changes() == []
    assert "MODEL_DATA_URL=\n" in (from_s3.path / "do" / "config.env").read_text()


def test_without_a_model_it_says_how_to_get_one(make: Make) -> None:
    url = "s3://their-bucket/models/churn.tar.gz"

    line = refusal(make(model_source="s3", model_data_url=url).verb("upload"), 5)

    assert line == (
        "do/upload: there is no model in model/, it comes from S3: to have it here, too, "
        f"type mkdir -p model && aws s3 cp {url} - | tar -xz -C model"
    )


def test_serving_a_model_from_s3_here_needs_a_copy_of_it(make: Make) -> None:
    line = refusal(make(model_source="s3", model_data_url="s3://their-bucket/churn/").verb("serve"), 5)

    assert line.endswith("type mkdir -p model && aws s3 cp --recursive s3://their-bucket/churn/ model")


def test_the_image_of_a_project_whose_model_comes_from_s3_does_not_change_with_the_model(from_s3: Project) -> None:
    before = from_s3.verb("build", "--dry-run").stdout
    (from_s3.path / "model" / "model.pkl").write_bytes(b"another")

    assert from_s3.verb("build", "--dry-run").stdout == before
    assert "/opt/ml/model" not in (from_s3.path / "Dockerfile").read_text()


def test_a_local_container_of_a_project_whose_model_comes_from_s3_gets_the_copy_mounted(from_s3: Project) -> None:
    from_s3.verb("run", "--detach")  # which then finds no server: the stand-in of docker starts none

    (started,) = [call for call in from_s3.docker_calls() if call[0] == "run"]
    assert started[started.index("--volume") + 1] == f"{from_s3.path}/model:/opt/ml/model:ro"


def test_weights_of_a_generative_model_are_asked_for_as_a_folder(make: Make) -> None:
    line = refusal(make(model_kind="generative", model_source="s3").verb("upload"), 5)

    assert line.endswith("type mkdir -p model && cp -r YOUR_MODEL/. model")
