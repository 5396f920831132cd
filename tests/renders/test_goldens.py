"""The examples render to what was reviewed last. After `make goldens` git shows the difference."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.renders.answers import EXAMPLES, Render
from tests.renders.goldens import RENDERED, rendered_files, reviewed_files

NOT_KEPT = {
    "answers.json",
    "settings.json",
    "partitions.json",
    "policy.json",
    "build_machines.json",
    "engine.json",
    "engine_options.json",
    "task.json",
    "formats.json",
    "instances.json",
    "kinds.json",
    "limits.json",
    "regions.json",
    "memory.json",
    "older.json",
    "prices.json",
    "test.yml",  # tests/renders/test_ci.py looks at it
    "{{ _copier_conf.answers_file }}",
}


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_renders_to_what_was_reviewed(render: Render, example: str) -> None:
    assert rendered_files(render(**EXAMPLES[example])) == reviewed_files(example), "if this is right: make goldens"


def test_every_file_that_answers_reach_is_kept(plain_template: Path) -> None:
    reached = {path.stem for path in (plain_template / "template").rglob("*.jinja")}

    assert reached - NOT_KEPT == {Path(name).name for name in RENDERED}
