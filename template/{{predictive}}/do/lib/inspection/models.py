"""Finds the model in what the owner names: a file, a folder, or a .tar.gz as training jobs write it."""

from __future__ import annotations

import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from . import others, readers
from .findings import Findings, Unreadable

OWN_CODE = "code"  # SageMaker's name for the folder of the owner's modules
# Of several models, one with such a name is the model: the template's, and that of SageMaker's built-in XGBoost.
USUAL_NAMES = ("model", "xgboost-model")
MOST_FILES = 1000  # more are no model's folder


class NoModel(Exception):
    """Nothing can be found out; the text is one line for the owner that says why."""


@dataclass(frozen=True)
class Model:
    """A model in a folder, or alone."""

    path: Path  # the file, or the folder of a model that is one
    code: Path | None  # the folder of the owner's modules beside it
    findings: Findings


@contextmanager
def inspect(path: Path) -> Iterator[Model]:
    """Look at a file, a folder or an archive; what was unpacked is there until the end of the block.

    Raises NoModel if there is none or one can't tell which, Unreadable if it is damaged, and OSError.
    """
    if path.is_dir():
        yield _in_folder(path, path.name)
    elif tarfile.is_tarfile(path):
        with tempfile.TemporaryDirectory() as folder:
            _unpack(path, Path(folder))
            yield _in_folder(Path(folder), path.name)
    else:
        findings = _required(_look_at(path), path)
        yield Model(path.parent if findings.is_folder else path, None, findings)


def _unpack(archive: Path, folder: Path) -> None:
    """Unpack regular files and folders only, with permissions of our own. Raises NoModel for a damaged archive."""
    try:
        with tarfile.open(archive) as opened:
            for member in opened:
                if not member.isfile() or ".." in Path(member.name).parts or _is_hidden(Path(member.name)):
                    continue
                target = folder / member.name.lstrip("/")
                target.parent.mkdir(parents=True, exist_ok=True)
                content = opened.extractfile(member)
                assert content  # a regular file has one
                with target.open("wb") as file:
                    while block := content.read(1 << 20):
                        file.write(block)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise NoModel(f"{archive.name} can't be unpacked: {error}") from None


def _in_folder(folder: Path, name: str) -> Model:
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and not _is_hidden(path.relative_to(folder))]
    if len(files) > MOST_FILES:
        raise NoModel(
            f"{name} has {len(files)} files: name the model itself, a file, or a folder that holds little else"
        )
    code = next((path for path in sorted(folder.rglob(OWN_CODE)) if path.is_dir()), None)
    models = _newest_version(_in_files(path for path in files if not _is_below(path, code)))
    if len(models) > 1:
        models = {path: each for path, each in models.items() if path.stem in USUAL_NAMES} or models
    if len(models) != 1:
        listed = ", ".join(str(path.relative_to(folder)) for path in [*models, *files][: len(models) or 10])
        what = f"{len(models)} models ({listed}): name one of them" if models else f"no model ({listed or 'no file'})"
        raise NoModel(f"{name} holds {what}")
    path, findings = models.popitem()
    is_part = findings.is_folder and code is not None and _is_below(code, path)  # such as MLflow's code_paths
    return Model(path, None if is_part else code, findings)


def _in_files(files: Iterable[Path]) -> dict[Path, Findings]:
    """The models in files, by file or folder. Raises Unreadable for a damaged one, unless it is a part of another."""
    models: dict[Path, Findings] = {}
    damaged: dict[Path, Unreadable] = {}
    for path in files:
        try:
            if findings := _look_at(path):
                models[path.parent if findings.is_folder else path] = findings
        except Unreadable as error:
            damaged[path] = error
    models = _without_parts(models)
    for path, reason in damaged.items():
        if not any(_is_below(path, model) for model in models):
            raise reason
    return models


def _look_at(path: Path) -> Findings | None:
    with path.open("rb") as file:
        return readers.read(path.name, file)


def _required(findings: Findings | None, path: Path) -> Findings:
    if findings is None:
        raise NoModel(f"{path.name} {others.described(path)}")
    return findings


def _without_parts(models: dict[Path, Findings]) -> dict[Path, Findings]:
    """Without the files that belong to a model which is a folder, such as the pickle beside an MLmodel."""
    folders = [path for path, findings in models.items() if findings.is_folder]
    return {
        path: findings
        for path, findings in models.items()
        if not any(_is_below(path, folder) and path != folder for folder in folders)
    }


def _newest_version(models: dict[Path, Findings]) -> dict[Path, Findings]:
    """Of models in folders 1/, 2/, ... as TensorFlow Serving has them, the one with the highest number."""
    if models and all(path.name.isdecimal() for path in models):
        newest = max(models, key=lambda path: int(path.name))
        return {newest: models[newest]}
    return models


def _is_below(path: Path, folder: Path | None) -> bool:
    return folder is not None and path.is_relative_to(folder)


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)
