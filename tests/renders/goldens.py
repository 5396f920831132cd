"""What the examples render to, kept in reviewed/, so that a change of the template shows what it changes in projects.

Only files that answers reach are kept, the others are copied as they are. `make goldens` writes them anew.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import copier

from tests.conftest import TEMPLATE_PARTS, copy_part
from tests.renders.answers import EXAMPLES, ROOT, Answers

REVIEWED = ROOT / "tests/renders/reviewed"
# not .copier-answers.yml, which holds the place of the template, nor JSON files in do/lib, which are tables
RENDERED = (".dockerignore", "DECISIONS.md", "Dockerfile", "README.md", "do/config.env")


def rendered_files(project: Path) -> dict[str, str]:
    """The files of a project that answers reach, with their text."""
    return {name: (project / name).read_text() for name in RENDERED}


def reviewed_files(example: str) -> dict[str, str]:
    """The same as they were kept."""
    kept = {name: REVIEWED / example / name for name in RENDERED}
    return {name: file.read_text() for name, file in kept.items() if file.exists()}


def write(example: str, answers: Answers) -> None:
    """Keep what an example renders to."""
    with tempfile.TemporaryDirectory() as folder:
        # without git, so that edits count that aren't committed
        template, project = Path(folder, "template"), Path(folder, "project")
        template.mkdir()
        for part in TEMPLATE_PARTS:
            copy_part(ROOT / part, template / part)
        copier.run_copy(str(template), project, answers, defaults=True, quiet=True, unsafe=True, skip_tasks=True)
        for name, text in rendered_files(project).items():
            file = REVIEWED / example / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)


if __name__ == "__main__":
    shutil.rmtree(REVIEWED, ignore_errors=True)
    for example, answers in EXAMPLES.items():
        write(example, answers)
