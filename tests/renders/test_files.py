"""Which files a rendered project has, and the form that all of them have."""

from __future__ import annotations

import ast
import functools
import hashlib
import itertools
import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from extensions.answers import load_questions
from extensions.layers import FOLDER, folders, switched_on
from tests.renders.answers import CATALOG, ROOT, Answers, Render, every_render, layers_of

TEMPLATE = ROOT / "template"
TEMPLATE_MARK = re.compile(r"(?<!\$)\{\{ \w|\{% \w|\{# ")  # ${{ }} is an expression of GitHub's


def files_of(project: Path) -> dict[str, Path]:
    """The files of a project by their path in it."""
    return {str(path.relative_to(project)): path for path in sorted(project.rglob("*")) if not path.is_dir()}


def expected_files(layers: set[str]) -> set[str]:
    """The files that these layers bring."""
    return {path for path, needed, _ in provided(TEMPLATE) if needed <= layers} | {".copier-answers.yml"}


@every_render
def test_a_project_has_the_files_of_its_layers_and_no_other(render: Render, answers: Answers) -> None:
    assert {*files_of(render(**answers))} == expected_files(layers_of(answers))


def provided(template: Path) -> Iterator[tuple[str, frozenset[str], Path]]:
    """Each path that the template provides, with the layers that it takes and the file that it comes from."""
    for source in template.rglob("*"):
        parts = source.relative_to(template).parts
        layers = frozenset(match[1] for part in parts if (match := FOLDER.fullmatch(part)))
        if source.is_file() and layers:
            yield "/".join(part for part in parts if not FOLDER.fullmatch(part)).removesuffix(".jinja"), layers, source


def every_combination() -> Iterator[set[str]]:
    """The layers of every combination of answers that switches layers."""
    questions = ("model_kind", "framework", "model_server", "model_source", "build_with", "deploy_target", "ci")
    tables = ("model_kinds", "frameworks", "model_servers", "model_sources", "build_with", "deploy_targets", "ci")
    for chosen in itertools.product(*(CATALOG[table] for table in tables), [True, False], [True, False]):
        answers: Answers = dict(zip((*questions, "include_tests", "renovate"), chosen, strict=True))
        kind = answers["model_kind"]
        rows = (CATALOG[table][answers[question]] for question, table in zip(questions, tables, strict=True))
        if all(kind in row.get("kinds", [kind]) for row in rows):
            yield switched_on({**answers, "test_types": [*CATALOG["test_types"]]}, CATALOG)


def test_no_two_layers_that_can_be_on_together_provide_one_path() -> None:
    providers: dict[str, list[frozenset[str]]] = {}
    for path, layers, _ in provided(TEMPLATE):
        providers.setdefault(path, []).append(layers)
    several = {path: sets for path, sets in providers.items() if len(sets) > 1}
    assert "Dockerfile" in several

    combinations = {frozenset(on) for on in every_combination()}
    clashes = {
        path for on in combinations for path, sets in several.items() if sum(layers <= on for layers in sets) > 1
    }

    assert clashes == set()


def test_every_folder_of_a_layer_is_switched_on_by_some_answers() -> None:
    assert {*folders()} <= set().union(*every_combination())


@pytest.mark.parametrize("table", ["model_kinds", "frameworks", "model_servers", "deploy_targets", "test_types"])
def test_every_choice_that_brings_files_has_a_folder(table: str) -> None:
    assert {name.replace("-", "_") for name in CATALOG[table]} <= {*folders()}


def test_no_layer_hides_an_answer() -> None:
    assert {*folders()} & {*load_questions(ROOT), "catalog"} == set()


@every_render
def test_no_template_mark_is_left(render: Render, answers: Answers) -> None:
    marked = [name for name, path in files_of(render(**answers)).items() if has_template_mark(path.read_text())]

    assert marked == []


@functools.cache
def has_template_mark(text: str) -> bool:
    return bool(TEMPLATE_MARK.search(text))


@every_render
def test_text_ends_in_one_newline_and_lines_in_no_space(render: Render, answers: Answers) -> None:
    for name, path in files_of(render(**answers)).items():
        assert ends_well(path.read_text()), name


@functools.cache
def ends_well(text: str) -> bool:
    """Whether a text ends in one newline, if it has any, and its lines in no space."""
    ends_in_one = not text or (text.endswith("\n") and not text.endswith("\n\n"))
    return ends_in_one and not re.search(r"[ \t]+$", text, re.MULTILINE)


@every_render
def test_scripts_are_executable_and_nothing_else_is(render: Render, answers: Answers) -> None:
    """Predecessor F.1-10: submit_build.sh was not."""
    for name, path in files_of(render(**answers)).items():
        assert os.access(path, os.X_OK) == path.read_bytes().startswith(b"#!"), name


def parse_python(text: str) -> object:
    return ast.parse(text, feature_version=(3, 10))


PARSERS: dict[str, Callable[[str], Any]] = {
    ".py": parse_python,
    ".json": json.loads,
    ".yml": yaml.safe_load,
}


@every_render
def test_every_file_parses(render: Render, answers: Answers) -> None:
    for name, path in files_of(render(**answers)).items():
        if problem := syntax_error(path.suffix, path.read_text()):
            pytest.fail(f"{name}: {problem}")


@functools.cache  # most contents are in many projects
def syntax_error(suffix: str, text: str) -> str:
    """Why a content does not parse; empty where it does."""
    parse = parse_python if text.startswith("#!/usr/bin/env python3") else PARSERS.get(suffix, str)
    try:
        parse(text)
    except (ValueError, SyntaxError, yaml.YAMLError) as error:
        return str(error)
    return ""


@every_render
def test_plain_files_are_copied_byte_for_byte(render: Render, plain_template: Path, answers: Answers) -> None:
    project = render(**answers)
    plain = {
        path: source
        for path, layers, source in provided(plain_template / "template")
        if source.suffix != ".jinja" and layers <= layers_of(answers)
    }

    assert [path for path, source in plain.items() if (project / path).read_bytes() != source.read_bytes()] == []


def test_the_sample_data_is_the_original() -> None:
    """Predecessor E: synthetic data took its place without a word."""
    data = TEMPLATE / "{{sample}}/sample_model/abalone.data"

    assert (
        hashlib.sha256(data.read_bytes()).hexdigest()
        == "de37cdcdcaaa50c309d514f248f7c2302a5f1f88c168905eba23fe2fbc78449f"
    )
