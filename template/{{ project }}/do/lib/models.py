"""The models in model/: what is there, and which of them is the sample that do/train made."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from lib import settings
from lib.cli import ROOT, ExitCode, VerbError

MODEL_DIR = ROOT / "model"
EXPECTED = ROOT / "sample_model" / "expected.json"  # written by training: the sample model's sha256 and its answers


def contents(model_dir: Path = MODEL_DIR) -> list[Path]:
    """Everything in a model directory but hidden files; empty where there is no such directory."""
    return sorted(path for path in model_dir.glob("*") if not path.name.startswith("."))


def artefact() -> Path:
    """Where the model in the format MODEL_FORMAT lies: a file, or a SavedModel's folder."""
    model_format = settings.load()["MODEL_FORMAT"]
    return MODEL_DIR / ("model" if model_format == "SavedModel" else f"model.{model_format}")


def require(model_dir: Path) -> None:
    """Raise VerbError unless there is something to serve."""
    if contents(model_dir):
        return
    if model_dir != MODEL_DIR:
        raise VerbError(f"there is no model in {model_dir}: name a folder that holds one", ExitCode.MISSING_FILE)
    command = f"mkdir -p model && cp -r YOUR_MODEL {artefact().relative_to(ROOT)}"
    if (ROOT / "do" / "train").exists():
        command = "do/train to make the sample"
    raise VerbError(f"there is no model in model/: type {command}", ExitCode.MISSING_FILE)


def trained_files() -> list[Path]:
    """What do/train made and is still there."""
    return [*trained(), EXPECTED] if EXPECTED.exists() else []


def trained() -> list[Path]:
    """The models in model/ that do/train made."""
    recorded = _recorded_sha256()
    return [path for path in contents() if digest(path) == recorded] if recorded else []


def digest(path: Path) -> str:
    """The sha256 of a file, or of all files in a folder with their names."""
    if path.is_file():
        return hashlib.sha256(path.read_bytes()).hexdigest()
    total = hashlib.sha256()
    for file in sorted(path.rglob("*")):
        if file.is_file():
            total.update(f"{file.relative_to(path)} {hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    return total.hexdigest()


def _recorded_sha256() -> str | None:
    try:
        return str(json.loads(EXPECTED.read_text())["model_sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
