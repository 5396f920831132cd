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


# Prints where a request to a path goes, with these attributes, or the status with which it is refused before; with an
# adapter and a body also the body that arrives, and whether its length is the one in the header.
ROUTED = """
import asyncio, json, sys
from serving.rerouting import RouteByAttribute

async def ask(path, attributes, adapter, body):
    async def application(scope, receive, send):
        arrived = await receive()
        length = dict(scope["headers"])[b"content-length"] == str(len(arrived["body"])).encode()
        print(scope["path"], *([arrived["body"].decode(), length] if adapter else []))

    async def receive():
        return {"type": "http.request", "body": body.encode()}

    async def send(message):
        if "status" in message:
            print(message["status"])

    headers = [(b"x-amzn-sagemaker-custom-attributes", attributes.encode()), (b"content-length", b"%d" % len(body))]
    headers += [(b"x-amzn-sagemaker-adapter-identifier", adapter.encode())] if adapter else []
    await RouteByAttribute(application)({"type": "http", "path": path, "headers": headers}, receive, send)

for case in json.load(sys.stdin):
    asyncio.run(ask(*case))
"""


def test_a_route_is_named_in_a_header(project: Callable[[str], Path]) -> None:
    asked = {
        ("/invocations", "", "", "{}"): "/invocations",
        ("/invocations", "route=/v1/responses", "", "{}"): "/v1/responses",
        ("/invocations", "trace=1; route=/v1/embeddings", "", "{}"): "/v1/embeddings",
        ("/invocations", "noroute=/v1/responses", "", "{}"): "/invocations",
        ("/v1/models", "route=/v1/responses", "", "{}"): "/v1/models",
        ("/invocations", "route=/v1/load_lora_adapter", "", "{}"): "404",
        # only vLLM's own /invocations reads the adapter from the header
        ("/invocations", "", "pirate", '{"model": "base"}'): '/invocations {"model": "base"} True',
        ("/invocations", "route=/v1/completions", "pirate", '{"model": "base", "prompt": "x"}'): (
            '/v1/completions {"model": "pirate", "prompt": "x"} True'
        ),
        ("/invocations", "route=/v1/audio/transcriptions", "pirate", "--a\r\n"): "404",
        ("/invocations", "route=/v1/completions", "pirate", "[]"): "404",
    }
    done = subprocess.run(
        [sys.executable, "-c", ROUTED],
        input=json.dumps([*asked]),
        cwd=project("vllm"),
        capture_output=True,
        text=True,
    )

    assert (done.stdout.splitlines(), done.stderr) == ([*asked.values()], "")
