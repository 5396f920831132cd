"""docs/answers.schema.json takes the answers files that Copier takes, and refuses those that it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import copier
import jsonschema
import pytest
from copier.errors import UserMessageError
from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2 import Environment, StrictUndefined

from extensions import answers_schema, combinations
from extensions.answers import Answers
from extensions.combinations import ASKED, CATALOG, EXTENSIONS, QUESTIONS
from tests.conftest import ROOT
from tests.exhaustive import exhaustive
from tests.questions.test_each_question import BAD, EVERY_CHOICE, EVERY_HOSTILE, GOOD, NEEDED, cases, others

SCHEMA = jsonschema.Draft202012Validator(json.loads(answers_schema.SCHEMA.read_text()))

# What only Copier refuses, as docs/answers.md says: rules between an answer and the region, and types that are no text.
LEFT_TO_COPIER: dict[str, list[Any]] = {
    "max_model_len": ["40961"],  # of a model whose context is 40960
    "tool_call_parser": ["herms", "qwen25"],
    "reasoning_parser": ["qwen_3"],
    "max_num_batched_tokens": ["127"],  # fewer than the sequences of the profile
    "draft_model_id": ["Qwen/Qwen3-32B"],  # the model itself
    "speculative_decoding": ["mtp"],  # of a model without such layers
}

SAMPLES: dict[str, list[Any]] = {
    **{name: [*combinations.candidates(name), "no-such-answer", 7] for name in ASKED if combinations.is_finite(name)},
    "aws_region": ["us-east-1", "eu-west-1", "mars-1"],
    "instance_type": ["ml.m5.large", "ml.m6g.large", "ml.g5.xlarge", "ml.g6e.xlarge", "m5.large"],
    "project_name": ["churn", "Churn", ""],
    "model_path": ["", "here/model.pkl", "a|b"],
    "framework_version": ["", "1.5.2", "1.5.*"],
    "python_version": ["", "3.11", "3.9"],
    "base_image": ["", "python:3.12", "python"],
    "settings": [{}, {"ROLE_ARN": "arn:aws:iam::123456789012:role/r"}, {"ROLE_ARN": "my-role"}, {"MIN_INSTANCES": 101}],
    "include_tests": [True, False, "yes", "OFF", 0, "perhaps"],
    "test_types": [["local-model-cli"], [], "[local-model-cli, hosted-model-endpoint]", "local-model-cli"],
}


def is_valid(answers: Any) -> bool:
    """Whether the schema takes these answers."""
    return bool(SCHEMA.is_valid(answers))


def is_accepted(answers: dict[str, Any]) -> bool:
    """Whether the checks of extensions/answers.py take these answers, on the way that Copier goes through them."""
    checks = Answers(Environment(extensions=EXTENSIONS, undefined=StrictUndefined, autoescape=False))
    conf = {
        "src_path": ROOT,
        "dst_path": "project",
        "data": {**answers},
        "quiet": True,
        "defaults": True,
        "answers_file": ".copier-answers.yml",
    }
    conf["settings"] = SimpleNamespace(defaults={})
    recorded: dict[str, Any] = {}
    context = {"catalog": CATALOG, "_folder_name": "my-model", "_copier_phase": "prompt", "_copier_conf": conf}
    context |= {"_copier_answers": recorded, **answers}
    try:
        for name in QUESTIONS:
            checks.hook(context)
            given = name in answers
            value = checks.as_recorded(name, answers[name]) if given else combinations.default(name, context)
            context[name] = recorded[name] = value
        checks.hook(context)
    except UserMessageError:
        return False
    return True


@exhaustive
def test_schemas_are_those_of_the_questions() -> None:
    for file, schema in (
        (answers_schema.SCHEMA, answers_schema.schema()),
        (answers_schema.POLICY_SCHEMA, answers_schema.policy_schema()),
    ):
        assert file.read_text() == answers_schema.text(schema), (
            f"{file.name}: run python -m extensions.answers_schema and read the difference"
        )


def test_schema_is_well_formed() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA.schema)


@pytest.mark.parametrize(("name", "value"), cases([*GOOD, *EVERY_CHOICE]))
def test_good_answer_is_valid(name: str, value: Any) -> None:
    answer = [value] if ASKED[name].get("multiselect") and isinstance(value, str) else value

    assert is_valid({**others(name, value), name: answer})


@pytest.mark.parametrize(("name", "value"), cases([*BAD, *EVERY_HOSTILE]))
def test_bad_answer_is_invalid_or_documented_as_left_to_copier(name: str, value: Any) -> None:
    assert is_valid({**NEEDED.get(name, {}), name: value}) == (value in LEFT_TO_COPIER.get(name, []))


@pytest.mark.parametrize("answers", [{"framwork": "sklearn"}, {"sklearn": "."}, {"image_platform": "linux/amd64"}, []])
def test_what_is_no_question_is_invalid(answers: Any) -> None:
    assert not is_valid(answers)


@pytest.mark.parametrize(
    ("answers", "valid"),
    [
        ({"model_format": "ubj"}, False),
        ({"model_format": "ubj", "framework": "xgboost"}, True),
        ({"model_format": "pkl", "framework": "xgboost"}, False),
        ({"model_path": "model.pkl"}, True),
        ({"model_path": "model.pkl", "model_kind": "generative"}, False),
        ({"model_path": "model.pkl", "model_source": "s3"}, False),
        ({"model_path": "model.pkl", "train_sample": False}, False),
        ({"model_path": "model.pkl", "model_source": "local"}, True),
        ({"test_types": ["local-model-cli"], "include_tests": "no"}, False),
        ({"settings": {"PORT": "08"}}, False),
        ({"settings": {"MIN_INSTANCES": 2, "NETWORK_ISOLATION": True}}, True),
        ({"settings": {"MIN_INSTANCE": 2}}, False),
    ],
)
def test_answers_that_depend_on_others_are_valid_with_these_alone(answers: dict[str, Any], valid: bool) -> None:
    assert is_valid(answers) == valid
    assert is_accepted(answers) == valid


@given(st.fixed_dictionaries({}, optional={name: st.sampled_from(values) for name, values in SAMPLES.items()}))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_schema_and_questions_agree_on_any_sample(answers: dict[str, Any]) -> None:
    assert is_valid(answers) == is_accepted(answers)


@given(
    framework=st.sampled_from([*CATALOG["frameworks"]]),
    model_format=st.sampled_from(combinations.candidates("model_format")),
    answers=st.fixed_dictionaries({}, optional={name: st.sampled_from([True, False]) for name in ["include_tests"]}),
    choices=st.fixed_dictionaries(
        {}, optional={name: st.sampled_from(combinations.candidates(name)) for name in ["model_source", "build_with"]}
    ),
    governed=st.fixed_dictionaries(
        {}, optional={name: st.just(SAMPLES[name][0]) for name in ["model_path", "test_types", "train_sample"]}
    ),
)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_schema_and_questions_agree_on_answers_that_depend_on_each_other(
    framework: str, model_format: str, answers: dict[str, Any], choices: dict[str, Any], governed: dict[str, Any]
) -> None:
    given_answers = {"framework": framework, "model_format": model_format, **answers, **choices, **governed}

    assert is_valid(given_answers) == is_accepted(given_answers)


@pytest.mark.parametrize(
    "answers",
    [
        {"aws_region": "cn-north-1", "settings": {"ROLE_ARN": "arn:aws:iam::123456789012:role/r"}},
        {"settings": {"DEPLOYMENT_STRATEGY": "rolling"}},
        {"settings": {"MODEL_DATA_URL": "s3://my-bucket/model/"}},
    ],
)
def test_rules_between_an_answer_and_the_region_are_left_to_copier(answers: dict[str, Any]) -> None:
    assert is_valid(answers)
    assert not is_accepted(answers)


@pytest.mark.parametrize(
    "answers", [{}, {"framework": "xgboost"}, {"framework": "xgboost", "model_format": "pkl"}, {"model_path": "x"}]
)
def test_copier_itself_agrees(plain_template: Path, tmp_path: Path, answers: dict[str, Any]) -> None:
    try:
        copier.run_copy(str(plain_template), tmp_path, data={**answers}, defaults=True, unsafe=True, pretend=True)
    except UserMessageError:
        assert not is_valid(answers)
    else:
        assert is_valid(answers)
