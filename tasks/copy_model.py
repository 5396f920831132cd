"""Copy the user's trained model into the new project: `copy_model.py SOURCE ARTIFACT`, run in the project.

SOURCE is a file, a folder, or a .tar.gz as training jobs write it. Of the latter two the model in them is copied, and
their folder `code/`. What copies and looks at the model is the project's own do/lib.
"""

from __future__ import annotations

import importlib
import shutil
import sys
from pathlib import Path

from report import not_done, say


def main(source: Path, artifact: str) -> int:
    """Copy the model in SOURCE to model/ARTIFACT."""
    sys.path.insert(0, "do")
    sys.dont_write_bytecode = True
    inspection = importlib.import_module("lib.inspection")
    versions = importlib.import_module("lib.model.versions")
    target = Path("model", artifact)
    try:
        try:
            with inspection.inspect(source) as model:
                of_anything = source.is_dir() and not target.suffix and not model.path.is_dir()
                copy(source if of_anything else model.path, target)  # the owner's own code reads a folder of anything
                for part in model.findings.parts:
                    weights = target.parent / part
                    weights.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(model.path.parent / part, weights)
                if model.code:
                    shutil.copytree(model.code, "code", dirs_exist_ok=True, copy_function=shutil.copyfile)
                if problem := versions.problem(model.findings):
                    say(f"note: {source.name} {problem}")
        except inspection.Unreadable:
            copy(source, target)
        except inspection.NoModel as error:
            if source.name.endswith((".tar.gz", ".tgz")):
                raise OSError(str(error)) from None
            copy(source, target)
    except OSError as error:
        return not_done("copying the model", str(error), f"cp -R YOUR_MODEL {target}")
    return 0


def copy(source: Path, target: Path) -> None:
    """Copy a file or a folder, with permissions of our own. Raises OSError."""
    is_folder = not target.suffix  # as the catalog names them: only folders have no suffix
    if source.exists() and source.is_dir() != is_folder:
        raise OSError(f"{source} is not a {'folder' if is_folder else 'file'}, as the chosen model_format is")
    target.parent.mkdir(exist_ok=True)
    if is_folder:
        shutil.copytree(source, target, dirs_exist_ok=True, copy_function=shutil.copyfile)
    else:
        shutil.copyfile(source, target)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2]))
