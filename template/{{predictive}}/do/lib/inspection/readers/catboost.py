"""CatBoost's models: cbm, its binary format, and JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

from ..findings import Findings, Unreadable

BEGIN = b"CBM1"
# both formats hold what CatBoost says of its build
VERSION = re.compile(rb"Branch: tags/v(\d+(?:\.\w+)*)")
JSON_BEGIN = re.compile(rb'\A\s*\{\s*"(ctr_data|features_info|model_info|oblivious_trees|trees|scale_and_bias)"')
HEAD = 4096  # bytes in which a document of CatBoost names its first part
PARTS = {"features_info", "model_info"}
TYPES = {"float_features": "float", "categorical_features": "c", "text_features": "string"}


def read(name: str, file: BinaryIO) -> Findings | None:
    """The version that saved it; of JSON also the columns with their types."""
    begin = file.read(HEAD)
    file.seek(0)
    if begin.startswith(BEGIN):
        content = file.read()
        if not VERSION.search(content) or len(content) < 8 + int.from_bytes(content[4:8], "little"):  # the trees' size
            raise Unreadable(f"{name}: it begins like a model of CatBoost, and is cut off or damaged")
        return _findings("cbm", content, {})
    if not JSON_BEGIN.match(begin):
        return None
    content = file.read()
    try:
        document = json.loads(content)
    except ValueError:
        raise Unreadable(f"{name}: it begins like a model of CatBoost, and is cut off or damaged") from None
    if not document.keys() >= PARTS:
        return None
    return _findings("json", json.dumps(document["model_info"]).encode(), dict(_columns(document["features_info"])))


def _findings(model_format: str, content: bytes, columns: dict[str, str]) -> Findings:
    version = VERSION.search(content)
    return Findings(
        framework="catboost",
        model_format=model_format,
        package="catboost",
        version=version[1].decode() if version else "",
        columns=columns,
    )


def _columns(features: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The columns in their order. Those of an array have no names."""
    found = [(feature, kind) for part, kind in TYPES.items() for feature in features.get(part, [])]
    for feature, kind in sorted(found, key=lambda pair: int(pair[0]["flat_feature_index"])):
        if feature.get("feature_id") not in (None, "", str(feature["flat_feature_index"])):
            yield feature["feature_id"], kind
