"""Back to the configuration that the endpoint had before."""

from __future__ import annotations

from typing import Any

from lib.aws import alarms, deployment, names, plan
from lib.aws.client import AwsClient
from lib.aws.endpoint import Endpoint
from lib.cli import ExitCode, VerbError, say


def restored(aws: AwsClient) -> str:
    """Update to the configuration before this one; says what is served. Raises VerbError."""
    config = _previous(aws, _present(aws))
    plan.reconciled(lambda: _go_back(aws, config))
    return f"{names.project()} serves {config['EndpointConfigName']}"


def _present(aws: AwsClient) -> Endpoint:
    """The endpoint. Raises VerbError if there is none."""
    found = deployment.current_endpoint(aws)
    if not found:
        raise VerbError(f"there is no endpoint {names.project()}: run do/deploy", ExitCode.MISSING_PREREQUISITE)
    return found


def _go_back(aws: AwsClient, config: dict[str, Any]) -> None:
    """Update the endpoint to this configuration, unless a request whose answer was lost has. Raises VerbError."""
    found, before = _present(aws), config["EndpointConfigName"]
    if found.config == before:
        alarms.remove(aws, alarms.stale(aws, before))
        return
    deployment.require_updatable(aws, config, found)
    say(f"to do: update the endpoint {names.project()} from {found.config} to {before}")
    deployment.switch(aws, config, found, watched=False)


def _previous(aws: AwsClient, found: Endpoint) -> dict[str, Any]:
    """The last configuration before this one that is still there. Raises VerbError."""
    for name in found.previous:
        if config := aws.find("sagemaker", "DescribeEndpointConfig", EndpointConfigName=name):
            return config
    raise VerbError(f"{found.config} is all that the endpoint has served: run do/deploy", ExitCode.MISSING_FILE)
