"""Reads workloads: JSON lines, each of which makes a request.

A line is one of these:

- {"question": "...", "context_words": 1500, "max_tokens": 200}: a question about a text of 1,500 words. The text
  is another one in each request, so the engine can't answer from its prefix cache, but the same ones come in each run.
- the body of a request, such as {"messages": [...], "max_tokens": 200}: sent as it is, but streamed
- a line of SageMaker's data capture: the request in it is sent again
  (https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-data-capture.html)
"""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from lib.benchmark.loads import Request
from lib.checks.http.reference import Reference
from lib.cli import ExitCode, VerbError

FOLDER = Path(__file__).parent / "scenarios"
STREAMED = {"stream": True, "stream_options": {"include_usage": True}}
VOCABULARY = """
the a of to in and for with on by from at as is was are were be has had river station winter engine letter garden report
market island number pattern window history teacher village signal copper morning question harbor theory carries follows
measures opens returns builds keeps crosses explains small early northern careful heavy quiet
"""
SENTENCE = 12  # words


def names() -> list[str]:
    """The workloads that come with the project."""
    return sorted(file.stem for file in FOLDER.glob("*.jsonl"))


def read(name: str) -> list[dict[str, Any]]:
    """The lines of a workload of the project, or of a file. Raises VerbError."""
    file = FOLDER / f"{name}.jsonl" if name in names() else Path(name)
    try:
        lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    except OSError as error:
        raise VerbError(
            f"can't read {name}: {error.strerror}; name a file, or one of {', '.join(names())}", ExitCode.MISSING_FILE
        ) from None
    except ValueError:
        lines = []
    if not lines or not all(isinstance(line, dict) for line in lines):
        raise VerbError(f"{name} is not JSON lines with an object in each", ExitCode.BAD_CONFIGURATION)
    return [_captured(line) if "captureData" in line else line for line in lines]


def requests(lines: list[dict[str, Any]], api: Reference, numbers: Iterator[int]) -> list[Request]:
    """A request for each line; `numbers` draw other texts for each call."""
    return [_request(line, api, next(numbers)) for line in lines]


def _captured(line: Mapping[str, Any]) -> dict[str, Any]:
    """The request in a line of data capture. Raises VerbError for one that is no JSON object."""
    try:
        captured = line["captureData"]["endpointInput"]
        data = captured["data"]
        return dict(json.loads(base64.b64decode(data) if captured["encoding"] == "BASE64" else data))
    except (KeyError, TypeError, ValueError):
        raise VerbError("a line of data capture holds no JSON request", ExitCode.BAD_CONFIGURATION) from None


def _request(line: Mapping[str, Any], api: Reference, number: int) -> Request:
    body = _about_a_text(line, api, number) if "question" in line else {**api.named, **line}
    completion = "prompt" in body and "messages" not in body
    headers = {"Content-Type": "application/json", **(api.completion_headers if completion else {})}
    return Request(json.dumps({**body, **STREAMED}).encode(), headers)


def _about_a_text(line: Mapping[str, Any], api: Reference, number: int) -> dict[str, Any]:
    drawn, vocabulary = random.Random(number), VOCABULARY.split()
    words = [drawn.choice(vocabulary) for _ in range(line.get("context_words", 0))]
    sentences = [" ".join(words[start : start + SENTENCE]) for start in range(0, len(words), SENTENCE)]
    text = "".join(f"{sentence.capitalize()}. " for sentence in sentences) + line["question"]
    ask = api.conversation if api.chat else api.completion
    return ask(text, line.get("max_tokens", 128))
