"""The transform jobs of this project: how they go, how they are stopped, and what their containers write."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lib.aws import logs, names, waiting
from lib.aws.client import AwsClient
from lib.cli import ExitCode, VerbError

MOVING = {"InProgress", "Stopping"}
SHOWN = 5  # of the jobs, the latest ones
LINES_SHOWN = 20  # of the log, where a job failed
# seconds that a job may run: https://docs.aws.amazon.com/general/latest/gr/sagemaker.html
LONGEST = 5 * 24 * 3600


@dataclass(frozen=True)
class Job:
    """What SageMaker says of it. `began` is when the data began to be transformed (seconds of the epoch), 0 before."""

    name: str
    arn: str
    status: str
    reason: str
    created: datetime
    began: float

    @property
    def is_moving(self) -> bool:
        """Whether it goes on."""
        return self.status in MOVING


def find(aws: AwsClient, name: str) -> Job | None:
    """A job; None if there is none of this name."""
    found = aws.find("sagemaker", "DescribeTransformJob", TransformJobName=name)
    return _described(found) if found else None


def latest(aws: AwsClient) -> Iterator[Job]:
    """The latest jobs with names of this project, the newest one first."""
    listed = aws.read(
        "sagemaker",
        "ListTransformJobs",
        NameContains=f"{names.project()}-",
        SortBy="CreationTime",
        SortOrder="Descending",
    )["TransformJobSummaries"]
    ours = [_described(row) for row in listed if names.is_transform_job(row["TransformJobName"])]
    yield from ours[:SHOWN]


def settled(aws: AwsClient, name: str) -> Job:
    """A job when it has ended; tells how it goes. Raises VerbError."""
    return waiting.until(lambda: _look(aws, name), lambda job: not job.is_moving, _told, LONGEST)


def stop(aws: AwsClient, name: str) -> None:
    """Stop a job, and wait until it has ended. One that has ended stays as it is."""
    if not aws.dry_run and not _look(aws, name).is_moving:
        return
    aws.change("sagemaker", "StopTransformJob", TransformJobName=name)
    if not aws.dry_run:
        settled(aws, name)


def log_lines(aws: AwsClient, name: str) -> list[str]:
    """What the containers of a job have written, oldest line first."""
    return logs.of_new_streams(aws, "transform", 0, f"{name}/")


def _look(aws: AwsClient, name: str) -> Job:
    found = find(aws, name)
    if not found:
        raise VerbError(f"there is no transform job {name}: run do/status", ExitCode.AWS_ERROR)
    return found


def _told(job: Job) -> str:
    if job.status != "InProgress":
        return f"{job.name} is {job.status}"
    if not job.began:
        return f"{job.name}: instances are starting"
    return f"{job.name}: transforming for {(time.time() - job.began) // 60:.0f} minutes"


def _described(found: dict[str, Any]) -> Job:
    began = found.get("TransformStartTime")
    return Job(
        name=found["TransformJobName"],
        arn=found["TransformJobArn"],
        status=found["TransformJobStatus"],
        reason=found.get("FailureReason", ""),
        created=found["CreationTime"],
        began=began.timestamp() if began else 0,
    )
