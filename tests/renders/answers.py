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

ROOT = Path(__file__).resolve().parents[2]
CATALOG = load_catalog()

Answers = dict[str, Any]
Render = Callable[..., Path]

# every framework in every format behind every server
COMBINATIONS: list[Answers] = [
    {"framework": framework, "model_format": model_format, "model_server": server}
    for framework, row in CATALOG["frameworks"].items()
    for model_format, server in itertools.product(row["formats"], CATALOG["model_servers"])
]

TEST_TYPES = [
    list(chosen)
    for count in range(len(CATALOG["test_types"]) + 1)
    for chosen in itertools.combinations(CATALOG["test_types"], count)
]

# the other choices that change files: each pair of values of two questions is in one of these
AXES: dict[str, list[Any]] = {
    "framework": [*CATALOG["frameworks"]],
    "model_server": [*CATALOG["model_servers"]],
    "model_source": [*CATALOG["model_sources"]],
    "build_with": [*CATALOG["build_with"]],
    "test_types": TEST_TYPES,
    "ci": [*CATALOG["ci"]],
    "renovate": [False, True],
    "run_as_root": [True, False],
    "instance_type": ["ml.m5.large", "ml.m6g.large"],
    "role_arn": ["", "arn:aws:iam::111122223333:role/service-role/sagemaker"],
}


def _with_tests(answers: Answers) -> Answers:
    """No test type at all is another question's answer."""
    chosen = answers.pop("test_types")
    return {**answers, "include_tests": bool(chosen), **({"test_types": chosen} if chosen else {})}


PAIRS: list[Answers] = [_with_tests(dict(zip(AXES, pair, strict=True))) for pair in AllPairs(list(AXES.values()))]

EXAMPLES: dict[str, Answers] = {
    path.stem: yaml.safe_load(path.read_text()) for path in sorted((ROOT / "examples").glob("*.yml"))
}

ALL: list[Answers] = [*COMBINATIONS, *PAIRS, *EXAMPLES.values()]


def name_of(answers: Answers) -> str:
    """The answers as the name of a test case."""
    return answers.get("project_name") or "-".join(_word(value) for value in answers.values())


def _word(value: Any) -> str:
    if isinstance(value, list):
        return "+".join(value)
    return str(value).rpartition(":")[2] or "none"


every_render = pytest.mark.parametrize("answers", ALL, ids=name_of)


def layers_of(answers: Answers) -> set[str]:
    """The layers that these answers switch on, as CONTRIBUTING.md lists them."""
    full = {"model_source": "sample", "build_with": "codebuild", "include_tests": True, **answers}
    layers = {"project", "predictive", full["framework"], full["model_server"], full["build_with"]}
    layers |= {{"sample": "sample", "local": "local_model"}.get(full["model_source"], "project")}
    if full["include_tests"]:
        chosen = full.get("test_types", CATALOG["test_types"])
        layers |= {"tests", *(test_type.replace("-", "_") for test_type in chosen)}
    layers |= {"renovate_configuration"} if full.get("renovate") else set()
    return layers | {full.get("ci", "none")}
