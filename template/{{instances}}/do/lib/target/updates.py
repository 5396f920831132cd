"""How an update replaces the instances, as the parameters of SageMaker's API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil
from typing import Any

from lib import config

Parameters = dict[str, Any]

WATCH_SECONDS = 300  # how long the alarms watch the new instances before the old ones go, or the next batch begins
STEPS = 4  # in which linear moves the requests: each may be 10 to 50 % of the instances
KEEP_SECONDS = 60  # how long the old instances stay after that
LONGEST = 28800  # the API's limits, in seconds
SHORTEST = 600

# while autoscaling chooses the number of instances, an update leaves it as it is, but takes over the rest
KEEP_COUNT = {
    "RetainAllVariantProperties": True,
    "ExcludeRetainedVariantProperties": [
        {"VariantPropertyType": "DesiredWeight"},
        {"VariantPropertyType": "DataCaptureConfig"},
    ],
}


def parameters(
    wanted: Mapping[str, Any], present: Mapping[str, Any], alarms: Sequence[str], is_scaled: bool
) -> Parameters:
    """What UpdateEndpoint gets beside the name of the endpoint configuration `wanted`, which is given whole.

    `present` is the production variant that serves now; one that was serverless has no count that could be kept. The
    fewer of the old and the new instances decide, as in each step as many of both are there.
    """
    count = present.get("CurrentInstanceCount")
    instances = min(wanted["ProductionVariants"][0]["InitialInstanceCount"], count or 0)
    keep = KEEP_COUNT if is_scaled and count is not None else {}
    return {"DeploymentConfig": _deployment(instances, alarms), **keep}


def longest() -> int:
    """The seconds that an update may take: two batches that start, all that is watched, and half an hour besides."""
    configuration = config.load()
    batch = int(configuration["STARTUP_TIMEOUT"]) + int(configuration["DOWNLOAD_TIMEOUT"])
    watched = STEPS if configuration["DEPLOYMENT_STRATEGY"] == "linear" else 2
    return max(SHORTEST, min(2 * batch + watched * WATCH_SECONDS + KEEP_SECONDS + 1800, LONGEST))


def instances_at_once(present: int, new: int) -> int:
    """How many instances there are during an update: all old ones beside the new ones, or with rolling half of them."""
    if present and config.load()["DEPLOYMENT_STRATEGY"] == "rolling":
        return present + (new + 1) // 2
    return present + new


def _deployment(instances: int, alarms: Sequence[str]) -> Parameters:
    """How these instances are replaced, watched by these alarms. Rolling can't replace a single instance.

    Without alarms nothing rolls the update back, so there is nothing to wait for either.
    """
    rolling = config.load()["DEPLOYMENT_STRATEGY"] == "rolling" and instances > 1
    watch_seconds = WATCH_SECONDS if alarms else 0
    policy = _rolling(watch_seconds) if rolling else _blue_green(instances, watch_seconds)
    if not alarms:
        return policy
    return {**policy, "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": name} for name in alarms]}}


def _blue_green(instances: int, watch_seconds: int) -> Parameters:
    """All requests at once to the new instances if there is one, or nobody watches; else some of them first."""
    routing: Parameters = {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": watch_seconds}
    if instances > 1 and watch_seconds:
        routing |= _first_requests(instances)
    policy = {
        "TrafficRoutingConfiguration": routing,
        "TerminationWaitInSeconds": KEEP_SECONDS,
        "MaximumExecutionTimeoutInSeconds": longest(),
    }
    return {"BlueGreenUpdatePolicy": policy}


def _first_requests(instances: int) -> Parameters:
    """What share of the requests moves first: an equal step, or one instance's as a canary."""
    if config.load()["DEPLOYMENT_STRATEGY"] == "linear":
        return {"Type": "LINEAR", "LinearStepSize": {"Type": "INSTANCE_COUNT", "Value": ceil(instances / STEPS)}}
    return {"Type": "CANARY", "CanarySize": {"Type": "INSTANCE_COUNT", "Value": 1}}


def _rolling(watch_seconds: int) -> Parameters:
    policy = {
        "MaximumBatchSize": {"Type": "CAPACITY_PERCENT", "Value": 50},
        "WaitIntervalInSeconds": watch_seconds,
        "MaximumExecutionTimeoutInSeconds": longest(),
    }
    return {"RollingUpdatePolicy": policy}
