"""/invocations as plain ASGI: the framework's own route would double what a small request costs.

Requests come here before they reach the framework. It knows the route as well, for whatever an owner adds to it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from starlette.types import Receive, Scope, Send

from serving import errors, service
from serving.async_batching import AsyncBatcher
from serving.batching import Caller

PATH = "/invocations"
BACKGROUND = ThreadPoolExecutor(1, "large-bodies")  # its thread begins with the first of them, after forking


class Headers:
    """A request's headers. nginx passes each of them once."""

    __slots__ = ("_values",)

    def __init__(self, scope: Scope) -> None:
        self._values: dict[bytes, bytes] = dict(scope["headers"])

    def get(self, key: str, /) -> str | None:
        """A header's value."""
        value = self._values.get(key.lower().encode())
        return None if value is None else value.decode("latin-1")


class HotRoute:
    """Predicts: an ASGI application that answers whatever fails, too."""

    def __init__(self, of: service.Service[AsyncBatcher]) -> None:
        self._service = of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope)
        try:
            reply = await self._predict(headers, receive)
        except Exception as error:
            reply = service.refusal(error, PATH, headers)
        await respond(reply, send)

    async def _predict(self, headers: Headers, receive: Receive) -> service.Reply:
        body = await read(receive)
        large = service.is_large(headers, body)
        invocation = await run(large, self._service.begin, headers, body)
        caller = Caller(invocation.request_id, lambda: has_hung_up(receive))
        predictions = await self._service.batcher.predict(invocation.rows, caller)
        large = large or len(predictions) > service.MANY_ROWS
        reply: service.Reply = await run(large, self._service.finish, invocation, predictions)
        return reply


async def run(in_background: bool, step: Callable[..., Any], *arguments: Any) -> Any:
    """Do a step at once, or in a thread where it would keep the event loop from everybody else's requests."""
    if in_background:
        return await asyncio.get_running_loop().run_in_executor(BACKGROUND, step, *arguments)
    return step(*arguments)


async def read(receive: Receive) -> bytes:
    """A request's body. Raises CallerGone."""
    parts = []
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise errors.CallerGone("the caller has closed the connection")
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return parts[0] if len(parts) == 1 else b"".join(parts)


async def respond(reply: service.Reply, send: Send) -> None:
    """Send a reply."""
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in reply.headers.items()]
    headers.append((b"content-length", b"%d" % len(reply.body)))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})


def has_hung_up(receive: Receive) -> bool:
    """Whether the caller has closed the connection. uvicorn knows; asking by ASGI would take a task a request."""
    return getattr(getattr(receive, "__self__", None), "disconnected", False)
