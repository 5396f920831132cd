"""do/submit: build the image with AWS CodeBuild, and keep it in the project's repository in ECR."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from lib import cli
from lib.cli import ExitCode, say
from lib.image import images
from lib.local import environment

if TYPE_CHECKING:
    from lib.aws.client import AwsClient

EPILOG = """\
Uploads what goes into the image (what .dockerignore lets through, and buildspec.yml), builds it on the machine
CODEBUILD_COMPUTE_TYPE of do/config, and shows the build's phases and log. The image repository, the bucket for
the source, the build project and its role are made first, or brought up to date with do/config and iam/. Typed again
after an interruption, it shows the build that runs.

examples:
  do/submit
  do/submit --provision-only     only make the repository, the bucket, the build project and its role
  do/submit --dry-run            only show what would be changed"""


def main() -> int:
    arguments = cli.parser("Build the image with AWS CodeBuild.", EPILOG)
    arguments.add_argument("--provision-only", action="store_true", help="make what a build needs, and don't build")
    arguments.add_argument("--dry-run", action="store_true", help="only show what would be changed")
    options = cli.parse(arguments)
    environment.enter_verbs()
    from lib.aws import bucket, build_project, repository, roles
    from lib.aws.client import AwsClient

    name, _, tag = images.name().partition(":")
    aws = AwsClient(options.dry_run)
    if not options.provision_only:
        build_project.require_base_image(aws)
    uri = repository.ensure(aws)
    source_bucket = bucket.ensure(aws)
    build_project.ensure(aws, role=roles.ensure(aws, "codebuild"), uri=uri, bucket=source_bucket)
    if options.provision_only:
        if not options.dry_run:
            print(f"{name}: the repository, the bucket, the build project and its role are there")
        return ExitCode.OK
    if digest := repository.digest(aws, tag):
        say(f"{name}:{tag} is in the repository already")
    else:
        build(aws, tag, source_bucket)
        digest = repository.digest(aws, tag)
    if not options.dry_run:
        print(f"{name}:{tag} {digest}")
        say("next: do/deploy")
    return ExitCode.OK


def build(aws: AwsClient, tag: str, bucket: str) -> None:
    """Build the image, or wait for the build of it that runs already. Raises VerbError when it fails."""
    from lib.aws import builds

    if identity := builds.running(aws, tag):
        say(f"a build of {tag} runs already: showing that one")
    else:
        identity = start(aws, tag, bucket)
    if not aws.dry_run:
        builds.follow(aws, identity)


def start(aws: AwsClient, tag: str, bucket: str) -> str:
    """Upload the source and start building it; the build's id."""
    from lib.aws import builds, source

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "source.zip"
        source.write(file)
        version = source.upload(aws, file, bucket, tag)
    return builds.start(aws, bucket, tag, version)
