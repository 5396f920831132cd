"""What the examples render to, kept in reviewed/, so that a change of the template shows what it changes in projects.

Only files that answers reach are kept, the others are copied as they are. `make goldens` rewrites them.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import copier
import yaml

from extensions.template_parts import copy_template
from tests.renders.answers import EXAMPLES, ROOT, Answers

REVIEWED = ROOT / "tests/renders/reviewed"
# not .copier-answers.yml, which holds the place of the template, nor JSON files, which are tables; some are for one
# kind of model only
RENDERED = (
    ".dockerignore",
    "AGENTS.md",
    "DECISIONS.md",
    "Dockerfile",
    "README.md",
    "do/config.env",
    "serving/engine.yml",
)
COMMAND = "command.txt"  # no file of the project: with what the engine of a generative model is started

# Prints the command line, and the files that it names, which are in a folder that is gone when the server ends.
PRINT_COMMAND = """
import shlex, sys
from pathlib import Path
from serving import engine, launch, settings
run_dir = Path(sys.argv[1])
unmounted = settings.from_environment({"SM_MODEL_DIR": str(run_dir / "model")})
planned = launch.prepare(engine, unmounted, "0.0.0.0", 8080, run_dir, {"HF_MODEL_ID": sys.argv[2]})
print(shlex.join(engine.command(planned)))
for file in filter(Path.is_file, run_dir.rglob("*")):
    print(f"\\n# {file}", file.read_text(), sep="\\n", end="")
"""


def rendered_files(project: Path) -> dict[str, str]:
    """The files of a project that answers reach, and the command line of its engine, with their text."""
    texts = {name: (project / name).read_text() for name in RENDERED if (project / name).exists()}
    if "serving/engine.yml" in texts:
        texts[COMMAND] = command_line(project)
    return texts


def command_line(project: Path) -> str:
    """With what serving/serve starts the engine."""
    model = yaml.safe_load((project / ".copier-answers.yml").read_text())["model_id"]
    with tempfile.TemporaryDirectory() as run_dir:
        command = [sys.executable, "-B", "-c", PRINT_COMMAND, run_dir, model]
        done = subprocess.run(command, cwd=project, check=True, capture_output=True, text=True)
    return done.stdout.replace(run_dir, "/tmp/serving")


def reviewed_files(example: str) -> dict[str, str]:
    """The same as they were kept."""
    kept = {name: REVIEWED / example / name for name in (*RENDERED, COMMAND)}
    return {name: file.read_text() for name, file in kept.items() if file.exists()}


def render(answers: Answers, folder: Path) -> Path:
    """The project of these answers in a folder, by the template as it is, also where that isn't committed."""
    template, project = folder / "template", folder / "project"
    copy_template(template)
    copier.run_copy(str(template), project, answers, defaults=True, quiet=True, unsafe=True, skip_tasks=True)
    return project


def write(example: str, answers: Answers) -> None:
    """Keep what an example renders to."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in rendered_files(render(answers, Path(folder))).items():
            file = REVIEWED / example / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)


def main() -> None:
    """Keep what all examples render to."""
    shutil.rmtree(REVIEWED, ignore_errors=True)
    for example, answers in EXAMPLES.items():
        write(example, answers)


if __name__ == "__main__":
    main()
