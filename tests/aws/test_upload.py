"""do/upload keeps the model in S3 so that it lands in /opt/ml/model, and says where."""

from __future__ import annotations

import io
import os
import re
import tarfile
from pathlib import Path

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


def test_links_are_packed_as_the_files_that_they_lead_to(from_s3: Project, aws: Account, tmp_path: Path) -> None:
    """As in a cache of DVC or Hugging Face; SageMaker refuses archives with links (text-generation-inference#493)."""
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "weights").write_bytes(b"weights")
    (from_s3.path / "model" / "model.pkl").unlink()
    (from_s3.path / "model" / "model.pkl").symlink_to(tmp_path / "cache" / "weights")
    (from_s3.path / "model" / "folder").symlink_to(tmp_path / "cache")

    with uploaded(aws, from_s3.verb("upload").stdout.strip()) as archive:
        assert {entry.name: entry.isfile() for entry in archive} == {
            "folder": False,
            "folder/weights": True,
            "model.pkl": True,
        }
        assert archive.extractfile("model.pkl").read() == b"weights"  # type: ignore[union-attr]


def test_a_link_that_leads_nowhere_is_named(from_s3: Project) -> None:
    (from_s3.path / "model" / "more.pkl").symlink_to("gone")

    assert "model/more.pkl can't be packed (No such file or directory): replace links with files" in refusal(
        from_s3.verb("upload"), 5
    )


def test_a_big_model_goes_on_after_an_interruption_and_shows_how_far_it_is(from_s3: Project, aws: Account) -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html"""
    content = os.urandom(40 * 1024**2)
    (from_s3.path / "model" / "model.pkl").write_bytes(content)
    aws.refuse("s3:UploadPart", times=1, code="AccessDenied", status=403)
    assert from_s3.verb("upload").returncode == 4
    aws.calls.clear()

    done = from_s3.verb("upload")

    assert done.returncode == 0, done.stderr
    assert "resuming the upload: 2 of 3 parts are already there" in done.stderr
    assert "uploaded 100 % of 42 MB" in done.stderr
    assert aws.changes() == ["s3:UploadPart", "s3:CompleteMultipartUpload"]
    with uploaded(aws, done.stdout.strip()) as archive:
        assert archive.extractfile("model.pkl").read() == content  # type: ignore[union-attr]


def test_what_nobody_needs_any_more_expires(from_s3: Project, aws: Account) -> None:
    from_s3.verb("upload")
    aws.calls.clear()
    from_s3.verb("upload")

    bucket = aws.client("s3").list_buckets()["Buckets"][0]["Name"]
    rules = aws.client("s3").get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    assert {rule["ID"].removeprefix("mcc-template: ") for rule in rules} == {
        "parts of uploads",
        "sources",
        "old versions",
    }
    assert aws.changes() == []


def test_a_project_with_a_model_in_its_image_is_told_how_to_serve_it_from_s3(project: Project) -> None:
    before = (project.path / "do" / "config.env").read_text()

    done = project.verb("upload")

    url = done.stdout.strip()
    assert re.fullmatch(r"s3://my-model-[0-9a-f]{12}/models/[0-9a-f]{12}\.tar\.gz", url)
    assert f"do/update --keep-version --data model_source=s3 && do/config set MODEL_DATA_URL {url}\n" in done.stderr
    assert (project.path / "do" / "config.env").read_text() == before


def test_a_dry_run_changes_nothing(from_s3: Project, aws: Account) -> None:
    done = from_s3.verb("upload", "--dry-run")

    assert "would call s3 PutObject" in done.stdout
    assert aws.changes() == []
    assert "MODEL_DATA_URL" not in (from_s3.path / "do" / "config.env").read_text()


def test_without_a_model_it_says_how_to_get_one(make: Make) -> None:
    url = "s3://their-bucket/models/churn.tar.gz"

    line = refusal(make(model_source="s3", settings={"MODEL_DATA_URL": url}).verb("upload"), 5)

    assert line == (
        "do/upload: there is no model in model/, it comes from S3: to copy it here, "
        f"run mkdir -p model && aws s3 cp {url} - | tar -xz -C model"
    )


def test_serving_a_model_from_s3_here_needs_a_copy_of_it(make: Make) -> None:
    line = refusal(make(model_source="s3", settings={"MODEL_DATA_URL": "s3://their-bucket/churn/"}).verb("serve"), 5)

    assert line.endswith("run mkdir -p model && aws s3 cp --recursive s3://their-bucket/churn/ model")


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

    assert line.endswith("run mkdir -p model && cp -r YOUR_MODEL/. model")
