"""What the project's engine offers through POST /invocations, and the requests that it takes."""

from __future__ import annotations

from dataclasses import dataclass, field
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

    def conversation(self, text: str, max_tokens: int, **more: Any) -> dict[str, Any]:
        """A chat with one message."""
        return {"messages": [{"role": "user", "content": text}], "max_tokens": max_tokens, **more}

    def completion(self, text: str, max_tokens: int, **more: Any) -> dict[str, Any]:
        """A text for the model to go on with."""
        return {"prompt": text, "max_tokens": max_tokens, **more}

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


def load() -> Reference:
    """The API of MODEL_SERVER."""
    return REFERENCES[config.load()["MODEL_SERVER"]]
