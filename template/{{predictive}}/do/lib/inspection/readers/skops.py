"""skops's files: a zip archive with a tree of objects in JSON, and the arrays beside it."""

from __future__ import annotations

import json
import sys
import zipfile
from collections.abc import Iterator
from typing import Any, BinaryIO

from ..findings import Findings, Unreadable

SCHEMA = "schema.json"
NOT_NAMED = sys.stdlib_module_names | {"__main__"}


def read(name: str, file: BinaryIO) -> Findings | None:
    """The version that scikit-learn notes in each estimator, the columns, and what loading the file would import."""
    try:
        with zipfile.ZipFile(file) as archive:
            schema = json.loads(archive.read(SCHEMA))
    except (zipfile.BadZipFile, KeyError, ValueError, OSError):
        if name.endswith(".skops"):
            raise Unreadable(f"{name}: it is cut off, or no file of skops") from None
        return None
    if not isinstance(schema, dict) or "_skops_version" not in schema:
        return None
    nodes = [*_nodes(schema)]
    modules = {str(node["__module__"]).partition(".")[0] for node in nodes}
    return Findings(
        framework=str(schema["__module__"]).partition(".")[0],
        model_format="joblib",
        also=("pkl",),  # the handler goes by the content
        package="scikit-learn",
        version=next((_text(node) for node in _attributes(nodes, "_sklearn_version")), ""),
        loaded_by="the same minor",  # scikit-learn's guide on model persistence
        modules=tuple(sorted({*modules, "skops"} - NOT_NAMED)),
        own_classes=tuple(sorted({str(node["__class__"]) for node in nodes if node["__module__"] == "__main__"})),
        columns=dict.fromkeys(_names(nodes), ""),
    )


def _nodes(value: Any) -> Iterator[dict[str, Any]]:
    """Every object in the tree, from the outermost inwards."""
    if isinstance(value, dict):
        if "__module__" in value:
            yield value
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            yield from _nodes(part)


def _attributes(nodes: list[dict[str, Any]], name: str) -> Iterator[dict[str, Any]]:
    """The attributes of this name that the objects have."""
    states = (node["content"] for node in nodes if isinstance(node.get("content"), dict))
    contents = (state["content"] for state in states if isinstance(state.get("content"), dict))
    return (content[name] for content in contents if name in content)


def _names(nodes: list[dict[str, Any]]) -> list[str]:
    listed = (node["content"] for node in _attributes(nodes, "feature_names_in_"))
    return next(([_text(each) for each in names] for names in listed if isinstance(names, list)), [])


def _text(node: dict[str, Any]) -> str:
    """A text, which is JSON in JSON."""
    return str(json.loads(node["content"]))
