"""do/clean: remove what the verbs of this project made here or in AWS, and nothing else."""

from __future__ import annotations

import shutil
import sys
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
Without options it removes the environments (.venv, do/.venv, do/.venv-update), caches, the sample model that do/train
made, and the containers and images that do/run and do/build made of this copy of the project. A model that do/train
did not make is never removed. The verbs make what they need anew.

In AWS it removes only what carries this project's tag, in the order that AWS asks for:

  endpoint    autoscaling, the endpoint, its configurations, models, alarms and role
  registry    the model packages of do/register
  build       the build project of do/submit and its role
  images      the repository with all images
  bucket      the bucket with all sources and models
  logs        what the endpoint and the builds have written

examples:
  do/clean                       what is here
  do/clean --aws                 the endpoint, so that nothing costs money by the hour
  do/clean --aws build images    these two
  do/clean --all                 everything in AWS, and what is here
  do/clean --aws --dry-run       print each call to AWS with its parameters, and make none that changes something"""

# in the order of removal; lib.aws.inventory knows what each is
IN_AWS = ("endpoint", "registry", "build", "images", "bucket", "logs")

ENVIRONMENTS = (environment.SERVING, environment.VERBS, environment.UPDATES)
CACHES = ("__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache")


def main() -> int:
    arguments = cli.parser("Remove what the verbs of this project made.", EPILOG)
    where = arguments.add_mutually_exclusive_group()
    where.add_argument("--aws", nargs="*", choices=IN_AWS, metavar="WHAT", help="in AWS: the endpoint, or these")
    where.add_argument("--all", action="store_true", help="everything in AWS, and what is here")
    arguments.add_argument("--yes", action="store_true", help="don't ask")
    arguments.add_argument("--dry-run", action="store_true", help="only show the plan")
    options = cli.parse(arguments)
    groups = IN_AWS if options.all else ("endpoint",) if options.aws == [] else options.aws or ()
    plan = [*in_aws(groups, options.dry_run)] if groups else []
    if options.all or not groups:
        plan += [*containers_and_images(), *files()]
    return carry_out(plan, options.yes, options.dry_run)


def carry_out(plan: list[Leftover], yes: bool, dry_run: bool) -> int:
    """Show the plan, ask, and remove. Raises VerbError."""
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
    if not yes and not agreed():
        say("nothing was removed")
        return ExitCode.OK
    for leftover in plan:
        leftover.remove()
    print(f"removed {len(plan)} of {len(plan)}")
    return ExitCode.OK


class Leftover(NamedTuple):
    """Something that a verb made."""

    name: str
    remove: Callable[[], object]
    in_aws: bool = False


def in_aws(groups: Sequence[str], dry_run: bool) -> list[Leftover]:
    """What AWS holds of this project in these groups. Raises VerbError."""
    environment.enter_verbs()
    from lib.aws import inventory
    from lib.aws.client import AwsClient

    aws = AwsClient(dry_run)
    found = [resource for group in IN_AWS if group in groups for resource in inventory.GROUPS[group](aws)]
    return [Leftover(f"{one.kind} {one.name}", one.remove, in_aws=True) for one in found]


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


def agreed() -> bool:
    """Ask the person at the terminal. Raises VerbError where nobody can answer."""
    if not sys.stdin.isatty():
        raise VerbError("nobody to ask: type do/clean --yes", ExitCode.BAD_CONFIGURATION)
    return input("Remove these? [y/N] ").strip().lower() in ("y", "yes")


def remove(path: Path) -> None:
    """Remove a file, a folder, or a link to one. Raises VerbError where that is not allowed."""
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise VerbError(f"can't remove {error.filename}: {error.strerror}", ExitCode.FAILED) from None
