"""What do/deploy brings about: an endpoint without a model, and the model as an inference component on it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from lib.aws import components, deployment, endpoint, logs, names, preflight, scaling
from lib.aws.client import AwsClient
from lib.aws.components import Component
from lib.aws.endpoint import Endpoint
from lib.aws.plan import Step
from lib.aws.resource import Resource
from lib.cli import ExitCode, VerbError
from lib.model import memory
from lib.target import capacity, serving

NEXT = "do/invoke --endpoint for a prediction, do/test --endpoint to check it, do/status to see it"


@dataclass(frozen=True)
class DesiredState(deployment.DesiredState):
    """What the settings and the project's files ask for, the specification of the component included."""

    component: dict[str, Any]


def desired_state(aws: AwsClient) -> DesiredState:
    """What should be there. Raises VerbError where something that it needs is missing."""
    return described(aws, preflight.role_arn(aws))


def described(aws: AwsClient, role_arn: str) -> DesiredState:
    """The same with a role that is not looked at. Raises VerbError where something else is missing."""
    capacity.require_room()
    found = deployment.described(aws, role_arn)
    return DesiredState(found.image_uri, found.model, found.config, capacity.specification(found.model.name))


def steps(aws: AwsClient, wanted: DesiredState) -> list[Step]:
    """What is missing, once what can be checked is checked. Raises VerbError."""
    found, component = deployment.current_endpoint(aws), serving.current(aws)
    planned = missing(aws, wanted, found, component)
    if deployment.starts_containers(wanted, found) or not component or component.model != wanted.model.name:
        memory.require()
        preflight.require_platform(aws, wanted.image_uri)
        preflight.note_vulnerabilities(aws, wanted.image_uri)
        preflight.require_quotas(aws, deployment.quotas_needed(found))
    return planned


def missing(aws: AwsClient, wanted: DesiredState, found: Endpoint | None, component: Component | None) -> list[Step]:
    """What has to be done, in order; empty where all is as it should be."""
    failed = bool(found and found.status == "Failed")
    replaced = failed or serving.is_spoiled(component, wanted.component)
    removal = _removal(aws, has_component=component is not None, has_endpoint=failed) if replaced else []
    return [
        *deployment.environment(aws),
        *logs.steps(aws, "component"),
        *deployment.definitions(aws, wanted),
        *(scaling.plan_removal(aws) if replaced else scaling.plan_disable(aws)),
        *removal,
        *deployment.serving(aws, wanted, None if failed else found),
        *serving.steps(aws, wanted.component, None if replaced else component),
        *scaling.plan_enable(aws, force=replaced),
    ]


def done(wanted: DesiredState) -> str:
    """What is there now, in words."""
    return f"{names.project()} is InService, with the inference component {names.project()}"


def document(aws: AwsClient, wanted: DesiredState) -> dict[str, Any]:
    """What is there now, for programs."""
    found, component = endpoint.find(aws), components.find(aws)
    return {
        "endpoint": names.project(),
        "status": found.status if found else None,
        "endpoint_config": found.config if found else None,
        "wanted_endpoint_config": wanted.config.name,
        "instances": found.instances if found else 0,
        "inference_component": names.project(),
        "inference_component_status": component.status if component else None,
        "copies": component.copies if component else 0,
    }


def log_lines(aws: AwsClient, since: float, follow: bool) -> Iterator[str] | None:
    """What the containers have written since a time; with `follow`, what is to come as well. None if nothing ever."""
    return logs.present_lines("component", aws, since, follow)


def resources(aws: AwsClient) -> Iterator[Resource]:
    """What there is besides what lib/aws/inventory.py looks for: nothing."""
    return iter(())


def _removal(aws: AwsClient, has_component: bool, has_endpoint: bool) -> list[Step]:
    """What has failed goes, the component first."""
    found = []
    if has_component:
        _require_no_adapters(aws)
        found.append(Step(f"delete the inference component {names.project()}", partial(components.remove, aws)))
    if has_endpoint:
        found.append(Step(f"delete the endpoint {names.project()}, which has failed", partial(deployment.remove, aws)))
    return found


def _require_no_adapters(aws: AwsClient) -> None:
    """Raise VerbError where the component can't be deleted because it has adapters."""
    prefix = names.adapter("")
    if found := [one.name.removeprefix(prefix) for one in components.adapters(aws)]:
        raise VerbError(
            f"the inference component {names.project()} has to be replaced, and SageMaker deletes none with adapters: "
            f"run {', '.join(f'do/adapter remove {name}' for name in found)}, do/deploy, and add them again",
            ExitCode.FAILED,
        )
