"""do/status: what this project has in AWS, and how it is."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from lib import cli, config
from lib.cli import ExitCode, say
from lib.local import environment

if TYPE_CHECKING:
    from lib.aws.resource import Resource

EPILOG = """\
Prints one line per resource: its kind, name, status, age, and page in the AWS console.

examples:
  do/status
  do/status --json"""


def main() -> int:
    arguments = cli.parser("Show this project's resources in AWS.", EPILOG)
    arguments.add_argument("--json", action="store_true", help="print one JSON document instead of lines")
    options = cli.parse(arguments)
    environment.enter_verbs()
    return status(options.json)


def status(as_json: bool) -> int:
    """Look everything up and print it. Raises VerbError."""
    from lib.aws import console, inventory
    from lib.aws.client import AwsClient

    aws = AwsClient()
    found = inventory.owned(aws, inventory.GROUPS)
    rows = [row(resource, console.link(aws, resource.kind, resource.name)) for resource in found.resources]
    unseen = [str(error) for error in found.refused]
    code = ExitCode.AWS_ERROR if unseen else ExitCode.OK
    if as_json:
        document = {"project": config.load()["PROJECT_NAME"], "region": aws.region, "resources": rows, "unseen": unseen}
        print(json.dumps(document, indent=2))
        return code
    for one in rows:
        print("  ".join(str(value) for value in (one["kind"], one["name"], one["state"], one["age"]) if value))
        if one["console"]:
            print(f"    {one['console']}")
    if not rows and not unseen:
        print(f"{config.load()['PROJECT_NAME']} has nothing in AWS in {aws.region}")
    for line in unseen:
        say(f"not seen: {line}")
    return code


def row(resource: Resource, link: str) -> dict[str, str | None]:
    """What is said about one thing."""
    created = resource.created
    return {
        "kind": resource.kind,
        "name": resource.name,
        "state": resource.state or None,
        "created": created.isoformat() if created else None,
        "age": age(created) if created else None,
        "console": link or None,
    }


def age(created: datetime) -> str:
    """How long ago that was, in the largest unit that fits."""
    seconds = (datetime.now(timezone.utc) - created).total_seconds()
    for unit, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length:.0f} {unit}"
    return f"{max(seconds, 0):.0f} seconds"
