"""Brings the endpoint to what the settings say, or back to what it was before."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from lib import config
from lib.aws import (
    alarms,
    bucket,
    endpoint,
    failures,
    kinds,
    logs,
    model_data,
    names,
    preflight,
    requests,
    roles,
    scaling,
)
from lib.aws.client import AwsClient
from lib.aws.endpoint import Endpoint
from lib.aws.plan import Step
from lib.aws.requests import Definition, Parameters
from lib.cli import ExitCode, VerbError, say
from lib.target import capacity, updates

CLOCK_SKEW = 60  # seconds that the clock here may differ from AWS's
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


def desired_state(aws: AwsClient) -> DesiredState:
    """What should be there. Raises VerbError where something that it needs is missing."""
    return described(aws, preflight.role_arn(aws))


def described(aws: AwsClient, role_arn: str) -> DesiredState:
    """The same with a role that is not looked at. Raises VerbError where something else is missing."""
    image_uri = preflight.image_uri(aws)
    model = requests.model(role_arn, image_uri, model_data.parameters(aws))
    return DesiredState(image_uri, model, requests.endpoint_config(aws, model))


def current_endpoint(aws: AwsClient) -> Endpoint | None:
    """The endpoint, once an update of before has ended; at once with --dry-run."""
    found = endpoint.find(aws)
    endpoint.require_unmanaged(found)
    if found and found.status in endpoint.MOVING and not aws.dry_run:
        say(f"{names.project()} is {found.status}: waiting for that first")
        return endpoint.settled(aws)
    return found


def steps(aws: AwsClient, target: DesiredState, found: Endpoint | None) -> list[Step]:
    """What has to be done, in order; empty where all is as it should be."""
    if found and found.status == "Failed":
        return [
            *environment(aws),
            *definitions(aws, target),
            *scaling.plan_removal(aws),
            Step(f"delete the endpoint {names.project()}, which has failed", partial(remove, aws)),
            *serving(aws, target, None),
            *scaling.plan_enable(aws, force=True),
        ]
    return [
        *environment(aws),
        *definitions(aws, target),
        *scaling.plan_disable(aws),
        *serving(aws, target, found),
        *scaling.plan_enable(aws),
    ]


def starts_containers(target: DesiredState, found: Endpoint | None) -> bool:
    """Whether new containers are going to start."""
    return not found or found.status == "Failed" or found.config != target.config.name


def quotas_needed(found: Endpoint | None) -> dict[str, int]:
    """How much of the account's quotas is needed at once, by their names."""
    return capacity.quotas(found.variant if found and found.status != "Failed" else {})


def environment(aws: AwsClient) -> Iterator[Step]:
    """What the endpoint needs around it, with the project's tags: a role unless one is given, a log group, a bucket."""
    if not config.load()["ROLE_ARN"]:
        yield from roles.steps(aws, "sagemaker")
    yield from logs.steps(aws, "endpoint")
    yield from bucket.steps(aws)


def definitions(aws: AwsClient, target: DesiredState) -> Iterator[Step]:
    """The model and the endpoint configuration, where they are missing."""
    if not aws.find("sagemaker", "DescribeModel", ModelName=target.model.name):
        yield Step(
            f"create the model {target.model.name}",
            partial(aws.change, "sagemaker", "CreateModel", **target.model.parameters),
        )
    if not aws.find("sagemaker", "DescribeEndpointConfig", EndpointConfigName=target.config.name):
        create = partial(aws.change, "sagemaker", "CreateEndpointConfig", **target.config.parameters)
        yield Step(f"create the endpoint configuration {target.config.name}", create)


def serving(aws: AwsClient, target: DesiredState, found: Endpoint | None) -> Iterator[Step]:
    """Create the endpoint, or update it where it serves something else. Raises VerbError where it can't be updated."""
    config_name = target.config.name
    if not found:
        yield Step(f"create the endpoint {names.project()}", partial(create, aws, config_name))
    elif found.config != config_name or found.status != "InService":
        require_updatable(aws, target.config.parameters, found)
        update = partial(switch, aws, target.config.parameters, found, watched=True)
        yield Step(f"update the endpoint {names.project()} from {found.config}", update)
    elif old := alarms.stale(aws, config_name):  # of an update that was interrupted
        yield Step("delete the alarms of earlier configurations", partial(alarms.remove, aws, old))


def require_updatable(aws: AwsClient, wanted: Parameters, found: Endpoint) -> None:
    """Raise VerbError for an endpoint of another deployment target that can't be updated to this configuration."""
    served = aws.find("sagemaker", "DescribeEndpointConfig", EndpointConfigName=found.config)
    if served and not kinds.is_updatable(served, wanted):
        kind = kinds.of(served)
        raise VerbError(
            f"{names.project()} was deployed with deploy_target={kind}, and an update can't make it "
            f"{kinds.of(wanted)}: run do/clean --aws, then do/deploy, or do/update --keep-version --data "
            f"deploy_target={kind}",
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


def switch(aws: AwsClient, wanted: Parameters, found: Endpoint, watched: bool) -> None:
    """Switch the endpoint to a configuration, which is given whole, and wait. Raises RolledBack, VerbError.

    With `watched`, the target's alarms let SageMaker take the update back.
    """
    began, config_name = time.time(), wanted["EndpointConfigName"]
    watching = alarms.watch(aws, config_name) if watched else []
    # first, so that an update that is interrupted is remembered, too
    aws.change("sagemaker", "AddTags", ResourceArn=found.arn, Tags=[endpoint.history(found)])
    aws.change(
        "sagemaker",
        "UpdateEndpoint",
        EndpointName=names.project(),
        EndpointConfigName=config_name,
        **updates.parameters(wanted, found.variant, [alarm["AlarmName"] for alarm in watching], requests.is_scaled()),
    )
    _wait(aws, config_name, began)
    alarms.remove(aws, alarms.stale(aws, config_name))


def remove(aws: AwsClient) -> None:
    """Delete the endpoint, once nothing moves any more, and wait until it is gone."""
    if not aws.dry_run:
        found = endpoint.settled(aws)
        if not found:
            return
        endpoint.require_unmanaged(found)
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
