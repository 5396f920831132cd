"""Write a tiny language model as GGUF: `python -m scripts.tiny_gguf FILE`. It writes words in a random order.

For demos and tests: it has the parts of a real model (a tokenizer, a chat template, attention, feed-forward layers) in
half a megabyte, and needs nothing but the standard library. The format: ggml-org/ggml, docs/gguf.md.
"""

from __future__ import annotations

import random
import struct
import sys
from array import array
from collections.abc import Iterable
from pathlib import Path
from typing import Any

CONTEXT, WIDTH, HEADS, LAYERS, INNER = 2048, 64, 2, 2, 128
TEXT = """
the a of and to in it is that for on with as his they at be this from have or by one had not but what all were when we
there can an your which their said if do will each about how up out them she many some so these would other into has
more her two like him see time could no make than first been its who now people my made over did only
"""
WORDS = TEXT.split()
NORMAL, UNKNOWN, CONTROL, BYTE = 1, 2, 3, 6  # kinds of tokens
TOKENS = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), *(f"\u2581{word}" for word in WORDS)]
KINDS = [UNKNOWN, CONTROL, CONTROL, *[BYTE] * 256, *[NORMAL] * len(WORDS)]
FIRST_WORD = len(TOKENS) - len(WORDS)
TEMPLATE = (
    "{% for message in messages %}{{ message['role'] }}: {{ message['content'] }}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant:{% endif %}"
)
UINT32, FLOAT32, BOOL, STRING, ARRAY = 4, 6, 7, 8, 9  # kinds of metadata
INT32 = 5
ALIGNMENT = 32
RERANKER = "qwen3"  # the architecture of a model that scores, which llama.cpp knows a form of

Tensor = tuple[str, list[int], "array[float]"]


def main() -> int:
    """Write the file that was named."""
    write(Path(sys.argv[1]))
    return 0


def write(file: Path, reranker: bool = False) -> None:
    """Write the model, or one that scores documents; the same bytes each time."""
    tensors, entries = list(weights(random.Random(0))), metadata("llama")
    if reranker:
        tensors += scoring(random.Random(1))
        entries = [*metadata(RERANKER), (f"{RERANKER}.classifier.output_labels", ARRAY, (STRING, ["yes", "no"]))]
    parts = [b"GGUF", struct.pack("<IQQ", 3, len(tensors), len(entries))]
    parts += [text(key) + value(kind, content) for key, kind, content in entries]
    offset = 0
    for name, shape, numbers in tensors:
        parts.append(text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, 0, offset))
        offset += padded(4 * len(numbers))
    head = b"".join(parts)
    data = (numbers.tobytes().ljust(padded(4 * len(numbers)), b"\0") for _, _, numbers in tensors)
    file.write_bytes(head.ljust(padded(len(head)), b"\0") + b"".join(data))


def metadata(architecture: str) -> list[tuple[str, int, Any]]:
    """What the model says of itself, as a model of this architecture."""
    return [
        ("general.architecture", STRING, architecture),
        ("general.name", STRING, "tiny"),
        (f"{architecture}.context_length", UINT32, CONTEXT),
        (f"{architecture}.embedding_length", UINT32, WIDTH),
        (f"{architecture}.block_count", UINT32, LAYERS),
        (f"{architecture}.feed_forward_length", UINT32, INNER),
        (f"{architecture}.attention.head_count", UINT32, HEADS),
        (f"{architecture}.attention.head_count_kv", UINT32, HEADS),
        (f"{architecture}.attention.layer_norm_rms_epsilon", FLOAT32, 1e-5),
        (f"{architecture}.vocab_size", UINT32, len(TOKENS)),
        ("tokenizer.ggml.model", STRING, "llama"),
        ("tokenizer.ggml.tokens", ARRAY, (STRING, TOKENS)),
        ("tokenizer.ggml.scores", ARRAY, (FLOAT32, [-float(number) for number in range(len(TOKENS))])),
        ("tokenizer.ggml.token_type", ARRAY, (INT32, KINDS)),
        ("tokenizer.ggml.unknown_token_id", UINT32, 0),
        ("tokenizer.ggml.bos_token_id", UINT32, 1),
        ("tokenizer.ggml.eos_token_id", UINT32, 2),
        ("tokenizer.chat_template", STRING, TEMPLATE),
    ]


def weights(numbers: random.Random) -> Iterable[Tensor]:
    """The tensors by name, the fastest dimension first. Only words are likely, not bytes or the end of the text."""

    def drawn(rows: int, columns: int, deviation: float) -> array[float]:
        return array("f", (numbers.gauss(0, deviation) for _ in range(rows * columns)))

    count, ones = len(TOKENS), array("f", [1.0] * WIDTH)
    yield "token_embd.weight", [WIDTH, count], drawn(count, WIDTH, 1.0)
    for layer in range(LAYERS):
        yield f"blk.{layer}.attn_norm.weight", [WIDTH], ones
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            yield f"blk.{layer}.{name}.weight", [WIDTH, WIDTH], drawn(WIDTH, WIDTH, 0.1)
        yield f"blk.{layer}.ffn_norm.weight", [WIDTH], ones
        for name, (columns, rows) in {"gate": (WIDTH, INNER), "up": (WIDTH, INNER), "down": (INNER, WIDTH)}.items():
            yield f"blk.{layer}.ffn_{name}.weight", [columns, rows], drawn(rows, columns, 0.1)
    yield "output_norm.weight", [WIDTH], ones
    unlikely = array("f", [0.0] * FIRST_WORD * WIDTH)
    yield "output.weight", [WIDTH, count], unlikely + drawn(count - FIRST_WORD, WIDTH, 0.5)


def scoring(numbers: random.Random) -> Iterable[Tensor]:
    """What a reranker has beside the others: Qwen3's norms, and the weights of its two labels."""
    ones = array("f", [1.0] * (WIDTH // HEADS))
    for layer in range(LAYERS):
        for name in ("attn_q_norm", "attn_k_norm"):
            yield f"blk.{layer}.{name}.weight", [WIDTH // HEADS], ones
    yield "cls.output.weight", [WIDTH, 2], array("f", (numbers.gauss(0, 1) for _ in range(2 * WIDTH)))


def value(kind: int, content: Any) -> bytes:
    """An entry of the metadata: its kind, then what it is."""
    if kind != ARRAY:
        return struct.pack("<I", kind) + plain(kind, content)
    of, items = content
    return struct.pack("<IIQ", ARRAY, of, len(items)) + b"".join(plain(of, item) for item in items)


def plain(kind: int, content: Any) -> bytes:
    """One value without its kind."""
    return text(content) if kind == STRING else struct.pack({UINT32: "<I", INT32: "<i", FLOAT32: "<f"}[kind], content)


def text(content: str) -> bytes:
    """A string with its length."""
    return struct.pack("<Q", len(content.encode())) + content.encode()


def padded(size: int) -> int:
    """The next multiple of the alignment."""
    return -(-size // ALIGNMENT) * ALIGNMENT


if __name__ == "__main__":
    sys.exit(main())
