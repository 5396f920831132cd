"""What the endpoint's containers, or the builds, have written to CloudWatch Logs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from typing import Any

from lib.aws import names, waiting
from lib.aws.client import AwsClient
from lib.aws.plan import Step
from lib.cli import say

RETENTION_DAYS = 90  # of a new log group; without any, AWS keeps and bills lines for ever
MOST_STREAMS = 20  # containers whose log is read; the others say the same
MOST_LINES = 1000  # of each, the last ones


def of_new_streams(aws: AwsClient, kind: str, since: float, prefix: str = "") -> list[str]:
    """What those streams hold that were begun since a time (seconds of the epoch), oldest line first.

    With `prefix`, only those whose names begin so.

    These are the containers that started then: the ones from before, which may go on, say nothing about why a
    deployment failed. Streams aren't chosen by their last event, which lags up to an hour:
    https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DescribeLogStreams.html
    """
    group = names.log_group(kind)
    if not exists(aws, kind):
        return []
    named = {"logStreamNamePrefix": prefix} if prefix else {}
    streams = aws.pages("logs", "DescribeLogStreams", "logStreams", logGroupName=group, **named)
    new = [stream["logStreamName"] for stream in streams if stream["creationTime"] >= since * 1000]
    found: list[str] = []
    for name in new[:MOST_STREAMS]:
        events = aws.read("logs", "GetLogEvents", logGroupName=group, logStreamName=name, limit=MOST_LINES)["events"]
        found += [event["message"].rstrip() for event in events]
    return found


def present_lines(kind: str, aws: AwsClient, since: float, follow: bool) -> Iterator[str] | None:
    """As `lines`; None where nothing was ever written."""
    return lines(aws, kind, since, follow) if exists(aws, kind) else None


def lines(aws: AwsClient, kind: str, since: float, follow: bool) -> Iterator[str]:
    """All lines since a time (seconds of the epoch), oldest first; with `follow`, those to come as well."""
    start = int(since * 1000)
    seen: set[str] = set()
    while True:
        for event in _events(aws, names.log_group(kind), start):
            if event["eventId"] not in seen:
                seen.add(event["eventId"])
                start = max(start, event["timestamp"] - 60_000)  # lines can come late, and out of order
                yield event["message"].rstrip()
        if not follow:
            return
        time.sleep(waiting.seconds_between())


def exists(aws: AwsClient, kind: str) -> bool:
    """Whether there is a log group of the endpoint or of the builds."""
    group = names.log_group(kind)
    found = aws.pages("logs", "DescribeLogGroups", "logGroups", logGroupNamePrefix=group)
    return any(row["logGroupName"] == group for row in found)


def arn(aws: AwsClient, kind: str) -> str:
    """The ARN of the log group, as requests about its tags take it."""
    place = f"{aws.identity.partition}:logs:{aws.region}:{aws.identity.account}"
    return f"arn:{place}:log-group:{names.log_group(kind)}"


def tags(aws: AwsClient, kind: str) -> list[dict[str, str]]:
    """The tags of the log group."""
    found = aws.read("logs", "ListTagsForResource", resourceArn=arn(aws, kind))["tags"]
    return [{"Key": key, "Value": value} for key, value in found.items()]


def steps(aws: AwsClient, kind: str) -> Iterator[Step]:
    """What makes the log group before AWS does, which would make it without the project's tags."""
    group = names.log_group(kind)
    if not exists(aws, kind):
        yield Step(f"create the log group {group}", partial(_create, aws, group))
    elif not names.is_ours(tags(aws, kind)):
        say(f"note: the log group {group} was there before; do/clean leaves it, unless do/adopt takes it over")


def _create(aws: AwsClient, group: str) -> None:
    aws.change("logs", "CreateLogGroup", logGroupName=group, tags=names.tags())
    aws.change("logs", "PutRetentionPolicy", logGroupName=group, retentionInDays=RETENTION_DAYS)


def _events(aws: AwsClient, group: str, start: int) -> Iterator[dict[str, Any]]:
    yield from aws.pages("logs", "FilterLogEvents", "events", logGroupName=group, startTime=start)
