"""The answer sets that the renders are checked with."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from allpairspy import AllPairs

from extensions.context import load_catalog
from extensions.patterns import applicable
from tests.exhaustive import exhaustive

ROOT = Path(__file__).resolve().parents[2]
CATALOG = load_catalog()

Answers = dict[str, Any]
Render = Callable[..., Path]


def fitting(table: str, kind: str) -> list[str]:
    """The rows of a table of the catalog that go with a kind of model."""
    return [name for name, row in CATALOG[table].items() if kind in row.get("kinds", [kind])]


SERVERS = fitting("model_servers", "predictive")

# every framework in every format behind every server
COMBINATIONS: list[Answers] = [
    {"framework": framework, "model_format": model_format, "model_server": server}
    for framework, row in CATALOG["frameworks"].items()
    for model_format, server in itertools.product(row["formats"], SERVERS)
]

# none, each alone, and all: a type of tests is a folder that knows no other
TEST_TYPES: list[list[str]] = [[], *([test_type] for test_type in CATALOG["test_types"]), [*CATALOG["test_types"]]]

# the other choices that change files: each pair of values of two questions is in one of these
AXES: dict[str, list[Any]] = {
    "framework": [*CATALOG["frameworks"]],
    "model_server": SERVERS,
    "model_source": fitting("model_sources", "predictive"),
    "build_with": [*CATALOG["build_with"]],
    "test_types": TEST_TYPES,
    "ci": [*CATALOG["ci"]],
    "renovate": [False, True],
    "run_as_root": [True, False],
    "instance_type": ["ml.m5.large", "ml.m6g.large"],
    "settings": [{}, {"ROLE_ARN": "arn:aws:iam::111122223333:role/service-role/sagemaker", "MIN_INSTANCES": 2}],
}


def _with_tests(answers: Answers) -> Answers:
    """No test type at all is another question's answer."""
    chosen = answers.pop("test_types")
    return {**answers, "include_tests": bool(chosen), **({"test_types": chosen} if chosen else {})}


PAIRS: list[Answers] = [_with_tests(dict(zip(AXES, pair, strict=True))) for pair in AllPairs(list(AXES.values()))]

# the choices of generative models that change files
ENGINE_AXES: dict[str, list[Any]] = {
    "model_server": fitting("model_servers", "generative"),
    "profile": [*CATALOG["profiles"]],
    "quantization": [*CATALOG["quantizations"]],
    "model_source": fitting("model_sources", "generative"),
    "model_id": ["Qwen/Qwen3-4B", "me/unknown"],
    "instance_type": ["ml.g6.12xlarge", "ml.g6e.xlarge"],
    "build_with": [*CATALOG["build_with"]],
    "enable_lora": [True, False],
    "reasoning_parser": ["", "qwen3"],
    "base_image": ["", "example.org/engine:1.0"],
    "ci": [*CATALOG["ci"]],
}


# x86_64 and arm64
WITHOUT_GPUS = {"ml.g6.12xlarge": "ml.c7i.4xlarge", "ml.g6e.xlarge": "ml.c7g.4xlarge"}


def _without_hidden(answers: Answers) -> Answers:
    """Only what the engine has an option for is asked; without GPUs it has processors."""
    settings = CATALOG["model_servers"][answers["model_server"]]["settings"]
    if "processor" in CATALOG["model_servers"][answers["model_server"]]["hardware"]:
        answers |= {"instance_type": WITHOUT_GPUS[answers["instance_type"]]}
    hidden = {"quantization", "enable_lora", "reasoning_parser"} - {*settings}
    return {"model_kind": "generative", **{name: answers[name] for name in answers if name not in hidden}}


ENGINES: list[Answers] = [
    _without_hidden(dict(zip(ENGINE_AXES, pair, strict=True))) for pair in AllPairs(list(ENGINE_AXES.values()))
]

EXAMPLES: dict[str, Answers] = {
    path.stem: yaml.safe_load(path.read_text()) for path in sorted((ROOT / "examples").glob("*.yml"))
}

ALL: list[Answers] = [*COMBINATIONS, *PAIRS, *ENGINES, *EXAMPLES.values()]
PREDICTIVE = [answers for answers in ALL if answers.get("model_kind", "predictive") == "predictive"]
GENERATIVE = [answers for answers in ALL if answers not in PREDICTIVE]


def name_of(answers: Answers) -> str:
    """The answers as the name of a test case."""
    return answers.get("project_name") or "-".join(_word(value) for value in answers.values())


def _word(value: Any) -> str:
    if isinstance(value, list):
        return "+".join(value)
    return str(value).rpartition(":")[2].rpartition("/")[2] or "none"


# each format is behind one web application in make test, in turn, and behind all in make test-exhaustive
REPEATED = [
    answers
    for number, answers in enumerate(COMBINATIONS)
    if SERVERS.index(answers["model_server"]) != number // len(SERVERS) % len(SERVERS)
]


def _each(answer_sets: list[Answers]) -> pytest.MarkDecorator:
    cases = [
        pytest.param(answers, id=name_of(answers), marks=[exhaustive] if answers in REPEATED else [])
        for answers in answer_sets
    ]
    return pytest.mark.parametrize("answers", cases)


every_render = _each(ALL)
every_predictive_render = _each(PREDICTIVE)
every_generative_render = _each(GENERATIVE)


DEFAULTS = {"build_with": "codebuild", "deploy_target": "realtime", "ci": "none"}


def types_of_tests(answers: Answers) -> list[str]:
    """The types of tests that a project with these answers has."""
    target = answers.get("deploy_target", DEFAULTS["deploy_target"])
    return list(answers.get("test_types", applicable(CATALOG["test_types"], targets=target)))


def layers_of(answers: Answers) -> set[str]:
    """The layers that these answers switch on, as CONTRIBUTING.md lists them."""
    if answers.get("model_kind") == "generative":
        engine = answers["model_server"].replace("-", "_")
        shared = CATALOG["model_servers"][answers["model_server"]].get("layers", [])
        chosen = {answers.get(name, default) for name, default in DEFAULTS.items()}
        target = answers.get("deploy_target", DEFAULTS["deploy_target"])
        shared = [*shared, *CATALOG["deploy_targets"][target]["layers"]]
        return {"project", "generative", engine, *shared, *chosen}
    full = {"model_source": "sample", "build_with": "codebuild", "include_tests": True, **answers}
    layers = {"project", "predictive", full["framework"], full["model_server"], full["build_with"]}
    target = full.get("deploy_target", DEFAULTS["deploy_target"])
    layers |= {target, *CATALOG["deploy_targets"][target]["layers"], full["model_source"]}
    layers |= {*CATALOG["frameworks"][full["framework"]].get("layers", [])}
    if full["include_tests"]:
        layers |= {"tests", *(test_type.replace("-", "_") for test_type in types_of_tests(full))}
    layers |= {"renovate_configuration"} if full.get("renovate") else set()
    return layers | {full.get("ci", "none")}
