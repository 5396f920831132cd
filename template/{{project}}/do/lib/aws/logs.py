"""What the endpoint's containers, or the builds, have written to CloudWatch Logs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from lib.aws import names, waiting
from lib.aws.client import AwsClient

LAST_LINES = 20


def last_lines(aws: AwsClient, kind: str, count: int = LAST_LINES) -> list[str]:
    """The last lines of the newest stream of the `endpoint` or `build`; none where nothing was written."""
    group = names.log_group(kind)
    newest = aws.find(
        "logs", "DescribeLogStreams", logGroupName=group, orderBy="LastEventTime", descending=True, limit=1
    )
    if not newest or not newest["logStreams"]:
        return []
    stream = newest["logStreams"][0]["logStreamName"]
    found = aws.read("logs", "GetLogEvents", logGroupName=group, logStreamName=stream, limit=count)
    return [event["message"].rstrip() for event in found["events"]]


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
    """Whether the endpoint, or a build, has written anything."""
    group = names.log_group(kind)
    found = aws.pages("logs", "DescribeLogGroups", "logGroups", logGroupNamePrefix=group)
    return any(row["logGroupName"] == group for row in found)


def _events(aws: AwsClient, group: str, start: int) -> Iterator[dict[str, Any]]:
    yield from aws.pages("logs", "FilterLogEvents", "events", logGroupName=group, startTime=start)
