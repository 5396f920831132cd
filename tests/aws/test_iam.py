"""The policy documents in iam/ are sound and least privilege in every partition, and what the verbs attach."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from string import Template
from typing import Any

import pytest
from cfnlint.api import lint
from cfnlint.config import ManualArgs

from extensions import document_verbs
from extensions.context import load_catalog
from tests.aws.conftest import Project
from tests.aws.service.account import Account

Document = dict[str, Any]

CATALOG = load_catalog()
GENERATIVE_SERVERS = [name for name, row in CATALOG["model_servers"].items() if "generative" in row["kinds"]]

TEMPLATE = Path(__file__).resolve().parents[2] / "template"
PARTITIONS = {"aws": "eu-west-1", "aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1"}
LONGEST = "a" * 46  # a project's name
# what a managed policy may have at most, blanks not counted
LARGEST_POLICY = 6144
SECRETS = ("HF_TOKEN_SECRET", "NGC_KEY_SECRET")
# all that have documents of their own
PROJECTS: list[dict[str, str]] = [
    {"build_with": build_with, **model}
    for build_with in CATALOG["build_with"]
    for model in [{}, *({"model_kind": "generative", "model_server": server} for server in GENERATIVE_SERVERS)]
]
# whoever sets up the bucket sets its policy
ALLOWED_FINDINGS = {"RESOURCE_POLICY_PRIVILEGE_ESCALATION"}


def filled_in(file: Path, partition: str) -> Document:
    """A document as the verbs fill it in."""
    region = PARTITIONS[partition]
    values = {
        "PARTITION": partition,
        "REGION": region,
        "ACCOUNT": "123456789012",
        "PROJECT": LONGEST,
        "BUCKET": f"{LONGEST}-0123456789ab",
        "KMS_KEY": f"arn:{partition}:kms:{region}:123456789012:key/12345678-1234-1234-1234-123456789012",
        "MODEL_DATA_BUCKET": "their-bucket",
        "MODEL_DATA_PREFIX": "models/",
        "DATA_CAPTURE_BUCKET": "their-bucket",
        "DATA_CAPTURE_PREFIX": "captured",
        "BASE_IMAGE_REPOSITORY": f"arn:{partition}:ecr:{region}:763104351884:repository/djl-inference",
        **dict.fromkeys(SECRETS, f"arn:{partition}:secretsmanager:{region}:123456789012:secret:team/it-??????"),
    }
    return dict(json.loads(Template(file.read_text()).substitute(values)))


@pytest.fixture(scope="session")
def documents(render: Callable[..., Path]) -> dict[str, Path]:
    """The documents of all projects by name; those of one name are the same in each."""
    found: dict[str, Path] = {}
    for answers in PROJECTS:
        for file in sorted((render(**answers) / "iam").glob("*.json")):
            assert found.setdefault(file.stem, file).read_text() == file.read_text()
    return found


def test_every_document_of_the_template_is_checked_here(documents: dict[str, Path]) -> None:
    assert {*documents} == {file.stem for file in TEMPLATE.rglob("iam/*.json")}


def resource_of(name: str, document: Document) -> Document:
    """The document where CloudFormation would take it."""
    if name.endswith("-trust"):
        return {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": document}}
    if name == "bucket":
        name = document["Statement"][0]["Resource"][0].partition(":")[2]
        return {"Type": "AWS::S3::BucketPolicy", "Properties": {"Bucket": name, "PolicyDocument": document}}
    return {"Type": "AWS::IAM::ManagedPolicy", "Properties": {"PolicyDocument": document}}


def test_cfn_lint_knows_every_action_and_finds_nothing_wrong(documents: dict[str, Path]) -> None:
    """Predecessor F.1-15: the documents listed s3:HeadBucket, which is no action."""
    resources = {
        "".join(filter(str.isalnum, partition + name)): resource_of(name, filled_in(file, partition))
        for partition in PARTITIONS
        for name, file in documents.items()
    }
    template = json.dumps({"AWSTemplateFormatVersion": "2010-09-09", "Resources": resources})

    found = lint(template, config=ManualArgs(include_checks=["I3510"], regions=["us-east-1"]))

    assert len(resources) >= 30
    assert [f"{list(match.path or [])[1:2]} {match.message[:200]}" for match in found] == []


def test_parliament_finds_every_action_on_what_it_can_be_limited_to(documents: dict[str, Path], tmp_path: Path) -> None:
    """Predecessor F.1-15: writing to ECR was allowed on everything, and ecr:GetAuthorizationToken on a repository."""
    for partition in PARTITIONS:
        for name, file in documents.items():
            if not name.endswith("-trust") and name != "bucket":  # it looks at policies of identities only
                (tmp_path / f"{partition}-{name}.json").write_text(json.dumps(filled_in(file, partition)))
    command = [str(Path(sys.executable).with_name("parliament")), "--directory", str(tmp_path), "--json"]

    done = subprocess.run(command, capture_output=True, text=True)

    findings = [json.loads(line) for line in done.stdout.splitlines()]
    assert "Traceback" not in done.stderr
    assert [finding for finding in findings if finding["issue"] not in ALLOWED_FINDINGS] == []


def test_policies_fit_into_managed_ones(documents: dict[str, Path]) -> None:
    for name, file in documents.items():
        size = len("".join(json.dumps(filled_in(file, "aws-us-gov")).split()))
        assert size <= LARGEST_POLICY, name


def test_no_statement_but_those_that_iam_cannot_limit_is_about_everything(documents: dict[str, Path]) -> None:
    everything = {
        action
        for file in documents.values()
        for statement in filled_in(file, "aws")["Statement"]
        if statement.get("Resource") == "*" and "Condition" not in statement
        for action in ([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"])
    }

    assert {action for action in everything if not action.startswith("ec2:Describe")} <= {"ecr:GetAuthorizationToken"}


@pytest.mark.parametrize("file", document_verbs.POLICIES, ids=lambda file: file.stem)
def test_the_callers_policy_is_the_one_that_follows_from_the_table(file: Path) -> None:
    """A failure means: type python -m extensions.document_verbs."""
    assert file.read_text() == document_verbs.files()[file]


def test_the_role_for_builds_has_the_very_document_of_the_project(project: Project, aws: Account) -> None:
    project.verb("submit", "--provision-only")

    attached = aws.client("iam").get_role_policy(RoleName="my-model-codebuild", PolicyName="codebuild")
    text = (project.path / "iam" / "codebuild.json").read_text()
    bucket = aws.client("s3").list_buckets()["Buckets"][0]["Name"]
    values = {"PARTITION": "aws", "REGION": "us-east-1", "ACCOUNT": "123456789012", "PROJECT": "my-model"}
    assert attached["PolicyDocument"] == json.loads(Template(text).substitute(values, BUCKET=bucket))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (None, "iam/codebuild.json is missing: type git checkout iam"),
        ('{"a": "${NOTHING}"}', "iam/codebuild.json can't be used: 'NOTHING' (it takes PARTITION, REGION, "),
        ("{", "iam/codebuild.json can't be used: Expecting property name"),
    ],
)
def test_a_document_that_cannot_be_used_is_named(project: Project, text: str | None, why: str) -> None:
    file = project.path / "iam" / "codebuild.json"
    if text is None:
        file.unlink()
    else:
        file.write_text(text)

    done = project.verb("submit", "--provision-only")

    assert done.returncode == (5 if text is None else 3)
    assert done.stderr.splitlines()[-1].startswith(f"do/submit: {why}")
