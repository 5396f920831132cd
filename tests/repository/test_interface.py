"""The names that projects depend on are recorded, and none goes without a migration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from extensions import record_interface
from extensions.record_interface import lost, merged, migrated

OLD: dict[str, Any] = {
    "questions": {
        "server": {"type": "str", "choices": ["flask", "fastapi"]},
        "replicas": {"type": "str"},
    },
    "settings": ["PORT", "REGION"],
    "handler": ["load", "predict"],
}


def test_the_record_is_current() -> None:
    text = record_interface.RECORD.read_text()

    assert text == record_interface.written(merged(record_interface.recorded(), record_interface.current())), (
        "run python -m extensions.record_interface"
    )


def test_nothing_that_was_released_is_gone_without_a_migration() -> None:
    gone = {*lost(record_interface.recorded(), record_interface.current())} - migrated()

    assert gone == set(), "write a migration (CONTRIBUTING.md), or take out of interface.yml what was never released"


def test_the_record_has_what_owners_use() -> None:
    recorded = record_interface.recorded()

    assert {"fastapi", "flask", "vllm"} <= {*recorded["questions"]["model_server"]["choices"]}
    assert recorded["questions"]["include_tests"] == {"type": "bool"}
    assert {"PORT", "AWS_REGION"} <= {*recorded["settings"]}
    assert {"load", "decode", "predict", "encode", "allow_missing", "batching"} <= {*recorded["handler"]}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"questions": {"server": OLD["questions"]["server"]}}, "replicas"),
        ({"questions": {**OLD["questions"], "replicas": {"type": "int"}}}, "replicas: str"),
        ({"questions": {**OLD["questions"], "server": {"type": "str", "choices": ["fastapi"]}}}, "server=flask"),
        ({"settings": ["PORT"]}, "REGION"),
        ({"handler": ["load"]}, "predict"),
    ],
    ids=["question", "type", "choice", "setting", "handler"],
)
def test_what_goes_is_noticed(change: dict[str, Any], named: str) -> None:
    assert [*lost(OLD, {**OLD, **change})] == [named]


def test_what_comes_is_recorded_behind_what_was_there() -> None:
    new = {**OLD, "questions": {"server": {"type": "str", "choices": ["django", "flask"]}}, "settings": ["HOST"]}

    both = merged(OLD, new)

    assert both["questions"]["server"]["choices"] == ["flask", "fastapi", "django"]
    assert "replicas" in both["questions"]
    assert both["settings"] == ["PORT", "REGION", "HOST"]


def test_a_migration_names_what_it_brings_along(tmp_path: Path) -> None:
    (tmp_path / "v2.0.0.yml").write_text(
        "rename_answers: {replicas: instances}\nmap_choices: {server: {flask: fastapi}}\ngone: {PORT: set HOST}\n"
    )

    assert migrated(tmp_path) == {"replicas", "server=flask", "PORT"}
