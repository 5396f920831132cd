"""How big a model is: read from its files here, or from the Hugging Face Hub, or said to be unknown."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from extensions import models
from extensions.context import load_catalog
from extensions.sizing import Model

LLAMA: dict[str, Any] = {
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "hidden_size": 4096,
    "max_position_embeddings": 131072,
    "torch_dtype": "bfloat16",
    "vocab_size": 128256,
    "intermediate_size": 14336,
}
LLAMA_SHAPE: dict[str, Any] = {
    "weight_bytes": 16_060_522_496,
    "context": 131072,
    "heads": 32,
    "layers": 32,
    "stored": "bf16",
    "kv_heads": 8,
    "head_dim": 128,
    "window_layers": 0,
    "sliding_window": 0,
    "state_bytes": 0,
    "parts": 0,
    "vocab": 128256,
    "hidden": 4096,
    "intermediate": 14336,
    "experts": 0,
    "tied": False,
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with what the Hub has of a model, but for the weights."""
    (tmp_path / "config.json").write_text(json.dumps(LLAMA))
    index = {"metadata": {"total_size": 16_060_522_496}, "weight_map": {}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    return tmp_path


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, dict[str, Any]]]:
    """A stand-in for the Hub at an address here, and its pages by path, for tests to fill."""
    pages: dict[str, Any] = {}

    class Pages(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path in pages else 404)
            self.end_headers()
            self.wfile.write(json.dumps(pages.get(self.path)).encode())

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    models.on_hub.cache_clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Pages) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", pages
        server.shutdown()


def test_a_folder_tells_what_its_config_and_index_say(folder: Path) -> None:
    assert models.in_folder(folder) == LLAMA_SHAPE


def test_a_model_in_one_file_is_as_big_as_it(folder: Path) -> None:
    (folder / "model.safetensors.index.json").unlink()
    (folder / "model.safetensors").write_bytes(b"x" * 1000)
    (folder / "consolidated.safetensors").write_bytes(b"x" * 1000)

    found = models.in_folder(folder)

    assert isinstance(found, dict)
    assert found["weight_bytes"] == 1000


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("config.json", None, "config.json: No such file or directory"),
        ("config.json", "{", "has no config.json and safetensors files of the usual form"),
        ("config.json", "[]", "has no config.json and safetensors files of the usual form"),
        ("config.json", '{"num_hidden_layers": 32}', "has no config.json and safetensors files of the usual form"),
        ("model.safetensors.index.json", "{}", "has no config.json and safetensors files of the usual form"),
        ("model.safetensors.index.json", None, "has no config.json and safetensors files of the usual form"),
    ],
)
def test_a_folder_that_lacks_something_is_said_to(folder: Path, name: str, text: str | None, why: str) -> None:
    (folder / name).unlink()
    if text is not None:
        (folder / name).write_text(text)

    assert str(models.in_folder(folder)).endswith(why)


def test_the_hub_tells_the_same(hub: tuple[str, dict[str, Any]]) -> None:
    address, pages = hub
    pages["/me/llama/resolve/main/config.json"] = LLAMA
    pages["/api/models/me/llama/revision/main?blobs=true"] = {
        "siblings": [
            {"rfilename": "model-00001-of-00002.safetensors", "size": 16_000_000_000},
            {"rfilename": "model-00002-of-00002.safetensors", "size": 60_522_496},
            {"rfilename": "original/model.safetensors", "size": 16_060_522_496},
            {"rfilename": "README.md", "size": 1000},
        ]
    }

    assert models.on_hub(address, "me/llama", "main") == LLAMA_SHAPE


@pytest.mark.parametrize(
    ("pages_there", "why"),
    [
        ({}, "did not tell (HTTP Error 404: Not Found). model_files can name a folder"),
        ({"/me/llama/resolve/main/config.json": LLAMA}, "did not tell (HTTP Error 404: Not Found)."),
        (
            {
                "/me/llama/resolve/main/config.json": {},
                "/api/models/me/llama/revision/main?blobs=true": {"siblings": []},
            },
            "its config.json and list of files have not the usual form.",
        ),
    ],
)
def test_a_model_that_the_hub_does_not_tell_of_is_unknown(
    hub: tuple[str, dict[str, Any]], pages_there: dict[str, Any], why: str
) -> None:
    address, pages = hub
    pages.update(pages_there)

    found = models.on_hub(address, "me/llama", "main")

    assert isinstance(found, str)
    assert why in found


def test_a_hub_that_cannot_be_reached_is_said_to_be() -> None:
    models.on_hub.cache_clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("HF_HUB_OFFLINE", raising=False)
        found = models.on_hub("http://127.0.0.1:9", "me/llama", "main")

    assert "Connection refused" in str(found)


def test_the_hub_is_not_asked_offline(hub: tuple[str, dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")

    assert str(models.on_hub(hub[0], "me/llama", "main")).startswith("HF_HUB_OFFLINE is set.")


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        pytest.param({"torch_dtype": "float32"}, {"stored": "fp32"}, id="32 bits"),
        pytest.param({"torch_dtype": None, "dtype": "float16"}, {"stored": "bf16"}, id="any 16 bits"),
        pytest.param({"quantization_config": {"quant_method": "awq"}}, {"stored": "awq"}, id="quantized"),
        pytest.param({"head_dim": 64}, {"head_dim": 64}, id="heads of a size of their own"),
        pytest.param({"num_key_value_heads": None}, {"kv_heads": 32}, id="a cache for every head"),
        pytest.param(
            {"layer_types": ["full_attention", "sliding_attention"] * 16, "sliding_window": 128},
            {"layers": 16, "window_layers": 16, "sliding_window": 128},
            id="layers with a window",
        ),
        pytest.param(
            {"layer_types": ["linear_attention", "linear_attention", "linear_attention", "full_attention"] * 8},
            {"layers": 8, "window_layers": 0, "state_bytes": 24 * 2 * 4 * 8192 * 16},
            id="linear attention",
        ),
    ],
)
def test_a_config_is_read_as_engines_read_it(changed: dict[str, Any], expected: dict[str, Any]) -> None:
    found = models.shape({**LLAMA, **changed}, 16_060_522_496)

    assert found == {**LLAMA_SHAPE, **expected}


def test_the_text_model_of_a_model_with_pictures_counts() -> None:
    assert models.shape({"text_config": LLAMA, "vision_config": {}}, 16_060_522_496) == LLAMA_SHAPE


def test_latent_attention_keeps_one_vector_of_a_token() -> None:
    config = {**LLAMA, "kv_lora_rank": 512, "qk_rope_head_dim": 64}

    found = models.shape(config, 1000)

    assert found["mla_rank"] == 576
    assert "kv_heads" not in found


def test_a_row_of_the_catalogue_and_of_a_config_make_the_same_model() -> None:
    row = load_catalog()["models"]["meta-llama/Llama-3.1-8B-Instruct"]

    assert Model("x", **{**row, "gated": False}) == Model("x", **LLAMA_SHAPE)


# config.json as on the Hub, but for entries that don't matter here
FOUND: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "gemma-3-4b-it, which leaves out what is transformers' default": (
        {
            "model_type": "gemma3",
            "text_config": {
                "model_type": "gemma3_text",
                "hidden_size": 2560,
                "intermediate_size": 10240,
                "num_hidden_layers": 34,
                "sliding_window": 1024,
            },
            "torch_dtype": "bfloat16",
        },
        {"context": 131072, "heads": 8, "kv_heads": 4, "head_dim": 256, "layers": 5, "window_layers": 29},
    ),
    "gemma-2-27b-it, without layer_types": (
        {
            **LLAMA,
            "model_type": "gemma2",
            "num_hidden_layers": 46,
            "num_key_value_heads": 16,
            "head_dim": 128,
            "sliding_window": 4096,
        },
        {"layers": 23, "window_layers": 23, "sliding_window": 4096},
    ),
    "Qwen3-Next-80B-A3B": (
        {
            **LLAMA,
            "num_hidden_layers": 48,
            "full_attention_interval": 4,
            "num_key_value_heads": 2,
            "head_dim": 256,
            "linear_num_value_heads": 32,
            "linear_key_head_dim": 128,
            "linear_value_head_dim": 128,
            "moe_intermediate_size": 512,
            "num_experts_per_tok": 10,
        },
        {"layers": 12, "state_bytes": 36 * 2 * 4 * 32 * 128 * 128, "intermediate": 512, "experts": 10},
    ),
    "NVIDIA-Nemotron-Nano-9B-v2": (
        {
            **LLAMA,
            "num_hidden_layers": 56,
            "hybrid_override_pattern": "M-M-M-MM-M-M-M*-M-M-M*-M-M-M-M*-M-M-M-M*-M-MM-M-M-M-M-M-",
            "mamba_num_heads": 128,
            "mamba_head_dim": 80,
            "ssm_state_size": 128,
        },
        {"layers": 4, "state_bytes": 27 * 2 * 4 * 128 * 80 * 128},
    ),
    "Llama 4 Scout, with chunked attention": (
        {"text_config": {**LLAMA, "model_type": "llama4_text", "num_hidden_layers": 48, "attention_chunk_size": 8192}},
        {"layers": 12, "window_layers": 36, "sliding_window": 8192},
    ),
    "falcon-7b": (
        {
            "model_type": "falcon",
            "num_hidden_layers": 32,
            "num_attention_heads": 71,
            "hidden_size": 4544,
            "vocab_size": 65024,
            "multi_query": True,
        },
        {"context": 2048, "kv_heads": 1, "head_dim": 64, "intermediate": 4 * 4544},
    ),
    "gpt2": (
        {"n_layer": 12, "n_head": 12, "n_embd": 768, "n_positions": 1024, "vocab_size": 50257, "n_inner": None},
        {"context": 1024, "layers": 12, "heads": 12, "kv_heads": 12, "head_dim": 64},
    ),
    "Qwen3.6-35B-A3B-FP8, whose shared expert is four blocks wide": (
        {
            **LLAMA,
            "moe_intermediate_size": 512,
            "intermediate_size": None,
            "shared_expert_intermediate_size": 512,
            "quantization_config": {"quant_method": "fp8", "weight_block_size": [128, 128]},
        },
        {"stored": "fp8", "parts": 4},
    ),
    "a checkpoint in NVFP4": (
        {**LLAMA, "quantization_config": {"quant_method": "modelopt", "quant_algo": "NVFP4"}},
        {"stored": "nvfp4"},
    ),
}


@pytest.mark.parametrize(("config", "expected"), FOUND.values(), ids=[*FOUND])
def test_models_of_other_kinds_are_understood(config: dict[str, Any], expected: dict[str, Any]) -> None:
    found = models.shape(config, 1000)

    assert {name: found[name] for name in expected} == expected
