"""Lets callers of /invocations name a LoRA adapter as `model`, as they do with OpenAI's routes.

vLLM's /invocations takes an adapter from SageMaker's header alone; a body with any other `model` it answers with the
base model. This middleware runs in vLLM's server and writes the name into the header, so the adapter answers, and an
unknown name is 404. It needs nothing but the standard library.
"""

from __future__ import annotations

import json
import os
from collections.abc import Awaitable, Callable
from typing import Any

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]

HEADER = b"x-amzn-sagemaker-adapter-identifier"
BASE_NAMES = "SERVING_BASE_NAMES"  # the variable with the names of the base model, as a JSON list


class AdapterByName:
    """ASGI middleware; vLLM makes one and calls it for every request."""

    def __init__(self, app: Application) -> None:
        self.app = app
        self.base_names = ["", *json.loads(os.environ.get(BASE_NAMES, "[]"))]

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http" or scope["path"] != "/invocations" or HEADER in dict(scope["headers"]):
            return await self.app(scope, receive, send)
        messages = await whole(receive)
        name = model_in(b"".join(message.get("body", b"") for message in messages))
        if name not in self.base_names:
            scope = {**scope, "headers": [*scope["headers"], (HEADER, name.encode())]}
        return await self.app(scope, again(messages, receive), send)


async def whole(receive: Receive) -> list[Message]:
    """All messages of a request's body."""
    messages = [await receive()]
    while messages[-1]["type"] == "http.request" and messages[-1].get("more_body"):
        messages.append(await receive())
    return messages


def again(messages: list[Message], receive: Receive) -> Receive:
    """What receives these messages first, then what comes."""
    waiting = iter(messages)

    async def next_message() -> Message:
        for message in waiting:
            return message
        return await receive()

    return next_message


def model_in(body: bytes) -> str:
    """The model that a body names; empty where it names none, or is none that vLLM takes."""
    try:
        name = json.loads(body)["model"]
    except (ValueError, KeyError, TypeError):
        return ""
    return name if isinstance(name, str) else ""
