"""The predecessor's bugs that rendered files are to blame for, by their numbers in the facts about it.

Others are where their subject is: executable files (F.1-10) in test_files.py, names with the day in them (F.1-14) in
test_replay.py, packages that nothing uses (F.3) in test_requirements.py.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.renders.answers import ALL, EXAMPLES, Answers, Render, every_render

# what AWS can't narrow down to a resource
# what IAM can't narrow down; tests/aws/test_iam.py has a linter look at the same documents
ONLY_FOR_ALL_RESOURCES = {
    "application-autoscaling:DescribeScalableTargets",
    "application-autoscaling:DescribeScalingPolicies",
    *(f"ec2:Describe{what}" for what in ("DhcpOptions", "NetworkInterfaces", "SecurityGroups", "Subnets", "Vpcs")),
    "ecr:GetAuthorizationToken",
    "logs:DescribeLogGroups",
    "pricing:GetProducts",
    "sagemaker:ListEndpointConfigs",
    "sagemaker:ListInferenceComponents",
    "sagemaker:ListModels",
    "servicequotas:ListAWSDefaultServiceQuotas",
    "servicequotas:ListServiceQuotas",
    "sts:GetCallerIdentity",
}


def texts(project: Path) -> Iterator[tuple[str, str]]:
    """The files that this project's answers or our code fill, by their path."""
    for path in sorted(project.rglob("*")):
        if path.is_file() and not path.name.startswith("requirements"):
            yield str(path.relative_to(project)), path.read_text()


@every_render
def test_f_1_12_and_f_1_16_no_image_is_shared_between_projects(render: Render, answers: Answers) -> None:
    """All projects pushed to one repository and deployed its tag `latest`: whatever was pushed last."""
    shared = re.compile(r":latest\b|ml-container-creator")

    assert [name for name, text in texts(render(**answers)) if shared.search(text)] == []


def test_f_1_13_no_region_but_the_projects_own_is_used(render: Render) -> None:
    """The test of the endpoint went to us-east-1 whatever the answer was."""
    project = render(aws_region="ap-southeast-5")
    lists_of_all = {"do/lib/settings.json", "do/lib/partitions.json"}
    region_that_s3_names_differently = {"do/lib/aws/bucket.py"}
    regions_of_the_price_list = {"do/lib/aws/price_list.py", "do/lib/prices.json", "do/lib/verbs/cost.py"}

    found = {name for name, text in texts(project) if "us-east-1" in text}
    assert found <= lists_of_all | region_that_s3_names_differently | regions_of_the_price_list


# Application Auto Scaling tries these permissions of its caller on every resource:
# https://docs.aws.amazon.com/autoscaling/application/userguide/security_iam_permission_validation.html
# Lists of transform jobs can't be narrowed: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsagemaker.html
# Nothing else may be so broad.
BROAD = {
    **{f"iam/{name}.json": ["sagemaker:ListTransformJobs"] for name in ("caller", "caller-adopt", "caller-clean")},
    "iam/caller-scaling.json": [
        "cloudwatch:DeleteAlarms",
        "cloudwatch:DescribeAlarms",
        "cloudwatch:PutMetricAlarm",
        "sagemaker:DescribeEndpoint",
        "sagemaker:DescribeEndpointConfig",
        "sagemaker:DescribeInferenceComponent",
        "sagemaker:UpdateEndpointWeightsAndCapacities",
        "sagemaker:UpdateInferenceComponentRuntimeConfig",
    ],
}


def too_broad(policy: dict[str, Any]) -> list[str]:
    """The actions that a policy allows on every resource, though AWS could narrow them down."""
    statements = policy["Statement"] if isinstance(policy["Statement"], list) else [policy["Statement"]]
    broad = [
        [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]
        for statement in statements
        if statement["Effect"] == "Allow" and statement.get("Resource") in ("*", ["*"]) and "Condition" not in statement
    ]
    return sorted({action for actions in broad for action in actions} - ONLY_FOR_ALL_RESOURCES)


def test_f_1_15_the_check_of_policies_notices_the_predecessors() -> None:
    predecessor = {"Effect": "Allow", "Action": ["ecr:PutImage", "ecr:GetAuthorizationToken"], "Resource": "*"}

    assert too_broad({"Statement": [predecessor]}) == ["ecr:PutImage"]


@every_render
def test_f_1_15_policies_allow_nothing_on_every_resource(render: Render, answers: Answers) -> None:
    """The policy called itself scoped, and allowed writing to every image repository."""
    project = render(**answers)
    documents = {str(path.relative_to(project)): json.loads(path.read_text()) for path in project.rglob("*.json")}
    policies = {name: document for name, document in documents.items() if "Statement" in document}

    assert {name: too_broad(policy) for name, policy in policies.items() if too_broad(policy)} == BROAD


def test_f_1_17_test_files_hold_tests(render: Render) -> None:
    """A script's call of main() stood inside of main(), so that it did nothing, and ended with 0."""
    for path in (render(**EXAMPLES["sklearn-fastapi"]) / "tests").glob("test_*.py"):
        assert re.search(r"^def test_", path.read_text(), re.MULTILINE), path.name


@every_render
def test_f_1_18_no_script_goes_on_after_a_failure(render: Render, answers: Answers) -> None:
    """`curl ... || echo` made a failed test end with 0."""
    hides_failures = re.compile(r"\|\| *(echo|true|:)")

    assert [name for name, text in texts(render(**answers)) if hides_failures.search(text)] == []


def instructions(project: Path) -> list[tuple[str, str]]:
    """The Dockerfile's instructions with their arguments, continued lines joined and defaults of ARG put in."""
    text = re.sub(r"\\\n(\s*#.*\n)*", " ", (project / "Dockerfile").read_text())
    for name, value in re.findall(r"^ARG (\w+)=(\S+)", text, re.MULTILINE):
        text = text.replace(f"${{{name}}}", value)
    lines = (line.strip() for line in text.splitlines())
    return [(line.split()[0], line.partition(" ")[2]) for line in lines if line and not line.startswith("#")]


Dockerfile = Callable[..., list[tuple[str, str]]]


@pytest.fixture
def dockerfile(render: Render) -> Dockerfile:
    return lambda **answers: instructions(render(**answers))


def test_f_2_9_the_image_promises_nothing_that_it_does_not_do(dockerfile: Dockerfile) -> None:
    """A label said that it serves several models at once."""
    labels = [arguments for name, arguments in dockerfile() if name == "LABEL"]

    assert [label for label in labels if "multi-models" in label] == []


def test_f_2_12_packages_are_installed_with_their_hashes_only(dockerfile: Dockerfile) -> None:
    installations = [arguments for name, arguments in dockerfile() if name == "RUN" and "pip" in arguments]

    assert installations
    assert [arguments for arguments in installations if "--require-hashes" not in arguments] == []


def test_f_3_the_image_runs_as_the_user_that_was_chosen(dockerfile: Dockerfile) -> None:
    """There was no choice: always root."""
    users = {root: [user for name, user in dockerfile(run_as_root=root) if name == "USER"] for root in (True, False)}

    assert {*users[True]} <= {"root", "0"}
    assert users[False][-1] not in {"root", "0"}


def test_f_3_the_image_holds_no_compiler_and_no_upgraded_system(dockerfile: Dockerfile) -> None:
    """apt-get upgrade made each build another one; build-essential and git stayed in the image."""
    commands = " ".join(arguments for name, arguments in dockerfile() if name == "RUN")

    assert "nginx" in commands
    assert re.findall(r"upgrade|build-essential|\bgcc\b|\bgit\b|\bcurl\b|777", commands) == []


def test_f_3_the_image_starts_what_it_configures(dockerfile: Dockerfile) -> None:
    """nginx was installed and configured, and nothing started it."""
    started = [json.loads(arguments) for name, arguments in dockerfile() if name == "ENTRYPOINT"]

    assert [command[-1].rpartition("/")[2] for command in started] == ["serve"]


@pytest.mark.parametrize("name", ["README.md", ".gitignore", ".dockerignore"])
def test_f_3_every_project_has(render: Render, name: str) -> None:
    assert [answers for answers in ALL if not (render(**answers) / name).read_text().strip()] == []


def test_f_3_only_what_the_image_holds_goes_to_the_builder(render: Render) -> None:
    lines = (render() / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]

    assert rules[0] == "*"
    own = {"requirements.txt", "model", "code", "example_request.json", "serving"}
    assert {line[1:] for line in rules if line.startswith("!")} == own


def test_f_5_8_no_answer_holds_a_secret(render: Render) -> None:
    """A token given as an option was written to three files in plain text."""
    questions = yaml.safe_load((render() / ".copier-answers.yml").read_text())

    assert [name for name in questions if re.search(r"token|secret|password", name)] == []
