"""do/export: write the endpoint as a template for other tools."""

from __future__ import annotations

import re
from pathlib import Path

from lib import cli, config
from lib.cli import ExitCode, VerbError, say
from lib.local import environment

EPILOG = """\
Writes what do/deploy would create, and what do/push or do/submit need, as one CloudFormation template: the endpoint
with its model, configuration, scaling, alarms and role, the image repository, and the bucket and the build project if
the project has them. It asks AWS for nothing. CDK and Terraform can use the template, too.

Create the stack, push the image with do/push or do/submit, then update the stack with its digest as ImageUri. An
endpoint belongs to a stack or to do/deploy, not to both.

examples:
  do/export cloudformation --account 123456789012 --output endpoint.yaml
  do/export cloudformation       without the name of the bucket, which is then a parameter without a default"""

HEADER = """\
# Written by do/export from do/config.env and iam/: change these and export again.
# A stack of this template owns the endpoint {project}. Update it through the stack, and don't run do/deploy,
# do/rollback or do/clean --aws beside it: CloudFormation doesn't see what they change.
# It is for {region}: settings and names are of that region.
"""


def main() -> int:
    arguments = cli.parser("Write the endpoint as a CloudFormation template.", EPILOG)
    arguments.add_argument("format", choices=["cloudformation"], help="what to write")
    arguments.add_argument("--account", default="", help="the account of the stack, 12 digits: names the bucket")
    arguments.add_argument("--output", type=Path, metavar="FILE", help="write it there, not to standard output")
    options = cli.parse(arguments)
    if options.account and not re.fullmatch(r"[0-9]{12}", options.account):
        raise VerbError(f"--account {options.account} is not 12 digits", ExitCode.BAD_CONFIGURATION)
    environment.enter_verbs()
    text = exported(options.account)
    if options.output:
        options.output.write_text(text, encoding="utf-8")
        say(
            f"next: aws cloudformation deploy --template-file {options.output} --stack-name ... --capabilities "
            "CAPABILITY_NAMED_IAM"
        )
    else:
        print(text, end="")
    return ExitCode.OK


def exported(account: str) -> str:
    """The template as YAML. Raises VerbError."""
    import yaml

    from lib.stack import template

    class Dumper(yaml.SafeDumper):
        """Writes what is there twice in full: CloudFormation takes no aliases."""

        # https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-formats.html
        def ignore_aliases(self, _: object) -> bool:
            return True

    configuration = config.require_sound()
    header = HEADER.format(project=configuration["PROJECT_NAME"], region=configuration["AWS_REGION"])
    return header + yaml.dump(template.document(account), Dumper=Dumper, sort_keys=False, width=120)
