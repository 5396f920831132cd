"""do/adopt: take over what AWS has under this project's names, but another project or person made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lib import cli
from lib.cli import ExitCode, say
from lib.local import environment

if TYPE_CHECKING:
    from lib.aws.resource import Resource

EPILOG = """\
The commands change and remove only resources with this project's tags, and refuse resources that have its name but not
its tags. This command adds the tags, in AWS_REGION, to resources created by hand or by another folder of the same name.
Their previous owner can then no longer change them with the do/ commands, and do/clean of this project removes them.

examples:
  do/adopt --dry-run       list what would be taken over
  do/adopt"""


def main() -> int:
    arguments = cli.parser("Take over AWS resources that have this project's names.", EPILOG)
    arguments.add_argument("--yes", action="store_true", help="don't ask for confirmation")
    arguments.add_argument("--dry-run", action="store_true", help="only show what would change")
    options = cli.parse(arguments)
    environment.enter_verbs()
    from lib.aws import inventory
    from lib.aws.client import AwsClient

    aws = AwsClient(options.dry_run)
    found = inventory.foreign(aws)
    for error in found.refused:
        say(f"not seen: {error}")
    return adopt(found.resources, options.yes or options.dry_run, options.dry_run)


def adopt(found: list[Resource], yes: bool, dry_run: bool) -> int:
    """Show what there is, ask, and mark it. Raises VerbError if nobody can answer."""
    if not found:
        print("nothing to take over")
        return ExitCode.OK
    for resource in found:
        print(f"{'would take over' if dry_run else 'to take over'}: {resource.kind} {resource.name}")
    if not yes and not cli.agreed("Take these over?"):
        print("nothing was changed")
        return ExitCode.OK
    for resource in found:
        resource.mark()
    if not dry_run:
        print(f"took over {len(found)} of {len(found)}")
    return ExitCode.OK
