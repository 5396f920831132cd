"""copier.yml, the files that it includes, and the page that describes them."""

from __future__ import annotations

from pathlib import Path

import pytest
from copier._template import load_template_config

from extensions import document_questions
from extensions.answers import is_computed, load_questions
from tests.conftest import ROOT

QUESTIONS = load_questions(ROOT)

# Copier passes over a key that it doesn't know, such as "validatr".
QUESTION_KEYS = {
    *("type", "help", "choices", "multiselect", "default", "validator", "when", "ask"),
    *("placeholder", "secret", "multiline", "qmark"),
}
SETTINGS = {
    *("_subdirectory", "_min_copier_version", "_envops", "_jinja_extensions", "_exclude"),
    *("_skip_if_exists", "_tasks"),
    *("_message_before_copy", "_message_after_copy", "_message_before_update", "_message_after_update"),
}

# The order in which users are asked. A name stays for good: projects have it in their answers files.
ASKED = [
    *("project_name", "project_id", "model_kind", "model_source", "model_path", "framework", "model_format"),
    *("framework_version", "python_version"),
    *("model_id", "model_revision", "model_files"),
    *("model_server", "task", "profile", "max_model_len", "quantization", "tensor_parallel"),
    *("enable_lora", "tool_call_parser", "reasoning_parser", "kv_cache_dtype", "prefix_caching"),
    *("max_num_batched_tokens", "pipeline_parallel", "data_parallel", "expert_parallel", "draft_model_id"),
    *("speculative_decoding", "structured_output_backend", "chat_template", "base_image"),
    "build_with",
    *("deploy_target", "run_as_root", "aws_region", "instance_prices", "instance_type"),
    "settings",
    *("include_tests", "test_types", "ci", "renovate", "train_sample", "provision", "git_init"),
]


def test_questions_are_asked_in_this_order() -> None:
    assert [name for name, question in QUESTIONS.items() if not is_computed(question)] == ASKED


def test_what_most_users_never_change_is_not_asked() -> None:
    assert {name for name in ASKED if not QUESTIONS[name].get("ask", True)} == {
        *(
            "project_id",
            "framework_version",
            "python_version",
            "model_revision",
            "model_files",
            "tensor_parallel",
            "enable_lora",
            "tool_call_parser",
            "reasoning_parser",
            *("kv_cache_dtype", "prefix_caching", "max_num_batched_tokens", "pipeline_parallel", "data_parallel"),
            *("expert_parallel", "speculative_decoding", "draft_model_id", "structured_output_backend"),
            "chat_template",
        ),
        *("base_image", "run_as_root", "instance_prices"),
        "settings",
        *("renovate", "train_sample", "provision", "git_init"),
    }


def test_checks_and_copier_read_the_same_questions() -> None:
    config = load_template_config(ROOT / "copier.yml")

    assert {name: value for name, value in config.items() if not name.startswith("_")} == QUESTIONS


def test_settings_and_keys_of_questions_are_known_to_copier() -> None:
    config = load_template_config(ROOT / "copier.yml")

    assert {name for name in config if name.startswith("_")} == SETTINGS
    assert {key for question in QUESTIONS.values() for key in question} <= QUESTION_KEYS


@pytest.mark.parametrize("name", ASKED)
def test_question_has_a_type_help_that_asks_and_a_default(name: str) -> None:
    question = QUESTIONS[name]

    assert question["type"] in {"bool", "str", "yaml"}
    assert "?" in question["help"]
    assert "default" in question


@pytest.mark.parametrize("name", ASKED)
def test_free_text_has_a_validator(name: str) -> None:
    question = QUESTIONS[name]

    assert question["type"] == "bool" or "choices" in question or "validator" in question


def test_page_of_questions_is_up_to_date() -> None:
    page = document_questions.PAGE.read_text()

    assert document_questions.GENERATED.search(page)[0] == document_questions.table(), (  # type: ignore[index]
        "run python -m extensions.document_questions"
    )


def test_page_names_every_variable_of_the_environment() -> None:
    page = Path(document_questions.PAGE).read_text()

    assert all(f"`MCC_{name.upper()}`" in page for name in ASKED)
