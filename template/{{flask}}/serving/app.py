"""The web application (Flask): routes and nothing else, the work is done in `service`."""

from __future__ import annotations

import select
import socket

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound

from serving import errors, service, settings
from serving.batching import Caller, ThreadBatcher

WORKER_CLASS = "gthread"
SERVICE = service.Service(settings.from_environment(), ThreadBatcher)

application = Flask(__name__, static_folder=None)
application.config["PROVIDE_AUTOMATIC_OPTIONS"] = False  # only the methods that service.METHODS names


@application.get("/ping")
def ping() -> Response:
    """Whether predictions can be made."""
    return respond(SERVICE.ping())


@application.post("/invocations")
def invocations() -> Response:
    """Predict."""
    invocation = SERVICE.begin(request.headers, request.get_data(cache=False))
    connection: socket.socket = request.environ["gunicorn.socket"]
    caller = Caller(invocation.request_id, lambda: has_hung_up(connection))
    return respond(SERVICE.finish(invocation, SERVICE.batcher.predict(invocation.rows, caller)))


@application.get("/metrics")
def metrics() -> Response:
    """What Prometheus scrapes."""
    return respond(SERVICE.metrics())


@application.get("/execution-parameters")
def execution_parameters() -> Response:
    """What batch transform asks."""
    return respond(SERVICE.execution_parameters())


@application.get("/openapi.json")
def openapi() -> Response:
    """The description of this interface."""
    return respond(SERVICE.openapi())


@application.errorhandler(Exception)
def refuse(error: Exception) -> Response:
    """Any error, in the one shape."""
    return respond(service.refusal(_as_serving_error(error), request.path, request.headers))


def has_hung_up(connection: socket.socket) -> bool:
    """Whether the caller has closed the connection."""
    hung_up = select.poll()
    hung_up.register(connection, getattr(select, "POLLRDHUP", 0))  # and POLLHUP, which can't be left out
    return bool(hung_up.poll(0))


def respond(reply: service.Reply) -> Response:
    """A reply in Flask's form."""
    return Response(reply.body, reply.status, reply.headers)


def _as_serving_error(error: Exception) -> Exception:
    if isinstance(error, MethodNotAllowed):
        return errors.MethodNotAllowed.for_path(request.path, service.METHODS[request.path])
    if isinstance(error, NotFound):
        return errors.NotFound.for_path(request.path)
    if isinstance(error, HTTPException):
        return errors.BadRequest(error.description or error.name)
    return error
