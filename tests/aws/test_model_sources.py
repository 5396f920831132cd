"""do/deploy brings the model from S3 or the Model Registry where it is not in the image, and looks first."""

from __future__ import annotations

from typing import Any

import pytest

from tests.aws.conftest import Make, Project, push
from tests.aws.service.account import Account
from tests.verbs.conftest import Done

GROUP = {"ModelPackageGroupName": "models", "ModelPackageGroupDescription": "of another team"}
ARCHIVE = "s3://models/churn.tar.gz"


def with_model(make: Make, aws: Account, **answers: Any) -> Project:
    """A project whose model comes from elsewhere, and whose image is in ECR."""
    project = make(**answers)
    push(project, aws)
    return project


def put(aws: Account, key: str) -> None:
    """Put an object into the bucket `models`."""
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="models")
    s3.put_object(Bucket="models", Key=key, Body=b"model")


def package(aws: Account, approval: str, containers: int = 1) -> str:
    """Make a model package; its ARN. Without containers it has no inference specification, as AWS allows."""
    sagemaker = aws.client("sagemaker")
    sagemaker.create_model_package_group(**GROUP)
    specification = {
        "Containers": [{"Image": "i", "ModelDataUrl": ARCHIVE}] * containers,
        "SupportedContentTypes": ["application/json"],
        "SupportedResponseMIMETypes": ["application/json"],
    }
    made = sagemaker.create_model_package(
        ModelPackageGroupName=GROUP["ModelPackageGroupName"],
        ModelApprovalStatus=approval,
        **({"InferenceSpecification": specification} if containers else {}),
    )
    return str(made["ModelPackageArn"])


def container(aws: Account) -> dict[str, Any]:
    """What the model's definition says of its container, but for the image."""
    (model,) = aws.called("sagemaker:CreateModel")
    return {key: value for key, value in model["PrimaryContainer"].items() if key != "Image"}


def last_line(done: Done, exit_code: int) -> str:
    assert done.returncode == exit_code, done.stderr
    return done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("url", "key", "expected"),
    [
        (ARCHIVE, "churn.tar.gz", {"ModelDataUrl": ARCHIVE}),
        (
            "s3://models/churn/",
            "churn/model.pkl",
            {
                "ModelDataSource": {
                    "S3DataSource": {"S3Uri": "s3://models/churn/", "S3DataType": "S3Prefix", "CompressionType": "None"}
                }
            },
        ),
    ],
    ids=["an archive", "files under a prefix"],
)
def test_a_model_in_s3_is_mounted(make: Make, aws: Account, url: str, key: str, expected: dict[str, Any]) -> None:
    project = with_model(make, aws, model_source="s3", settings={"MODEL_DATA_URL": url})
    put(aws, key)

    done = project.verb("deploy")

    assert done.returncode == 0, done.stderr
    assert container(aws) == expected


@pytest.mark.parametrize("url", [ARCHIVE, "s3://models/churn/"])
def test_a_model_that_is_not_in_s3_is_told_before_anything_is_made(make: Make, aws: Account, url: str) -> None:
    project = with_model(make, aws, model_source="s3", settings={"MODEL_DATA_URL": url})
    put(aws, "another.tar.gz")

    assert last_line(project.verb("deploy"), 5) == f"do/deploy: there is nothing at {url}: run do/upload"
    assert aws.called("sagemaker:CreateModel") == []


def test_the_model_of_an_approved_package_is_mounted(make: Make, aws: Account) -> None:
    project = with_model(make, aws, model_source="registry", settings={"MODEL_PACKAGE_ARN": package(aws, "Approved")})

    done = project.verb("deploy")

    assert done.returncode == 0, done.stderr
    assert container(aws) == {"ModelDataUrl": ARCHIVE}


@pytest.mark.parametrize("approval", ["PendingManualApproval", "Rejected"])
def test_a_package_that_is_not_approved_is_refused_in_one_line(make: Make, aws: Account, approval: str) -> None:
    project = with_model(make, aws, model_source="registry", settings={"MODEL_PACKAGE_ARN": package(aws, approval)})

    line = last_line(project.verb("deploy"), 3)

    assert line.startswith(f"do/deploy: the model package is {approval}, and only an Approved one is deployed")
    assert aws.called("sagemaker:CreateModel") == []


@pytest.mark.parametrize(("containers", "said"), [(0, "no containers"), (2, "2 containers")])
def test_a_package_without_the_one_model_is_refused_in_one_line(
    make: Make, aws: Account, containers: int, said: str
) -> None:
    """https://github.com/aws/sagemaker-python-sdk/pull/3228 is about packages without an inference specification."""
    arn = package(aws, "Approved", containers)
    project = with_model(make, aws, model_source="registry", settings={"MODEL_PACKAGE_ARN": arn})

    line = last_line(project.verb("deploy"), 3)

    assert line.startswith(f"do/deploy: the model package has {said} with a model, and this project serves one")
    assert aws.called("sagemaker:CreateModel") == []
