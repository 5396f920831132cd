"""What somebody else has under a project's names, or the project in another region, is left alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.aws.conftest import Make, Project
from tests.aws.replays import bring
from tests.aws.service.account import Account
from tests.aws.test_clean import add_the_rest, has, without_ages
from tests.aws.test_deploy import expect_success
from tests.exhaustive import exhaustive

ELSEWHERE = "eu-west-1"
REFUSAL = " belongs to another project of this name: choose another PROJECT_NAME, or run do/adopt to take it over"
EVERYTHING = ["endpoint", "registry", "build", "images", "bucket", "logs"]


@pytest.fixture
def first(pushed: Project, aws: Account) -> Project:
    """A project that has something of every kind in the account."""
    bring(pushed, "deploy")
    pushed.set(STARTUP_TIMEOUT="700")
    bring(pushed, "deploy")
    add_the_rest(aws, "my-model")
    return pushed


@pytest.fixture
def second(first: Project, make: Make, aws: Account) -> Project:
    """A project of the same name in another folder."""
    made = make(folder="second", project_id="anotherfolder")
    (made.path / "model" / "model.pkl").write_bytes(b"model")
    aws.calls.clear()
    return made


def kinds(project: Project) -> list[str]:
    """What do/status shows, without what changes with the time."""
    return without_ages(project.verb("status", "--json").stdout)


@pytest.mark.parametrize("verb", ["submit", "upload", "deploy", "rollback", "register"])
def test_a_second_project_of_one_name_is_refused_and_changes_nothing(
    aws: Account, first: Project, second: Project, verb: str
) -> None:
    done = second.verb(verb)

    assert done.returncode == 4, done.stderr
    assert done.stderr.splitlines()[-1].endswith(REFUSAL)
    assert aws.changes() == []


def test_a_second_project_of_one_name_sees_and_removes_nothing_of_the_first(
    aws: Account, first: Project, second: Project
) -> None:
    before = kinds(first)

    shown, removed = second.verb("status").stdout, second.verb("clean", "--aws", *EVERYTHING, "--yes").stdout

    assert shown == "my-model has nothing in AWS in us-east-1\n"
    assert removed == "nothing to remove\n"
    assert aws.changes() == []
    assert kinds(first) == before


def test_what_is_adopted_is_all_there_was_and_the_first_project_lets_it_alone(
    aws: Account, first: Project, second: Project
) -> None:
    before = kinds(first)
    planned = second.verb("adopt", "--dry-run").stdout.splitlines()
    assert aws.changes() == []

    done = second.verb("adopt", "--yes")

    expect_success(done)
    assert [line for line in planned if line.startswith("would take over: ")] == [
        line.replace("to take over", "would take over") for line in done.stdout.splitlines()[:-1]
    ]
    assert kinds(second) == before
    assert first.verb("status").stdout == "my-model has nothing in AWS in us-east-1\n"
    assert first.verb("clean", "--aws", *EVERYTHING, "--yes").stdout == "nothing to remove\n"
    assert first.verb("deploy").returncode == 4
    assert second.verb("adopt").stdout == "nothing to take over\n"
    assert second.verb("clean", "--aws", *EVERYTHING, "--yes").returncode == 0


def test_log_groups_and_alarms_of_somebody_else_stay(aws: Account, pushed: Project) -> None:
    logs, cloudwatch = aws.client("logs"), aws.client("cloudwatch")
    groups = ["/aws/codebuild/my-model", "/aws/sagemaker/Endpoints/my-model"]
    for group in groups:
        logs.create_log_group(logGroupName=group)
    alarm = {"Namespace": "Shop", "MetricName": "Orders", "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1}
    theirs = [f"my-model-{digits}-errors" for digits in ("0" * 12, "old")]
    for name in theirs:
        cloudwatch.put_metric_alarm(AlarmName=name, Threshold=1, ComparisonOperator="LessThanThreshold", **alarm)
    first = pushed.verb("deploy")
    pushed.set(STARTUP_TIMEOUT="700")
    expect_success(pushed.verb("deploy"))

    expect_success(pushed.verb("clean", "--all", "--yes"))

    assert f"note: the log group {groups[1]} was there before" in first.stderr
    assert [row["logGroupName"] for row in logs.describe_log_groups()["logGroups"]] == groups
    assert [row["AlarmName"] for row in cloudwatch.describe_alarms()["MetricAlarms"]] == theirs


def test_a_verb_in_another_region_by_mistake_changes_nothing_and_says_where_it_works(
    aws: Account, first: Project
) -> None:
    aws.calls.clear()

    done = first.verb("deploy", AWS_REGION=ELSEWHERE)

    assert (done.returncode, aws.changes()) == (5, [])
    assert f"note: working in {ELSEWHERE}, AWS_REGION of the environment, not in us-east-1" in done.stderr


@exhaustive
def test_two_projects_two_regions_and_two_names_in_one_account_lose_and_leave_nothing(aws: Account, make: Make) -> None:
    one, two = make(folder="one", project_id="projectone"), make(folder="two", project_id="projecttwo")
    for project in (one, two):
        (project.path / "model" / "model.pkl").write_bytes(b"model")
    places = [
        one,
        at(one, AWS_REGION=ELSEWHERE),
        at(one, PROJECT_NAME="my-model-next"),
        at(two, PROJECT_NAME="other", AWS_REGION=ELSEWHERE),
    ]
    for place in places:
        for verb in ("submit", "deploy"):
            expect_success(place.verb(verb))
    assert two.verb("deploy").returncode == 4

    while places:
        before = [kinds(place) for place in places[1:]]
        expect_success(places.pop(0).verb("clean", "--aws", *EVERYTHING, "--yes"))
        assert [kinds(place) for place in places] == before

    assert has(aws) == has(aws, ELSEWHERE) == []


def at(project: Project, **settings: str) -> Project:
    """The project where these settings in its environment lead."""
    return replace(project, variables=project.variables | settings)
