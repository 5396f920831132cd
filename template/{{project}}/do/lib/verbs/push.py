"""do/push: push the image that do/build made to the project's own repository in ECR."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from lib import cli
from lib.cli import ExitCode, VerbError, say
from lib.image import container_engine, images
from lib.image.container_engine import ContainerEngine
from lib.local import environment

if TYPE_CHECKING:
    from lib.aws.client import AwsClient

EPILOG = """\
Pushes the image that do/build built from the current files to the repository PROJECT_NAME in ECR. Creates the
repository if there is none: images are scanned, tags are immutable, and leftovers of the build cache expire after a
week. Prints the image's name and digest.

examples:
  do/push
  do/push --dry-run     only show what would change"""

# SageMaker takes Docker's own manifests only; docker has built the image with one, podman writes it when it pushes
PODMAN = ("push", "--format", "v2s2")
CONTEXT = ("context", "inspect", "--format", "{{.Endpoints.docker.Host}}")


def main() -> int:
    arguments = cli.parser("Push the image to ECR.", EPILOG)
    arguments.add_argument("--dry-run", action="store_true", help="only show what would change")
    options = cli.parse(arguments)
    environment.enter_verbs()
    from lib.aws import plan, repository
    from lib.aws.client import AwsClient

    chosen = container_engine.find()
    image = images.require(chosen)
    name, _, tag = image.name.partition(":")
    aws = AwsClient(options.dry_run)
    uri = plan.reconciled(lambda: repository.ensure(aws))
    digest = repository.digest(aws, tag)
    if digest:
        say(f"{image.name} is already in the repository")
    elif options.dry_run:
        print(f"would push {image.name} to the repository {name}")
        return ExitCode.OK
    else:
        say(f"pushing {image.name}, {images.megabytes(image.size)} uncompressed")
        with credentials(aws) as folder:
            push(chosen, image.name, f"{uri}:{tag}", folder)
        digest = require_digest(aws, tag)
    print(f"{image.name} {digest}")
    say("next: do/deploy")
    return ExitCode.OK


@contextmanager
def credentials(aws: AwsClient) -> Iterator[Path]:
    """A folder with a configuration of docker's that may push to the account's registry; it is gone afterwards.

    The user's own configuration stays as it is: it may keep a login, or name a helper that refuses `docker login`.
    """
    from lib.aws import repository

    token = aws.read("ecr", "GetAuthorizationToken")["authorizationData"][0]["authorizationToken"]
    with tempfile.TemporaryDirectory() as folder:  # nobody else can look into it
        document = {"auths": {repository.registry(aws): {"auth": token}}}
        Path(folder, "config.json").write_text(json.dumps(document), encoding="utf-8")
        yield Path(folder)


def push(chosen: ContainerEngine, image: str, target: str, folder: Path) -> None:
    """Push an image under another name, which is only there meanwhile. Raises VerbError."""
    chosen.run("tag", image, target)
    try:
        if chosen.name == "podman":
            chosen.run(*PODMAN, "--authfile", str(folder / "config.json"), target)
        else:
            # the configuration also says which daemon docker talks to
            chosen.run("--config", str(folder), "--host", chosen.run(*CONTEXT), "push", target)
    finally:
        chosen.attempt("rmi", target)


def require_digest(aws: AwsClient, tag: str) -> str:
    """The digest of an image that was pushed. Raises VerbError where the repository doesn't have it."""
    from lib.aws import repository

    digest = repository.digest(aws, tag)
    if not digest:
        raise VerbError("the image was pushed, but the repository doesn't have it: run do/push again", ExitCode.FAILED)
    return digest
