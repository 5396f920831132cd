"""What owners do to their projects. An edit leaves a project alone that lacks the file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

Edit = Callable[[Path], None]

# The files that README.md of a project calls the owner's: no update may leave a conflict in them.
OWNERS_FILES = ("serving/model_handler.py", "serving/engine.yml", "requirements.in", "do/config.env")

METHOD = '''
    def predict(self, model, rows):
        """The probability of the last class."""
        return model.predict_proba(rows)[:, -1]
'''


def write_own_handler(project: Path) -> None:
    """Override a method of the handler."""
    append(project / "serving/model_handler.py", METHOD)


def add_a_requirement(project: Path) -> None:
    append(project / "requirements.in", "shap\n")


def add_an_option_of_the_engine(project: Path) -> None:
    append(project / "serving/engine.yml", "seed: 7\n")


def change_a_setting(project: Path) -> None:
    append(project / "do/config.env", "PORT=9000\n")


def add_a_paragraph_to_the_readme(project: Path) -> None:
    heading = "## Files\n"
    replace(project / "README.md", heading, f"Ask the pricing team before you change it.\n\n{heading}")


def delete_a_file(project: Path) -> None:
    (project / "DECISIONS.md").unlink()


def add_an_own_file(project: Path) -> None:
    (project / "notebooks").mkdir()
    (project / "notebooks/notes.md").write_text("What we tried.\n")


EDITS: dict[str, Edit] = {
    edit.__name__: edit
    for edit in (
        write_own_handler,
        add_a_requirement,
        add_an_option_of_the_engine,
        change_a_setting,
        add_a_paragraph_to_the_readme,
        delete_a_file,
        add_an_own_file,
    )
}


def append(file: Path, text: str) -> None:
    if file.exists():
        file.write_text(file.read_text() + text)


def replace(file: Path, old: str, new: str) -> None:
    if file.exists():
        file.write_text(file.read_text().replace(old, new))
