"""The models in model/: what is there, and which of them is the sample that do/train made."""

from __future__ import annotations

import hashlib
import json
import shlex
from pathlib import Path
from typing import Any

from lib import config
from lib.cli import ROOT, ExitCode, VerbError

MODEL_DIR = ROOT / "model"
# the values of MODEL_SOURCE whose model is part of the image, and those whose model SageMaker brings
BUILT_IN = ("sample", "local")
BROUGHT = ("s3", "registry")
FORMATS = Path(__file__).with_name("formats.json")  # the framework's formats, each with the name of its file or folder
EXPECTED = ROOT / "sample_model" / "expected.json"  # written by training: the sample model's sha256 and its answers


def are_built_in() -> bool:
    """Whether the image holds the model."""
    return config.load()["MODEL_SOURCE"] in BUILT_IN


def mounted() -> Path | None:
    """The folder that a container here gets as its model; None where SageMaker brings none."""
    return MODEL_DIR if config.load()["MODEL_SOURCE"] in BROUGHT else None


def contents(model_dir: Path = MODEL_DIR) -> list[Path]:
    """Everything in a model directory but hidden files; empty if there is no such directory. Raises VerbError."""
    try:
        paths = sorted(model_dir.iterdir())  # Path.glob finds nothing where it may not look
    except (FileNotFoundError, NotADirectoryError):
        return []
    except PermissionError:
        raise VerbError(
            f"you may not read {model_dir}: run sudo chown -R $(id -u) {shlex.quote(str(model_dir))}",
            ExitCode.MISSING_FILE,
        ) from None
    return [path for path in paths if not path.name.startswith(".")]


def artifact() -> Path:
    """Where the model in the format MODEL_FORMAT lies: a file or a folder."""
    known: dict[str, str] = json.loads(FORMATS.read_text())
    return MODEL_DIR / known[config.load()["MODEL_FORMAT"]]


def require(model_dir: Path) -> None:
    """Raise VerbError unless there is something to serve."""
    if contents(model_dir):
        return
    if model_dir != MODEL_DIR:
        raise VerbError(f"there is no model in {model_dir}: name a folder that holds one", ExitCode.MISSING_FILE)
    raise VerbError(f"there is no model in model/{_how_to_get_one()}", ExitCode.MISSING_FILE)


def trained_files() -> list[Path]:
    """What do/train made and is still there."""
    return [*trained(), EXPECTED] if EXPECTED.exists() else []


def trained() -> list[Path]:
    """The models in model/ that do/train made."""
    recorded = _recorded_sha256()
    return [path for path in contents() if digest(path) == recorded] if recorded else []


def metrics() -> dict[str, float]:
    """How good the sample model is, as its training found; empty for any other model."""
    return dict(_recorded("metrics") or {}) if trained() else {}


def digest(path: Path) -> str:
    """The sha256 of a file, or of all files in a folder with their names."""
    if path.is_file():
        return hashlib.sha256(path.read_bytes()).hexdigest()
    total = hashlib.sha256()
    for file in sorted(path.rglob("*")):
        if file.is_file():
            total.update(f"{file.relative_to(path)} {hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    return total.hexdigest()


def _how_to_get_one() -> str:
    """The command that gets a model into model/."""
    configuration = config.load()
    if (ROOT / "do" / "train").exists():
        return ": run do/train to make the sample"
    if configuration["MODEL_SOURCE"] == "s3" and (url := configuration["MODEL_DATA_URL"]):
        copy = f"--recursive {url} model" if url.endswith("/") else f"{url} - | tar -xz -C model"
        return f", it comes from S3: to copy it here, run mkdir -p model && aws s3 cp {copy}"
    registered = configuration["MODEL_SOURCE"] == "registry"
    where = ", it comes from the Model Registry: to have it here, too," if registered else ":"
    generative = configuration["MODEL_KIND"] == "generative"
    model, place = ("YOUR_MODEL/.", MODEL_DIR) if generative else ("YOUR_MODEL", artifact())
    return f"{where} run mkdir -p model && cp -r {model} {place.relative_to(ROOT)}"


def _recorded_sha256() -> str | None:
    return _recorded("model_sha256")


def _recorded(what: str) -> Any:
    """What training wrote of the sample model; None where it did not."""
    try:
        return json.loads(EXPECTED.read_text())[what]
    except (OSError, ValueError, KeyError, TypeError):
        return None
