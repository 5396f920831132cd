"""Which files a rendered project has, and the form that all of them have."""

from __future__ import annotations

import ast
import functools
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.renders.answers import ROOT, Answers, Render, every_render, layers_of

TEMPLATE = ROOT / "template"
LAYER = re.compile(r"\{\{(\w+)\}\}")
TEMPLATE_MARK = re.compile(r"(?<!\$)\{\{ \w|\{% \w|\{# ")  # ${{ }} is an expression of GitHub's
FILES: dict[str, list[str]] = yaml.safe_load((ROOT / "tests/renders/files.yml").read_text())


def files_of(project: Path) -> dict[str, Path]:
    """The files of a project by their path in it."""
    return {str(path.relative_to(project)): path for path in sorted(project.rglob("*")) if not path.is_dir()}


def expected_files(layers: set[str]) -> set[str]:
    """The files that these layers bring, by files.yml."""
    brought = {name for key, names in FILES.items() if {*key.split()} <= layers for name in names}
    return brought | {".copier-answers.yml"}


@every_render
def test_a_project_has_the_files_of_its_layers_and_no_other(render: Render, answers: Answers) -> None:
    assert {*files_of(render(**answers))} == expected_files(layers_of(answers))


def provided(template: Path) -> Iterator[tuple[str, frozenset[str], Path]]:
    """Each path that the template provides, with the layers that it takes and the file that it comes from."""
    for source in template.rglob("*"):
        parts = source.relative_to(template).parts
        layers = frozenset(match[1] for part in parts if (match := LAYER.fullmatch(part)))
        if source.is_file() and layers:
            yield "/".join(part for part in parts if not LAYER.fullmatch(part)).removesuffix(".jinja"), layers, source


def conditions() -> dict[str, list[str]]:
    """What switches each layer on: answers (`framework == 'sklearn'`) and other layers, which have to be on as well."""
    switches = yaml.safe_load((ROOT / "questions/layers.yml").read_text())
    found = {layer: re.search(r" if (.*) else ", switch["default"]) for layer, switch in switches.items()}
    return {layer: match[1].split(" and ") if match else [] for layer, match in found.items()}


def with_required(layers: frozenset[str]) -> frozenset[str]:
    """The layers, and those without which they are never on."""
    return layers | {condition for layer in layers for condition in conditions()[layer] if condition in conditions()}


def exclusive_groups() -> list[set[str]]:
    """Layers of which only one can be on: those that one question with one answer switches on."""
    groups: dict[str, set[str]] = {}
    for layer, switches in conditions().items():
        for switch in switches:
            if match := re.match(r"(\w+) == '", switch):
                groups.setdefault(match[1], set()).add(layer)
    return [*groups.values()]


def test_no_two_layers_that_can_be_on_together_provide_one_path(plain_template: Path) -> None:
    groups = exclusive_groups()
    assert {"predictive", "generative"} in groups
    assert {"flask", "fastapi", "vllm", "sglang", "tensorrt_llm", "lmi", "djl"} in groups
    providers: dict[str, list[frozenset[str]]] = {}
    for path, layers, _ in provided(plain_template / "template"):
        providers.setdefault(path, []).append(with_required(layers))

    clashes = {
        (path, *sorted(first | second))
        for path, sets in providers.items()
        for index, first in enumerate(sets)
        for second in sets[index + 1 :]
        if not any(len((first | second) & group) > 1 for group in groups)
    }

    assert clashes == set()


def test_every_layer_folder_is_switched_by_a_variable(plain_template: Path) -> None:
    folders = {layer for _, layers, _ in provided(plain_template / "template") for layer in layers}

    assert folders <= {*yaml.safe_load((ROOT / "questions/layers.yml").read_text())}


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
