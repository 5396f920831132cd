"""do/register: put the image and its model into the SageMaker Model Registry."""

from __future__ import annotations

from lib import cli
from lib.cli import ExitCode, VerbError, say
from lib.image import images
from lib.local import environment

EPILOG = """\
Adds a version to the model package group PROJECT_NAME: the image in ECR by its digest, the model data if the model
comes from S3, and the metrics of the sample model. The version is pending approval, unless you pass --approve. If the
newest version has the same image and model, no version is added.

examples:
  do/register
  do/register --approve     approved at once
  do/register --dry-run     only show what would change"""


def main() -> int:
    arguments = cli.parser("Add a version to the SageMaker Model Registry.", EPILOG)
    arguments.add_argument("--approve", action="store_true", help="approve the version for deployment")
    arguments.add_argument("--dry-run", action="store_true", help="only show what would change")
    options = cli.parse(arguments)
    environment.enter_verbs()
    from lib.aws import plan, registry, repository
    from lib.aws.client import AwsClient

    name, _, tag = images.name().partition(":")
    aws = AwsClient(options.dry_run)
    digest = repository.digest(aws, tag)
    if not digest:
        raise VerbError(f"{name}:{tag} is not in ECR: run do/submit, or do/build and do/push", ExitCode.MISSING_FILE)
    plan.reconciled(lambda: registry.ensure_group(aws))
    version = registry.ensure_package(aws, f"{repository.uri(aws)}@{digest}", options.approve)
    if not options.dry_run:
        print(f"{name} version {version.number}: {version.approval}")
        if version.approval != registry.APPROVED:
            say("next: have it approved in the Model Registry, or run do/register --approve")
    return ExitCode.OK
