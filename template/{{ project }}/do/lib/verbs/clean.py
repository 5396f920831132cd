"""do/clean: remove what the verbs of this project made here, and nothing else."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from lib import cli, containers, engine, environment, images, models, sbom
from lib.cli import ROOT, ExitCode, VerbError, say

EPILOG = """\
Removes the environments (.venv, do/.venv, do/.venv-update), caches, the sample model that do/train made, and the
containers and images that do/run and do/build made of this copy of the project. A model that do/train did not make
is never removed. The verbs make what they need anew."""

ENVIRONMENTS = (environment.SERVING, environment.VERBS, environment.UPDATES)
CACHES = ("__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache")


def main() -> int:
    arguments = cli.parser("Remove what the verbs of this project made here.", EPILOG)
    arguments.add_argument("--yes", action="store_true", help="don't ask")
    arguments.add_argument("--dry-run", action="store_true", help="only show the plan")
    options = cli.parse(arguments)
    plan = [*containers_and_images(), *files()]
    if not plan:
        print("nothing to remove")
        return ExitCode.OK
    for leftover in plan:
        print(f"{'would remove' if options.dry_run else 'to remove'}: {leftover.name}")
    if options.dry_run:
        return ExitCode.OK
    if not options.yes and not agreed():
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


def containers_and_images() -> Iterator[Leftover]:
    """What docker or podman holds of this project; nothing where neither works."""
    chosen = engine.find_working()
    if not chosen:
        return
    for container in containers.started_here(chosen):
        yield Leftover(f"container {container.name}", container.remove)
    for image in images.built(chosen):
        yield Leftover(f"image {image}", partial(chosen.run, "rmi", image))


def files() -> Iterator[Leftover]:
    """What lies in the project."""
    build_files = [path for path in (images.RECORD, sbom.FILE) if path.exists()]
    for path in (*environments(), *caches(), *models.trained_files(), *build_files):
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
