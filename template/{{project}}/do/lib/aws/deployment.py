"""Brings the endpoint to what the settings say, or back to what it was before."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from lib import config
from lib.aws import alarms, bucket, endpoint, failures, logs, model_data, names, preflight, requests, roles, scaling
from lib.aws.client import AwsClient
from lib.aws.endpoint import Endpoint
from lib.aws.plan import Step
from lib.aws.requests import Definition
from lib.cli import ExitCode, VerbError, say

CLOCK_SKEW = 60  # seconds that the clock here may differ from AWS's
ASYNC = "AsyncInferenceConfig"  # what an asynchronous endpoint's configuration has
LINES_SHOWN = 20  # of the log, where a deployment failed


@dataclass(frozen=True)
class DesiredState:
    """What the settings and the project's files ask for."""

    image_uri: str
    model: Definition
    config: Definition


class RolledBack(VerbError):
    """An update that SageMaker took back: the endpoint serves what it did before."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"rolled back to what it served before: {reason}", ExitCode.FAILED)


def desired_state(aws: AwsClient, role_arn: str) -> DesiredState:
    """What should be there. Raises VerbError where something that it needs is missing."""
    image_uri = preflight.image_uri(aws)
    model = requests.model(role_arn, image_uri, model_data.parameters(aws))
    return DesiredState(image_uri, model, requests.endpoint_config(aws, model.name))


def current_endpoint(aws: AwsClient) -> Endpoint | None:
    """The endpoint, once an update of before has ended; at once with --dry-run."""
    found = endpoint.find(aws)
    if found and found.status in endpoint.MOVING and not aws.dry_run:
        say(f"{names.project()} is {found.status}: waiting for that first")
        return endpoint.settled(aws)
    return found


def steps(aws: AwsClient, target: DesiredState, found: Endpoint | None) -> list[Step]:
    """What has to be done, in order; empty where all is as it should be."""
    if found and found.status == "Failed":
        return [
            *_environment(aws),
            *_definitions(aws, target),
            *scaling.plan_removal(aws),
            Step(f"delete the endpoint {names.project()}, which has failed", partial(remove, aws)),
            *_serving(aws, target, None),
            *scaling.plan_enable(aws, force=True),
        ]
    return [
        *_environment(aws),
        *_definitions(aws, target),
        *scaling.plan_disable(aws),
        *_serving(aws, target, found),
        *scaling.plan_enable(aws),
    ]


def starts_instances(target: DesiredState, found: Endpoint | None) -> bool:
    """Whether new instances are going to start."""
    return not found or found.status == "Failed" or found.config != target.config.name


def instances_needed(found: Endpoint | None) -> int:
    """How many instances there are at once: with blue/green, the old ones beside the new ones."""
    configuration = config.load()
    new = requests.first_instances()
    if not found or found.status == "Failed":
        return new
    return found.instances + (new if configuration["DEPLOYMENT_STRATEGY"] == "blue-green" else (new + 1) // 2)


def _environment(aws: AwsClient) -> Iterator[Step]:
    """What the endpoint needs around it, with the project's tags: a role unless one is given, a log group, a bucket."""
    if not config.load()["ROLE_ARN"]:
        yield from roles.steps(aws, "sagemaker")
    yield from logs.steps(aws, "endpoint")
    yield from bucket.steps(aws)


def _definitions(aws: AwsClient, target: DesiredState) -> Iterator[Step]:
    if not aws.find("sagemaker", "DescribeModel", ModelName=target.model.name):
        yield Step(
            f"create the model {target.model.name}",
            partial(aws.change, "sagemaker", "CreateModel", **target.model.parameters),
        )
    if not aws.find("sagemaker", "DescribeEndpointConfig", EndpointConfigName=target.config.name):
        create = partial(aws.change, "sagemaker", "CreateEndpointConfig", **target.config.parameters)
        yield Step(f"create the endpoint configuration {target.config.name}", create)


def _serving(aws: AwsClient, target: DesiredState, found: Endpoint | None) -> Iterator[Step]:
    """Create the endpoint, or update it where it serves something else. Raises VerbError where it can't be updated."""
    config_name = target.config.name
    if not found:
        yield Step(f"create the endpoint {names.project()}", partial(create, aws, config_name))
    elif found.config != config_name or found.status != "InService":
        _require_same_kind(aws, target.config, found)
        update = partial(switch, aws, config_name, requests.first_instances(), found, watched=True)
        yield Step(f"update the endpoint {names.project()} from {found.config}", update)
    elif old := alarms.stale(aws, config_name):  # of an update that was interrupted
        yield Step("delete the alarms of earlier configurations", partial(alarms.remove, aws, old))


def _require_same_kind(aws: AwsClient, wanted: Definition, found: Endpoint) -> None:
    """Raise VerbError for an endpoint whose callers would have to ask it otherwise from now on."""
    served = aws.find("sagemaker", "DescribeEndpointConfig", EndpointConfigName=found.config) or {}
    is_async = bool(served.get(ASYNC))
    if served and is_async != (ASYNC in wanted.parameters):
        raise VerbError(
            f"{names.project()} is {'an asynchronous' if is_async else 'a real-time'} endpoint, whose callers this "
            "update would break: run do/clean --aws, then do/deploy, or do/update --keep-version --data "
            f"deploy_target={'async' if is_async else 'realtime'}",
            ExitCode.BAD_CONFIGURATION,
        )


def create(aws: AwsClient, config_name: str) -> None:
    """Create the endpoint and wait for it. Raises VerbError where it fails."""
    began = time.time()
    aws.change(
        "sagemaker",
        "CreateEndpoint",
        EndpointName=names.project(),
        EndpointConfigName=config_name,
        Tags=names.tag_list(),
    )
    _wait(aws, config_name, began)


def switch(aws: AwsClient, config_name: str, instances: int, found: Endpoint, watched: bool) -> None:
    """Switch the endpoint to a configuration with this number of instances, and wait. Raises RolledBack, VerbError.

    With `watched`, SageMaker takes the update back if the new instances make errors or answer slowly.
    """
    began = time.time()
    watching = alarms.watch(aws, config_name) if watched else []
    # first, so that an update that is interrupted is remembered, too
    aws.change("sagemaker", "AddTags", ResourceArn=found.arn, Tags=[endpoint.history(found)])
    aws.change(
        "sagemaker",
        "UpdateEndpoint",
        EndpointName=names.project(),
        EndpointConfigName=config_name,
        DeploymentConfig=requests.deployment(min(instances, found.instances), watching),
        **(scaling.KEEP_COUNT if requests.is_scaled() else {}),
    )
    _wait(aws, config_name, began)
    alarms.remove(aws, alarms.stale(aws, config_name))


def remove(aws: AwsClient) -> None:
    """Delete the endpoint, once nothing moves any more, and wait until it is gone."""
    if not aws.dry_run and not endpoint.settled(aws):
        return
    aws.change("sagemaker", "DeleteEndpoint", EndpointName=names.project())
    if not aws.dry_run:
        endpoint.settled(aws)


def _wait(aws: AwsClient, config_name: str, began: float) -> None:
    if aws.dry_run:
        return
    found = endpoint.settled(aws)
    if not found:
        raise VerbError(f"the endpoint {names.project()} was deleted meanwhile", ExitCode.AWS_ERROR)
    if found.status == "InService" and found.config == config_name:
        return
    lines = logs.of_new_streams(aws, "endpoint", began - CLOCK_SKEW)
    for line in lines[-LINES_SHOWN:]:
        say(f"  {line}")
    reason = failures.explained(found.reason, lines)
    if found.status == "InService":
        raise RolledBack(reason)
    raise VerbError(f"the endpoint is {found.status}: {reason}", ExitCode.AWS_ERROR)
