"""do/logs shows what the endpoint and the builds have written to CloudWatch Logs."""

from __future__ import annotations

import pytest

from tests.aws.conftest import Project
from tests.aws.service.account import Account
from tests.verbs.conftest import refusal

GROUPS = {"--endpoint": "/aws/sagemaker/Endpoints/my-model", "--build": "/aws/codebuild/my-model"}


@pytest.mark.parametrize("option", GROUPS)
def test_the_lines_of_all_streams_are_printed(aws: Account, project: Project, option: str) -> None:
    aws.write_log(GROUPS[option], "main/i-1", ["one", "two"])
    aws.write_log(GROUPS[option], "main/i-2", ["three"])

    done = project.verb("logs", option)

    assert (done.returncode, sorted(done.stdout.splitlines())) == (0, ["one", "three", "two"])


def test_lines_before_the_time_are_left_out(aws: Account, project: Project) -> None:
    aws.write_log(GROUPS["--endpoint"], "main/i-1", ["just now"])

    project.verb("logs", "--endpoint", "--since", "2d")

    (listed,) = aws.called("logs:FilterLogEvents")
    (written,) = aws.client("logs").filter_log_events(logGroupName=GROUPS["--endpoint"])["events"]
    assert written["timestamp"] - listed["startTime"] == pytest.approx(2 * 86_400_000, abs=120_000)


def test_lines_to_come_are_followed_once_each(aws: Account, project: Project) -> None:
    group = GROUPS["--endpoint"]
    aws.write_log(group, "main/i-1", ["first"])
    running = project.start("logs", "--endpoint", "--follow")
    assert running.stdout
    first = running.stdout.readline()
    aws.write_log(group, "main/i-1", ["second"])
    second = running.stdout.readline()
    running.kill()
    rest, _ = running.communicate()

    assert (first, second, rest) == ("first\n", "second\n", "")


def test_an_endpoint_that_has_written_nothing_says_what_to_type(project: Project) -> None:
    assert refusal(project.verb("logs", "--endpoint"), 5) == (
        "do/logs: the endpoint has written nothing yet: run do/deploy, or do/status"
    )


def test_the_log_of_a_project_with_a_longer_name_is_not_taken_for_ones_own(aws: Account, project: Project) -> None:
    aws.write_log("/aws/sagemaker/Endpoints/my-model-2", "main/i-1", ["another's"])

    assert project.verb("logs", "--endpoint").returncode == 5


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--endpoint", "--since", "soon"], "do/logs: --since 'soon' is not a time: give 30m, 2h or 1d"),
        (["--since", "1h"], "do/logs: --since needs --endpoint or --build"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(project: Project, arguments: list[str], line: str) -> None:
    assert refusal(project.verb("logs", *arguments), 3) == line
