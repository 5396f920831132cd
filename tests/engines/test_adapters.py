"""What projects add to vLLM's server: callers of /invocations name an adapter in the body, or a route in a header."""

from __future__ import annotations

import asyncio
import json
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ADAPTERS = Path(__file__).parents[2] / "template/{{vllm}}/serving/adapters.py"
HEADER = b"x-amzn-sagemaker-adapter-identifier"
GIVEN = [(HEADER, b"given")]


def seen(path: str, body: bytes, headers: list[tuple[bytes, bytes]], pieces: int = 1) -> tuple[Any, bytes]:
    """The adapter in the header that the application sees, None without one, and the body that it reads."""
    found: dict[str, Any] = {}
    size = -(-len(body) // pieces) or 1
    parts = [body[start : start + size] for start in range(0, len(body), size)] or [b""]
    messages = [
        {"type": "http.request", "body": part, "more_body": number < len(parts)} for number, part in enumerate(parts, 1)
    ]
    waiting = iter(messages)

    async def receive() -> dict[str, Any]:
        return next(waiting)

    async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
        found["adapter"] = dict(scope["headers"]).get(HEADER)
        found["body"] = b"".join([(await receive())["body"] for _ in messages])

    middleware = runpy.run_path(str(ADAPTERS))["AdapterByName"](application)
    asyncio.run(middleware({"type": "http", "path": path, "headers": headers}, receive, None))
    return found["adapter"], found["body"]


@pytest.mark.parametrize(
    ("path", "body", "headers", "adapter"),
    [
        pytest.param("/invocations", {"model": "pirate"}, [], b"pirate", id="an adapter"),
        pytest.param("/invocations", {"model": "org/base"}, [], None, id="the base model"),
        pytest.param("/invocations", {"model": ""}, [], None, id="an empty name"),
        pytest.param("/invocations", {}, [], None, id="no name"),
        pytest.param("/invocations", {"model": 7}, [], None, id="a number"),
        pytest.param("/invocations", ["model"], [], None, id="a list"),
        pytest.param("/invocations", {"model": "pirate"}, GIVEN, b"given", id="a header of the caller"),
        pytest.param("/v1/completions", {"model": "pirate"}, [], None, id="another path"),
        pytest.param("/invocations", {"model": "\u00e9"}, [], "\u00e9".encode(), id="a letter with an accent"),
    ],
)
@pytest.mark.parametrize("pieces", [1, 3])
def test_a_name_goes_into_the_header(
    monkeypatch: pytest.MonkeyPatch, path: str, body: Any, headers: list[tuple[bytes, bytes]], adapter: Any, pieces: int
) -> None:
    monkeypatch.setenv("SERVING_BASE_NAMES", '["org/base"]')
    content = json.dumps(body).encode()

    assert seen(path, content, headers, pieces) == (adapter, content)


def test_a_body_that_is_no_json_is_passed_on_as_it_is() -> None:
    assert seen("/invocations", b'{"model', []) == (None, b'{"model')


# Prints where a request to a path goes, with these attributes, and the status with which it is refused before.
ROUTED = """
import asyncio, sys
from serving.rerouting import RouteByAttribute

async def application(scope, receive, send):
    print(scope["path"])

async def send(message):
    print(message.get("status", ""), end="")

async def ask(path, attributes):
    headers = [(b"x-amzn-sagemaker-custom-attributes", attributes.encode())]
    await RouteByAttribute(application)({"type": "http", "path": path, "headers": headers}, None, send)

for line in sys.stdin.read().splitlines():
    asyncio.run(ask(*line.split(" ", 1)))
    print("", end="\\n" if "load" in line else "", flush=True)
"""


def test_a_route_is_named_in_a_header(project: Callable[[str], Path]) -> None:
    asked = {
        "/invocations ": "/invocations",
        "/invocations route=/v1/responses": "/v1/responses",
        "/invocations trace=1; route=/v1/embeddings": "/v1/embeddings",
        "/invocations noroute=/v1/responses": "/invocations",
        "/v1/models route=/v1/responses": "/v1/models",
        "/invocations route=/v1/load_lora_adapter": "404",
    }
    done = subprocess.run(
        [sys.executable, "-c", ROUTED], input="\n".join(asked), cwd=project("vllm"), capture_output=True, text=True
    )

    assert (done.stdout.splitlines(), done.stderr) == ([*asked.values()], "")
