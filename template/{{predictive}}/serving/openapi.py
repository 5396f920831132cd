"""The description of this very model's interface: openapi.json, with what its rows hold and an example."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

from serving import codecs, transcoding
from serving.codecs import RowFormat
from serving.errors import ServingError
from serving.handlers.base import Handler
from serving.tables import BOOLEAN, DATE, NUMBER, TEXT

Schema = dict[str, Any]

OURS = "serving.handlers."  # modules that read requests as the template describes them
MOST_CATEGORIES = 100  # that are listed for a column
MOST_BYTES = 10_000  # of a request or an answer that is shown as an example
TYPES = {
    TEXT: ["string"],
    DATE: ["string"],
    NUMBER: ["number"],
    BOOLEAN: ["boolean"],
    None: ["string", "number", "boolean"],
}
ATTRIBUTES = "X-Amzn-SageMaker-Custom-Attributes"
CHOICE = ". output=NAME in it chooses what this request is answered with: {outputs}; without, {output}"
BINARY = "The same rows as a table of named columns"


def document(
    handler: Handler, example: bytes | None = None, answer: bytes | None = None, outputs: tuple[str, ...] = ()
) -> bytes:
    """The description in JSON. `example` is the owner's request, `answer` what it was answered with.

    `outputs`: what a request may ask for.
    """
    description = json.loads(Path(__file__).with_name("openapi.json").read_text(encoding="utf-8"))
    operation = description["paths"]["/invocations"]["post"]
    requests = operation["requestBody"]["content"]
    answers = operation["responses"]["200"]["content"]
    if len(outputs) > 1:
        attributes = next(one for one in operation["parameters"] if one["name"] == ATTRIBUTES)
        attributes["description"] += CHOICE.format(outputs=", ".join(outputs), output=handler.output)
        attributes["example"] = f"output={outputs[1]}"
    if handler.also_reads:
        requests.update({name: {"schema": {"type": "string"}} for name in handler.also_reads})
    if importlib.util.find_spec("pyarrow"):
        binary = {name: {"schema": {"type": "string", "description": BINARY}} for name in transcoding.OF_PYARROW}
        requests.update(binary)
    shown = _shown(example)
    if shown is not None:
        requests[codecs.JSON]["example"] = shown
    if (answered := _shown(answer)) is not None:
        answers[codecs.JSON]["example"] = answered
    if not type(handler).decode.__module__.startswith(OURS):
        description["components"]["schemas"]["Rows"] = {"description": "Read by the project's own code"}
        description["components"]["schemas"]["Predictions"] = {"description": "Written by the project's own code"}
    elif row := _row(handler.row_format, bool(handler.allow_missing), shown):
        description["components"]["schemas"]["Row"] = row
        if handler.row_format and handler.row_format.names:
            header = f"One row a line, below a header line if you like: {','.join(handler.row_format.names)}"
            requests[codecs.CSV]["schema"]["description"] = header
    return json.dumps(description, ensure_ascii=False, default=str).encode()


def _row(row_format: RowFormat | None, gaps: bool, example: Any) -> Schema | None:
    """What a row looks like; None if neither the model nor the example tells."""
    if not row_format:
        rows = _rows_of(example)
        return _like(rows[0]) if rows else None
    if len(row_format.shape) != 1:
        return _nested(row_format.shape, _value(NUMBER, (), gaps))
    kinds = row_format.kinds or (NUMBER,) * row_format.shape[0]
    known = row_format.categories or ((),) * len(kinds)
    values = [_value(kind, categories, gaps) for kind, categories in zip(kinds, known, strict=True)]
    count = len(values)
    if all(value == values[0] for value in values):
        listed: Schema = {"type": "array", "minItems": count, "maxItems": count, "items": values[0] if values else {}}
    else:
        listed = {"type": "array", "minItems": count, "maxItems": count, "prefixItems": values}
    if not row_format.names:
        return listed
    properties = dict(zip(row_format.names, values, strict=True))
    record = {"type": "object", "required": [*properties], "properties": properties, "additionalProperties": False}
    return {"oneOf": [record, listed]}


def _value(kind: str | None, categories: tuple[Any, ...], gaps: bool) -> Schema:
    types = [*TYPES[kind], "null"] if gaps else TYPES[kind]
    schema: Schema = {"type": types[0] if len(types) == 1 else types}
    known = [category for category in categories if category is not None]
    return {**schema, "examples": known[:MOST_CATEGORIES]} if known else schema


def _nested(shape: tuple[int, ...], value: Schema) -> Schema:
    for size in reversed(shape):
        value = {"type": "array", "minItems": size, "maxItems": size, "items": value}
    return value


def _rows_of(example: Any) -> list[Any]:
    """The example's rows; none if it has a form of its own, as those of several tensors have."""
    try:
        return codecs.rows_of(example)
    except ServingError:
        return []


def _like(value: Any) -> Schema:
    """The schema of values that look like this one."""
    if isinstance(value, dict):
        return {"type": "object", "properties": {name: _like(part) for name, part in value.items()}}
    if isinstance(value, list):
        return {"type": "array", "items": _like(value[0]) if value else {}}
    names: dict[type, str] = {str: "string", bool: "boolean", int: "number", float: "number"}
    return {"type": names[type(value)]} if type(value) in names else {}


def _shown(body: bytes | None) -> Any:
    """A JSON body as an example; None for one that is missing, too large or not JSON."""
    if not body or len(body) > MOST_BYTES:
        return None
    try:
        return json.loads(body.decode("utf-8-sig"))
    except ValueError:
        return None
