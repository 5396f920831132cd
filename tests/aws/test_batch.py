"""Batch transform: a model without an endpoint, and jobs that predict whole files."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.aws.conftest import Make, Project, push
from tests.aws.replays import bring
from tests.aws.service.account import Account
from tests.aws.test_clean import has
from tests.verbs.conftest import refusal
from tests.verbs.contract_server import RightServer

ROWS = "1,2,3\n10,0,0\n"
RESULTS = "5.4\n1.0\n"  # of the stand-in of the model


@pytest.fixture
def project(make: Make, aws: Account) -> Project:
    """A batch project with its image in ECR, and a file with rows."""
    made = make(deploy_target="batch")
    push(made, aws)
    (made.path / "rows.csv").write_text(ROWS)
    return made


@pytest.fixture
def deployed(project: Project, aws: Account) -> Project:
    """One whose model is created."""
    bring(project, "deploy")
    aws.transforms.container = RightServer()
    return project


def succeed(project: Project, verb: str, *arguments: str) -> str:
    done = project.verb(verb, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def created(aws: Account) -> list[dict[str, Any]]:
    """What each job was asked to do."""
    return aws.called("sagemaker:CreateTransformJob")


def results(project: Project) -> str:
    return (project.path / "rows.csv.out").read_text()


# what is deployed


def test_only_a_model_is_deployed_and_a_second_deployment_changes_nothing(aws: Account, project: Project) -> None:
    assert "the model my-model-" in succeed(project, "deploy")

    assert {name for name in aws.changes() if name.startswith("sagemaker:")} == {"sagemaker:CreateModel"}
    aws.calls.clear()
    assert "nothing to change" in succeed(project, "deploy")
    assert aws.changes() == []


def test_a_dry_run_prints_each_call_and_makes_none(aws: Account, project: Project) -> None:
    assert "would call sagemaker CreateModel" in succeed(project, "deploy", "--dry-run")
    assert aws.changes() == []
    succeed(project, "deploy")
    aws.calls.clear()

    printed = succeed(project, "transform", "rows.csv", "--dry-run")

    assert "would call s3 PutObject" in printed
    assert "would call sagemaker CreateTransformJob" in printed
    assert aws.changes() == []


# jobs


def test_a_file_is_uploaded_transformed_and_its_results_are_fetched(aws: Account, deployed: Project) -> None:
    done = deployed.verb("transform", "rows.csv")

    assert (done.returncode, done.stdout) == (0, "rows.csv.out\n"), done.stderr
    assert results(deployed) == RESULTS
    (job,) = created(aws)
    assert (job["TransformInput"]["SplitType"], job["TransformOutput"]["AssembleWith"]) == ("Line", "Line")
    assert job["TransformResources"] == {"InstanceType": "ml.m5.large", "InstanceCount": 1}
    assert [request.body.decode() for request in aws.transforms.requests] == [ROWS]
    assert ": transforming for 0 minutes" in done.stderr


def test_results_are_joined_with_the_records_and_filtered_as_the_settings_say(aws: Account, deployed: Project) -> None:
    (deployed.path / "rows.csv").write_text("a,1,2,3\nb,10,0,0\n")
    deployed.set(INPUT_FILTER="$[1:]", JOIN_SOURCE="Input", OUTPUT_FILTER="$[0,-1]", BATCH_STRATEGY="SingleRecord")

    succeed(deployed, "transform", "rows.csv")

    assert results(deployed) == "a,5.4\nb,1.0\n"
    assert [request.body for request in aws.transforms.requests] == [b"1,2,3\n", b"10,0,0\n"]


def test_a_file_without_lines_is_sent_whole(aws: Account, deployed: Project) -> None:
    (deployed.path / "rows.json").write_text('{"instances": [[1, 2, 3]]}')

    succeed(deployed, "transform", "rows.json")

    (job,) = created(aws)
    assert job["TransformInput"]["SplitType"] == "None"
    assert "BatchStrategy" not in job
    assert json.loads((deployed.path / "rows.json.out").read_text()) == {"predictions": [5.4]}


def test_data_in_s3_is_read_by_the_role_and_its_results_stay_there(aws: Account, project: Project) -> None:
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="their-bucket")
    s3.put_object(Bucket="their-bucket", Key="rows/a.csv", Body=ROWS.encode())
    project.set(TRANSFORM_INPUT_URL="s3://their-bucket/rows/")
    succeed(project, "deploy")
    aws.transforms.container = RightServer()

    place = succeed(project, "transform").strip()

    bucket, _, prefix = place.removeprefix("s3://").partition("/")
    assert s3.get_object(Bucket=bucket, Key=f"{prefix}a.csv.out")["Body"].read().decode() == RESULTS


def test_one_bad_record_loses_the_results_of_its_file_and_the_log_says_which(aws: Account, deployed: Project) -> None:
    (deployed.path / "rows.csv").write_text("1,2,3\n4,5\n")

    done = deployed.verb("transform", "rows.csv")

    assert done.returncode == 1
    assert "is Failed: AlgorithmError" in done.stderr.splitlines()[-1]
    assert "3 columns" in done.stderr
    assert not (deployed.path / "rows.csv.out").exists()
    assert "3 columns" in succeed(deployed, "transform", "--logs")


def test_who_stopped_waiting_waits_for_the_same_job_again(aws: Account, deployed: Project) -> None:
    aws.lose_answer("sagemaker:CreateTransformJob")  # so that it isn't known that the job was started

    succeed(deployed, "transform", "rows.csv")
    (deployed.path / "rows.csv.out").unlink()
    succeed(deployed, "transform", "rows.csv")

    assert len(aws.transforms.jobs) == 1
    assert results(deployed) == RESULTS


def test_a_job_that_failed_is_followed_by_another_one(aws: Account, deployed: Project) -> None:
    aws.transforms.failure = "InternalServerError"
    assert deployed.verb("transform", "rows.csv").returncode == 1
    aws.transforms.failure = ""

    succeed(deployed, "transform", "rows.csv")

    first, second = aws.transforms.jobs
    assert (first[-2:], second[-2:]) == ("-1", "-2")


def test_the_latest_job_can_be_stopped(aws: Account, deployed: Project) -> None:
    aws.transforms.endless = True
    started = deployed.start("transform", "rows.csv")
    assert started.stderr
    while "instances are starting" not in started.stderr.readline():
        pass
    started.kill()
    started.communicate()

    assert succeed(deployed, "transform", "--stop").endswith("is Stopped\n")


# what is refused


@pytest.mark.parametrize(
    ("settings", "arguments", "line"),
    [
        (
            {"MAX_PAYLOAD_MB": "20", "MAX_CONCURRENT_TRANSFORMS": "6"},
            ["rows.csv"],
            "MAX_PAYLOAD_MB=20 times MAX_CONCURRENT_TRANSFORMS=6 is more than the 100 MB that SageMaker takes: "
            "set MAX_CONCURRENT_TRANSFORMS 5, or less",
        ),
        (
            {"JOIN_SOURCE": "Input", "ASSEMBLE_WITH": "None"},
            ["rows.csv"],
            "JOIN_SOURCE=Input needs results that are put together as the input is split: set ASSEMBLE_WITH Line, or "
            "JOIN_SOURCE None",
        ),
        (
            {"JOIN_SOURCE": "Input"},
            ["rows.csv", "--accept", "application/json"],
            "JOIN_SOURCE=Input needs results of the input's type, text/csv: leave out --accept, or run do/config set "
            "JOIN_SOURCE None",
        ),
        (
            {"INPUT_FILTER": "$[1:]"},
            ["rows.csv", "--content-type", "application/x-npy"],
            "SageMaker filters and joins CSV, JSON and JSON Lines only, not application/x-npy with application/x-npy: "
            "run do/config set INPUT_FILTER '', OUTPUT_FILTER '' and JOIN_SOURCE None",
        ),
        (
            {},
            ["s3://their-bucket/rows/"],
            "the role of the jobs may not read s3://their-bucket/rows/: run do/config set TRANSFORM_INPUT_URL with it, "
            "then do/deploy",
        ),
        ({}, [], "there is nothing to transform: run do/transform FILE, or do/config set TRANSFORM_INPUT_URL s3://..."),
    ],
)
def test_what_sagemaker_would_refuse_is_one_line(
    aws: Account, deployed: Project, settings: dict[str, str], arguments: list[str], line: str
) -> None:
    deployed.set(**settings)

    assert refusal(deployed.verb("transform", *arguments), 3) == f"do/transform: {line}"
    assert created(aws) == []


def test_a_project_that_is_not_deployed_as_it_is_now_says_so(project: Project) -> None:
    line = refusal(project.verb("transform", "rows.csv"), 2)

    assert line == "do/transform: the project as it is now is not deployed: run do/deploy"


@pytest.mark.parametrize(
    "command", [["invoke", "--endpoint", "--file", "rows.csv"], ["rollback"], ["logs", "--endpoint"]]
)
def test_verbs_of_an_endpoint_name_the_one_of_batch_transform(project: Project, command: list[str]) -> None:
    assert refusal(project.verb(*command), 3) == (
        f"do/{command[0]}: this project has no endpoint, because its deploy_target is batch: run do/transform FILE, or "
        "do/transform --logs for the log"
    )


# the end


def test_status_shows_the_latest_jobs_and_clean_stops_those_that_go_on_and_leaves_nothing(
    aws: Account, deployed: Project
) -> None:
    succeed(deployed, "transform", "rows.csv")
    (name,) = aws.transforms.jobs
    assert f"transform job  {name}  Completed" in succeed(deployed, "status")
    assert "transform job" not in succeed(deployed, "clean", "--aws", "--dry-run")
    aws.transforms.jobs[name]["steps"].append({"TransformJobStatus": "InProgress"})
    aws.transforms.jobs[name]["steps"].popleft()

    succeed(deployed, "clean", "--all", "--yes")

    assert aws.transforms.jobs[name]["steps"][-1]["TransformJobStatus"] == "Stopped"
    assert has(aws) == []
