"""engine.yml and the variables that override it: what may stand there, and what an engine is told."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from tests.engines.conftest import ENGINES, Render

VALUES = {
    "a whole number": "8192",
    "a negative one": "-1",
    "a fraction": "0.92",
    "true": "true",
    "false": "false",
    "a word": "auto",
    "a name with a slash": "meta-llama/Llama-3.1-8B",
    "a path": "/opt/ml/model",
    "a URL": "s3://bucket/prefix/model",
    "a number with a unit": "32k",
    "a quoted text": '"no"',
    "a quoted text with a colon and a hash": '"a: b # c"',
    "a list": '["a", 1, true]',
    "an object": '{"method": "mtp", "num": 2}',
    "a value with a comment": "8192  # as long as it fits",
    "a list with a comment": "[1, 2] # two",
    "a word with a comment": "auto # chosen by the engine",
}
NO_VALUES = [
    "yes",
    "No",
    "~",
    "null",
    "True",
    "0x10",
    "1_000",
    "1e3",
    "12:30",
    "2026-11-22",
    "a b",
    "'a'",
    "[a, b]",
    "&x",
]


@pytest.fixture
def options(render: Render, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The modules of a rendered project that read options."""
    monkeypatch.syspath_prepend(str(render(model_kind="generative", model_server="vllm", model_id="Qwen/Qwen3-8B")))
    for name in [name for name in sys.modules if name.partition(".")[0] == "serving"]:
        monkeypatch.delitem(sys.modules, name)
    return SimpleNamespace(**vars(importlib.import_module("serving.options")))


@pytest.fixture
def read(options: SimpleNamespace, tmp_path: Path) -> Callable[[str], dict[str, Any]]:
    """A function that reads a text as engine.yml."""

    def read(text: str) -> dict[str, Any]:
        file = tmp_path / "engine.yml"
        file.write_text(text)
        return dict(options.read(file))

    return read


class TestEngineYml:
    @pytest.mark.parametrize("value", VALUES.values(), ids=[*VALUES])
    def test_a_value_means_what_it_means_in_yaml(self, read: Callable[[str], dict[str, Any]], value: str) -> None:
        text = f"option: {value}\n"

        assert read(text) == yaml.safe_load(text)

    @pytest.mark.parametrize("engine", ENGINES)
    def test_the_rendered_file_means_what_it_means_in_yaml(
        self, render: Render, read: Callable[[str], dict[str, Any]], engine: str
    ) -> None:
        project = render(model_kind="generative", model_server=engine, model_id="Qwen/Qwen3-8B")
        text = (project / "serving/engine.yml").read_text()

        expected = {name.replace("-", "_"): value for name, value in yaml.safe_load(text).items()}
        assert expected
        assert read(text) == expected

    @pytest.mark.parametrize("value", NO_VALUES)
    def test_what_yaml_reads_in_ways_of_its_own_is_refused(
        self, read: Callable[[str], dict[str, Any]], options: SimpleNamespace, value: str
    ) -> None:
        with pytest.raises(options.SettingError, match=r"line 2 of engine.yml: "):
            read(f"# comment\noption: {value}\n")

    @pytest.mark.parametrize("line", ["option", "  option: 1", "option:1", "- option", "option:", "1: 2"])
    def test_a_line_that_is_no_option_is_refused(
        self, read: Callable[[str], dict[str, Any]], options: SimpleNamespace, line: str
    ) -> None:
        with pytest.raises(options.SettingError, match="should be `name: value`, from the first column on"):
            read(f"{line}\n")

    def test_an_option_in_two_spellings_is_there_twice(
        self, read: Callable[[str], dict[str, Any]], options: SimpleNamespace
    ) -> None:
        with pytest.raises(options.SettingError, match=r"line 2 of engine.yml: max_model_len is there twice"):
            read("max-model-len: 1\nmax_model_len: 2\n")


class TestVariables:
    @pytest.mark.parametrize(
        ("value", "words"),
        [
            ("8192", ["--option", "8192"]),
            ("true", ["--option"]),
            (" TRUE ", ["--option"]),
            ("", ["--option"]),
            ("false", []),
            ("[]", []),
            ('["a", "b c", 3]', ["--option", "a", "b c", "3"]),
            ('{"a": {"b": 1}}', ["--option", '{"a": {"b": 1}}']),
            ('{"a": 1} {"b": 2}', ["--option", '{"a": 1}', '{"b": 2}']),
            ("[not json", ["--option", "[not json"]),
            ("{not json", ["--option", "{not json"]),
            ("two\nlines", ["--option", "two\nlines"]),
        ],
    )
    def test_values_follow_the_rules_of_the_aws_containers(
        self, options: SimpleNamespace, value: str, words: list[str]
    ) -> None:
        given = options.from_variables("SM_VLLM_", {"SM_VLLM_OPTION": value, "OTHER": "1", "SM_VLLM_": "2"})

        assert options.flags(options.overridden({}, given)) == words

    def test_a_variable_takes_the_place_of_the_option_in_the_file(self, options: SimpleNamespace) -> None:
        given = options.from_variables("SM_VLLM_", {"SM_VLLM_MAX_MODEL_LEN": "4096"})

        assert options.overridden({"max_model_len": 8192, "dtype": "auto"}, given) == {
            "max_model_len": "4096",
            "dtype": "auto",
        }

    def test_false_leaves_out_the_option_of_the_file(self, options: SimpleNamespace) -> None:
        given = options.from_variables("SM_VLLM_", {"SM_VLLM_ENABLE_LORA": "false"})

        assert options.overridden({"enable_lora": True}, given) == {}


class TestCommandLine:
    def test_a_switch_that_is_false_in_the_file_is_switched_off_where_the_engine_can(
        self, options: SimpleNamespace
    ) -> None:
        assert options.flags({"enable_prefix_caching": False}, off="no-") == ["--no-enable-prefix-caching"]
        assert options.flags({"enable_prefix_caching": False}) == []

    def test_names_are_spelled_as_the_engine_wants_them(self, options: SimpleNamespace) -> None:
        assert options.flags({"max_seq_len": 1}) == ["--max-seq-len", "1"]
        assert options.flags({"max_seq_len": 1}, separator="_") == ["--max_seq_len", "1"]

    def test_secrets_are_not_shown(self, options: SimpleNamespace) -> None:
        words = ["vllm", "serve", "m", "--api-key", "abc", "--tokenizer", "t", "--max-num-batched-tokens", "5"]

        assert options.redacted(words) == [*words[:4], "***", *words[5:]]
