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
from math import gcd
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, pass_context
from jinja2.ext import Extension
from jinja2.runtime import Context

Row = dict[str, Any]

TIMEOUT = 5  # seconds for an answer of the Hub
WEIGHTS = re.compile(r"model.*\.safetensors")  # not those of other formats that lie beside them
WAY_OUT = "model_files can name a folder with its config.json and its safetensors index"
MODEL_TYPES = Path(__file__).parent / "catalog" / "model_types.yml"
FULL, WINDOW, STATE = "full", "window", "state"
# a layer's name in `layer_types`, and its letter in NVIDIA's pattern; an unknown one keeps every token
KINDS = {"sliding_attention": WINDOW, "chunked_attention": WINDOW, "linear_attention": STATE, "mamba": STATE}
PATTERN = {"*": FULL, "M": STATE}
# what most models call it, and what others do
OTHER_NAMES = {
    "num_hidden_layers": ("n_layer", "n_layers", "num_layers"),
    "num_attention_heads": ("n_head", "n_heads"),
    "num_key_value_heads": ("num_kv_heads", "multi_query_group_num"),
    "hidden_size": ("n_embd", "d_model"),
    "intermediate_size": ("n_inner", "ffn_hidden_size"),
    "max_position_embeddings": ("n_positions", "max_seq_len", "seq_length", "max_sequence_length"),
}
WIDTHS = ("intermediate_size", "moe_intermediate_size", "shared_expert_intermediate_size")
BYTES_OF_A_STATE = 4  # of each number: engines keep states in 32 bits
# the value of `model_type` of models that read a text at once, and keep nothing of it
ENCODERS = ("bert", "roberta", "xlm-roberta", "distilbert", "mpnet", "modernbert", "nomic_bert", "new", "electra")
TYPES = {"bfloat16": "bf16", "float16": "bf16", "float32": "fp32"}  # 16 bits are 16 bits


class Models(Extension):
    """Adds the filters `model_shape` and `as_read_by`."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        environment.filters["model_shape"] = model_shape
        environment.filters["as_read_by"] = as_read_by


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


def as_read_by(shape: Row | None, engine: Mapping[str, Any]) -> Row | None:
    """The model as an engine reads it: in GGUF if it reads nothing else and the model is known to be in that."""
    if not shape or "gguf_bytes" not in shape or [*engine.get("hardware", {}).get("forms", ())] != ["gguf"]:
        return shape
    return {**shape, "name": f"{shape['name']}-GGUF", "weight_bytes": shape["gguf_bytes"], "stored": "gguf"}


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
    """The JSON at a URL. Raises OSError if there is none, ValueError for anything else."""
    with urllib.request.urlopen(url, timeout=TIMEOUT) as answer:
        return json.loads(answer.read())


def shape(config: Row, weight_bytes: int) -> Row:
    """What of a model's config.json decides how much memory it takes. Raises KeyError where that is not there."""
    if not weight_bytes:
        raise KeyError("no safetensors files")
    text = with_usual_names(config.get("text_config") or config)
    kinds = layer_kinds(text)
    heads = text["num_attention_heads"]
    row = {
        "weight_bytes": int(weight_bytes),
        "context": text["max_position_embeddings"],
        "heads": heads,
        "layers": kinds.count(FULL),
        "stored": stored(config, text),
        "parts": parts(config, text),
        "vocab": text["vocab_size"],
        "hidden": text["hidden_size"],
        "intermediate": text.get("moe_intermediate_size") or text.get("intermediate_size") or 4 * text["hidden_size"],
        "experts": text.get("num_experts_per_tok") or text.get("top_k_experts") or 0,
        "tied": bool(text.get("tie_word_embeddings", config.get("tie_word_embeddings", False))),
        "state_bytes": kinds.count(STATE) * state_bytes(text),
    }
    if mtp_layers := text.get("num_nextn_predict_layers") or text.get("mtp_num_hidden_layers"):
        row["mtp_layers"] = mtp_layers
    if text.get("model_type") in ENCODERS and not text.get("is_decoder"):
        row["encoder"] = True
    if text.get("kv_lora_rank"):
        return {**row, "mla_rank": text["kv_lora_rank"] + text["qk_rope_head_dim"]}
    windows = kinds.count(WINDOW)
    return {
        **row,
        "kv_heads": kv_heads(text),
        "head_dim": text.get("head_dim") or text["hidden_size"] // heads,
        "window_layers": windows,
        "sliding_window": (text.get("sliding_window") or text.get("attention_chunk_size") or 0) if windows else 0,
    }


def with_usual_names(text: Row) -> Row:
    """The entries by the names that most models have, with transformers' defaults for what is left out."""
    found = {**model_types().get(str(text.get("model_type")), {}), **text}
    for name, others in OTHER_NAMES.items():
        given = [text[other] for other in others if text.get(other) is not None]
        if given and name not in text:
            found[name] = given[0]
    return found


@cache
def model_types() -> Row:
    """The table model_types.yml."""
    return dict(yaml.safe_load(MODEL_TYPES.read_text(encoding="utf-8")))


def layer_kinds(text: Row) -> list[str]:
    """What each layer keeps: every token, a window of them, a state of fixed size, or nothing."""
    count = text.get("num_hidden_layers") or 0
    if pattern := text.get("hybrid_override_pattern"):
        return [PATTERN[letter] for letter in pattern if letter in PATTERN]
    if kinds := text.get("layer_types"):
        return [KINDS.get(kind, FULL) for kind in kinds]
    if interval := text.get("full_attention_interval"):
        return every(interval, STATE, count)
    if text.get("attention_chunk_size"):
        return every(text.get("no_rope_layer_interval") or count + 1, WINDOW, count)
    if text.get("sliding_window") and (interval := text.get("sliding_window_pattern")):
        return every(interval, WINDOW, count)
    if not count:
        raise KeyError("num_hidden_layers")
    return [FULL] * count


def every(interval: int, other: str, count: int) -> list[str]:
    """`count` layers: one in each interval keeps every token, and the others are of another kind."""
    return [FULL if number % interval == 0 else other for number in range(1, count + 1)]


def kv_heads(text: Row) -> int:
    """The heads whose keys and values are kept; Falcon has one for all where it says `multi_query`."""
    if text.get("multi_query") and not text.get("new_decoder_architecture"):
        return 1
    return int(text.get("num_key_value_heads") or text["num_attention_heads"])


def state_bytes(text: Row) -> int:
    """What a layer without attention keeps of a request, in bytes, before and after a token: Mamba 2 or delta rule."""
    if heads := text.get("linear_num_value_heads"):
        width, depth = text["linear_value_head_dim"], text["linear_key_head_dim"]
    elif heads := text.get("mamba_num_heads") or text.get("mamba_n_heads"):
        width = text.get("mamba_head_dim") or text["mamba_d_head"]
        depth = text.get("ssm_state_size") or text["mamba_d_state"]
    else:
        heads, width, depth = 1, 2 * text["hidden_size"], text.get("state_size") or text.get("mamba_d_state") or 16
    return int(2 * BYTES_OF_A_STATE * heads * width * depth)


def parts(config: Row, text: Row) -> int:
    """Into how many parts all layers can be cut so that no block of weights with a scale of its own is; 0 for any."""
    block = (quantization(config, text).get("weight_block_size") or [0])[0]
    widths = [text[name] for name in WIDTHS if text.get(name)]
    return gcd(*widths) // block if block else 0


def quantization(config: Row, text: Row) -> Row:
    """How the weights are quantized; empty where they are not."""
    return dict(config.get("quantization_config") or text.get("quantization_config") or {})


def stored(config: Row, text: Row) -> str:
    """In which form the weights are stored: bf16 (any 16 bits), fp32, or the name of a quantization."""
    if found := quantization(config, text):
        return "nvfp4" if "NVFP4" in str(found.get("quant_algo")) else str(found["quant_method"])
    name = config.get("dtype") or config.get("torch_dtype") or text.get("dtype") or text.get("torch_dtype")
    return TYPES.get(str(name), "bf16")
