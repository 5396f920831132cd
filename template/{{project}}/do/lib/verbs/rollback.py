"""do/rollback: let the endpoint serve what it served before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lib import cli
from lib.cli import ExitCode, VerbError, say
from lib.local import environment

if TYPE_CHECKING:
    from lib.aws.client import AwsClient
    from lib.aws.endpoint import Endpoint

EPILOG = """\
Updates the endpoint to its previous configuration: the same image by its digest, the same model and instances. No alarm
reverts a rollback, so it also works if the endpoint is failing. Running it twice restores the current version. The next
do/deploy deploys the project's current state.

examples:
  do/rollback
  do/rollback --dry-run    print each AWS call with its parameters, and change nothing"""


def main() -> int:
    arguments = cli.parser("Roll the endpoint back to its previous configuration.", EPILOG)
    arguments.add_argument("--dry-run", action="store_true", help="only show what would change")
    options = cli.parse(arguments)
    environment.enter_verbs()
    return rollback(options.dry_run)


def rollback(dry_run: bool) -> int:
    """Find the configuration before this one, and update to it. Raises VerbError."""
    from lib.aws import names, plan
    from lib.aws.client import AwsClient
    from lib.target import presence

    presence.require_endpoint()
    aws = AwsClient(dry_run)
    config = previous(aws, present(aws))
    plan.reconciled(lambda: go_back(aws, config))
    if not dry_run:
        print(f"{names.project()} serves {config['EndpointConfigName']} again")
    return ExitCode.OK


def present(aws: AwsClient) -> Endpoint:
    """The endpoint. Raises VerbError if there is none."""
    from lib.aws import deployment, names

    found = deployment.current_endpoint(aws)
    if not found:
        raise VerbError(f"there is no endpoint {names.project()}: run do/deploy", ExitCode.MISSING_PREREQUISITE)
    return found


def go_back(aws: AwsClient, config: dict[str, Any]) -> None:
    """Update the endpoint to this configuration, unless a request whose answer was lost has. Raises VerbError."""
    from lib.aws import alarms, deployment, names

    found, before = present(aws), config["EndpointConfigName"]
    if found.config == before:
        alarms.remove(aws, alarms.stale(aws, before))
        return
    deployment.require_updatable(aws, config, found)
    say(f"to do: update the endpoint {names.project()} from {found.config} to {before}")
    deployment.switch(aws, config, found, watched=False)


def previous(aws: AwsClient, found: Endpoint) -> dict[str, Any]:
    """The last configuration before this one that is still there. Raises VerbError."""
    for name in found.previous:
        if config := aws.find("sagemaker", "DescribeEndpointConfig", EndpointConfigName=name):
            return config
    raise VerbError(f"{found.config} is all that the endpoint has served: run do/deploy", ExitCode.MISSING_FILE)
