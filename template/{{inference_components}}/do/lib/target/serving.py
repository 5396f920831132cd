"""Brings the inference component to what the settings say.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateInferenceComponent.html and
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_UpdateInferenceComponent.html
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from typing import Any

from lib.aws import components, deployment, failures, logs, names, requests, waiting
from lib.aws.client import AwsClient
from lib.aws.components import Component
from lib.aws.deployment import RolledBack
from lib.aws.endpoint import HISTORY_LENGTH, HISTORY_TAG
from lib.aws.plan import Step
from lib.cli import ExitCode, VerbError, say
from lib.target import capacity, updates

MOVING = {"Creating", "Updating", "Deleting"}
COMPARED = ("ModelName", "StartupParameters", "ComputeResourceRequirements")  # of a specification
# A container that ends again and again stays in Creating for up to an hour, without a FailureReason:
# https://github.com/huggingface/skills (hf-cloud-sagemaker-production-defaults)
MOST_ENDS = 3


def current(aws: AwsClient) -> Component | None:
    """The component, once an update of before has ended. Raises VerbError for one that the project did not make."""
    found = components.find(aws)
    if not found:
        return None
    names.require_ours(f"inference component {names.project()}", components.tags(aws, found))
    if found.status in {"Updating", "Deleting"} and not aws.dry_run:
        say(f"{components.told(found)}: waiting for that first")
        return waiting.until(lambda: components.find(aws), _is_settled, components.told, _patience())
    return found


def is_spoiled(found: Component | None, wanted: dict[str, Any]) -> bool:
    """Whether it has to be replaced: it has failed, or something else is still trying to start."""
    if not found:
        return False
    return found.status == "Failed" or (found.status == "Creating" and not _is(found, wanted))


def steps(aws: AwsClient, wanted: dict[str, Any], found: Component | None) -> Iterator[Step]:
    """Create the component, or update it where it is otherwise than `wanted`, a specification."""
    what = f"the inference component {names.project()}"
    if not found:
        yield Step(f"create {what} with {capacity.first_copies()} copies", partial(create, aws, wanted))
    elif found.status == "Creating":
        yield Step(f"wait for {what}", partial(_wait, aws, wanted, found.created.timestamp()))
    elif not _is(found, wanted):
        yield Step(f"update {what} from {found.model}", partial(switch, aws, wanted, found))
    elif not requests.is_scaled() and found.wanted_copies != capacity.first_copies():
        yield Step(f"let {what} have {capacity.first_copies()} copies", partial(_set_copies, aws, wanted))


def create(aws: AwsClient, wanted: dict[str, Any]) -> None:
    """Create the component and wait for it. Raises VerbError where it fails."""
    began = time.time()
    aws.change(
        "sagemaker",
        "CreateInferenceComponent",
        InferenceComponentName=names.project(),
        EndpointName=names.project(),
        VariantName=names.VARIANT,
        Specification=wanted,
        RuntimeConfig={"CopyCount": capacity.first_copies()},
        Tags=names.tag_list(),
    )
    _wait(aws, wanted, began)


def switch(aws: AwsClient, wanted: dict[str, Any], found: Component) -> None:
    """Update the component to this specification, half of the copies at a time. Raises RolledBack, VerbError."""
    began, copies = time.time(), max(1, found.wanted_copies)
    # first, so that an update that is interrupted is remembered, too
    aws.change("sagemaker", "AddTags", ResourceArn=found.arn, Tags=[_remembered(aws, found)])
    aws.change(
        "sagemaker",
        "UpdateInferenceComponent",
        InferenceComponentName=names.project(),
        Specification=wanted,
        DeploymentConfig=rolling_update(copies),
        **({} if requests.is_scaled() else {"RuntimeConfig": {"CopyCount": capacity.first_copies()}}),
    )
    _wait(aws, wanted, began)


def rolling_update(copies: int) -> dict[str, Any]:
    """How an update replaces so many copies."""
    rolling = {
        "MaximumBatchSize": {"Type": "COPY_COUNT", "Value": max(1, copies // updates.BATCHES)},
        "WaitIntervalInSeconds": 0,  # nothing watches
        "MaximumExecutionTimeoutInSeconds": updates.longest(),
    }
    return {"RollingUpdatePolicy": rolling}


def history(aws: AwsClient, found: Component) -> list[str]:
    """The names of the models that it had before, the last one first."""
    hashes = names.by_key(components.tags(aws, found)).get(HISTORY_TAG, "").split()
    return [name for name in (f"{names.project()}-{digest}" for digest in hashes) if name != found.model]


def _remembered(aws: AwsClient, found: Component) -> dict[str, str]:
    """The tag that remembers the present model, for when another takes its place."""
    before = [found.model, *history(aws, found)][:HISTORY_LENGTH]
    return {"Key": HISTORY_TAG, "Value": " ".join(name.rpartition("-")[2] for name in before)}


def _set_copies(aws: AwsClient, wanted: dict[str, Any]) -> None:
    began = time.time()
    aws.change(
        "sagemaker",
        "UpdateInferenceComponentRuntimeConfig",
        InferenceComponentName=names.project(),
        DesiredRuntimeConfig={"CopyCount": capacity.first_copies()},
    )
    _wait(aws, wanted, began)


def _wait(aws: AwsClient, wanted: dict[str, Any], began: float) -> None:
    """Wait until it is as wanted. Raises VerbError with the reason why it isn't, RolledBack where it is as before."""
    if aws.dry_run:
        return
    since = began - deployment.CLOCK_SKEW
    found = waiting.until(
        lambda: components.find(aws),
        lambda seen: _is_settled(seen) or _ends_again_and_again(aws, since),
        components.told,
        _patience(),
    )
    if not found:
        raise VerbError(f"the inference component {names.project()} was deleted meanwhile", ExitCode.AWS_ERROR)
    if found.status == "InService" and _is(found, wanted):
        return
    lines = logs.of_new_streams(aws, "component", since)
    for line in lines[-deployment.LINES_SHOWN :]:
        say(f"  {line}")
    reason = failures.explained(found.reason, lines)
    if found.status == "InService":
        raise RolledBack(reason)
    raise VerbError(f"{components.told(found)}: {reason}", ExitCode.AWS_ERROR)


def _is(found: Component, wanted: dict[str, Any]) -> bool:
    """Whether its specification is the one that is wanted."""
    return all(found.specification.get(key) == wanted.get(key) for key in COMPARED)


def _is_settled(found: Component | None) -> bool:
    return not found or found.status not in MOVING


def _ends_again_and_again(aws: AwsClient, since: float) -> bool:
    """Whether the server has ended so often that it will not start."""
    lines = logs.of_new_streams(aws, "component", since)
    return sum(bool(failures.LAST_LINE.search(line)) for line in lines) >= MOST_ENDS


def _patience() -> float:
    return updates.longest() + 1800
