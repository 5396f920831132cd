"""do/push: push the image that do/build made to the project's own repository in ECR."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from lib import cli
from lib.cli import ExitCode, VerbError, say
from lib.image import container_engine, images
from lib.image.container_engine import ContainerEngine
from lib.local import environment

if TYPE_CHECKING:
    from lib.aws.client import AwsClient

EPILOG = """\
Pushes the image of the project as it is now, which do/build made, to a repository named PROJECT_NAME in ECR.
The repository is made first where there is none: its images are scanned, a tag stands for one image for ever,
and what the build cache leaves is removed after a week. Prints the image's name and digest.

examples:
  do/push
  do/push --dry-run     only show what would be changed"""

# SageMaker takes Docker's own manifests only; docker has built the image with one, podman writes it when it pushes
PUSH = {"docker": ("push",), "podman": ("push", "--format", "v2s2")}


def main() -> int:
    arguments = cli.parser("Push the image to ECR.", EPILOG)
    arguments.add_argument("--dry-run", action="store_true", help="only show what would be changed")
    options = cli.parse(arguments)
    environment.enter_verbs()
    from lib.aws import repository
    from lib.aws.client import AwsClient

    chosen = container_engine.find()
    image = images.require(chosen)
    name, _, tag = image.name.partition(":")
    aws = AwsClient(options.dry_run)
    uri = repository.ensure(aws)
    digest = repository.digest(aws, tag)
    if digest:
        say(f"{image.name} is in the repository already")
    elif options.dry_run:
        print(f"would push {image.name} to the repository {name}")
        return ExitCode.OK
    else:
        say(f"pushing {image.name}, {images.megabytes(image.size)} before it is packed")
        with logged_in(aws, chosen):
            push(chosen, image.name, f"{uri}:{tag}")
        digest = require_digest(aws, tag)
    print(f"{image.name} {digest}")
    say("next: do/deploy")
    return ExitCode.OK


@contextmanager
def logged_in(aws: AwsClient, chosen: ContainerEngine) -> Iterator[None]:
    """Let docker or podman use the account's registry for a while. Raises VerbError."""
    from lib.aws import repository

    registry = repository.registry(aws)
    token = aws.read("ecr", "GetAuthorizationToken")["authorizationData"][0]["authorizationToken"]
    user, _, password = base64.b64decode(token).decode().partition(":")
    chosen.run("login", "--username", user, "--password-stdin", registry, stdin=password)
    try:
        yield
    finally:
        # else the password would stay in a file
        chosen.attempt("logout", registry)


def push(chosen: ContainerEngine, image: str, target: str) -> None:
    """Push an image under another name, which is only there meanwhile. Raises VerbError."""
    chosen.run("tag", image, target)
    try:
        chosen.run(*PUSH[chosen.name], target)
    finally:
        chosen.attempt("rmi", target)


def require_digest(aws: AwsClient, tag: str) -> str:
    """The digest of an image that was pushed. Raises VerbError where the repository doesn't have it."""
    from lib.aws import repository

    digest = repository.digest(aws, tag)
    if not digest:
        raise VerbError(
            "the image was pushed, but the repository doesn't have it: type the same again", ExitCode.FAILED
        )
    return digest
