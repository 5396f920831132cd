"""The state of the template that updates start from: its last release, or what stands in for one."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from typing import Any

import yaml
from plumbum import local

from extensions.template_parts import ROOT, TEMPLATE_PARTS, copy_part
from tests.renders.answers import EXAMPLES

# What an older release had in front of files that owners edit too, or that answers are rendered into.
OLDER_LINE = "# of the release before\n"
OLDER_FILES = ("model_handler.py", "requirements.in", "Dockerfile.jinja", "cli.py", ".gitignore")


def git(*arguments: str) -> bytes:
    """What git says of this repository; nothing where it has no history."""
    process: Any = local["git"].with_cwd(ROOT).popen(arguments)
    output: bytes = process.communicate()[0]
    return output


def earlier_commit() -> str:
    """The commit before the last that changed the template; empty in a shallow clone."""
    commits = git("rev-list", "--max-count=2", "HEAD", "--", *TEMPLATE_PARTS).decode().split()
    return commits[1] if len(commits) == 2 else ""


RELEASE = git("describe", "--tags", "--abbrev=0", "--match=v*").decode().strip()
REVISION = RELEASE or earlier_commit()
TITLE = REVISION or "a stand-in for the last release, because this clone has no history,"


def examples() -> dict[str, dict[str, Any]]:
    """The examples as they were then."""
    if not REVISION:
        return EXAMPLES
    names = git("ls-tree", "--name-only", REVISION, "examples/").decode().split()
    return {Path(name).stem: yaml.safe_load(git("show", f"{REVISION}:{name}")) for name in names}


def write(template: Path) -> None:
    """Write the template as it was then into a folder."""
    if not REVISION:
        write_stand_in(template)
        return
    parts = {*git("ls-tree", "--name-only", REVISION).decode().split()} & {*TEMPLATE_PARTS}
    with tarfile.open(fileobj=io.BytesIO(git("archive", REVISION, *sorted(parts)))) as archive:
        archive.extractall(template, filter="data")


def write_stand_in(template: Path) -> None:
    """Write the template of today into a folder, with some files as in an older release.

    Files that owners edit, and some that they don't, have a line more; a file is there that is gone today, and one
    is not there yet.
    """
    for part in TEMPLATE_PARTS:
        copy_part(ROOT / part, template / part)
    for file in template.joinpath("template").rglob("*"):
        if file.name in OLDER_FILES:
            file.write_text(OLDER_LINE + file.read_text())
    project = template / "template" / "{{project}}"
    (project / "do" / "retired").write_text("gone today\n")
    (project / "do" / "lib" / "image" / "sbom.py").unlink()
