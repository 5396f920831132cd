"""The policy documents in iam/ are sound and least privilege in every partition, and what the verbs attach."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from string import Template
from typing import Any

import pytest
from cfnlint.api import lint
from cfnlint.config import ManualArgs

from extensions import document_verbs
from extensions.context import load_catalog
from tests.aws.conftest import Make, Project, push
from tests.aws.documents import ADMINISTRATOR
from tests.aws.service.account import REGION, Account
from tests.aws.service.authorization import Caller, Demand
from tests.programs import tool
from tests.verbs.conftest import refusal

Document = dict[str, Any]

CATALOG = load_catalog()
GENERATIVE_SERVERS = [name for name, row in CATALOG["model_servers"].items() if "generative" in row["kinds"]]

TEMPLATE = Path(__file__).resolve().parents[2] / "template"
PARTITIONS = {"aws": "eu-west-1", "aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1", "aws-eusc": "eusc-de-east-1"}
LONGEST = "a" * 46  # a project's name
# what a managed policy may have at most, blanks not counted
LARGEST_POLICY = 6144
SECRETS = ("HF_TOKEN_SECRET", "NGC_KEY_SECRET")
# all that have documents of their own
PROJECTS: list[dict[str, str]] = [
    {"build_with": build_with, **model}
    for build_with in CATALOG["build_with"]
    for model in [
        {},
        {"deploy_target": "async"},
        {"deploy_target": "batch"},
        {"deploy_target": "inference_components"},
        {"deploy_target": "inference_components", "model_kind": "generative", "model_server": "vllm"},
        {"deploy_target": "hyperpod"},
        *({"model_kind": "generative", "model_server": server} for server in GENERATIVE_SERVERS),
    ]
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
        "SAGEMAKER_ROLE": f"arn:{partition}:iam::123456789012:role/{LONGEST}-sagemaker",
        "CODEBUILD_ROLE": f"arn:{partition}:iam::123456789012:role/{LONGEST}-codebuild",
        "BOUNDARY": f"arn:{partition}:iam::123456789012:policy/{LONGEST}-boundary-{region}",
        "MODEL_PACKAGE_ARN": f"arn:{partition}:sagemaker:{region}:999999999999:model-package/shop/3",
        "KMS_KEY": f"arn:{partition}:kms:{region}:123456789012:key/12345678-1234-1234-1234-123456789012",
        "MODEL_DATA_BUCKET": "their-bucket",
        "MODEL_DATA_PREFIX": "models/",
        "DATA_CAPTURE_BUCKET": "their-bucket",
        "DATA_CAPTURE_PREFIX": "captured",
        "TRANSFORM_INPUT_BUCKET": "their-bucket",
        "TRANSFORM_INPUT_PREFIX": "rows/",
        "SUCCESS_TOPIC": f"arn:{partition}:sns:{region}:123456789012:answers",
        "ERROR_TOPIC": f"arn:{partition}:sns:{region}:123456789012:failures",
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
    for partition in PARTITIONS.keys() - {"aws-eusc"}:  # which it doesn't know
        for name, file in documents.items():
            if not name.endswith("-trust") and name != "bucket":  # it looks at policies of identities only
                (tmp_path / f"{partition}-{name}.json").write_text(json.dumps(filled_in(file, partition)))

    done = tool("parliament", "--directory", tmp_path, "--json")

    findings = [json.loads(line) for line in done.stdout.splitlines()]
    assert "Traceback" not in done.stderr
    # what AWS documents on everything, see caller-scaling in extensions/permissions.yml
    scaling = [finding for finding in findings if "caller-scaling" in finding["location"]["filepath"]]
    assert {finding["issue"] for finding in scaling} == {"RESOURCE_STAR"}
    others = [finding for finding in findings if finding not in scaling]
    assert [finding for finding in others if finding["issue"] not in ALLOWED_FINDINGS] == []


def test_policies_fit_into_managed_ones(documents: dict[str, Path]) -> None:
    for name, file in documents.items():
        size = len("".join(json.dumps(filled_in(file, "aws-us-gov")).split()))
        assert size <= LARGEST_POLICY, name


def test_no_statement_but_those_that_iam_cannot_limit_is_about_everything(documents: dict[str, Path]) -> None:
    everything = {
        action
        for file in documents.values()
        for statement in filled_in(file, "aws")["Statement"]
        if statement.get("Resource") in ("*", ["*"]) and "Condition" not in statement
        for action in ([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"])
    }

    unlimited = {action for action in everything if not action.startswith("ec2:Describe")} - {
        "ecr:GetAuthorizationToken"
    }
    lists = {"logs:DescribeLogGroups", "pricing:GetProducts", "sts:GetCallerIdentity"}
    lists |= {"servicequotas:ListServiceQuotas", "servicequotas:ListAWSDefaultServiceQuotas"}
    lists |= {f"sagemaker:List{what}" for what in ("EndpointConfigs", "InferenceComponents", "Models", "TransformJobs")}
    scaling = document_verbs.TABLE["along"]["application-autoscaling:RegisterScalableTarget"]["rights"]
    lists |= {f"application-autoscaling:Describe{what}" for what in ("ScalableTargets", "ScalingPolicies")}
    assert unlimited <= lists | scaling.keys()


@pytest.mark.parametrize("file", document_verbs.policies(), ids=lambda file: file.stem)
def test_the_callers_policy_is_the_one_that_follows_from_the_table(file: Path) -> None:
    """A failure means: run python -m extensions.document_verbs."""
    assert file.read_text() == document_verbs.policies()[file]


def test_every_right_has_a_page_of_aws() -> None:
    """Also those that AWS asks for along with a request."""
    table = document_verbs.TABLE
    used = {document_verbs.action(request) for verb in table["verbs"].values() for request in verb}
    used |= {right for row in table["along"].values() for right in row["rights"]}

    assert {right.partition(":")[0] for right in used} <= table["sources"].keys()
    assert all(row["source"].startswith("https://docs.aws.amazon.com/") for row in table["along"].values())


KEY = "arn:aws:kms:us-east-1:999999999999:key/k"
SUBNET = "arn:aws:ec2:eu-west-1:999999999999:subnet/subnet-1"
ROLE = f"arn:aws:iam::123456789012:role/{LONGEST}-sagemaker"
BOUNDED = {"iam:PermissionsBoundary": f"arn:aws:iam::123456789012:policy/{LONGEST}-boundary-eu-west-1"}


def through_s3(bucket: str) -> dict[str, str]:
    return {
        "kms:ViaService": "s3.us-east-1.amazonaws.com",
        "kms:EncryptionContext:aws:s3:arn": f"arn:aws:s3:::{bucket}",
    }


@pytest.mark.parametrize(
    ("name", "demand", "allowed"),
    [
        # the context is the bucket with an S3 Bucket Key, else the object:
        # https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html
        ("sagemaker-model-data", Demand("kms:Decrypt", KEY, through_s3("their-bucket")), True),
        ("sagemaker-model-data", Demand("kms:Decrypt", KEY, through_s3("their-bucket/models/m.tar.gz")), True),
        ("sagemaker-model-data", Demand("kms:Decrypt", KEY, through_s3("another/m.tar.gz")), False),
        ("sagemaker-model-data", Demand("kms:Decrypt", KEY), False),
        ("sagemaker-data-capture", Demand("kms:GenerateDataKey", KEY, through_s3("their-bucket")), True),
        # https://docs.aws.amazon.com/vpc/latest/userguide/vpc-sharing.html: a shared subnet is its owner's
        ("sagemaker-vpc", Demand("ec2:CreateNetworkInterface", SUBNET), True),
        ("caller", Demand("s3:GetObject", "arn:aws:s3:::anybody/file"), False),
        ("caller-artifacts", Demand("s3:GetObject", "arn:aws:s3:::anybody/file"), False),
        ("caller-model-data", Demand("s3:GetObject", "arn:aws:s3:::anybody/file"), False),
        ("caller", Demand("iam:PassRole", ROLE, {"iam:PassedToService": "sagemaker.amazonaws.com"}), True),
        ("caller", Demand("iam:PassRole", ROLE, {"iam:PassedToService": "codebuild.amazonaws.com"}), False),
        ("caller", Demand("iam:PassRole", f"{ROLE}-2", {"iam:PassedToService": "sagemaker.amazonaws.com"}), False),
        ("caller", Demand("iam:PutRolePolicy", ROLE, BOUNDED), False),
        # https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html
        ("caller-provision", Demand("iam:CreateRole", ROLE, BOUNDED), True),
        ("caller-provision", Demand("iam:CreateRole", ROLE), False),
        ("caller-provision", Demand("iam:PutRolePolicy", ROLE), False),
        ("caller-provision", Demand("iam:PutRolePermissionsBoundary", ROLE, BOUNDED), False),
    ],
    ids=str,
)
def test_a_document_allows_what_is_needed_and_no_more(
    documents: dict[str, Path], name: str, demand: Demand, allowed: bool
) -> None:
    assert Caller([filled_in(documents[name], "aws")]).allows(demand) == allowed


def test_everybody_else_needs_no_right_to_make_roles(project: Project, aws: Account) -> None:
    """Whoever has caller-provision makes the roles, bounded; from then on the other policies are enough."""
    arn = f"arn:aws:iam::123456789012:policy/my-model-boundary-{REGION}"
    project.verb("submit", "--provision-only")
    push(project, aws)
    assert project.verb("deploy").returncode == 0
    project.policies = tuple(file.stem for file in (project.path / "iam").glob("caller*.json"))
    project.policies = tuple(name for name in project.policies if name != "caller-provision")

    for verb in ("submit", "deploy", "upload", "register", "status"):
        done = project.verb(verb)
        assert done.returncode == 0, done.stderr
    for purpose in ("sagemaker", "codebuild"):
        role = aws.client("iam").get_role(RoleName=f"my-model-{purpose}-use1")["Role"]
        assert role["PermissionsBoundary"]["PermissionsBoundaryArn"] == arn


def test_an_administrator_makes_roles_without_a_boundary_where_there_is_none(pushed: Project, aws: Account) -> None:
    aws.permissions_boundaries.exist = False
    pushed.documents = [ADMINISTRATOR]

    assert pushed.verb("deploy").returncode == 0
    (role,) = aws.client("iam").list_roles()["Roles"]
    assert "PermissionsBoundary" not in aws.client("iam").get_role(RoleName=role["RoleName"])["Role"]


def test_who_may_not_make_roles_is_told_which_policy_can(pushed: Project, aws: Account) -> None:
    pushed.policies = ("caller", "caller-artifacts")

    done = pushed.verb("deploy")

    assert done.returncode == 4
    assert (
        "you are not allowed to call iam:CreateRole: ask an administrator for iam/caller-provision.json" in done.stderr
    )
    assert aws.caller.denied.pop().startswith("iam:CreateRole on ")


@pytest.mark.parametrize("partition", PARTITIONS)
def test_the_documents_are_printed_for_an_account_that_nobody_can_reach(
    make: Make, aws: Account, partition: str
) -> None:
    project = make(model_source="s3", settings={"MODEL_DATA_URL": "s3://their-bucket/models/m.tar.gz"})
    project.set(VPC_SUBNETS="subnet-1", VPC_SECURITY_GROUPS="sg-1")
    project.set(KMS_KEY=f"arn:{partition}:kms:eu-west-1:123456789012:key/k", MAX_INSTANCES="2")
    project.set(DATA_CAPTURE_URL="s3://their-bucket/captured", DATA_CAPTURE_PERCENT="5")

    done = project.verb("iam", "--account", "123456789012", "--region", PARTITIONS[partition])

    found = json.loads(done.stdout)
    assert aws.calls == []
    assert {"caller", "caller-provision", "caller-scaling", "caller-kms", "boundary", "sagemaker-trust"} <= found.keys()
    assert "${" not in done.stdout
    assert f"arn:{partition}:iam::123456789012:role/my-model-sagemaker" in done.stdout
    assert len("".join(json.dumps(found["boundary"]).split())) <= LARGEST_POLICY
    sids = [statement["Sid"] for statement in found["boundary"]["Statement"]]
    assert len({*sids}) == len(sids)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--account", "12345"], "--account 12345 is not 12 digits"),
        (["--account", "123456789012", "--region", "mars"], "AWS_REGION='mars' (environment) is wrong"),
        (["--account", "123456789012", "everything"], "there is no document everything: choose one of caller, "),
    ],
)
def test_wrong_arguments_of_do_iam_are_one_line(project: Project, arguments: list[str], why: str) -> None:
    assert why in refusal(project.verb("iam", *arguments), 3)


def test_the_role_for_builds_has_the_very_document_of_the_project(project: Project, aws: Account) -> None:
    project.verb("submit", "--provision-only")

    attached = aws.client("iam").get_role_policy(RoleName="my-model-codebuild-use1", PolicyName="codebuild")
    text = (project.path / "iam" / "codebuild.json").read_text()
    bucket = aws.client("s3").list_buckets()["Buckets"][0]["Name"]
    values = {"PARTITION": "aws", "REGION": "us-east-1", "ACCOUNT": "123456789012", "PROJECT": "my-model"}
    assert attached["PolicyDocument"] == json.loads(Template(text).substitute(values, BUCKET=bucket))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (None, "iam/codebuild.json is missing: run git checkout iam"),
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
