"""do/clean --aws and --all remove what the project made in AWS, in the right order, and nothing else."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import Any

import pytest

from tests.aws.conftest import Make, Project, push, tags_of
from tests.aws.replays import bring
from tests.aws.service.account import REGION, Account
from tests.exhaustive import exhaustive
from tests.verbs.conftest import refusal

BUILD_PROJECT: dict[str, Any] = {
    "source": {"type": "S3", "location": "bucket/source.zip"},
    "artifacts": {"type": "NO_ARTIFACTS"},
    "environment": {"type": "LINUX_CONTAINER", "image": "i", "computeType": "BUILD_GENERAL1_SMALL"},
    "serviceRole": "arn:aws:iam::123456789012:role/r",
}


@pytest.fixture
def deployed(pushed: Project) -> Project:
    """A project with two configurations, alarms and autoscaling."""
    for maximum in ("2", "3"):
        pushed.set(MAX_INSTANCES=maximum, STARTUP_TIMEOUT=f"{maximum}00")
        bring(pushed, "deploy")
    return pushed


def has(aws: Account, region: str = REGION) -> list[str]:
    """The kinds of things in the account in this region."""
    client = partial(aws.client, region=region)
    sagemaker = client("sagemaker")
    found = {
        "endpoint": aws.endpoints.of(region).endpoints,
        "component": aws.components.components,
        "copies": aws.copies.targets,
        "config": aws.endpoints.of(region).configs,
        "model": sagemaker.list_models()["Models"],
        "alarm": client("cloudwatch").describe_alarms()["MetricAlarms"],
        "scaling": client("application-autoscaling").describe_scalable_targets(ServiceNamespace="sagemaker")[
            "ScalableTargets"
        ],
        "role": client("iam").list_roles()["Roles"],
        "repository": client("ecr").describe_repositories()["repositories"],
        "bucket": client("s3").list_buckets()["Buckets"],
        "build project": client("codebuild").list_projects()["projects"],
        "package group": sagemaker.list_model_package_groups()["ModelPackageGroupSummaryList"],
        "log group": client("logs").describe_log_groups()["logGroups"],
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
    assert has(aws) == ["repository", "log group"]


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
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tags_of(name)})
    for body in (b"one", b"two"):
        s3.put_object(Bucket=bucket, Key="source.zip", Body=body)
    s3.delete_object(Bucket=bucket, Key="source.zip")
    small = [{"key": tag["Key"], "value": tag["Value"]} for tag in tags_of(name)]
    aws.client("codebuild").create_project(name=name, tags=small, **BUILD_PROJECT)
    aws.client("iam").create_role(
        RoleName=f"{name}-codebuild-use1",
        AssumeRolePolicyDocument='{"Version":"2012-10-17","Statement":[]}',
        Tags=tags_of(name),
    )
    sagemaker = aws.client("sagemaker")
    sagemaker.create_model_package_group(ModelPackageGroupName=name, Tags=tags_of(name))
    sagemaker.create_model_package(ModelPackageGroupName=name)
    for group in (f"/aws/sagemaker/Endpoints/{name}", f"/aws/codebuild/{name}"):
        aws.write_log(group, "main/i-1", ["hello"])
        own = {tag["Key"]: tag["Value"] for tag in tags_of(name)}
        aws.client("logs").tag_resource(resourceArn=f"arn:aws:logs:us-east-1:123456789012:log-group:{group}", tags=own)


def bucket_of(name: str) -> str:
    """The bucket of a project in the tests' account; lib/aws/names.py makes it of account and region."""
    return f"{name}-{BUCKET_HASH}"


BUCKET_HASH = hashlib.sha256(b"123456789012 us-east-1").hexdigest()[:12]


@exhaustive  # tests/aws/test_neighbours.py has more of them, in more places
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
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tags_of("my-model")})
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
    assert done.stderr == "do/clean: not a terminal: pass --yes to confirm\n"


def test_what_is_unknown_is_refused(project: Project) -> None:
    assert "invalid choice: 'everything'" in refusal(project.verb("clean", "--aws", "everything"), 3)


def test_what_can_be_neither_seen_nor_removed_is_summed_up_and_the_rest_goes(aws: Account, deployed: Project) -> None:
    """Organisations attach policies to every role, and deny what a team doesn't use."""
    add_the_rest(aws, "my-model")
    (role,) = [row["RoleName"] for row in aws.client("iam").list_roles()["Roles"] if "sagemaker" in row["RoleName"]]
    audit = {"Effect": "Allow", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::audit/*"}
    policy = aws.client("iam").create_policy(
        PolicyName="audit", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [audit]})
    )
    aws.client("iam").attach_role_policy(RoleName=role, PolicyArn=policy["Policy"]["Arn"])
    aws.refuse("codebuild:BatchGetProjects", times=-1)

    status = deployed.verb("status")
    done = deployed.verb("clean", "--all", "--yes")

    assert status.returncode == done.returncode == 4
    assert "endpoint  my-model  InService" in status.stdout
    for told in (status, done):
        assert "not seen: you are not allowed to call codebuild:BatchGetProjects" in told.stderr
    assert (
        f"not removed: role {role}: somebody has attached policies to it: run aws iam detach-role-policy" in done.stderr
    )
    assert has(aws) == ["role", "build project"]


def test_what_an_endpoint_that_stays_needs_stays_with_it(aws: Account, deployed: Project) -> None:
    aws.refuse("sagemaker:DeleteEndpoint", times=-1)

    done = deployed.verb("clean", "--aws", "--yes")

    assert done.returncode == 4
    assert {"endpoint", "config", "model", "role"} <= {*has(aws)}
    assert "not removed: endpoint my-model: you are not allowed to call sagemaker:DeleteEndpoint" in done.stderr


def test_the_role_stays_until_sagemaker_has_removed_its_network_interfaces(aws: Account, deployed: Project) -> None:
    """https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DeleteEndpoint.html"""
    ec2 = aws.client("ec2")
    subnet = ec2.describe_subnets()["Subnets"][0]
    (group,) = ec2.describe_security_groups(GroupNames=["default"])["SecurityGroups"]
    made = ec2.create_network_interface(
        SubnetId=subnet["SubnetId"], Groups=[group["GroupId"]], Description="[DO NOT DELETE] ENI managed by SageMaker"
    )["NetworkInterface"]
    deployed.set(VPC_SUBNETS=subnet["SubnetId"], VPC_SECURITY_GROUPS=group["GroupId"])
    looks: list[object] = []

    def look(call: object) -> None:
        assert aws.called("iam:DeleteRole") == []
        looks.append(call)
        if len(looks) == 2:
            ec2.delete_network_interface(NetworkInterfaceId=made["NetworkInterfaceId"])

    aws.after("ec2:DescribeNetworkInterfaces", look)

    done = deployed.verb("clean", "--aws", "--yes")

    assert done.returncode == 0, done.stderr
    assert len(looks) == 3
    assert f"SageMaker still removes {made['NetworkInterfaceId']}" in done.stderr
