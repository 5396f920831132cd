"""do/clean: remove what the verbs of this project made here or in AWS, and nothing else."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from lib import cli
from lib.cli import ROOT, ExitCode, VerbError, say
from lib.image import container_engine, containers, images, sbom
from lib.local import environment
from lib.model import artifacts

EPILOG = """\
Without options, removes the environments (.venv and do/.venv*), caches, the sample model that do/train
created, and the containers and images that do/run and do/build created from this copy of the project. Never removes a
model that do/train did not create. The other commands recreate what they need.

In AWS, removes only resources with this project's tags, in AWS_REGION, in the order that AWS requires:

  endpoint    autoscaling, LoRA adapters, the inference component, the endpoint, its configurations, models, alarms
              and role; transform jobs are stopped
  registry    the model packages of do/register
  build       the build project of do/submit, and its role
  images      the repository with all images
  bucket      the bucket with all sources and models
  logs        the logs of the endpoint and the builds

examples:
  do/clean                       everything on this machine
  do/clean --aws                 the endpoint, to stop the hourly costs
  do/clean --aws build images    these two
  do/clean --all                 everything in AWS and on this machine
  do/clean --aws --dry-run       print each AWS call with its parameters, and change nothing"""

# in the order of removal; lib.aws.inventory knows what each is
IN_AWS = ("endpoint", "registry", "build", "images", "bucket", "logs")

ENVIRONMENTS = (environment.SERVING, environment.VERBS, environment.UPDATES, environment.LOCKS)
CACHES = ("__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache")


def main() -> int:
    arguments = cli.parser("Remove everything that this project's commands created.", EPILOG)
    where = arguments.add_mutually_exclusive_group()
    where.add_argument("--aws", nargs="*", choices=IN_AWS, metavar="WHAT", help="in AWS: remove the endpoint, or these")
    where.add_argument("--all", action="store_true", help="remove everything in AWS and on this machine")
    arguments.add_argument("--yes", action="store_true", help="don't ask for confirmation")
    arguments.add_argument("--dry-run", action="store_true", help="only show the plan")
    options = cli.parse(arguments)
    groups = IN_AWS if options.all else ("endpoint",) if options.aws == [] else options.aws or ()
    plan, unseen = in_aws(groups, options.dry_run) if groups else ([], [])
    for error in unseen:
        say(f"not seen: {error}")
    if options.all or not groups:
        plan += [*containers_and_images(), *files()]
    code = carry_out(plan, options.yes, options.dry_run)
    return code or (ExitCode.AWS_ERROR if unseen else ExitCode.OK)


def carry_out(plan: list[Leftover], yes: bool, dry_run: bool) -> int:
    """Show the plan, ask, and remove what can be removed. Raises VerbError where nobody can be asked."""
    if not plan:
        print("nothing to remove")
        return ExitCode.OK
    for leftover in plan:
        print(f"{'would remove' if dry_run else 'to remove'}: {leftover.name}")
    if dry_run:
        for leftover in plan:
            if leftover.in_aws:
                leftover.remove()  # which prints the calls
        return ExitCode.OK
    if not yes and not cli.agreed("Remove these?"):
        say("nothing was removed")
        return ExitCode.OK
    stayed = [leftover for leftover in plan if not is_removed(leftover)]
    print(f"removed {len(plan) - len(stayed)} of {len(plan)}")
    return ExitCode.AWS_ERROR if stayed else ExitCode.OK


def is_removed(leftover: Leftover) -> bool:
    """Remove something, or say why not, so that the rest can go."""
    try:
        leftover.remove()
    except VerbError as error:
        say(f"not removed: {leftover.name}: {error}")
        return False
    return True


class Leftover(NamedTuple):
    """Something that a verb made."""

    name: str
    remove: Callable[[], object]
    in_aws: bool = False


def in_aws(groups: Sequence[str], dry_run: bool) -> tuple[list[Leftover], list[VerbError]]:
    """What AWS holds of this project in these groups, and why some of it can't be seen. Raises VerbError."""
    environment.enter_verbs()
    from lib.aws import inventory
    from lib.aws.client import AwsClient

    aws = AwsClient(dry_run)
    if "endpoint" in groups:
        inventory.require_no_stack(aws)
    found = inventory.owned(aws, groups)
    present = (one for one in found.resources if not one.is_over)
    return [Leftover(f"{one.kind} {one.name}", one.remove, in_aws=True) for one in present], [*found.refused]


def containers_and_images() -> Iterator[Leftover]:
    """What docker or podman holds of this project; nothing where neither works."""
    chosen = container_engine.find_working()
    if not chosen:
        return
    for container in containers.started_here(chosen):
        yield Leftover(f"container {container.name}", container.remove)
    for image in images.built(chosen):
        yield Leftover(f"image {image}", partial(chosen.run, "rmi", image))


def files() -> Iterator[Leftover]:
    """What lies in the project."""
    build_files = [path for path in (images.RECORD, sbom.FILE) if path.exists()]
    for path in (*environments(), *caches(), *artifacts.trained_files(), *build_files):
        yield Leftover(str(path.relative_to(ROOT)), partial(remove, path))


def environments() -> list[Path]:
    """The environments that are there."""
    return [path for path in ENVIRONMENTS if path.exists() or path.is_symlink()]


def caches(folder: Path = ROOT) -> Iterator[Path]:
    """Python's and the tools' caches in the project, its environments and .git left out."""
    for path in sorted(folder.iterdir()):
        if path.is_symlink() or not path.is_dir() or path in ENVIRONMENTS or path.name == ".git":
            continue
        if path.name in CACHES:
            yield path
        else:
            yield from caches(path)


def remove(path: Path) -> None:
    """Remove a file, a folder, or a link to one. Raises VerbError where that is not allowed."""
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise VerbError(f"can't remove {error.filename}: {error.strerror}", ExitCode.FAILED) from None
