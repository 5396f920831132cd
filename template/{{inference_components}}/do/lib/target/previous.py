"""Back to the model that the inference component had before."""

from __future__ import annotations

from lib.aws import components, endpoint, names, plan
from lib.aws.client import AwsClient
from lib.aws.components import Component
from lib.cli import ExitCode, VerbError, say
from lib.target import serving


def restored(aws: AwsClient) -> str:
    """Update to the model before this one; says what is served. Raises VerbError."""
    model = _previous(aws, _present(aws))
    plan.reconciled(lambda: _go_back(aws, model))
    return f"{names.project()} serves {model}"


def _present(aws: AwsClient) -> Component:
    """The component. Raises VerbError if there is none."""
    endpoint.require_no_stack(endpoint.find(aws))
    found = serving.current(aws)
    if not found:
        raise VerbError(
            f"there is no inference component {names.project()}: run do/deploy", ExitCode.MISSING_PREREQUISITE
        )
    return found


def _go_back(aws: AwsClient, model: str) -> None:
    """Update to this model, unless a request whose answer was lost has. Raises VerbError."""
    found = _present(aws)
    if found.model == model and found.status == "InService":
        return
    say(f"to do: update the inference component {names.project()} from {found.model} to {model}")
    kept = {key: found.specification[key] for key in serving.COMPARED if key in found.specification}
    serving.switch(aws, kept | {"ModelName": model}, found)


def _previous(aws: AwsClient, found: Component) -> str:
    """The name of the last model before this one that is still there. Raises VerbError."""
    for name in serving.history(aws, found):
        if aws.find("sagemaker", "DescribeModel", ModelName=name):
            return name
    raise VerbError(
        f"{found.model} is all that {names.project()} has served: run do/deploy; {components.told(found)}",
        ExitCode.MISSING_FILE,
    )
