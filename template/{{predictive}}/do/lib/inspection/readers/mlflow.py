"""MLflow's models: the folder around an MLmodel, a YAML file of which a few values are read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from ..findings import Findings, Unreadable

FILE_NAME = "MLmodel"
LINE = re.compile(r"( *)([\w.-]+):(?: (.*))?$")
FLAVOR = ("flavors", "python_function")
PYTHON = re.compile(r"3\.\d+")
# of a conda.yaml, as MLflow writes it: the packages below `pip:`
OF_PIP = re.compile(r"^( *)- pip:\n((?:\1 +- .*\n?)+)", re.MULTILINE)
Keys = tuple[str, ...]


def read(name: str, file: BinaryIO) -> Findings | None:
    """The version of MLflow, the signature's columns, and what the files beside it say that loading needs."""
    if name != FILE_NAME:
        return None
    try:
        values = dict(scalars(file.read().decode()))
    except UnicodeDecodeError:
        values = {}
    if not any(path[: len(FLAVOR)] == FLAVOR for path in values):
        raise Unreadable(f"{name}: it has no flavor python_function, or is cut off")
    python = PYTHON.match(values.get((*FLAVOR, "python_version"), ""))
    return Findings(
        framework="mlflow",
        model_format="MLmodel",
        package="mlflow-skinny",  # MLflow without its tracking server, of the same version
        version=values.get(("mlflow_version",), ""),
        loaded_by="no older",
        columns=_columns(values.get(("signature", "inputs"), "")),
        is_folder=True,
        requires=(*requirements(Path(file.name).parent),),
        python=python[0] if python else "",
    )


def scalars(text: str) -> Iterator[tuple[Keys, str]]:
    """The single values of a YAML document with the keys that lead to them; lists are left out."""
    keys: list[tuple[int, str]] = []
    lines = text.splitlines()
    for number, line in enumerate(lines):
        if match := LINE.match(line):
            indent, key, value = len(match[1]), match[2], match[3] or ""
            keys = [*(outer for outer in keys if outer[0] < indent), (indent, key)]
            if value:
                yield tuple(name for _, name in keys), _unquoted(_folded(value, lines[number + 1 :], indent))


def _folded(value: str, following: list[str], indent: int) -> str:
    """A value with the lines that it goes on in, which are indented deeper than its key."""
    for line in following:
        if len(line) - len(line.lstrip()) <= indent:
            break
        value += f" {line.strip()}"
    return value


def _unquoted(value: str) -> str:
    return value[1:-1].replace("''", "'") if value[:1] == value[-1:] == "'" else value.strip('"')


def _columns(signature: str) -> dict[str, str]:
    """The names and types of the inputs; none for a signature without names."""
    try:
        inputs = json.loads(signature)
        return {
            each["name"]: str(each["tensor-spec"]["dtype"] if each["type"] == "tensor" else each["type"])
            for each in inputs
            if "name" in each
        }
    except (ValueError, KeyError, TypeError):
        return {}


def requirements(folder: Path) -> list[str]:
    """The lines of the model's requirements.txt; models of old versions have only a conda.yaml."""
    file, conda = folder / "requirements.txt", folder / "conda.yaml"
    if file.is_file():
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    elif conda.is_file() and (found := OF_PIP.search(conda.read_text(encoding="utf-8", errors="replace"))):
        lines = [line.strip().removeprefix("- ").strip("'\"") for line in found[2].splitlines()]
    else:
        return []
    return [line for line in (line.partition(" #")[0].strip() for line in lines) if line and line[0] not in "#-"]
