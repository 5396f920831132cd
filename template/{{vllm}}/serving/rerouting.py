"""Lets callers of /invocations name another route of vLLM: see serving/routes.py.

This middleware runs in vLLM's server, whose own /invocations knows chat and completions by the body.
"""

from __future__ import annotations

import json

from serving import routes
from serving.adapters import Application, Message, Receive, Send

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
        if route:
            scope = {**scope, "path": route, "raw_path": route.encode()}
        return await self.app(scope, receive, send)


async def refuse(message: str, send: Send) -> None:
    """Answer 404, in OpenAI's form."""
    error = {"message": message, "type": "NotFoundError", "param": None, "code": 404}
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 404, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps({"error": error}).encode()})
