"""What a streamed answer says, and when: the times of its tokens."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lib.benchmark.figures import Sample
from lib.benchmark.loads import Answer, Exchange

DONE = "[DONE]"


@dataclass
class StreamSample(Sample):
    """A request whose answer was streamed. Times are seconds from when it was due; 0 tokens: not told."""

    first_token: float = 0.0
    input_tokens: int = 0
    output_tokens: int = 0

    @property
    def inter_token_latency(self) -> float | None:
        """As aiperf has it: the time after the first token, by the number of the others; None for one token."""
        return (self.latency - self.first_token) / (self.output_tokens - 1) if self.output_tokens > 1 else None


def sample(exchange: Exchange) -> StreamSample:
    """What counts of an answer."""
    latency = exchange.ended - exchange.due
    if not exchange.answer:
        return StreamSample(latency, exchange.problem)
    if exchange.answer.status != 200:
        return StreamSample(latency, f"status {exchange.answer.status}")
    try:
        return _of_events([*events(exchange.answer)], exchange.due, latency)
    except (ValueError, TypeError, AttributeError):
        return StreamSample(latency, "an event that is no JSON object")


def _of_events(found: list[tuple[float, str]], due: float, latency: float) -> StreamSample:
    documents = [(moment, json.loads(text)) for moment, text in found if text != DONE]
    tokens = [moment - due for moment, document in documents if _says(document)]
    if any("error" in document for _, document in documents):
        return StreamSample(latency, "an error in the stream")
    if not found or found[-1][1] != DONE:
        return StreamSample(latency, "a stream without an end")
    if not tokens:
        return StreamSample(latency, "a stream without a token")
    usage: dict[str, Any] = next((doc["usage"] for _, doc in reversed(documents) if doc.get("usage")), {})
    return StreamSample(
        latency=tokens[-1],
        first_token=tokens[0],
        input_tokens=usage.get("prompt_tokens") or 0,
        output_tokens=usage.get("completion_tokens") or len(tokens),
    )


def events(answer: Answer) -> Iterator[tuple[float, str]]:
    """The data of each event, with the time when the whole of it was there."""
    rest = b""
    for moment, piece in answer.pieces:
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            if line.startswith(b"data:"):
                yield moment, line[5:].strip().decode()


def _says(document: dict[str, Any]) -> bool:
    """Whether an event has a part of the text, what the model thinks included."""
    for choice in document.get("choices") or ():
        delta = choice.get("delta") or {}
        if any((delta.get("content"), delta.get("reasoning"), delta.get("reasoning_content"), choice.get("text"))):
            return True
    return False
