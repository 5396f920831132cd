"""Whether a manifest is one that the operator takes: looked at before anything is applied, see fields.yml.

Some rules stand in the prose of the schema only: the API server takes what breaks them, and the operator fails later.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from lib.aws.tables import read_table
from lib.cli import ExitCode, VerbError

TABLE = Path(__file__).with_name("fields.yml")
LABEL = re.compile("[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")  # of DNS, RFC 1123
QUANTITY = re.compile(r"[0-9]+(\.[0-9]+)?(m|[KMGTPE]i?)?")
GPU = "nvidia.com/gpu"
ONE_OF = ("instanceType", "instanceTypes", "nodeAffinity")
NEEDED_BY_SOURCE = {"s3": "s3Storage", "fsx": "fsxStorage", "huggingface": "huggingFaceModel"}

KINDS: dict[str, Callable[[Any], bool]] = {
    "text": lambda value: isinstance(value, str),
    "whole": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "flag": lambda value: isinstance(value, bool),
    "quantity": lambda value: not isinstance(value, bool) and bool(QUANTITY.fullmatch(str(value))),
    "part": lambda value: isinstance(value, dict),
}

WORDS = {
    "text": "text",
    "whole": "a whole number",
    "number": "a number",
    "flag": "true or false",
    "quantity": "a quantity, such as 500m or 2Gi",
    "part": "a mapping",
}


def require(manifest: Mapping[str, Any]) -> None:
    """Raise VerbError with all that is wrong."""
    if found := [*problems(manifest)]:
        raise VerbError(f"the manifest is wrong: {'; '.join(found)}", ExitCode.BAD_CONFIGURATION)


def problems(manifest: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with a manifest, a line each."""
    for key in ("name", "namespace"):
        if not LABEL.fullmatch(manifest["metadata"][key]):
            yield f"metadata.{key} isn't a valid Kubernetes name: {manifest['metadata'][key]!r}"
    rows = read_table(TABLE)
    spec = manifest["spec"]
    for path, value in _values("", spec):
        yield from _of_value(path, value, rows)
    yield from _of_prose(spec)


def _values(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    """All parts of a value and the value itself, each with its path."""
    yield path, value
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _values(f"{path}.{key}".lstrip("."), item)
    elif isinstance(value, list):
        for item in value:
            yield from _values(f"{path}[]", item)


def _of_value(path: str, value: Any, rows: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    prefix = f"{path}." if path else ""
    if isinstance(value, dict):
        required = (
            name.removeprefix(prefix) for name, row in rows.items() if row.get("must") and name.startswith(prefix)
        )
        yield from (f"spec.{prefix}{name} is missing" for name in required if name.isalnum() and name not in value)
    row = rows.get(path) or next((rows[name] for name in rows if name[-1] == "*" and path.startswith(name[:-1])), None)
    if row:
        yield from (f"spec.{path} {problem}" for problem in _of_row(value, row))
    elif not isinstance(value, dict | list) or (path and not _has_parts(path, rows)):
        yield f"spec.{path} is unknown"


def _has_parts(path: str, rows: Mapping[str, Any]) -> bool:
    """Whether there are fields below a path, or items."""
    return any(name.startswith((f"{path}.", f"{path}[]")) for name in rows)


def _of_row(value: Any, row: Mapping[str, Any]) -> Iterator[str]:
    if not KINDS[row["is"]](value):
        yield f"must be {WORDS[row['is']]}, not {value!r}"
    elif "pattern" in row and not re.fullmatch(row["pattern"], value):
        yield f"can't be {value!r}"
    elif "longest" in row and len(value) > row["longest"]:
        yield f"has more than {row['longest']} characters: {value!r}"
    elif "range" in row and not row["range"][0] <= value <= row["range"][1]:
        yield f"is not within {row['range'][0]} to {row['range'][1]}: {value}"


def _of_prose(spec: Mapping[str, Any]) -> Iterator[str]:
    if sum(name in spec for name in ONE_OF) != 1:
        yield f"spec needs exactly one of {', '.join(ONE_OF)}"
    source = spec.get("modelSourceConfig", {})
    needed = NEEDED_BY_SOURCE.get(source.get("modelSourceType", ""))
    if needed and needed not in source:
        yield f"spec.modelSourceConfig.{needed} is missing"
    worker = spec.get("worker", {})
    volumes = [volume.get("name") for volume in spec.get("kubernetes", {}).get("volumes", [])]
    if (
        source.get("modelSourceType") == "kubernetesVolume"
        and worker.get("modelVolumeMount", {}).get("name") not in volumes
    ):
        yield "spec.kubernetes.volumes lacks the one that spec.worker.modelVolumeMount names"
    resources = worker.get("resources", {})
    if resources.get("limits", {}).get(GPU) != resources.get("requests", {}).get(GPU):
        yield f"spec.worker.resources must limit {GPU} to what it requests"
    scaled = spec.get("autoScalingSpec", {})
    if scaled.get("minReplicaCount", 1) > scaled.get("maxReplicaCount", 5):
        yield "spec.autoScalingSpec.minReplicaCount is more than maxReplicaCount"
