"""Answers that are given before the first question: what is let through, and what ends the run in one line."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import copier
import pytest
import yaml
from copier.errors import UnsafeTemplateError, UserMessageError

from tests.questions.conftest import Answers

RunCopier = Callable[..., subprocess.CompletedProcess[str]]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("framwork", "framework"),
        ("project-name", "project_name"),
        ("tensor_paralel", "tensor_parallel"),
        ("ROLE_ARN", None),
    ],
)
def test_unknown_answer_is_refused_with_the_name_that_was_meant(
    refusal: Callable[..., str], name: str, meant: str | None
) -> None:
    line = refusal(**{name: "x"})

    assert line.startswith(f"unknown answer '{name}'")
    assert (f"did you mean '{meant}'?" if meant else "the questions are project_name, ") in line


@pytest.mark.parametrize("name", ["image_platform", "model_artifact"])
def test_computed_value_cannot_be_given(refusal: Callable[..., str], name: str) -> None:
    assert refusal(**{name: "."}) == f"answer '{name}' can't be given: it follows from the other answers"


@pytest.mark.parametrize("word", ["false", "no", "off", "FALSE", "n", "0", False])
def test_no_in_every_spelling_of_yaml_is_no(ask: Callable[..., Answers], word: Any) -> None:
    assert ask(include_tests=word)["include_tests"] is False


def test_list_is_taken_as_yaml(ask: Callable[..., Answers]) -> None:
    given = "[hosted-model-endpoint, 'local-model-cli']"

    assert ask(test_types=given)["test_types"] == ["local-model-cli", "hosted-model-endpoint"]


def test_answer_is_checked_against_the_answers_before_it(
    refusal: Callable[..., str], ask: Callable[..., Answers]
) -> None:
    assert refusal(model_format="ubj") == "model_format='ubj': choose pkl or joblib"
    assert ask(model_format="ubj", framework="xgboost")["model_format"] == "ubj"


def test_disabled_choice_is_refused_with_its_reason(questions_template: Path, tmp_path: Path) -> None:
    template = Path(shutil.copytree(questions_template, tmp_path / "template"))
    with (template / "questions" / "extras.yml").open("a") as file:
        file.write(
            """
flavour:
  type: str
  help: Which flavour?
  default: plain
  choices:
    Plain: plain
    Boosted: {value: boosted, validator: "{% if framework != 'xgboost' %}it needs framework=xgboost{% endif %}"}
"""
        )

    def choose(**given: str) -> None:
        copier.run_copy(str(template), tmp_path / "x", data=given, defaults=True, unsafe=True, skip_tasks=True)

    with pytest.raises(UserMessageError, match=r"^flavour='boosted': it needs framework=xgboost$"):
        choose(flavour="boosted")
    choose(flavour="boosted", framework="xgboost")


def test_recorded_answers_of_a_project_are_a_data_file(
    ask: Callable[..., Answers], run_copier: RunCopier, tmp_path: Path
) -> None:
    first = ask(framework="xgboost", model_format="ubj", build_with="docker", include_tests=False, project_name="first")
    recorded = tmp_path / "answers.yml"
    (tmp_path / "project" / ".copier-answers.yml").rename(recorded)

    result = run_copier("--trust", "--defaults", "--overwrite", "--skip-tasks", "--data-file", str(recorded))

    assert result.returncode == 0, result.stderr
    replayed = yaml.safe_load((tmp_path / "project" / ".copier-answers.yml").read_text())
    assert "_src_path" in yaml.safe_load(recorded.read_text())
    assert replayed["framework"] == first["framework"]
    assert {**replayed, "_src_path": ""} == {**yaml.safe_load(recorded.read_text()), "_src_path": ""}


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["-d", "framwork=x"], "unknown answer 'framwork' - did you mean 'framework'?"),
        (["-d", "include_tests=maybe"], "include_tests='maybe': answer true or false"),
        (["--data-file", "answers.yml"], "model_server='django': choose fastapi or flask"),
    ],
)
def test_command_line_ends_with_1_and_one_line_without_a_traceback(
    run_copier: RunCopier, tmp_path: Path, options: list[str], line: str
) -> None:
    (tmp_path / "answers.yml").write_text("model_server: django\n")

    result = run_copier("--trust", "--defaults", "--quiet", *options)

    assert result.returncode == 1
    assert result.stderr.strip() == line
    assert not (tmp_path / "project").exists()


def test_data_wins_over_data_file(run_copier: RunCopier, tmp_path: Path) -> None:
    (tmp_path / "answers.yml").write_text("model_server: flask\nframework: xgboost\n")

    result = run_copier(
        *("--trust", "--defaults", "--skip-tasks", "--data-file", "answers.yml", "--data", "model_server=fastapi")
    )

    recorded = yaml.safe_load((tmp_path / "project" / ".copier-answers.yml").read_text())
    assert result.returncode == 0, result.stderr
    assert (recorded["model_server"], recorded["framework"]) == ("fastapi", "xgboost")


def test_without_trust_copier_stops_with_4_and_says_how_to_go_on(run_copier: RunCopier, tmp_path: Path) -> None:
    result = run_copier("--defaults")

    assert result.returncode == 4
    assert "Template uses potentially unsafe features: jinja_extensions, tasks." in result.stderr
    assert "--trust" in result.stderr
    assert not (tmp_path / "project").exists()


def test_trust_can_be_given_once_in_the_settings(
    questions_template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def copy() -> None:
        copier.run_copy(str(questions_template), tmp_path / "project", defaults=True, skip_tasks=True)

    with pytest.raises(UnsafeTemplateError):
        copy()
    settings = tmp_path / "settings.yml"
    settings.write_text(yaml.safe_dump({"trust": [str(questions_template)]}))
    monkeypatch.setenv("COPIER_SETTINGS_PATH", str(settings))
    copy()

    assert (tmp_path / "project" / ".copier-answers.yml").exists()


def test_a_token_is_refused_with_the_reason_and_not_shown(refusal: Callable[..., str]) -> None:
    token = "hf_" + "Q1w2E3r4" * 4

    line = refusal(model_kind="generative", settings={"HF_TOKEN_SECRET": token})

    assert line.startswith("settings='...': hf_Q... looks like a secret, ")
    assert "aws secretsmanager create-secret" in line
    assert token not in line
