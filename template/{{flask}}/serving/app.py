"""The web application (Flask): routes and nothing else, the work is done in `service`."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Iterable
from typing import Any

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound

from serving import errors, service, settings
from serving.invocations import PATH, Environ, HotRoute
from serving.thread_batching import ThreadBatcher

WORKER_CLASS = "serving.thread_worker.ThreadWorker"
SERVICE = service.Service(settings.from_environment(), ThreadBatcher)

application = Flask(__name__, static_folder=None)
application.config["PROVIDE_AUTOMATIC_OPTIONS"] = False  # only the methods that service.METHODS names
invocations = HotRoute(SERVICE)


@application.get("/ping")
def ping() -> Response:
    """Whether predictions can be made."""
    return respond(SERVICE.ping())


@application.post(PATH)
def predict() -> Response:
    """Predict, where an owner's code keeps requests from going by the framework."""
    return respond(invocations.predict(request.headers, request.get_data(), request.environ["gunicorn.socket"]))


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


def extensions() -> tuple[Any, ...]:
    """What an owner may have added that is to see requests for predictions, too."""
    hooks = (application.before_request_funcs, application.after_request_funcs, application.teardown_request_funcs)
    return application.wsgi_app, copy.deepcopy(hooks), copy.deepcopy(application.error_handler_spec)


OWN = extensions()


@functools.cache  # the first request ends what can be added
def is_extended() -> bool:
    """Whether there is more than this module adds."""
    return extensions() != OWN


def entrance(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
    """What gunicorn calls: requests for predictions go by the framework, unless an owner's code is to see them."""
    is_hot = environ["PATH_INFO"] == PATH and environ["REQUEST_METHOD"] == "POST"
    return (invocations if is_hot and not is_extended() else application)(environ, start_response)


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
