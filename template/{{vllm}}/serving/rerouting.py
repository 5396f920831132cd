"""Lets callers of /invocations name another route of vLLM: see serving/routes.py.

This middleware runs in vLLM's server, whose own /invocations knows chat and completions by the body. An adapter that a
header names, as SageMaker does for adapter inference components, is written into the body: the other routes don't read
the header, and the base model would answer in the adapter's place.
"""

from __future__ import annotations

import json

from serving import routes
from serving.adapters import HEADER as ADAPTER
from serving.adapters import Application, Message, Receive, Send, again, whole

BY_BODY = ("/v1/chat/completions", "/v1/completions")
HEADER = b"x-amzn-sagemaker-custom-attributes"


class RouteByAttribute:
    """ASGI middleware; vLLM makes one and calls it for every request."""

    def __init__(self, app: Application) -> None:
        self.app = app
        self.own = "" if (route := routes.own()) in BY_BODY else route

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http" or scope["path"] != "/invocations":
            return await self.app(scope, receive, send)
        try:
            route = routes.named(dict(scope["headers"]).get(HEADER, b"").decode("latin-1")) or self.own
        except LookupError as error:
            return await refuse(str(error), send)
        if not route:
            return await self.app(scope, receive, send)
        scope = {**scope, "path": route, "raw_path": route.encode()}
        if adapter := dict(scope["headers"]).get(ADAPTER):
            body = b"".join(message.get("body", b"") for message in await whole(receive))
            try:
                body = json.dumps({**json.loads(body), "model": adapter.decode()}).encode()
            except (ValueError, TypeError):
                return await refuse(f"{route} takes an adapter with a JSON object only", send)
            kept = [(name, value) for name, value in scope["headers"] if name != b"content-length"]
            scope["headers"] = [*kept, (b"content-length", str(len(body)).encode())]
            receive = again([{"type": "http.request", "body": body}], receive)
        return await self.app(scope, receive, send)


async def refuse(message: str, send: Send) -> None:
    """Answer 404, in OpenAI's form."""
    error = {"message": message, "type": "NotFoundError", "param": None, "code": 404}
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 404, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps({"error": error}).encode()})
