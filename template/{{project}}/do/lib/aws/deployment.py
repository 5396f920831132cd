"""Brings the endpoint to what the settings say, or back to what it was before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from lib import config
from lib.aws import endpoint, failures, logs, model_data, names, preflight, requests, scaling, waiting
from lib.aws.client import AwsClient
from lib.aws.endpoint import Endpoint
from lib.aws.plan import Step
from lib.aws.requests import Definition
from lib.cli import ExitCode, VerbError, say


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
    return DesiredState(image_uri, model, requests.endpoint_config(model.name))


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
            *_definitions(aws, target),
            *scaling.plan_removal(aws),
            Step(f"delete the endpoint {names.project()}, which has failed", partial(remove, aws)),
            *_serving(aws, target.config.name, None),
            *scaling.plan_enable(aws, force=True),
        ]
    return [
        *_definitions(aws, target),
        *scaling.plan_disable(aws),
        *_serving(aws, target.config.name, found),
        *scaling.plan_enable(aws),
    ]


def starts_instances(target: DesiredState, found: Endpoint | None) -> bool:
    """Whether new instances are going to start."""
    return not found or found.status == "Failed" or found.config != target.config.name


def instances_needed(found: Endpoint | None) -> int:
    """How many instances there are at once: with blue/green, the old ones beside the new ones."""
    configuration = config.load()
    new = int(configuration["MIN_INSTANCES"])
    if not found or found.status == "Failed":
        return new
    return found.instances + (new if configuration["DEPLOYMENT_STRATEGY"] == "blue-green" else (new + 1) // 2)


def _definitions(aws: AwsClient, target: DesiredState) -> Iterator[Step]:
    if not aws.find("sagemaker", "DescribeModel", ModelName=target.model.name):
        yield Step(f"create the model {target.model.name}", partial(_create_model, aws, target.model))
    if not aws.find("sagemaker", "DescribeEndpointConfig", EndpointConfigName=target.config.name):
        create = partial(aws.change, "sagemaker", "CreateEndpointConfig", **target.config.parameters)
        yield Step(f"create the endpoint configuration {target.config.name}", create)


def _create_model(aws: AwsClient, model: Definition) -> None:
    """Create it, and try again while IAM has not told everybody of a new role."""
    waiting.retried(
        lambda: aws.change("sagemaker", "CreateModel", **model.parameters),
        lambda error: "assume role" in str(error).lower(),
        "waiting until SageMaker may take the role",
    )


def _serving(aws: AwsClient, config_name: str, found: Endpoint | None) -> Iterator[Step]:
    """Create the endpoint, or update it where it serves something else."""
    if not found:
        yield Step(f"create the endpoint {names.project()}", partial(create, aws, config_name))
    elif found.config != config_name or found.status != "InService":
        instances = int(config.load()["MIN_INSTANCES"])
        update = partial(switch, aws, config_name, instances, found)
        yield Step(f"update the endpoint {names.project()} from {found.config}", update)


def create(aws: AwsClient, config_name: str) -> None:
    """Create the endpoint and wait for it. Raises VerbError where it fails."""
    aws.change(
        "sagemaker",
        "CreateEndpoint",
        EndpointName=names.project(),
        EndpointConfigName=config_name,
        Tags=names.tag_list(),
    )
    _wait(aws, config_name)


def switch(aws: AwsClient, config_name: str, instances: int, found: Endpoint) -> None:
    """Let the endpoint serve another configuration, of so many instances, and wait. Raises RolledBack, VerbError."""
    for alarm in requests.alarms_of_endpoint():
        aws.change("cloudwatch", "PutMetricAlarm", **alarm)
    # first, so that an update that is interrupted is remembered, too
    aws.change("sagemaker", "AddTags", ResourceArn=found.arn, Tags=[endpoint.history(found)])
    aws.change(
        "sagemaker",
        "UpdateEndpoint",
        EndpointName=names.project(),
        EndpointConfigName=config_name,
        DeploymentConfig=requests.deployment(min(instances, found.instances)),
        **(scaling.KEEP_COUNT if requests.is_scaled() else {}),
    )
    _wait(aws, config_name)


def remove(aws: AwsClient) -> None:
    """Delete the endpoint, once nothing moves any more, and wait until it is gone."""
    if not aws.dry_run and not endpoint.settled(aws):
        return
    aws.change("sagemaker", "DeleteEndpoint", EndpointName=names.project())
    if not aws.dry_run:
        endpoint.settled(aws)


def _wait(aws: AwsClient, config_name: str) -> None:
    if aws.dry_run:
        return
    found = endpoint.settled(aws)
    if not found:
        raise VerbError(f"the endpoint {names.project()} was deleted meanwhile", ExitCode.AWS_ERROR)
    if found.status == "InService" and found.config == config_name:
        return
    lines = logs.last_lines(aws, "endpoint")
    for line in lines:
        say(f"  {line}")
    reason = failures.explained(found.reason, lines)
    if found.status == "InService":
        raise RolledBack(reason)
    raise VerbError(f"the endpoint is {found.status}: {reason}", ExitCode.AWS_ERROR)
