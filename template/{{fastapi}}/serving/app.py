"""The web application (FastAPI): routes and nothing else, the work is done in `service`."""

from __future__ import annotations

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException

from serving import errors, service, settings
from serving.batching import AsyncBatcher

WORKER_CLASS = "uvicorn_worker.UvicornWorker"
SERVICE = service.Service(settings.from_environment(), AsyncBatcher)
GET = ["GET", "HEAD"]  # Flask answers HEAD of itself

# the description is `openapi.json`, the same for every web application
application = FastAPI(openapi_url=None, redirect_slashes=False)


@application.api_route("/ping", methods=GET)
async def ping() -> Response:
    """Whether predictions can be made."""
    return respond(SERVICE.ping())


@application.post("/invocations")
async def invocations(request: Request) -> Response:
    """Predict."""
    invocation = SERVICE.begin(request.headers, await request.body())
    return respond(SERVICE.finish(invocation, await SERVICE.batcher.predict(invocation.rows)))


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
@application.exception_handler(Exception)
async def refuse(request: Request, error: Exception) -> Response:
    """Any error, in the one shape."""
    return respond(service.refusal(_as_serving_error(error, request), request.url.path, request.headers))


def respond(reply: service.Reply) -> Response:
    """A reply in FastAPI's form."""
    return Response(reply.body, reply.status, reply.headers)


def _as_serving_error(error: Exception, request: Request) -> Exception:
    if not isinstance(error, HTTPException):
        return error
    if error.status_code == 405:
        return errors.MethodNotAllowed.for_path(request.url.path, service.METHODS[request.url.path])
    if error.status_code == 404:
        return errors.NotFound.for_path(request.url.path)
    return errors.BadRequest(str(error.detail))
