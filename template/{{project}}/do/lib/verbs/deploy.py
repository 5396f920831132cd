"""do/deploy: bring the image to a SageMaker endpoint."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from lib import cli, config
from lib.cli import ExitCode, VerbError, say
from lib.local import environment

if TYPE_CHECKING:
    from lib.aws.client import AwsClient
    from lib.aws.deployment import DesiredState
    from lib.aws.plan import Step

EPILOG = """\
Creates the endpoint PROJECT_NAME, or updates it, from the image that do/push or do/submit brought to ECR and the
settings in do/config. Where nothing has changed, nothing is done. An update that makes errors or answers slowly is
rolled back, which ends with exit code 1. Typed again after an interruption, it goes on where it was.

examples:
  do/deploy
  do/deploy --dry-run      print each call to AWS with its parameters, and make none that changes something
  do/deploy --json         the result as one JSON document"""


def main() -> int:
    arguments = cli.parser("Create or update the SageMaker endpoint.", EPILOG)
    form = arguments.add_mutually_exclusive_group()
    form.add_argument("--dry-run", action="store_true", help="only show what would be changed")
    form.add_argument("--json", action="store_true", help="the result as one JSON document")
    options = cli.parse(arguments)
    environment.enter_verbs()
    return deploy(options.dry_run, options.json)


def deploy(dry_run: bool, as_json: bool) -> int:
    """Look at what is there, plan, and do it. Raises VerbError."""
    from lib.aws import deployment, preflight
    from lib.aws.client import AwsClient

    preflight.require_sound_settings()
    aws = AwsClient(dry_run)
    target = deployment.desired_state(aws, preflight.role_arn(aws))
    found = deployment.current_endpoint(aws)
    steps = deployment.steps(aws, target, found)
    if deployment.starts_instances(target, found):
        preflight.require_platform(aws, target.image_uri)
        preflight.require_quota(aws, deployment.instances_needed(found))
    try:
        carry_out(steps, aws)
    except VerbError as error:
        if as_json:
            print_document(aws, target, changed=True, error=str(error))
        raise
    if as_json:
        print_document(aws, target, changed=bool(steps))
    elif not dry_run:
        print(f"{config.load()['PROJECT_NAME']} is InService in {aws.region}{'' if steps else ': nothing to change'}")
        say("next: do/invoke --endpoint to ask it, do/test --endpoint to check it, do/status to see it")
    return ExitCode.OK


def carry_out(steps: list[Step], aws: AwsClient) -> None:
    """Do what was planned; say so where nothing is."""
    from lib.aws import plan

    plan.carry_out(steps)
    if aws.dry_run and not steps:
        print("nothing to change")


def print_document(aws: AwsClient, target: DesiredState, changed: bool, error: str = "") -> None:
    """The result for programs."""
    from lib.aws import endpoint, names

    found = endpoint.find(aws)
    document: dict[str, Any] = {
        "endpoint": names.project(),
        "region": aws.region,
        "status": found.status if found else None,
        "changed": changed,
        "endpoint_config": found.config if found else None,
        "wanted_endpoint_config": target.config.name,
        "model": target.model.name,
        "image": target.image_uri.partition("/")[2],
        "instances": found.instances if found else 0,
    }
    print(json.dumps(document | ({"error": error} if error else {}), indent=2))
