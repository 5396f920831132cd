"""What many tests begin with, done once: a verb runs, and for the next test its requests are sent again.

The account so gets to the state that the verb brings it to, without the verb's own 1 to 3 seconds. Tests of a verb run
it themselves.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.aws.service.protocols import Request

if TYPE_CHECKING:
    from tests.aws.conftest import Project

SKIPPED = {".venv", ".venv-update", ".git", "__pycache__"}  # which no verb that is replayed writes or reads


@dataclass
class Run:
    """What a verb sent, the statuses that it got, and the files that it wrote."""

    requests: list[Request]
    statuses: list[int]
    written: dict[str, bytes]


_runs: dict[str, Run] = {}
_images: dict[str, str] = {}


def bring(project: Project, verb: str, *arguments: str) -> None:
    """Bring the account to where a verb brings it, which ends with 0."""
    before = files_of(project.path)
    key = _digest(project, before, (verb, *arguments))
    if key in _runs:
        _replay(project, _runs[key])
        return
    first = len(project.aws.answered)
    done = project.verb(verb, *arguments)
    assert done.returncode == 0, done.stderr
    answered = project.aws.answered[first:]
    written = {name: data for name, data in files_of(project.path).items() if before.get(name) != data}
    _runs[key] = Run([request for request, _ in answered], [status for _, status in answered], written)


def image_of(project: Project) -> str:
    """What do/build calls the image of the project as it is."""
    key = _digest(project, files_of(project.path), ())
    if key not in _images:
        _images[key] = project.verb("build", "--dry-run").stdout.split()[2]
    return _images[key]


def files_of(folder: Path) -> dict[str, bytes]:
    """The files of a project, but those of its environments."""
    found = {}
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in SKIPPED]
        for name in names:
            path = Path(place, name)
            found[str(path.relative_to(folder))] = path.read_bytes() if path.is_file() else b""
    return found


def _replay(project: Project, run: Run) -> None:
    project.log_in()
    statuses = [project.aws.respond(request).status for request in run.requests]
    assert statuses == run.statuses, "the requests are answered otherwise than when the verb sent them"
    for name, data in run.written.items():
        (project.path / name).parent.mkdir(parents=True, exist_ok=True)
        (project.path / name).write_bytes(data)


def _digest(project: Project, files: dict[str, bytes], command: tuple[str, ...]) -> str:
    """A key of the project's files and variables, a command, and all that the account was asked before."""
    digest = hashlib.sha256()
    variables = {name: value for name, value in project.variables.items() if str(project.programs) not in value}
    for part in (command, project.path.name, project.region, sorted(variables.items()), sorted(files.items())):
        digest.update(repr(part).encode())
    for request, status in project.aws.answered:
        digest.update(repr((request.method, request.target, request.body, status)).encode())
    return digest.hexdigest()
