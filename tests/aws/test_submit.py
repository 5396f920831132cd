"""do/submit makes what a build needs, builds with CodeBuild, and shows how that goes."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import zipfile
from typing import Any

import pytest

from tests.aws.conftest import Make, Project
from tests.aws.service.account import Account
from tests.aws.service.builds import Ending
from tests.verbs.conftest import Done, refusal

NOT_YET = (
    "CodeBuild is not authorized to perform: sts:AssumeRole on arn:aws:iam::123456789012:role/my-model-codebuild-use1"
)
ROLE = "arn:aws:iam::123456789012:role/my-model-codebuild-use1"
KEY = "nvapi-key-of-the-tests"
SECRETS = "arn:aws:secretsmanager:us-east-1:123456789012:secret:"


def bucket_of(aws: Account) -> str:
    """The project's bucket."""
    return str(aws.client("s3").list_buckets()["Buckets"][0]["Name"])


def source_of(aws: Account) -> zipfile.ZipFile:
    """The source that the last build was started with."""
    build = aws.called("codebuild:StartBuild")[-1]
    bucket, _, key = build["sourceLocationOverride"].partition("/")
    content = aws.client("s3").get_object(Bucket=bucket, Key=key, VersionId=build["sourceVersion"])["Body"].read()
    return zipfile.ZipFile(io.BytesIO(content))


def build_project(aws: Account, region: str = "us-east-1") -> dict[str, Any]:
    """The project as CodeBuild has it."""
    return dict(aws.client("codebuild", region).batch_get_projects(names=["my-model"])["projects"][0])


def policies(aws: Account) -> dict[str, Any]:
    """The documents in the build's role, by name."""
    iam, role = aws.client("iam"), "my-model-codebuild-use1"
    names = iam.list_role_policies(RoleName=role)["PolicyNames"]
    return {name: iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in names}


def planned(done: Done) -> list[str]:
    """The calls of a dry run."""
    return re.findall(r"^would call (.*)", done.stdout, re.MULTILINE)


def test_the_image_is_built_and_its_digest_printed(project: Project, aws: Account) -> None:
    done = project.verb("submit")

    assert done.returncode == 0, done.stderr
    (image,) = aws.client("ecr").describe_images(repositoryName="my-model")["imageDetails"]
    assert done.stdout == f"my-model:{image['imageTags'][0]} {image['imageDigest']}\n"


def test_phases_and_log_are_shown_while_it_runs(project: Project, aws: Account) -> None:
    done = project.verb("submit")

    told = re.findall(r"build: (.*)|        (#.*)", done.stderr)
    assert [phase or line for phase, line in told] == [
        "submitted",
        "queued",
        "provisioning",
        "download source",
        "install",
        "pre build",
        "#1 building",
        "#2 pushing",
        "build",
        "post build",
        "completed",
    ]


def test_the_source_is_what_dockerignore_lets_through_with_the_buildspec_at_its_root(
    project: Project, aws: Account
) -> None:
    (project.path / "secret.txt").write_text("not for the image")
    project.verb("submit")

    source = source_of(aws)
    names = {*source.namelist()}
    assert {"buildspec.yml", "Dockerfile", ".dockerignore", "model/model.pkl", "serving/app.py"} <= names
    assert not [name for name in names if name == "secret.txt" or name.startswith(("do/", "iam/", "sample_model/"))]
    assert source.read("buildspec.yml") == (project.path / "buildspec.yml").read_bytes()
    assert source.getinfo("serving/serve").external_attr >> 16 & 0o111


def test_the_buildspec_in_the_source_is_the_one_that_is_used(project: Project, aws: Account) -> None:
    """Predecessor F.1-14: the buildspec was inlined into the project, so the generated file was dead."""
    project.verb("submit")

    assert build_project(aws)["source"]["buildspec"] == "buildspec.yml"
    assert "buildspecOverride" not in aws.called("codebuild:StartBuild")[0]


def test_the_bucket_is_private_encrypted_versioned_and_reached_over_tls_only(project: Project, aws: Account) -> None:
    project.verb("submit", "--provision-only")

    s3, bucket = aws.client("s3"), bucket_of(aws)
    blocked = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    rules = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    (statement,) = json.loads(aws.buckets.policies[bucket])["Statement"]
    assert all(blocked.values())
    assert rules[0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    assert statement["Effect"] == "Deny"
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


@pytest.mark.parametrize(
    ("instance_type", "machine"),
    [
        ("ml.m5.large", ("LINUX_CONTAINER", "aws/codebuild/amazonlinux-x86_64-standard:5.0")),
        ("ml.m6g.large", ("ARM_CONTAINER", "aws/codebuild/amazonlinux-aarch64-standard:3.0")),
    ],
)
def test_an_image_is_built_on_the_processor_that_it_is_for(
    make: Make, aws: Account, instance_type: str, machine: tuple[str, str]
) -> None:
    """Predecessor F.1-11: the default instance was arm64 and the build x86_64."""
    make(instance_type=instance_type).verb("submit", "--provision-only")

    environment = build_project(aws)["environment"]
    assert (environment["type"], environment["image"]) == machine
    assert environment["privilegedMode"]


# base images behind a login


@pytest.fixture
def on_nvidias_image(make: Make) -> Project:
    """A project whose base image is in NVIDIA's registry, with the name of the secret that has the key."""
    return make(model_kind="generative", model_server="tensorrt-llm", settings={"NGC_KEY_SECRET": "team/ngc-key"})


def test_codebuild_gets_the_key_for_nvidias_registry_by_the_name_of_its_secret(
    on_nvidias_image: Project, aws: Account
) -> None:
    aws.client("secretsmanager").create_secret(Name="team/ngc-key", SecretString=KEY)

    done = on_nvidias_image.verb("submit", "-v")

    assert done.returncode == 0, done.stderr
    variables = build_project(aws)["environment"]["environmentVariables"]
    assert {"name": "NGC_API_KEY", "value": "team/ngc-key", "type": "SECRETS_MANAGER"} in variables
    assert KEY not in done.stdout + done.stderr + repr(aws.calls)


@pytest.mark.parametrize(
    ("secret", "resource"),
    [
        ("team/ngc-key", f"{SECRETS}team/ngc-key-??????"),
        (f"{SECRETS}ngc-key", f"{SECRETS}ngc-key-??????"),
        (f"{SECRETS}ngc-key-a1B2c3", f"{SECRETS}ngc-key-a1B2c3"),
    ],
    ids=["name", "arn without the six letters", "arn"],
)
def test_the_role_may_read_that_secret_and_no_other(
    on_nvidias_image: Project, aws: Account, secret: str, resource: str
) -> None:
    on_nvidias_image.set(NGC_KEY_SECRET=secret)

    on_nvidias_image.verb("submit", "--provision-only")

    (statement,) = policies(aws)["codebuild-ngc-key"]["Statement"]
    assert (statement["Action"], statement["Resource"]) == ("secretsmanager:GetSecretValue", resource)


def test_another_secret_updates_the_project_and_its_role(on_nvidias_image: Project, aws: Account) -> None:
    on_nvidias_image.verb("submit", "--provision-only")
    on_nvidias_image.set(NGC_KEY_SECRET="another")
    aws.calls.clear()

    on_nvidias_image.verb("submit", "--provision-only")

    assert aws.changes() == ["iam:PutRolePolicy", "codebuild:UpdateProject"]
    assert "another" in repr(build_project(aws)["environment"])


def test_without_a_secret_neither_the_project_nor_its_role_has_one(on_nvidias_image: Project, aws: Account) -> None:
    on_nvidias_image.verb("submit", "--provision-only")
    on_nvidias_image.set(NGC_KEY_SECRET="")

    on_nvidias_image.verb("submit", "--provision-only")

    assert {*policies(aws)} == {"codebuild"}
    assert "NGC_API_KEY" not in repr(build_project(aws)["environment"])


def test_a_build_that_could_not_pull_from_nvidias_registry_is_not_started(
    on_nvidias_image: Project, aws: Account
) -> None:
    on_nvidias_image.set(NGC_KEY_SECRET="")

    assert refusal(on_nvidias_image.verb("submit"), 3) == (
        "do/submit: the base image is in nvcr.io, NVIDIA's registry, and NGC_KEY_SECRET is empty: store your key with "
        "aws secretsmanager create-secret --name ngc-key --secret-string ..., then type "
        "do/config set NGC_KEY_SECRET ngc-key"
    )
    assert aws.changes() == []


def test_a_copy_of_that_image_elsewhere_needs_no_key(make: Make, aws: Account) -> None:
    copied = {"base_image": "123456789012.dkr.ecr.us-east-1.amazonaws.com/tensorrt-llm:1.2.1"}
    project = make(model_kind="generative", model_server="tensorrt-llm", **copied)

    assert project.verb("submit").returncode == 0


def test_the_role_may_pull_the_base_image_from_its_repository(make: Make, aws: Account) -> None:
    image = "763104351884.dkr.ecr.us-west-2.amazonaws.com/djl-inference:0.36.0-lmi"
    make(model_kind="generative", model_server="lmi", base_image=image).verb("submit", "--provision-only")

    (statement,) = policies(aws)["codebuild-base-image"]["Statement"]
    assert statement["Resource"] == "arn:aws:ecr:us-west-2:763104351884:repository/djl-inference"


def test_a_base_image_of_another_partition_is_refused(make: Make, aws: Account) -> None:
    image = "727897471807.dkr.ecr.cn-north-1.amazonaws.com.cn/djl-inference:0.36.0-lmi"

    done = make(model_kind="generative", model_server="lmi", base_image=image).verb("submit")

    assert refusal(done, 3) == (
        "do/submit: the base image is in aws-cn, which credentials for aws can't read: copy it to a repository of "
        "yours, and name that in the Dockerfile"
    )


# what AWS says


def test_a_role_that_codebuild_does_not_know_yet_is_tried_again(project: Project, aws: Account) -> None:
    aws.refuse("codebuild:CreateProject", times=3, code="InvalidInputException", message=NOT_YET)

    done = project.verb("submit", "--provision-only")

    assert done.returncode == 0, done.stderr
    assert len(aws.called("codebuild:CreateProject")) == 4
    assert done.stderr.count("waiting until CodeBuild can assume the role") == 1


def test_another_refusal_is_not_tried_again(project: Project, aws: Account) -> None:
    aws.refuse("codebuild:CreateProject", times=3, code="AccountLimitExceededException", message="too many projects")

    done = project.verb("submit", "--provision-only")

    assert done.returncode == 4
    assert done.stderr.splitlines()[-1] == (
        "do/submit: codebuild:CreateProject: too many projects (AccountLimitExceededException)"
    )
    assert len(aws.called("codebuild:CreateProject")) == 1


def test_provisioning_again_changes_nothing(project: Project, aws: Account) -> None:
    project.verb("submit", "--provision-only")
    aws.calls.clear()

    done = project.verb("submit", "--provision-only")

    assert done.stdout == "my-model: the repository, the bucket, the build project and its role exist\n"
    assert aws.changes() == []


def test_a_changed_setting_updates_the_project(project: Project, aws: Account) -> None:
    """Predecessor F.1-14: an existing project was left as it was."""
    project.verb("submit", "--provision-only")
    aws.calls.clear()

    project.verb("submit", "--provision-only", CODEBUILD_COMPUTE_TYPE="BUILD_GENERAL1_LARGE")

    assert aws.changes() == ["codebuild:UpdateProject"]
    assert build_project(aws)["environment"]["computeType"] == "BUILD_GENERAL1_LARGE"


def test_a_changed_policy_updates_the_role(project: Project, aws: Account) -> None:
    project.verb("submit", "--provision-only")
    policy = project.path / "iam" / "codebuild.json"
    policy.write_text(policy.read_text().replace('"ecr:DescribeImages",', ""))
    aws.calls.clear()

    project.verb("submit", "--provision-only")

    assert aws.changes() == ["iam:PutRolePolicy"]


def test_the_role_may_be_taken_by_this_build_project_only(project: Project, aws: Account) -> None:
    project.verb("submit", "--provision-only")

    role = aws.client("iam").get_role(RoleName="my-model-codebuild-use1")["Role"]
    (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Condition"]["StringEquals"] == {
        "aws:SourceAccount": "123456789012",
        "aws:SourceArn": "arn:aws:codebuild:us-east-1:123456789012:project/my-model",
    }
    assert build_project(aws)["serviceRole"] == ROLE


def test_an_image_that_is_there_is_not_built_again(project: Project, aws: Account) -> None:
    first = project.verb("submit")

    second = project.verb("submit")

    assert second.stdout == first.stdout
    assert len(aws.called("codebuild:StartBuild")) == 1


def test_a_build_that_fails_ends_with_its_phase_its_message_and_the_last_lines(project: Project, aws: Account) -> None:
    lines = [f"step {number}" for number in range(30)] + ["ERROR: no matching distribution found for nowhere==1.0"]
    aws.builds.fail("BUILD", "Error while executing command: docker buildx build. Reason: exit status 1", lines)

    done = project.verb("submit")

    assert (done.returncode, done.stdout) == (1, "")
    *_, before, last = done.stderr.splitlines()
    assert before.strip() == "ERROR: no matching distribution found for nowhere==1.0"
    assert last == (
        "do/submit: the build failed in BUILD: Error while executing command: docker buildx build. "
        "Reason: exit status 1 (do/logs --build shows all of its log)"
    )


def test_a_build_that_takes_too_long_is_told_as_such(project: Project, aws: Account) -> None:
    aws.builds.fail("BUILD", "Build timed out", [], status="TIMED_OUT")

    assert "the build timed out in BUILD: Build timed out" in project.verb("submit").stderr.splitlines()[-1]


def test_a_project_without_a_model_is_not_built(project: Project, aws: Account) -> None:
    (project.path / "model" / "model.pkl").unlink()

    done = project.verb("submit")

    assert done.returncode == 5
    assert done.stderr.splitlines()[-1] == "do/submit: there is no model in model/: run do/train to make the sample"
    assert aws.called("codebuild:StartBuild") == []


@pytest.mark.parametrize("region", ["us-east-1", "cn-north-1", "us-gov-west-1"])
def test_it_works_in_every_partition(project: Project, aws: Account, region: str) -> None:
    done = project.verb("submit", AWS_REGION=region)

    assert done.returncode == 0, done.stderr
    partition = build_project(aws, region)["serviceRole"].split(":")[1]
    assert partition == {"us-east-1": "aws", "cn-north-1": "aws-cn", "us-gov-west-1": "aws-us-gov"}[region]


def test_the_longest_name_fits_everywhere(make: Make, aws: Account) -> None:
    name = "a" + "b" * 45

    assert make(project_name=name).verb("submit", "--provision-only").returncode == 0


def test_what_somebody_else_made_is_left_alone(project: Project, aws: Account) -> None:
    aws.client("iam").create_role(
        RoleName="my-model-codebuild-use1", AssumeRolePolicyDocument='{"Version": "2012-10-17", "Statement": []}'
    )

    done = project.verb("submit")

    assert done.returncode == 4
    assert "the role my-model-codebuild-use1 was not made by this project" in done.stderr
    assert [name for name in aws.changes() if name.startswith("iam:")] == []


def test_an_interrupted_run_is_taken_up_again(project: Project, aws: Account) -> None:
    """The bucket was made, and not yet marked as this project's."""
    aws.refuse("s3:PutBucketTagging", code="InternalError", times=-1, status=400)
    assert project.verb("submit").returncode == 4
    aws.refuse("s3:PutBucketTagging", times=0)

    assert project.verb("submit").returncode == 0


@pytest.fixture
def interrupted(project: Project, aws: Account) -> Project:
    """A project whose build goes on, though the verb that started it was interrupted."""
    running = project.start("submit")
    aws.after("codebuild:StartBuild", lambda call: os.kill(running.pid, signal.SIGINT))
    running.communicate()
    aws.after("codebuild:StartBuild", lambda call: None)
    assert running.returncode == 130
    return project


def test_a_build_that_goes_on_after_an_interruption_is_shown_to_its_end(interrupted: Project, aws: Account) -> None:
    done = interrupted.verb("submit")

    assert done.returncode == 0, done.stderr
    assert "is already running: showing it" in done.stderr
    assert "        #2 pushing" in done.stderr.splitlines()
    assert len(aws.called("codebuild:StartBuild")) == len(aws.called("s3:PutObject")) == 1


def test_the_build_of_another_image_is_not_waited_for(interrupted: Project, aws: Account) -> None:
    (interrupted.path / "model" / "model.pkl").write_bytes(b"another model")

    assert interrupted.verb("submit").returncode == 0

    assert len(aws.called("codebuild:StartBuild")) == 2


def test_a_build_that_has_failed_is_started_again(project: Project, aws: Account) -> None:
    aws.builds.fail("BUILD", "exit status 1", [])
    assert project.verb("submit").returncode == 1
    aws.builds.ending = Ending()

    assert project.verb("submit").returncode == 0


def test_a_dry_run_shows_the_whole_plan_without_the_account_and_changes_nothing(project: Project, aws: Account) -> None:
    done = project.verb("submit", "--dry-run")

    assert done.returncode == 0, done.stderr
    assert planned(done) == [
        "ecr CreateRepository",
        "ecr PutLifecyclePolicy",
        "s3 CreateBucket",
        "s3 PutBucketTagging",
        "s3 PutBucketLifecycleConfiguration",
        "s3 PutPublicAccessBlock",
        "s3 PutBucketEncryption",
        "s3 PutBucketVersioning",
        "s3 PutBucketPolicy",
        "iam CreateRole",
        "iam PutRolePolicy",
        "logs CreateLogGroup",
        "logs PutRetentionPolicy",
        "codebuild CreateProject",
        "s3 PutObject",
        "codebuild StartBuild",
    ]
    assert aws.changes() == []
    assert "123456789012" not in done.stdout + done.stderr


def test_without_credentials_it_ends_in_one_line(project: Project) -> None:
    line = refusal(project.verb("submit", AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY=""), 2)

    assert line.startswith("do/submit: no AWS credentials found: run aws configure")


def test_expired_credentials_are_told(project: Project, aws: Account) -> None:
    aws.refuse("sts:GetCallerIdentity", -1, "ExpiredToken", "The security token is expired", 403)

    assert refusal(project.verb("submit"), 2).startswith("do/submit: the AWS credentials have expired")


def test_a_link_in_the_image_is_refused_by_name(project: Project) -> None:
    """docker copies the link without its file (moby#42267)."""
    (project.path / "model" / "model.pkl").unlink()
    (project.path / "model" / "model.pkl").symlink_to("/tmp/weights")

    assert "model/model.pkl is a link, and the image would hold it without its file" in refusal(
        project.verb("submit"), 3
    )


# botocore's own data: https://github.com/boto/botocore/blob/develop/botocore/data/endpoints.json
@pytest.mark.parametrize(
    ("region", "suffix"),
    [
        ("eu-west-1", "amazonaws.com"),
        ("cn-north-1", "amazonaws.com.cn"),
        ("us-gov-west-1", "amazonaws.com"),
        ("eusc-de-east-1", "amazonaws.eu"),
        ("us-iso-east-1", "c2s.ic.gov"),
    ],
)
def test_the_registry_has_the_name_that_it_has_in_its_partition(project: Project, region: str, suffix: str) -> None:
    done = project.verb("submit", "--provision-only", "--dry-run", AWS_REGION=region)

    assert f'ACCOUNT.dkr.ecr.{region}.{suffix}/my-model"' in done.stdout, done.stderr


def test_a_region_without_codebuild_is_refused_before_anything_is_made(project: Project, aws: Account) -> None:
    done = project.verb("submit", AWS_REGION="ca-west-1")

    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.splitlines()[-1].startswith("do/submit: CodeBuild is not available in ca-west-1: ")
    assert aws.changes() == []


def test_a_rebuild_takes_the_tag_and_endpoints_keep_the_image_that_they_run(project: Project, aws: Account) -> None:
    project.verb("submit")
    (before,) = aws.client("ecr").describe_images(repositoryName="my-model")["imageDetails"]
    (tag,) = before["imageTags"]
    aws.builds.salt = "patched"

    done = project.verb("submit", "--rebuild")

    assert done.returncode == 0, done.stderr
    images = aws.client("ecr").describe_images(repositoryName="my-model")["imageDetails"]
    tags = {image["imageDigest"]: image["imageTags"] for image in images}
    assert tags.pop(before["imageDigest"]) == [f"{tag}-{before['imageDigest'][7:19]}"]
    assert [*tags.values()] == [[tag]]
    variables = {
        row["name"]: row["value"] for row in aws.called("codebuild:StartBuild")[-1]["environmentVariablesOverride"]
    }
    assert variables["REBUILD"] == "true"


def test_a_rebuild_that_fails_leaves_the_tag_where_it_was(project: Project, aws: Account) -> None:
    project.verb("submit")
    (before,) = aws.client("ecr").describe_images(repositoryName="my-model")["imageDetails"]
    aws.builds.fail("BUILD", "exit status 1", ["no"])

    assert project.verb("submit", "--rebuild").returncode == 1

    (after,) = aws.client("ecr").describe_images(repositoryName="my-model")["imageDetails"]
    assert after["imageDigest"] == before["imageDigest"]
    assert before["imageTags"][0] in after["imageTags"]
