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
Updates the endpoint to the configuration that it had before the present one: the same image by its digest, the same
model and instances. Typed twice, it is where it was. The next do/deploy brings the project as it is now.

examples:
  do/rollback
  do/rollback --dry-run    print each call to AWS with its parameters, and make none that changes something"""


def main() -> int:
    arguments = cli.parser("Let the endpoint serve what it served before.", EPILOG)
    arguments.add_argument("--dry-run", action="store_true", help="only show what would be changed")
    options = cli.parse(arguments)
    environment.enter_verbs()
    return rollback(options.dry_run)


def rollback(dry_run: bool) -> int:
    """Find the configuration before this one, and update to it. Raises VerbError."""
    from lib.aws import deployment, names
    from lib.aws.client import AwsClient

    aws = AwsClient(dry_run)
    found = deployment.current_endpoint(aws)
    if not found:
        raise VerbError(f"there is no endpoint {names.project()}: type do/deploy", ExitCode.MISSING_PREREQUISITE)
    config = previous(aws, found)
    before, instances = config["EndpointConfigName"], config["ProductionVariants"][0]["InitialInstanceCount"]
    say(f"to do: update the endpoint {names.project()} from {found.config} to {before}")
    deployment.switch(aws, before, instances, found)
    if not dry_run:
        print(f"{names.project()} serves {before} again")
    return ExitCode.OK


def previous(aws: AwsClient, found: Endpoint) -> dict[str, Any]:
    """The last configuration before this one that is still there. Raises VerbError."""
    for name in found.previous:
        if config := aws.find("sagemaker", "DescribeEndpointConfig", EndpointConfigName=name):
            return config
    raise VerbError(f"{found.config} is all that the endpoint has served: type do/deploy", ExitCode.MISSING_FILE)
