"""do/clean --aws and --all remove what the project made in AWS, in the right order, and nothing else."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from tests.aws.conftest import Make, Project, push
from tests.aws.service.account import Account
from tests.verbs.conftest import refusal

BUILD_PROJECT: dict[str, Any] = {
    "source": {"type": "S3", "location": "bucket/source.zip"},
    "artifacts": {"type": "NO_ARTIFACTS"},
    "environment": {"type": "LINUX_CONTAINER", "image": "i", "computeType": "BUILD_GENERAL1_SMALL"},
    "serviceRole": "arn:aws:iam::123456789012:role/r",
}


def tags(project: str) -> list[dict[str, str]]:
    return [{"Key": "mcc-template:project", "Value": project}]


@pytest.fixture
def deployed(pushed: Project) -> Project:
    """A project with two configurations, alarms and autoscaling."""
    for maximum in ("2", "3"):
        pushed.set(MAX_INSTANCES=maximum, STARTUP_TIMEOUT=f"{maximum}00")
        assert pushed.verb("deploy").returncode == 0
    return pushed


def has(aws: Account) -> list[str]:
    """The kinds of things in the account."""
    sagemaker = aws.client("sagemaker")
    found = {
        "endpoint": aws.endpoints.endpoints,
        "config": aws.endpoints.configs,
        "model": sagemaker.list_models()["Models"],
        "alarm": aws.client("cloudwatch").describe_alarms()["MetricAlarms"],
        "scaling": aws.client("application-autoscaling").describe_scalable_targets(ServiceNamespace="sagemaker")[
            "ScalableTargets"
        ],
        "role": aws.client("iam").list_roles()["Roles"],
        "repository": aws.client("ecr").describe_repositories()["repositories"],
        "bucket": aws.client("s3").list_buckets()["Buckets"],
        "build project": aws.client("codebuild").list_projects()["projects"],
        "package group": sagemaker.list_model_package_groups()["ModelPackageGroupSummaryList"],
        "log group": aws.client("logs").describe_log_groups()["logGroups"],
    }
    return [kind for kind, things in found.items() if things]


def test_the_endpoint_and_all_that_belongs_to_it_goes_in_the_right_order(aws: Account, deployed: Project) -> None:
    aws.calls.clear()

    done = deployed.verb("clean", "--aws", "--yes")

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "removed 8 of 8"
    assert aws.changes()[:2] == ["application-autoscaling:DeregisterScalableTarget", "sagemaker:DeleteEndpoint"]
    assert [change.partition(":")[2] for change in aws.changes()[2:]] == [
        "DeleteEndpointConfig",
        "DeleteEndpointConfig",
        "DeleteModel",
        "DeleteAlarms",
        "DeleteAlarms",
        "DeleteRolePolicy",
        "DeleteRole",
    ]
    assert has(aws) == ["repository"]


def test_what_lies_in_the_project_stays_and_a_second_time_there_is_nothing(deployed: Project) -> None:
    deployed.verb("clean", "--aws", "--yes")

    assert (deployed.path / "do" / ".venv").is_symlink()
    assert deployed.verb("clean", "--aws", "--yes").stdout == "nothing to remove\n"


def test_everything_goes_with_all(aws: Account, deployed: Project) -> None:
    add_the_rest(aws, "my-model")

    done = deployed.verb("clean", "--all", "--yes")

    assert done.returncode == 0, done.stderr
    assert has(aws) == []
    assert not (deployed.path / "do" / ".venv").exists()


def test_what_is_named_goes_and_the_rest_stays(aws: Account, deployed: Project) -> None:
    add_the_rest(aws, "my-model")

    done = deployed.verb("clean", "--aws", "images", "build", "--yes")

    assert done.returncode == 0, done.stderr
    assert {"repository", "build project"} & {*has(aws)} == set()
    assert {"endpoint", "bucket", "package group", "log group"} <= {*has(aws)}


def add_the_rest(aws: Account, name: str) -> None:
    """What the verbs besides do/deploy make for a project of this name."""
    bucket = bucket_of(name)
    s3 = aws.client("s3")
    s3.create_bucket(Bucket=bucket)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tags(name)})
    for body in (b"one", b"two"):
        s3.put_object(Bucket=bucket, Key="source.zip", Body=body)
    s3.delete_object(Bucket=bucket, Key="source.zip")
    small = [{"key": tag["Key"], "value": tag["Value"]} for tag in tags(name)]
    aws.client("codebuild").create_project(name=name, tags=small, **BUILD_PROJECT)
    aws.client("iam").create_role(
        RoleName=f"{name}-codebuild",
        AssumeRolePolicyDocument='{"Version":"2012-10-17","Statement":[]}',
        Tags=tags(name),
    )
    sagemaker = aws.client("sagemaker")
    sagemaker.create_model_package_group(ModelPackageGroupName=name, Tags=tags(name))
    sagemaker.create_model_package(ModelPackageGroupName=name)
    aws.write_log(f"/aws/sagemaker/Endpoints/{name}", "main/i-1", ["hello"])
    aws.write_log(f"/aws/codebuild/{name}", "1", ["hello"])


def bucket_of(name: str) -> str:
    """The bucket of a project in the tests' account; lib/aws/names.py makes it of account and region."""
    return f"{name}-{BUCKET_HASH}"


BUCKET_HASH = hashlib.sha256(b"123456789012 us-east-1").hexdigest()[:12]


def test_two_projects_of_one_account_leave_each_other_alone(aws: Account, make: Make) -> None:
    first, second = make(project_name="shop"), make(project_name="shop-2")
    for project in (first, second):
        push(project, aws)
        assert project.verb("deploy").returncode == 0
        add_the_rest(aws, project.path.name)
    before = second.verb("status", "--json").stdout

    assert first.verb("clean", "--all", "--yes").returncode == 0

    assert without_ages(second.verb("status", "--json").stdout) == without_ages(before)
    assert first.verb("deploy", "--dry-run").returncode == 5


def without_ages(document: str) -> list[str]:
    return [line for line in document.splitlines() if '"age"' not in line]


def test_what_has_the_name_but_not_the_tag_stays(aws: Account, project: Project) -> None:
    aws.client("ecr").create_repository(repositoryName="my-model")
    aws.client("s3").create_bucket(Bucket=bucket_of("my-model"))
    aws.client("codebuild").create_project(name="my-model", **BUILD_PROJECT)

    done = project.verb("clean", "--aws", "images", "bucket", "build", "--yes")

    assert (done.returncode, done.stdout) == (0, "nothing to remove\n")


def test_a_bucket_with_an_object_that_may_not_be_deleted_stays_and_the_reason_is_told(
    aws: Account, project: Project
) -> None:
    bucket = bucket_of("my-model")
    s3 = aws.client("s3")
    s3.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tags("my-model")})
    kept = datetime.now(timezone.utc) + timedelta(days=1)
    s3.put_object(Bucket=bucket, Key="model", Body=b"", ObjectLockMode="COMPLIANCE", ObjectLockRetainUntilDate=kept)

    done = project.verb("clean", "--aws", "bucket", "--yes")

    assert done.returncode == 4
    assert f"can't delete model in {bucket}: " in done.stderr
    assert "bucket" in has(aws)


def test_a_dry_run_shows_the_plan_and_every_call_and_removes_nothing(aws: Account, deployed: Project) -> None:
    aws.calls.clear()

    done = deployed.verb("clean", "--aws", "--dry-run")

    assert (done.returncode, aws.changes()) == (0, [])
    assert done.stdout.startswith("would remove: autoscaling endpoint/my-model/variant/main\n")
    assert 'would call sagemaker DeleteEndpoint\n{\n  "EndpointName": "my-model"\n}\n' in done.stdout


def test_nothing_is_removed_where_nobody_agrees(aws: Account, deployed: Project) -> None:
    aws.calls.clear()

    done = deployed.verb("clean", "--aws")

    assert (done.returncode, aws.changes()) == (3, [])
    assert done.stderr == "do/clean: nobody to ask: type do/clean --yes\n"


def test_what_is_unknown_is_refused(project: Project) -> None:
    assert "invalid choice: 'everything'" in refusal(project.verb("clean", "--aws", "everything"), 3)
