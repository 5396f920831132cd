"""do/register adds a version with the image's digest and the model to the SageMaker Model Registry."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from tests.aws.conftest import Make, Project
from tests.aws.service.account import Account
from tests.verbs.conftest import refusal


@pytest.fixture
def pushed(project: Project) -> Project:
    """A project whose image is in ECR."""
    assert project.verb("push").returncode == 0
    return project


def versions(aws: Account) -> list[dict[str, Any]]:
    """The versions in the group, oldest first."""
    sagemaker = aws.client("sagemaker")
    listed = sagemaker.list_model_packages(ModelPackageGroupName="my-model")["ModelPackageSummaryList"]
    found = [sagemaker.describe_model_package(ModelPackageName=row["ModelPackageArn"]) for row in listed]
    return sorted(found, key=lambda row: int(row["ModelPackageVersion"]))


def test_a_version_has_the_image_by_its_digest_and_waits_for_approval(pushed: Project, aws: Account) -> None:
    (image,) = aws.client("ecr").describe_images(repositoryName="my-model")["imageDetails"]

    done = pushed.verb("register")

    (version,) = versions(aws)
    (container,) = version["InferenceSpecification"]["Containers"]
    assert done.stdout == "my-model version 1: PendingManualApproval\n"
    assert container["Image"] == f"123456789012.dkr.ecr.us-east-1.amazonaws.com/my-model@{image['imageDigest']}"
    assert version["ModelApprovalStatus"] == "PendingManualApproval"


def test_the_same_image_and_model_are_registered_once(pushed: Project, aws: Account) -> None:
    pushed.verb("register")
    aws.calls.clear()

    done = pushed.verb("register")

    assert done.stdout == "my-model version 1: PendingManualApproval\n"
    assert aws.changes() == []


def test_another_image_is_another_version(pushed: Project, aws: Account) -> None:
    pushed.verb("register")
    (pushed.path / "model" / "model.pkl").write_bytes(b"another")
    pushed.verb("push")

    assert pushed.verb("register").stdout == "my-model version 2: PendingManualApproval\n"


def test_a_version_can_be_approved_at_once_and_later(pushed: Project, aws: Account) -> None:
    pushed.verb("register")

    done = pushed.verb("register", "--approve")

    assert done.stdout == "my-model version 1: Approved\n"
    assert [version["ModelApprovalStatus"] for version in versions(aws)] == ["Approved"]


def test_the_metrics_of_the_sample_are_registered_with_it(pushed: Project, aws: Account) -> None:
    expected = {"model_sha256": hashlib.sha256(b"model").hexdigest(), "metrics": {"r2": 0.55}}
    (pushed.path / "sample_model" / "expected.json").write_text(json.dumps(expected))

    pushed.verb("register")

    (created,) = aws.called("sagemaker:CreateModelPackage")
    bucket, _, key = created["ModelMetrics"]["ModelQuality"]["Statistics"]["S3Uri"][5:].partition("/")
    report = json.load(aws.client("s3").get_object(Bucket=bucket, Key=key)["Body"])
    assert report == {"regression_metrics": {"r2": {"value": 0.55}}}


def test_another_model_has_no_metrics(pushed: Project, aws: Account) -> None:
    pushed.verb("register")

    assert "ModelMetrics" not in aws.called("sagemaker:CreateModelPackage")[0]


def test_a_model_from_s3_is_registered_with_its_data(make: Make, aws: Account) -> None:
    aws.client("s3").create_bucket(Bucket="their-bucket")
    aws.client("s3").put_object(Bucket="their-bucket", Key="churn.tar.gz", Body=b"model")
    project = make(model_source="s3", settings={"MODEL_DATA_URL": "s3://their-bucket/churn.tar.gz"})
    project.verb("push")

    done = project.verb("register")

    assert done.returncode == 0, done.stderr
    (container,) = aws.called("sagemaker:CreateModelPackage")[0]["InferenceSpecification"]["Containers"]
    assert container["ModelDataUrl"] == "s3://their-bucket/churn.tar.gz"


def test_an_image_that_was_not_pushed_cannot_be_registered(project: Project, aws: Account) -> None:
    line = refusal(project.verb("register"), 5)

    assert line.endswith("is not in ECR: run do/submit, or do/build and do/push")
    assert aws.changes() == []


def test_a_group_of_somebody_else_is_left_alone(pushed: Project, aws: Account) -> None:
    aws.client("sagemaker").create_model_package_group(
        ModelPackageGroupName="my-model", ModelPackageGroupDescription="theirs"
    )

    assert "the model package group my-model was not made by this project" in refusal(pushed.verb("register"), 4)


def test_a_dry_run_changes_nothing(pushed: Project, aws: Account) -> None:
    aws.calls.clear()

    done = pushed.verb("register", "--dry-run")

    assert "would call sagemaker CreateModelPackageGroup" in done.stdout
    assert "would call sagemaker CreateModelPackage\n" in done.stdout
    assert aws.changes() == []
    assert "123456789012" not in done.stdout + done.stderr
