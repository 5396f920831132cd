"""Finds out how big a model is: from the catalog, from its files in a folder, or from the Hugging Face Hub.

The Hub is asked only for a model that the catalog doesn't have, and never with a token. Where nothing can be found
out, the run goes on with a note, and the answers are not checked against the model's size.
"""

from __future__ import annotations

import json
import os
import re
import sys
import urllib.request
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, pass_context
from jinja2.ext import Extension
from jinja2.runtime import Context

Row = dict[str, Any]

TIMEOUT = 5  # seconds for an answer of the Hub
WEIGHTS = re.compile(r"model.*\.safetensors")  # not those of other formats that lie beside them
WAY_OUT = "model_files can name a folder with its config.json and its safetensors index"
TYPES = {"bfloat16": "bf16", "float16": "bf16", "float32": "fp32"}  # 16 bits are 16 bits


class Models(Extension):
    """Adds the filter `model_shape`."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        environment.filters["model_shape"] = model_shape


@pass_context
def model_shape(context: Context, name: str, known: Mapping[str, Row], folder: str, revision: str) -> Row | None:
    """A row as in models.yml, with the model's name; None, with a note to the user, where it can't be found out."""
    if folder:
        found = in_folder(Path(folder).expanduser())
    else:
        hub = os.environ.get("HF_ENDPOINT") or "https://huggingface.co"
        found = known.get(name) or on_hub(hub, name, revision or "main")
    if isinstance(found, str):
        if not context["_copier_conf"]["quiet"]:
            tell(f"note: could not check on which instances {name} fits: {found}")
        return None
    return {"name": name, **found}


@cache
def tell(text: str) -> None:
    """Say this once, however often Copier comes to the question."""
    print(text, file=sys.stderr)


def in_folder(folder: Path) -> Row | str:
    """What config.json and the safetensors files, or their index, in a folder say; else a text that says why not."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        index = folder / "model.safetensors.index.json"
        if index.exists():
            size = json.loads(index.read_text(encoding="utf-8"))["metadata"]["total_size"]
        else:
            size = sum(file.stat().st_size for file in folder.iterdir() if WEIGHTS.fullmatch(file.name))
        return shape(config, size)
    except OSError as error:
        return f"{error.filename}: {error.strerror}"
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"{folder} has no config.json and safetensors files of the usual form"


@cache
def on_hub(hub: str, name: str, revision: str) -> Row | str:
    """What the Hugging Face Hub, or a mirror of it, says about a model; else a text that says why not."""
    if os.environ.get("HF_HUB_OFFLINE", "0") not in ("", "0"):
        return f"HF_HUB_OFFLINE is set. {WAY_OUT}"
    try:
        config = fetched(f"{hub}/{name}/resolve/{revision}/config.json")
        files = fetched(f"{hub}/api/models/{name}/revision/{revision}?blobs=true")["siblings"]
        return shape(config, sum(file["size"] for file in files if WEIGHTS.fullmatch(file["rfilename"])))
    except OSError as error:
        return f"{hub} did not tell ({error}). {WAY_OUT}"
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"its config.json and list of files have not the usual form. {WAY_OUT}"


def fetched(url: str) -> Any:
    """The JSON at a URL. Raises OSError where there is none, ValueError for anything else."""
    with urllib.request.urlopen(url, timeout=TIMEOUT) as answer:
        return json.loads(answer.read())


def shape(config: Row, weight_bytes: int) -> Row:
    """What of a model's config.json decides how much memory it takes. Raises KeyError where that is not there."""
    if not weight_bytes:
        raise KeyError("no safetensors files")
    text = config.get("text_config") or config
    kinds = text.get("layer_types") or ["full_attention"] * text["num_hidden_layers"]
    heads = text["num_attention_heads"]
    row = {
        "weight_bytes": int(weight_bytes),
        "context": text["max_position_embeddings"],
        "heads": heads,
        "layers": kinds.count("full_attention"),
        "stored": stored(config, text),
    }
    if text.get("kv_lora_rank"):
        return {**row, "latent": text["kv_lora_rank"] + text["qk_rope_head_dim"]}
    return {
        **row,
        "kv_heads": text.get("num_key_value_heads") or heads,
        "head_dim": text.get("head_dim") or text["hidden_size"] // heads,
        "window_layers": kinds.count("sliding_attention"),
        "window": text.get("sliding_window") or 0,
    }


def stored(config: Row, text: Row) -> str:
    """In which form the weights are stored: bf16 (any 16 bits), fp32, or the name of a quantization."""
    if quantization := config.get("quantization_config") or text.get("quantization_config"):
        return str(quantization["quant_method"])
    name = config.get("dtype") or config.get("torch_dtype") or text.get("dtype") or text.get("torch_dtype")
    return TYPES.get(str(name), "bf16")
