"""The web application (FastAPI): routes and nothing else, the work is done in `service`."""

from __future__ import annotations

import functools
from collections.abc import Awaitable
from typing import Any

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from serving import errors, service, settings
from serving.async_batching import AsyncBatcher
from serving.invocations import PATH, HotRoute

WORKER_CLASS = "serving.workers.Worker"
SERVICE = service.Service(settings.from_environment(), AsyncBatcher)
GET = ["GET", "HEAD"]  # Flask answers HEAD of itself

# the description is `openapi.json`, the same for every web application
application = FastAPI(openapi_url=None, redirect_slashes=False)
invocations = HotRoute(SERVICE)
application.add_route(PATH, invocations, methods=["POST"])  # type: ignore[arg-type]  # any ASGI application will do


@application.api_route("/ping", methods=GET)
async def ping() -> Response:
    """Whether predictions can be made."""
    return respond(SERVICE.ping())


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


def extensions() -> tuple[Any, ...]:
    """What an owner may have added that is to see requests for predictions, too."""
    return [*application.user_middleware], {**application.exception_handlers}


OWN = extensions()


@functools.cache  # the first request ends what can be added
def is_extended() -> bool:
    """Whether there is more than this module adds."""
    return extensions() != OWN


def entrance(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
    """What uvicorn calls: requests for predictions go by the framework, unless an owner's code is to see them."""
    is_hot = scope["type"] == "http" and scope["path"] == PATH and scope["method"] == "POST"
    return (invocations if is_hot and not is_extended() else application)(scope, receive, send)


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
