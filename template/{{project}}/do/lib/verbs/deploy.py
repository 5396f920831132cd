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
Creates or updates the endpoint PROJECT_NAME from the image that do/push or do/submit put into ECR and the settings in
do/config. If nothing has changed, it does nothing. If the update fails, or an alarm of the deployment target watches it
and trips, it is rolled back, and the exit code is 1. Safe to re-run after an interruption.

examples:
  do/deploy
  do/deploy --dry-run      print each AWS call with its parameters, and change nothing
  do/deploy --json         print the result as one JSON document"""


def main() -> int:
    arguments = cli.parser("Create or update the SageMaker endpoint.", EPILOG)
    form = arguments.add_mutually_exclusive_group()
    form.add_argument("--dry-run", action="store_true", help="only show what would change")
    form.add_argument("--json", action="store_true", help="print the result as one JSON document")
    options = cli.parse(arguments)
    environment.enter_verbs()
    return deploy(options.dry_run, options.json)


def deploy(dry_run: bool, as_json: bool) -> int:
    """Look at what is there, plan, and do it. Raises VerbError."""
    from lib.aws import deployment, plan, preflight
    from lib.aws.client import AwsClient

    configuration = config.require_sound()
    own = config.load({})
    for key, value in configuration.overrides.items():
        if value != own[key]:
            say(f"note: {key}={value} comes from the environment; the project has {own[key] or 'nothing'}")
    aws = AwsClient(dry_run)
    target = deployment.desired_state(aws, preflight.role_arn(aws))
    steps: list[Step] = []
    try:
        plan.reconciled(lambda: bring_to(aws, target, steps))
    except VerbError as error:
        if as_json:
            print_document(aws, target, changed=True, error=str(error))
        raise
    if as_json:
        print_document(aws, target, changed=bool(steps))
    elif not dry_run:
        print(f"{config.load()['PROJECT_NAME']} is InService in {aws.region}{'' if steps else ': nothing to change'}")
        say("next: do/invoke --endpoint for a prediction, do/test --endpoint to check it, do/status to see it")
    elif not steps:
        print("nothing to change")
    return ExitCode.OK


def bring_to(aws: AwsClient, target: DesiredState, taken: list[Step]) -> None:
    """Compare what there is with what should be, and do what is missing. Adds the steps to `taken`. Raises VerbError.

    What can be checked is checked before the first change.
    """
    from lib.aws import deployment, plan, preflight
    from lib.model import memory

    found = deployment.current_endpoint(aws)
    steps = deployment.steps(aws, target, found)
    if deployment.starts_containers(target, found):
        memory.require()
        preflight.require_platform(aws, target.image_uri)
        preflight.note_vulnerabilities(aws, target.image_uri)
        preflight.require_quotas(aws, deployment.quotas_needed(found))
    taken += steps
    plan.carry_out(steps)


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
