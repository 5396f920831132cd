"""Where answers come from. First wins: --data, recorded answers, the environment, settings.yml, the default.

That --data wins over --data-file is in test_answers.py: Copier merges the two before anything else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from copier import run_copy
from copier.errors import UserMessageError
from prompt_toolkit.application import create_app_session
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from extensions.answers import is_computed, load_questions
from extensions.context import load_catalog
from tests.conftest import ROOT
from tests.questions.conftest import Answers, TemplateRepository

QUESTIONS = {name: question for name, question in load_questions(ROOT).items() if not is_computed(question)}
FRAMEWORKS = load_catalog()["frameworks"]

# An answer to every question of a kind of model that isn't its default, and fits the others.
DEPLOYMENT = {
    "ci": "github",
    "renovate": "true",
    "git_init": "false",
}
PREDICTIVE = {
    "project_name": "from-environment",
    "model_kind": "predictive",
    "framework": "xgboost",
    "model_format": "ubj",
    "model_source": "local",
    "model_path": "here/model.ubj",
    "framework_version": "2.1.4",
    "python_version": "3.11",
    "model_server": "flask",
    "base_image": "example.org/python:3.12",
    "run_as_root": "false",
    "build_with": "codebuild",
    "deploy_target": "realtime",
    "aws_region": "us-gov-west-1",
    "instance_type": "ml.m6g.large",
    "include_tests": "true",
    "test_types": "[local-model-cli]",
    "provision": "true",
    **DEPLOYMENT,
}
GENERATIVE = {
    "project_name": "from-environment",
    "model_kind": "generative",
    "model_source": "huggingface",
    "model_id": "Qwen/Qwen3-14B",
    "model_revision": "v1.0",
    "model_files": "nowhere",
    "model_server": "sglang",
    "task": "vision",
    "profile": "low-latency",
    "max_model_len": "16384",
    "quantization": "fp8",
    "tensor_parallel": "4",
    "enable_lora": "true",
    "tool_call_parser": "qwen25",
    "reasoning_parser": "qwen3",
    "kv_cache_dtype": "fp8",
    "prefix_caching": "disabled",
    "max_num_batched_tokens": "4096",
    "data_parallel": "2",
    "draft_model_id": "Qwen/Qwen3-0.6B",
    "speculative_decoding": "draft-model",
    "structured_output_backend": "guidance",
    "chat_template": "chat_template.jinja",
    "base_image": "example.org/sglang:0.5.19",
    "build_with": "codebuild",
    "deploy_target": "realtime",
    "aws_region": "us-gov-west-1",
    "instance_prices": "{ml.g6.12xlarge: 5.5}",
    "instance_type": "ml.g6.48xlarge",
    "provision": "true",
    **DEPLOYMENT,
}


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """A function that makes these the defaults in the user's settings."""

    def settings(**defaults: Any) -> None:
        path = tmp_path / "settings.yml"
        path.write_text(yaml.safe_dump({"defaults": defaults}))
        monkeypatch.setenv("COPIER_SETTINGS_PATH", str(path))

    return settings


@contextmanager
def keyboard(keys: str) -> Iterator[None]:
    """These keys are typed at the prompts."""
    with create_pipe_input() as typed, create_app_session(input=typed, output=DummyOutput()):
        typed.send_text(keys)
        yield


def test_default_counts_where_nothing_else_is_there(ask: Callable[..., Answers]) -> None:
    assert ask()["model_server"] == "fastapi"


def test_settings_win_over_the_default(ask: Callable[..., Answers], settings: Callable[..., None]) -> None:
    settings(model_server="flask")

    assert ask()["model_server"] == "flask"


def test_environment_wins_over_settings(
    ask: Callable[..., Answers], settings: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings(framework="tensorflow", model_server="flask")
    monkeypatch.setenv("MCC_FRAMEWORK", "xgboost")

    values = ask()

    assert (values["framework"], values["model_server"]) == ("xgboost", "flask")


def test_data_wins_over_environment_even_over_a_wrong_one(
    ask: Callable[..., Answers], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MCC_FRAMEWORK", "keras")

    assert ask(framework="sklearn")["framework"] == "sklearn"


def test_unusual_answers_are_there_for_every_question() -> None:
    elsewhere = {"train_sample", "settings", "project_id"}  # with another answer; see test_settings.py
    elsewhere |= {"pipeline_parallel", "expert_parallel"}  # not with these; see test_each_question.py
    assert {*PREDICTIVE, *GENERATIVE, *elsewhere} == set(QUESTIONS)


@pytest.mark.parametrize("unusual", [PREDICTIVE, GENERATIVE], ids=["predictive", "generative"])
def test_every_question_can_be_answered_by_the_environment(
    ask: Callable[..., Answers], monkeypatch: pytest.MonkeyPatch, unusual: dict[str, str]
) -> None:
    for name, answer in unusual.items():
        monkeypatch.setenv(f"MCC_{name.upper()}", answer)

    values = ask()

    assert {name: values[name] for name in unusual} == {
        name: answer if is_plain_text(name) else yaml.safe_load(answer) for name, answer in unusual.items()
    }


def is_plain_text(name: str) -> bool:
    """Whether a question's answer is what was typed."""
    return QUESTIONS[name]["type"] == "str" and not QUESTIONS[name].get("multiselect")


def test_first_question_takes_the_environment_too_when_copier_is_quiet(
    questions_template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Copier looks up the first question's default before it renders anything."""
    monkeypatch.setenv("MCC_PROJECT_NAME", "from-environment")

    run_copy(str(questions_template), tmp_path / "x", defaults=True, quiet=True, unsafe=True, skip_tasks=True)

    assert yaml.safe_load((tmp_path / "x" / ".copier-answers.yml").read_text())["project_name"] == "from-environment"


@pytest.mark.parametrize(
    ("variable", "value", "line"),
    [
        ("MCC_FRAMEWORK", "keras", f"MCC_FRAMEWORK='keras': choose {' or '.join(FRAMEWORKS)}"),
        ("MCC_INCLUDE_TESTS", "maybe", "MCC_INCLUDE_TESTS='maybe': answer true or false"),
        ("MCC_TEST_TYPES", "all", "MCC_TEST_TYPES='all': give a list, such as test_types='[local-model-cli]'"),
        ("MCC_PROJECT_NAME", "{{ 7 * 7 }}", "MCC_PROJECT_NAME='{{ 7 * 7 }}': use 2 to 46 lower-case letters"),
        ("MCC_AWS_REGION", "mars-1", "MCC_AWS_REGION='mars-1': not a region with SageMaker"),
    ],
)
def test_environment_is_checked_like_any_answer(
    refusal: Callable[..., str], monkeypatch: pytest.MonkeyPatch, variable: str, value: str, line: str
) -> None:
    monkeypatch.setenv(variable, value)

    assert refusal().startswith(line)


def test_settings_are_checked_like_any_answer(refusal: Callable[..., str], settings: Callable[..., None]) -> None:
    settings(model_server="django")

    assert refusal() == "settings.yml: model_server='django': choose fastapi or flask"


def test_settings_for_a_question_of_another_template_that_is_computed_here_have_no_effect(
    ask: Callable[..., Answers], settings: Callable[..., None]
) -> None:
    settings(model_artifact="mine.pkl", image_platform="linux/riscv64", user_name="someone")

    values = ask()

    assert (values["model_artifact"], values["image_platform"]) == ("model.pkl", "linux/amd64")


def test_environment_and_settings_for_a_question_that_is_not_asked_have_no_effect(
    ask: Callable[..., Answers], settings: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings(test_types=["local-model-cli"])
    monkeypatch.setenv("MCC_MODEL_PATH", "model.pkl")

    values = ask(include_tests=False, model_source="sample")

    assert values["test_types"] != ["local-model-cli"]
    assert values["model_path"] == ""


def test_unknown_variable_is_passed_over_with_a_note(
    ask: Callable[..., Answers], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MCC_FRAMWORK", "xgboost")

    assert ask()["framework"] == "sklearn"
    note = "note: MCC_FRAMWORK is ignored: there is no such question or setting - did you mean 'MCC_FRAMEWORK' or"
    assert capfd.readouterr().err.count(note) == 1


def test_empty_variable_counts_as_none(ask: Callable[..., Answers], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCC_FRAMEWORK", "")

    assert ask()["framework"] == "sklearn"


def test_region_is_taken_from_the_variable_of_the_aws_tools(
    ask: Callable[..., Answers], settings: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings(aws_region="us-west-2")
    monkeypatch.setenv("AWS_REGION", "ap-south-1")
    assert ask()["aws_region"] == "ap-south-1"

    monkeypatch.setenv("MCC_AWS_REGION", "eu-west-1")
    assert ask()["aws_region"] == "eu-west-1"


def test_region_of_the_aws_tools_without_sagemaker_is_passed_over_with_a_note(
    ask: Callable[..., Answers],
    settings: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    settings(aws_region="us-west-2")
    monkeypatch.setenv("AWS_REGION", "local")

    assert ask()["aws_region"] == "us-west-2"
    assert "note: AWS_REGION='local' is ignored: not a region with SageMaker" in capfd.readouterr().err
    assert ask(aws_region="eu-west-1")["aws_region"] == "eu-west-1"
    assert "AWS_REGION" not in capfd.readouterr().err


def test_prompt_shows_the_answer_of_the_environment_and_enter_takes_it(
    questions_template: Path, tmp_path: Path, settings: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings(model_server="flask")
    monkeypatch.setenv("MCC_PROJECT_NAME", "from-environment")
    monkeypatch.setenv("MCC_FRAMEWORK", "tensorflow")
    monkeypatch.setenv("MCC_INSTANCE_TYPE", "ml.m6g.large")

    with keyboard("\r" * 30):
        run_copy(str(questions_template), tmp_path / "x", unsafe=True, skip_tasks=True)

    recorded = yaml.safe_load((tmp_path / "x" / ".copier-answers.yml").read_text())
    assert recorded["project_name"] == "from-environment"
    assert recorded["framework"] == "tensorflow"
    assert recorded["model_format"] == "keras"
    assert recorded["model_server"] == "flask"
    assert recorded["instance_type"] == "ml.m6g.large"


def test_given_answer_is_checked_with_what_was_typed_before_it(questions_template: Path, tmp_path: Path) -> None:
    """`ubj` doesn't fit the default framework, but it fits the one chosen at the prompt."""
    given = {"model_kind": "predictive", "model_format": "ubj"}

    with keyboard("\r\r" + "\x1b[B\r" + "\r" * 30):  # accept the name and the sample, then choose the second framework
        run_copy(str(questions_template), tmp_path / "x", data=given, unsafe=True, skip_tasks=True)

    recorded = yaml.safe_load((tmp_path / "x" / ".copier-answers.yml").read_text())
    assert (recorded["framework"], recorded["model_format"]) == ("xgboost", "ubj")


def test_wrong_given_answer_ends_the_questions_in_one_line(questions_template: Path, tmp_path: Path) -> None:
    with keyboard("\r" * 30), pytest.raises(UserMessageError, match=r"^model_format='ubj': choose pkl"):
        run_copy(str(questions_template), tmp_path / "x", data={"model_format": "ubj"}, unsafe=True, skip_tasks=True)


def test_recorded_answers_win_over_the_environment_on_update_and_data_over_both(
    copier: Any, questions_template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copier.template = template = TemplateRepository(questions_template, tmp_path / "template")
    project = copier.copy(tmp_path / "project", model_server="flask", framework="xgboost", train_sample=False)
    template.release("v2.0.0")
    monkeypatch.setenv("MCC_MODEL_SERVER", "fastapi")
    monkeypatch.setenv("MCC_FRAMEWORK", "sklearn")

    project = project.update(framework="tensorflow")

    recorded = yaml.safe_load((project / ".copier-answers.yml").read_text())
    assert recorded["_commit"] == "v2.0.0"
    assert (recorded["model_server"], recorded["framework"]) == ("flask", "tensorflow")


def test_update_may_change_an_answer_without_which_others_are_not_asked(
    copier: Any, questions_template: Path, tmp_path: Path
) -> None:
    copier.template = TemplateRepository(questions_template, tmp_path / "template")
    project = copier.copy(tmp_path / "project", train_sample=False)

    project = project.update(model_source="local", include_tests=False, build_with="docker")

    recorded = yaml.safe_load((project / ".copier-answers.yml").read_text())
    assert recorded["model_source"] == "local"
    assert not {"train_sample", "test_types"} & set(recorded)
