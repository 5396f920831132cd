"""Copy the user's trained model into the new project: `copy_model.py SOURCE ARTIFACT`, run in the project."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from report import not_done


def main(source: Path, artifact: str) -> int:
    """Copy SOURCE, a file or a folder, to model/ARTIFACT."""
    target = Path("model", artifact)
    is_folder = not target.suffix  # of all formats only SavedModel is a folder
    try:
        if source.exists() and source.is_dir() != is_folder:
            raise OSError(f"{source} is not a {'folder' if is_folder else 'file'}, as the chosen model_format is")
        target.parent.mkdir(exist_ok=True)
        if is_folder:
            shutil.copytree(source, target, dirs_exist_ok=True)
        else:
            shutil.copyfile(source, target)
    except OSError as error:
        return not_done("copying the model", str(error), f"cp -R YOUR_MODEL {target}")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2]))
