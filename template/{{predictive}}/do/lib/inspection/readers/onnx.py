"""ONNX's models: one message of Protocol Buffers, which has no mark of its own at its start."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from .. import protobuf
from ..findings import Findings, Unreadable

SUFFIX = ".onnx"
BEGIN = b"\x08"  # the tag of ir_version, which serializers write first
VERSION = re.compile(r"\d[\w.+-]{0,40}")  # CatBoost writes a page about its build
# onnx/onnx.proto
IR_VERSION, PRODUCER, PRODUCER_VERSION, GRAPH, OPSETS = 1, 2, 3, 7, 8  # of ModelProto
INITIALIZER, INPUT = 5, 11  # of GraphProto
INITIALIZER_NAME, EXTERNAL_DATA = 8, 13  # of TensorProto
KEY, VALUE = 1, 2  # of StringStringEntryProto
LOCATION = "location"  # the key of the file, beside the model, that holds the tensor's values
NAME, TYPE = 1, 2  # of ValueInfoProto
TENSOR = 1  # of TypeProto
ELEMENTS = 1  # of TypeProto.Tensor: a TensorProto.DataType
TYPES: dict[object, str] = {
    1: "float",
    2: "uint8",
    3: "int8",
    4: "uint16",
    5: "int16",
    6: "int32",
    7: "int64",
    8: "string",
    9: "bool",
    10: "half",
    11: "double",
    12: "uint32",
    13: "uint64",
    16: "bfloat16",
}


def read(name: str, file: BinaryIO) -> Findings | None:
    """What wrote it, and the inputs of its graph with their types."""
    if file.read(1) != BEGIN:
        return None
    file.seek(0)
    try:
        content = file.read()
        if not {number for number, _ in protobuf.fields(content)} >= {IR_VERSION, GRAPH, OPSETS}:
            return None
        columns = _inputs(content)
        parts = _parts(content)
    except ValueError:
        if name.endswith(SUFFIX):
            raise Unreadable(f"{name}: it is cut off, or no ONNX model") from None
        return None
    if missing := [part for part in parts if not Path(file.name).parent.joinpath(part).is_file()]:
        raise Unreadable(f"{name}: its weights are in {', '.join(missing)[:200]}, which must lie beside it")
    producers, versions = (protobuf.texts(content, each) for each in (PRODUCER, PRODUCER_VERSION))
    version = next(iter(versions), "")
    return Findings(
        framework="onnx",
        model_format="onnx",
        package=next(iter(producers), "") or "onnx",
        version=version if VERSION.fullmatch(version) else "",
        columns=columns,
        parts=parts,
    )


def _parts(content: bytes) -> tuple[str, ...]:
    """The files that weights are kept in, as torch.onnx.export does by default, relative to the model's folder.

    https://onnx.ai/onnx/repo-docs/ExternalData.html: none may be above it.
    """
    entries = protobuf.messages(content, GRAPH, INITIALIZER, EXTERNAL_DATA)
    locations = [entry for entry in entries if protobuf.texts(entry, KEY) == [LOCATION]]
    found = {part for location in locations for part in protobuf.texts(location, VALUE)}
    return tuple(sorted(part for part in found if not part.startswith("/") and ".." not in PurePosixPath(part).parts))


def _inputs(content: bytes) -> dict[str, str]:
    """The inputs in their order, without the weights that old models count among them."""
    weights = {*protobuf.texts(content, GRAPH, INITIALIZER, INITIALIZER_NAME)}
    inputs = {}
    for value in protobuf.messages(content, GRAPH, INPUT):
        kinds = [kind for tensor in protobuf.messages(value, TYPE, TENSOR) for kind in protobuf.fields(tensor)]
        elements = [TYPES.get(kind, "") for number, kind in kinds if number == ELEMENTS]
        inputs[protobuf.texts(value, NAME)[0]] = next(iter(elements), "")
    return {name: kind for name, kind in inputs.items() if name not in weights}
