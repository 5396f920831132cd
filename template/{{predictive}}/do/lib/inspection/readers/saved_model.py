"""TensorFlow's SavedModel: the folder around a saved_model.pb."""

from __future__ import annotations

from typing import BinaryIO

from .. import protobuf
from ..findings import Findings, Unreadable

FRAMEWORK = "tensorflow"
FILE_NAME = "saved_model.pb"
# tensorflow/core/protobuf/saved_model.proto and meta_graph.proto
META_GRAPH = 2  # of SavedModel
META_INFO, SIGNATURE = 1, 5  # of MetaGraphDef
TENSORFLOW_VERSION = 5  # of MetaInfoDef
KEY, VALUE = 1, 2  # of an entry of a map
INPUTS = 1  # of SignatureDef
DTYPE = 2  # of TensorInfo
DEFAULT_SIGNATURE = "serving_default"
# tensorflow/core/framework/types.proto
TYPES: dict[object, str] = {1: "float", 2: "double", 3: "int32", 4: "uint8", 7: "string", 9: "int64", 10: "bool"}


def read(name: str, file: BinaryIO) -> Findings | None:
    """The version of TensorFlow that saved it, and the inputs of its serving signature with their types."""
    if name != FILE_NAME:
        return None
    try:
        content = file.read()
        versions = protobuf.texts(content, META_GRAPH, META_INFO, TENSORFLOW_VERSION)
        inputs = _inputs(content)
    except ValueError:
        raise Unreadable(f"{name}: it is cut off, or no SavedModel") from None
    return Findings(
        framework=FRAMEWORK,
        model_format="SavedModel",
        package="tensorflow",
        version=versions[0] if versions else "",
        columns=inputs,
        is_folder=True,
    )


def _inputs(content: bytes) -> dict[str, str]:
    """The inputs of the signature that is served. They have no order in the file, so by name."""
    inputs = {}
    for signature in protobuf.messages(content, META_GRAPH, SIGNATURE):
        if protobuf.texts(signature, KEY) == [DEFAULT_SIGNATURE]:
            for entry in protobuf.messages(signature, VALUE, INPUTS):
                for tensor in protobuf.messages(entry, VALUE):
                    types = [value for number, value in protobuf.fields(tensor) if number == DTYPE]
                    inputs[protobuf.texts(entry, KEY)[0]] = next((TYPES.get(each, "") for each in types), "")
    return dict(sorted(inputs.items()))
