"""do/submit: build the image with AWS CodeBuild, and keep it in the project's repository in ECR."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from lib import cli
from lib.cli import ExitCode, VerbError, say
from lib.image import images
from lib.local import environment

if TYPE_CHECKING:
    from lib.aws.client import AwsClient

EPILOG = """\
Uploads the build context (everything that .dockerignore doesn't exclude, and buildspec.yml), builds the image on the
compute type CODEBUILD_COMPUTE_TYPE of do/config, and shows the build's phases and log. First it creates the image
repository, the source bucket, the build project and its role, or updates them to match do/config and iam/. Safe to
re-run after an interruption: it then shows the build in progress.

examples:
  do/submit
  do/submit --provision-only     only create the repository, the bucket, the build project and its role
  do/submit --rebuild            build the same files again, on the newest base image and with patched packages
  do/submit --dry-run            only show what would change"""


def main() -> int:
    arguments = cli.parser("Build the image with AWS CodeBuild.", EPILOG)
    arguments.add_argument("--provision-only", action="store_true", help="only create what a build needs; don't build")
    arguments.add_argument("--rebuild", action="store_true", help="build an existing image again, without caches")
    arguments.add_argument("--dry-run", action="store_true", help="only show what would change")
    options = cli.parse(arguments)
    environment.enter_verbs()
    from lib.aws import build_project, plan, repository, source
    from lib.aws.client import AwsClient

    name, _, tag = images.name().partition(":")
    aws = AwsClient(options.dry_run)
    build_project.require_region(aws)
    if not options.provision_only:
        build_project.require_base_image(aws)
        source.require()
    source_bucket = plan.reconciled(lambda: provision(aws))
    if options.provision_only:
        if not options.dry_run:
            print(f"{name}: the repository, the bucket, the build project and its role exist")
        return ExitCode.OK
    digest = repository.digest(aws, tag)
    if digest and not options.rebuild:
        say(f"{name}:{tag} is already in the repository; --rebuild builds it again")
    else:
        with repository.tag_free(aws, tag):
            build(aws, tag, source_bucket, options.rebuild)
        digest = repository.digest(aws, tag)
    if not options.dry_run:
        print(f"{name}:{tag} {digest}")
        say("next: do/deploy")
    return ExitCode.OK


def provision(aws: AwsClient) -> str:
    """Make what a build needs, or bring it up to date; the bucket for its source. Raises VerbError."""
    from lib.aws import bucket, build_project, logs, plan, repository, roles

    uri = repository.ensure(aws)
    source_bucket = bucket.ensure(aws)
    plan.carry_out([*roles.steps(aws, "codebuild"), *logs.steps(aws, "build")])
    build_project.ensure(aws, role=roles.arn(aws, "codebuild"), uri=uri, bucket=source_bucket)
    return source_bucket


def build(aws: AwsClient, tag: str, bucket: str, rebuild: bool) -> None:
    """Build the image, or wait for the build of it that runs already. Raises VerbError when it fails."""
    from lib.aws import builds, repository

    if identity := builds.running(aws, tag):
        say(f"a build of {tag} is already running: showing it")
    else:
        identity = start(aws, tag, bucket, rebuild)
    if aws.dry_run:
        return
    try:
        builds.follow(aws, identity)
    except VerbError:
        # a tag is pushed once: of two builds that run at the same time the slower one fails
        if not repository.digest(aws, tag):
            raise
        say("another build has pushed the image in the meantime")


def start(aws: AwsClient, tag: str, bucket: str, rebuild: bool) -> str:
    """Upload the source and start building it; the build's id."""
    from lib.aws import builds, source

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "source.zip"
        source.write(file)
        version = source.upload(aws, file, bucket, tag)
    return builds.start(aws, bucket, tag, version, rebuild)
