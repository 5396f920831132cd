"""do/rollback: let the endpoint serve what it served before."""

from __future__ import annotations

from lib import cli
from lib.cli import ExitCode
from lib.local import environment

EPILOG = """\
Updates the endpoint to its previous configuration: the same image by its digest, the same model and instances. An
inference component goes back to its previous model, and keeps its copies and what each of them has. No alarm reverts a
rollback, so it also works if the endpoint is failing. Running it twice restores the current version. The next do/deploy
deploys the project's current state.

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
    """Find what was served before this, and update to it. Raises VerbError."""
    from lib.aws.client import AwsClient
    from lib.target import presence, previous

    presence.require_endpoint()
    aws = AwsClient(dry_run)
    served = previous.restored(aws)
    if not dry_run:
        print(f"{served} again")
    return ExitCode.OK
