"""What the project's engine and task offer through POST /invocations, and the requests that they take."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lib import config
from lib.checks.http import samples
from lib.checks.results import NotApplicable

ENGINE = Path(__file__).with_name("engine.json")  # what the catalog of the template says of it


@dataclass(frozen=True)
class Reference:
    """An engine's API for a task: parts of OpenAI's, or else the generation of Hugging Face transformers."""

    server: str
    chat: bool
    completions: bool
    strict_json: bool  # whether it takes nothing but application/json
    task: str
    takes: list[str]  # the kinds of requests of the task
    completion_headers: dict[str, str] = field(default_factory=dict)  # what chooses completions where the body doesn't
    # the engine's options for LoRA adapters, where the endpoint has them as inference components
    adapters: dict[str, Any] = field(default_factory=dict)
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

    def embedding(self, texts: list[str]) -> dict[str, Any]:
        """Texts to turn into vectors."""
        return {**self.named, "input": texts}

    def ranking(self, query: str, documents: list[str]) -> dict[str, Any]:
        """Documents to score by a query."""
        return {**self.named, "query": query, "documents": documents}

    def shortest(self, max_tokens: int = 1) -> dict[str, Any]:
        """A request of the task's first kind. Raises NotApplicable where that is no JSON."""
        if "transcriptions" in self.takes:
            raise NotApplicable(f"{self.task} takes no JSON")
        if "embeddings" in self.takes:
            return self.embedding(["Hello"])
        if "rerank" in self.takes:
            return self.ranking("Hello", ["Hello", "Goodbye"])
        if self.chat:
            return self.conversation("Hello", max_tokens)
        return self.completion("Hello", max_tokens) if self.completions else self.generation("Hello", max_tokens)

    def requires(self, kind: str) -> None:
        """Raise NotApplicable where the task has no requests of this kind."""
        if kind not in self.takes:
            raise NotApplicable(f"the task is {self.task}")

    @property
    def model(self) -> str:
        """The model's name."""
        return str(config.load()["MODEL_ID"])

    @property
    def sound(self) -> tuple[bytes, str]:
        """A recording to transcribe, as a body with its content type."""
        return samples.form(self.model, samples.recording())


def load() -> Reference:
    """The API of the project's engine, and the name of its model where requests need one."""
    api = json.loads(ENGINE.read_text())
    values = config.load()
    named = {"model": values["MODEL_ID"]} if api.pop("requires_model", False) else {}
    return Reference(**api, named=named)
