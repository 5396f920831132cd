"""What do/deploy brings about: a model, which transform jobs run, and no endpoint that costs by the hour."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

from lib import config
from lib.aws import bucket, model_data, preflight, requests, roles
from lib.aws.client import AwsClient
from lib.aws.plan import Step
from lib.aws.requests import Definition
from lib.aws.resource import Resource
from lib.model import memory
from lib.target import presence

NEXT = "do/transform FILE for the predictions of a file, do/status to see its jobs"


class DesiredState(NamedTuple):
    """What the settings and the project's files ask for."""

    image_uri: str
    model: Definition


def desired_state(aws: AwsClient) -> DesiredState:
    """What should be there. Raises VerbError where something that it needs is missing."""
    image_uri = preflight.image_uri(aws)
    return DesiredState(image_uri, requests.model(preflight.role_arn(aws), image_uri, model_data.parameters(aws)))


def steps(aws: AwsClient, wanted: DesiredState) -> list[Step]:
    """What is missing, once what can be checked is checked. Raises VerbError."""
    missing = [*(() if config.load()["ROLE_ARN"] else roles.steps(aws, "sagemaker")), *bucket.steps(aws)]
    if not is_there(aws, wanted):
        memory.require()
        preflight.require_platform(aws, wanted.image_uri)
        preflight.note_vulnerabilities(aws, wanted.image_uri)
        create = partial(aws.change, "sagemaker", "CreateModel", **wanted.model.parameters)
        missing.append(Step(f"create the model {wanted.model.name}", create))
    return missing


def is_there(aws: AwsClient, wanted: DesiredState) -> bool:
    """Whether the model of the project as it is now has been created."""
    return aws.find("sagemaker", "DescribeModel", ModelName=wanted.model.name) is not None


def done(wanted: DesiredState) -> str:
    """What is there now, in words."""
    return f"the model {wanted.model.name} is there"


def document(aws: AwsClient, wanted: DesiredState) -> dict[str, Any]:
    """What is there now, for programs."""
    return {"status": "Created" if is_there(aws, wanted) else None}


def log_lines(aws: AwsClient, since: float, follow: bool) -> Iterator[str] | None:
    """Raise VerbError: do/transform --logs shows them."""
    presence.require_endpoint()
    raise AssertionError


def resources(aws: AwsClient) -> Iterator[Resource]:
    """What there is besides what lib/aws/inventory.py looks for: nothing."""
    return iter(())
