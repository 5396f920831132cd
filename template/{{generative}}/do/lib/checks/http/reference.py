"""What the project's engine offers through POST /invocations, and the requests that it takes."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from lib import config


@dataclass(frozen=True)
class Reference:
    """An engine's API: OpenAI's chat and completions, or else the generation of Hugging Face transformers."""

    server: str
    chat: bool = True
    completions: bool = True
    completion_headers: dict[str, str] = field(default_factory=dict)  # what chooses completions where the body doesn't
    strict_json: bool = True  # whether it takes nothing but application/json
    named: dict[str, str] = field(default_factory=dict)  # the model's name, for an engine whose requests require it

    def conversation(self, text: str, max_tokens: int, **more: Any) -> dict[str, Any]:
        """A chat with one message."""
        return {**self.named, "messages": [{"role": "user", "content": text}], "max_tokens": max_tokens, **more}

    def completion(self, text: str, max_tokens: int, **more: Any) -> dict[str, Any]:
        """A text for the model to go on with."""
        return {**self.named, "prompt": text, "max_tokens": max_tokens, **more}

    def generation(self, text: str, max_tokens: int) -> dict[str, Any]:
        """The same, as Hugging Face transformers take it."""
        return {"inputs": text, "parameters": {"max_new_tokens": max_tokens}}

    def shortest(self, max_tokens: int = 1) -> dict[str, Any]:
        """A request in the engine's first API."""
        return self.conversation("Hello", max_tokens) if self.chat else self.generation("Hello", max_tokens)


ROUTE = {"X-Amzn-SageMaker-Custom-Attributes": "route=/v1/completions"}
REFERENCES = {
    "vllm": Reference("vLLM"),
    "sglang": Reference("SGLang", completions=False, strict_json=False),
    "tensorrt-llm": Reference("TensorRT-LLM", completion_headers=ROUTE),
    "lmi": Reference("LMI", strict_json=False),
    "djl": Reference("DJL Serving", chat=False, completions=False, strict_json=False),
}


# tensorrt_llm/serve/openai_protocol.py: `model: str`, without a default; its value is not looked at
REQUIRES_MODEL = {"tensorrt-llm"}


def load() -> Reference:
    """The API of MODEL_SERVER."""
    values = config.load()
    server = values["MODEL_SERVER"]
    if server not in REQUIRES_MODEL:
        return REFERENCES[server]
    named = "MODEL_ID" if "MODEL_ID" in values else "PROJECT_NAME"
    return replace(REFERENCES[server], named={"model": values[named] or values["PROJECT_NAME"]})
