"""The project's own table of the manifest's fields, against the schema of the operator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.aws.kubernetes.api import TABLE

ROWS: dict[str, dict[str, Any]] = yaml.safe_load(
    (Path(__file__).parents[2] / "template/{{hyperpod}}/do/lib/target/fields.yml").read_text()
)
SPEC = TABLE["kinds"]["InferenceEndpointConfig"]["versions"]["v1"]["schema"]["properties"]["spec"]
TYPES = {"text": "string", "whole": "integer", "number": "number", "flag": "boolean", "part": "object"}


def found(path: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The operator's schema of a field, and that of the part which it is in."""
    schema, parent = SPEC, SPEC
    for name in path.split("."):
        schema, parent = schema["properties"][name.removesuffix("[]")], schema
        if name.endswith("[]"):
            schema = schema["items"]
    return schema, parent


@pytest.mark.parametrize("path", [path for path in ROWS if not path.endswith("*")])
def test_a_field_is_as_the_operator_has_it(path: str) -> None:
    row, (schema, parent) = ROWS[path], found(path)

    anything = schema.get("x-kubernetes-int-or-string")
    assert anything or schema["type"] == TYPES[row["is"]]
    assert row.get("must", False) == (path.rpartition(".")[2] in parent.get("required", []))
    if "maxLength" in schema:
        assert row["longest"] <= schema["maxLength"]
    if "pattern" in schema:
        assert "pattern" in row
    if "enum" in schema:
        assert set(row["pattern"].split("|")) == {*schema["enum"]}
    if "range" in row and "minimum" in schema:
        assert row["range"][0] >= schema["minimum"]


def test_all_that_the_operator_requires_is_required() -> None:
    assert {name for name, row in ROWS.items() if row.get("must") and "." not in name and "[" not in name} == {
        *SPEC["required"]
    }
