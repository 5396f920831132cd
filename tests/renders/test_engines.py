"""Projects for generative models: engine.yml, the image, and what is in neither."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.renders.answers import CATALOG, Answers, Render, every_generative_render


def options(project: Path) -> dict[str, Any]:
    """The options in a project's engine.yml."""
    found: dict[str, Any] = yaml.safe_load((project / "serving/engine.yml").read_text())
    return found


def image_registry(name: str) -> str:
    """The registry in the name of an image."""
    return name.partition("/")[0]


@every_generative_render
def test_engine_yml_has_options_of_the_engine_only(render: Render, answers: Answers) -> None:
    known = CATALOG["engine_options"][answers["model_server"]]
    found = options(render(**answers))

    assert set(found) <= set(known["options"])
    assert [value for name, value in found.items() if value not in known["choices"].get(name, [value])] == []


@every_generative_render
def test_engine_yml_has_the_profile(render: Render, answers: Answers) -> None:
    profile = CATALOG["profiles"][answers.get("profile", "balanced")]["settings"][answers["model_server"]]

    assert profile.items() <= options(render(**answers)).items()


@every_generative_render
def test_the_image_is_built_on_the_engines_own_or_the_one_that_was_named(render: Render, answers: Answers) -> None:
    (base,) = re.findall(r"^ARG BASE_IMAGE=(.+)$", (render(**answers) / "Dockerfile").read_text(), re.MULTILINE)
    image = CATALOG["model_servers"][answers["model_server"]]["image"]

    repositories = [image[key] for key in ("repository", "repository_arm64") if key in image]
    assert base in [
        answers.get("base_image"),
        *[f"{image_registry(base)}/{name}:{image['tag']}" for name in repositories],
    ]


@every_generative_render
def test_neither_the_model_nor_the_secret_is_in_the_image(render: Render, answers: Answers) -> None:
    project = render(**answers)
    texts = [path.read_text() for path in [project / "Dockerfile", *(project / "serving").rglob("*")] if path.is_file()]

    assert "COPY --chmod=755 model" not in texts[0]
    assert [text for text in texts if answers["model_id"] in text] == []
    assert [text for text in texts if "hub-token" in text] == []


def test_a_model_is_split_over_as_many_gpus_as_its_heads_allow(render: Render) -> None:
    qwen = {"model_kind": "generative", "model_id": "Qwen/Qwen2.5-7B-Instruct", "instance_type": "ml.g6.48xlarge"}

    assert options(render(**qwen))["tensor-parallel-size"] == 4


def test_a_model_of_unknown_size_is_split_over_all_gpus(render: Render) -> None:
    unknown = {"model_kind": "generative", "model_id": "me/unknown", "instance_type": "ml.g6.48xlarge"}

    assert options(render(**unknown))["tensor-parallel-size"] == 8


@pytest.mark.parametrize(
    ("engine", "parser", "expected"),
    [
        ("vllm", "hermes", {"enable-auto-tool-choice": True, "tool-call-parser": "hermes"}),
        ("lmi", "hermes", {"option.enable_auto_tool_choice": True, "option.tool_call_parser": "hermes"}),
        ("sglang", "hermes", {"tool-call-parser": "hermes"}),
        ("tensorrt-llm", "qwen3", {"tool_parser": "qwen3"}),
    ],
)
def test_a_tool_call_parser_is_switched_on_as_the_engine_wants_it(
    render: Render, engine: str, parser: str, expected: Answers
) -> None:
    project = render(model_kind="generative", model_server=engine, tool_call_parser=parser)

    assert expected.items() <= options(project).items()


def test_options_that_are_off_are_left_out(render: Render) -> None:
    plain = options(render(model_kind="generative"))

    assert set(plain) == {"max-model-len", "tensor-parallel-size", "max-num-seqs", "gpu-memory-utilization"}


def test_the_model_files_here_tell_how_the_model_fits(render: Render, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(
        '{"num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8, "hidden_size": 4096,'
        ' "model_type": "llama", "vocab_size": 128256, "intermediate_size": 14336,'
        ' "max_position_embeddings": 4096, "torch_dtype": "bfloat16"}'
    )
    (tmp_path / "model.safetensors.index.json").write_text('{"metadata": {"total_size": 16060522496}}')
    mine = {"model_kind": "generative", "model_id": "me/unknown", "max_model_len": "4096"}

    project = render(**mine, model_files=str(tmp_path))

    assert json.loads((project / "do/lib/answers.json").read_text())["INSTANCE_TYPE"] == "ml.g6.xlarge"
    assert "15.0 for model weights" in (project / "DECISIONS.md").read_text()
