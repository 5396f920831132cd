"""Whatever the answers, the edits and the answer that is changed: an update is a fresh render with the edits.

The cases are drawn at random, and are the same in every run.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.exhaustive import exhaustive
from tests.renders.answers import CATALOG, COMBINATIONS, TEST_TYPES, Render, fitting
from tests.updates.edits import EDITS
from tests.updates.projects import Answers, commit, conflicts, contents, make, recorded, update

# Each takes seconds, for an update and two renders.
COUNT = 8

# Questions whose answers can change without another file of the owner's taking the place of what was edited.
COMMON: dict[str, st.SearchStrategy[Any]] = {
    "build_with": st.sampled_from([*CATALOG["build_with"]]),
    "aws_region": st.sampled_from(["us-east-1", "eu-west-1", "us-gov-west-1"]),
    "ci": st.sampled_from([*CATALOG["ci"]]),
    "project_name": st.from_regex(r"[a-z][a-z0-9]{1,10}(-[a-z0-9]{1,10})?", fullmatch=True),
}
CHANGEABLE = {
    "predictive": {
        **COMMON,
        "model_server": st.sampled_from(fitting("model_servers", "predictive")),
        "instance_type": st.sampled_from(["ml.m5.large", "ml.m6g.large", "ml.c7i.xlarge"]),
        "run_as_root": st.booleans(),
    },
    "generative": {
        **COMMON,
        "model_server": st.sampled_from(fitting("model_servers", "generative")),
        "instance_type": st.sampled_from(["ml.g6.12xlarge", "ml.g6e.xlarge"]),
        "profile": st.sampled_from([*CATALOG["profiles"]]),
    },
}


@st.composite
def valid_answers(draw: st.DrawFn) -> Answers:
    """Answers to the questions that decide what a project is."""
    kind = draw(st.sampled_from([*CHANGEABLE]))
    answers = {
        "model_kind": kind,
        "model_source": draw(st.sampled_from(fitting("model_sources", kind))),
        **draw(st.fixed_dictionaries(CHANGEABLE[kind])),
    }
    return answers if kind == "generative" else answers | draw(of_a_framework())


@st.composite
def of_a_framework(draw: st.DrawFn) -> Answers:
    """Answers that only projects with a web application have."""
    test_types = draw(st.sampled_from(TEST_TYPES))
    chosen = {"include_tests": bool(test_types), **({"test_types": test_types} if test_types else {})}
    return {**draw(st.sampled_from(COMBINATIONS)), **chosen}


@st.composite
def valid_changes(draw: st.DrawFn) -> tuple[Answers, Answers]:
    """The answers of a project, and another answer to one question."""
    answers = draw(valid_answers())
    changeable = CHANGEABLE[answers["model_kind"]]
    name = draw(st.sampled_from([*changeable]))
    return answers, {name: draw(changeable[name])}


edits = st.lists(st.sampled_from([*EDITS]), unique=True)


@exhaustive
@settings(
    max_examples=COUNT,
    phases=[Phase.generate],  # looking for the smallest failing case would take hours
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(answers_and_change=valid_changes(), chosen=edits)
def test_an_update_is_a_fresh_render_with_the_edits(
    releases: Path, render: Render, answers_and_change: tuple[Answers, Answers], chosen: list[str]
) -> None:
    answers, changed = answers_and_change
    with tempfile.TemporaryDirectory() as folder:
        project = make(releases, Path(folder) / "project", answers)
        edit(project, chosen)
        commit(project, "mine")

        update(project, **changed)

        fresh = Path(folder) / "fresh"
        shutil.copytree(render(**recorded(project)), fresh)
        edit(fresh, chosen)
        assert conflicts(project) == []
        assert contents(project) == contents(fresh)


def edit(project: Path, chosen: list[str]) -> None:
    for name in chosen:
        EDITS[name](project)
