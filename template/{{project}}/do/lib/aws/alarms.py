"""The CloudWatch alarms that watch updates: a pair for each endpoint configuration that an update led to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lib.aws import names, requests
from lib.aws.client import AwsClient
from lib.aws.requests import Parameters
from lib.cli import say

ALARM = "ALARM"  # the state of one that has tripped


@dataclass(frozen=True)
class Alarm:
    """An alarm with a name of this project's."""

    name: str
    arn: str
    state: str
    tags: list[dict[str, str]]


def named(aws: AwsClient) -> Iterator[Alarm]:
    """All alarms with names of this project's, whoever made them."""
    for row in aws.pages("cloudwatch", "DescribeAlarms", "MetricAlarms", AlarmNamePrefix=f"{names.project()}-"):
        if names.is_alarm(row["AlarmName"]):
            tags = aws.read("cloudwatch", "ListTagsForResource", ResourceARN=row["AlarmArn"])["Tags"]
            yield Alarm(row["AlarmName"], row["AlarmArn"], row["StateValue"], tags)


def watch(aws: AwsClient, config_name: str) -> list[Parameters]:
    """Make the alarms for an update to this configuration, and say which of those there are have tripped."""
    wanted = requests.alarms(config_name)
    known = {}
    for alarm in named(aws):
        if alarm.name in [parameters["AlarmName"] for parameters in wanted]:
            names.require_ours(f"alarm {alarm.name}", alarm.tags)
        if names.is_ours(alarm.tags):
            known[alarm.name] = alarm.state
    for name, state in known.items():
        if state == ALARM:
            say(f"note: the alarm {name} has tripped; it does not hold up this update")
    # one that tripped in an earlier update to this configuration would end this one: a new alarm has no state yet
    remove(aws, [parameters["AlarmName"] for parameters in wanted if known.get(parameters["AlarmName"]) == ALARM])
    for parameters in wanted:
        aws.change("cloudwatch", "PutMetricAlarm", **parameters)
    return wanted


def stale(aws: AwsClient, config_name: str) -> list[str]:
    """The project's alarms that watch updates to another configuration than this one, which the endpoint serves."""
    kept = {parameters["AlarmName"] for parameters in requests.alarms(config_name)}
    watching = [alarm for alarm in named(aws) if names.watches_update(alarm.name) and names.is_ours(alarm.tags)]
    return [alarm.name for alarm in watching if alarm.name not in kept]


def remove(aws: AwsClient, alarm_names: Sequence[str]) -> None:
    """Delete these alarms."""
    if alarm_names:
        aws.change("cloudwatch", "DeleteAlarms", AlarmNames=list(alarm_names))
