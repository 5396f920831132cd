"""What do/deploy brings about: an endpoint."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lib.aws import deployment, endpoint, logs, names, preflight
from lib.aws.client import AwsClient
from lib.aws.deployment import DesiredState
from lib.aws.plan import Step
from lib.aws.resource import Resource
from lib.model import memory

__all__ = ["NEXT", "DesiredState", "desired_state", "document", "done", "log_lines", "resources", "steps"]

NEXT = "do/invoke --endpoint for a prediction, do/test --endpoint to check it, do/status to see it"


def desired_state(aws: AwsClient) -> DesiredState:
    """What should be there. Raises VerbError where something that it needs is missing."""
    return deployment.desired_state(aws)


def steps(aws: AwsClient, wanted: DesiredState) -> list[Step]:
    """What is missing, once what can be checked is checked. Raises VerbError."""
    found = deployment.current_endpoint(aws)
    missing = deployment.steps(aws, wanted, found)
    if deployment.starts_containers(wanted, found):
        memory.require()
        preflight.require_platform(aws, wanted.image_uri)
        preflight.note_vulnerabilities(aws, wanted.image_uri)
        preflight.require_quotas(aws, deployment.quotas_needed(found))
    return missing


def done(wanted: DesiredState) -> str:
    """What is there now, in words."""
    return f"{names.project()} is InService"


def document(aws: AwsClient, wanted: DesiredState) -> dict[str, Any]:
    """What is there now, for programs."""
    found = endpoint.find(aws)
    return {
        "endpoint": names.project(),
        "status": found.status if found else None,
        "endpoint_config": found.config if found else None,
        "wanted_endpoint_config": wanted.config.name,
        "instances": found.instances if found else 0,
    }


def log_lines(aws: AwsClient, since: float, follow: bool) -> Iterator[str] | None:
    """What the containers have written since a time; with `follow`, what is to come as well. None if nothing ever."""
    return logs.present_lines("endpoint", aws, since, follow)


def resources(aws: AwsClient) -> Iterator[Resource]:
    """What there is besides what lib/aws/inventory.py looks for: nothing."""
    return iter(())
