"""The web application (FastAPI): routes and nothing else, the work is done in `service`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from serving import errors, service, settings
from serving.batching import AsyncBatcher, Caller

WORKER_CLASS = "uvicorn_worker.UvicornWorker"
SERVICE = service.Service(settings.from_environment(), AsyncBatcher)
GET = ["GET", "HEAD"]  # Flask answers HEAD of itself
BACKGROUND = ThreadPoolExecutor(1, "large-bodies")  # its thread begins with the first of them, after forking

# the description is `openapi.json`, the same for every web application
application = FastAPI(openapi_url=None, redirect_slashes=False)


@application.api_route("/ping", methods=GET)
async def ping() -> Response:
    """Whether predictions can be made."""
    return respond(SERVICE.ping())


@application.post("/invocations")
async def invocations(request: Request) -> Response:
    """Predict."""
    body = await request.body()
    large = service.is_large(request.headers, body)
    invocation = await run(large, SERVICE.begin, request.headers, body)
    caller = Caller(invocation.request_id, lambda: has_hung_up(request))
    predictions = await SERVICE.batcher.predict(invocation.rows, caller)
    return respond(await run(large or len(predictions) > service.MANY_ROWS, SERVICE.finish, invocation, predictions))


@application.api_route("/metrics", methods=GET)
async def metrics() -> Response:
    """What Prometheus scrapes."""
    return respond(SERVICE.metrics())


@application.api_route("/execution-parameters", methods=GET)
async def execution_parameters() -> Response:
    """What batch transform asks."""
    return respond(SERVICE.execution_parameters())


@application.api_route("/openapi.json", methods=GET)
async def openapi() -> Response:
    """The description of this interface."""
    return respond(SERVICE.openapi())


@application.exception_handler(errors.ServingError)
@application.exception_handler(HTTPException)
async def refuse(request: Request, error: Exception) -> Response:
    """Any error, in the one shape."""
    path = request.scope["path"]  # request.url is made of the Host header, too
    return respond(service.refusal(_as_serving_error(error, path), path, request.headers))


class AnswerAnyError:
    """Answers exceptions that nobody expects.

    As an exception handler of FastAPI's, `refuse` could answer them, too, but they would be raised again: uvicorn would
    then close the connection, which nginx already uses for the next request.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self.app(scope, receive, send)
        except Exception as error:
            if scope["type"] != "http":
                raise
            response = await refuse(Request(scope, receive), error)
            await response(scope, receive, send)


application.add_middleware(AnswerAnyError)


async def run(in_background: bool, step: Callable[..., Any], *arguments: Any) -> Any:
    """Do a step at once, or in a thread where it would keep the event loop from everybody else's requests."""
    if in_background:
        return await asyncio.get_running_loop().run_in_executor(BACKGROUND, step, *arguments)
    return step(*arguments)


def has_hung_up(request: Request) -> bool:
    """Whether the caller has closed the connection. uvicorn knows; asking by ASGI would take a task a request."""
    return getattr(getattr(request.receive, "__self__", None), "disconnected", False)


def respond(reply: service.Reply) -> Response:
    """A reply in FastAPI's form."""
    return Response(reply.body, reply.status, reply.headers)


def _as_serving_error(error: Exception, path: str) -> Exception:
    if isinstance(error, ClientDisconnect):
        return errors.CallerGone("the caller has closed the connection")
    if not isinstance(error, HTTPException):
        return error
    if error.status_code == 405:
        return errors.MethodNotAllowed.for_path(path, service.METHODS[path])
    if error.status_code == 404:
        return errors.NotFound.for_path(path)
    return errors.BadRequest(str(error.detail))
