"""do/status shows what the project has in AWS."""

from __future__ import annotations

import json

import pytest

from tests.aws.conftest import Make, Project, push
from tests.aws.replays import bring
from tests.aws.service.account import Account


def test_an_empty_account_has_nothing(project: Project) -> None:
    done = project.verb("status")

    assert (done.returncode, done.stdout) == (0, "my-model has nothing in AWS in us-east-1\n")


def test_all_that_was_deployed_is_shown_with_its_state_its_age_and_its_page(aws: Account, pushed: Project) -> None:
    pushed.set(MIN_INSTANCES="2", MAX_INSTANCES="3")
    bring(pushed, "deploy")

    done = pushed.verb("status", "--json")

    rows = json.loads(done.stdout)["resources"]
    endpoint = next(row for row in rows if row["kind"] == "endpoint")
    assert [row["kind"] for row in rows] == [
        "autoscaling",
        "endpoint",
        "endpoint configuration",
        "model",
        "role",
        "image repository",
        "log group",
    ]
    assert endpoint["state"].startswith("InService, 2 instances, my-model-")
    assert endpoint["age"].endswith(" seconds")
    assert endpoint["console"] == (
        "https://us-east-1.console.aws.amazon.com/sagemaker/home?region=us-east-1#/endpoints/my-model"
    )
    assert "123456789012" not in done.stdout


def test_a_line_each_says_the_same_to_people(pushed: Project) -> None:
    bring(pushed, "deploy")

    lines = pushed.verb("status").stdout.splitlines()

    assert lines[0].startswith("endpoint  my-model  InService, 1 instances, my-model-")
    assert lines[1].startswith("    https://us-east-1.console.aws.amazon.com/")


@pytest.mark.parametrize(
    ("region", "host"), [("cn-north-1", "console.amazonaws.cn"), ("us-gov-west-1", "console.amazonaws-us-gov.com")]
)
def test_each_partition_has_its_own_console(aws: Account, make: Make, region: str, host: str) -> None:
    project = make(aws_region=region)
    push(project, aws)

    assert f"https://{host}/" in project.verb("status").stdout
