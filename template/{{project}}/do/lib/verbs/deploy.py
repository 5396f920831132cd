"""do/deploy: bring the image to SageMaker."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from lib import budget, cli, config, costs
from lib.cli import ExitCode, VerbError, say
from lib.local import environment

if TYPE_CHECKING:
    from lib.aws.client import AwsClient
    from lib.aws.plan import Step
    from lib.target.product import DesiredState

EPILOG = """\
Creates or updates the endpoint PROJECT_NAME from the image that do/push or do/submit put into ECR and the settings in
do/config. If nothing has changed, it does nothing. If the update fails, or an alarm of the deployment target watches it
and trips, it is rolled back, and the exit code is 1. Safe to re-run after an interruption.

The plan says what it costs, as do/cost does. If that can be more than MAX_MONTHLY_COST, it asks first; without a
terminal, with --json, with --dry-run and if a policy sets the limit, it refuses.

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
    from lib.aws import plan
    from lib.aws.client import AwsClient
    from lib.target import product

    configuration = config.require_sound()
    own = config.load({})
    for key, value in configuration.overrides.items():
        if value != own[key]:
            say(f"note: {key}={value} comes from the environment; the project has {own[key] or 'nothing'}")
    aws = AwsClient(dry_run)
    wanted = product.desired_state(aws)
    steps: list[Step] = []
    try:
        agree = partial(require_budget, aws, can_ask=not dry_run and not as_json)
        plan.reconciled(lambda: bring_to(aws, wanted, steps, agree))
    except VerbError as error:
        if as_json:
            print_document(aws, wanted, changed=True, error=str(error))
        raise
    if as_json:
        print_document(aws, wanted, changed=bool(steps))
    elif not dry_run:
        print(f"{product.done(wanted)} in {aws.region}{'' if steps else ': nothing to change'}")
        say(f"next: {product.NEXT}")
    elif not steps:
        print("nothing to change")
    return ExitCode.OK


def bring_to(aws: AwsClient, wanted: DesiredState, taken: list[Step], agree: Callable[[], None]) -> None:
    """Compare what there is with what should be, and do what is missing. Adds the steps to `taken`. Raises VerbError.

    What can be checked is checked, and `agree` called, before the first change.
    """
    from lib.aws import plan
    from lib.target import product

    steps = product.steps(aws, wanted)
    plan.tell(steps)
    if steps and not taken:
        agree()
    taken += steps
    plan.make(steps)


def require_budget(aws: AwsClient, can_ask: bool) -> None:
    """Say what it costs, and raise VerbError unless that is within the limit or agreed."""
    from lib.target import cost

    found = cost.estimate(lambda: aws)
    say(f"cost: {costs.line(found)}")
    budget.require(found, can_ask)


def print_document(aws: AwsClient, wanted: DesiredState, changed: bool, error: str = "") -> None:
    """The result for programs."""
    from lib.target import product

    document: dict[str, Any] = {
        **product.document(aws, wanted),
        "region": aws.region,
        "changed": changed,
        "model": wanted.model.name,
        "image": wanted.image_uri.partition("/")[2],
    }
    print(json.dumps(document | ({"error": error} if error else {}), indent=2))
