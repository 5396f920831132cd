"""do/iam: print the policies in iam/ with this project's account and names filled in."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING, Any

from lib import cli
from lib.cli import ExitCode, VerbError
from lib.local import environment

if TYPE_CHECKING:
    from lib.aws.client import AwsClient

EPILOG = """\
For an administrator: what people and roles need, as documents that IAM takes. One JSON object with all of them, or
the named one. It asks nothing of AWS if you give the account and the region, so nobody needs access before.

  caller*             whoever runs the commands; caller-provision only who makes the roles
  boundary            the permissions boundary of the roles that caller-provision can make
  sagemaker*          the endpoint's role; sagemaker-trust is who can assume it
  codebuild*          the build's role, likewise

examples:
  do/iam --account 123456789012 --region eu-west-1
  do/iam --account 123456789012 --region eu-west-1 caller > caller.json
  do/iam                     the account of your credentials, and the project's region"""


def main() -> int:
    arguments = cli.parser("Print the IAM policies that this project needs.", EPILOG)
    arguments.add_argument("document", nargs="?", help="only this one")
    arguments.add_argument("--account", help="the account's number, 12 digits")
    arguments.add_argument("--region", help="the region; the project's own by default")
    options = cli.parse(arguments)
    if options.account and not re.fullmatch(r"[0-9]{12}", options.account):
        raise VerbError(f"--account {options.account} is not 12 digits", ExitCode.BAD_CONFIGURATION)
    if options.region:
        os.environ["AWS_REGION"] = options.region  # as if it were set for this verb
    environment.enter_verbs()
    from lib.aws.client import AwsClient
    from lib.aws.offline import Offline

    aws = Offline(options.account) if options.account else AwsClient()
    found = documents(aws)
    if options.document and options.document not in found:
        raise VerbError(
            f"there is no document {options.document}: choose one of {', '.join(found)}", ExitCode.BAD_CONFIGURATION
        )
    print(json.dumps(found[options.document] if options.document else found, indent=2))
    return ExitCode.OK


def documents(aws: AwsClient) -> dict[str, Any]:
    """All documents by name that apply with these settings. Raises VerbError."""
    from lib.aws import policies

    found: dict[str, Any] = policies.of(aws, "caller")
    found["boundary"] = policies.boundary(aws)
    for purpose in policies.roles_of_the_project():
        found |= policies.of(aws, purpose)
        found[f"{purpose}-trust"] = policies.trust(aws, purpose)
    return found
