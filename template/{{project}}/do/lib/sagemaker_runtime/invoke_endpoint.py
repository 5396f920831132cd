"""InvokeEndpoint: the response in one piece.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html
"""

from __future__ import annotations

from contextlib import closing

from lib.sagemaker_runtime import errors, limits, replies
from lib.sagemaker_runtime.container import BROKEN, Container, Response
from lib.sagemaker_runtime.replies import Reply
from lib.sagemaker_runtime.requests import Request


def answer(request: Request, container: Container) -> Reply:
    """The container's response. Raises InvocationError."""
    try:
        with closing(begun(request, container, limits.SECONDS)) as response:
            return Reply(200, replies.of_container(response.headers, "Content-Type"), response.read())
    except TimeoutError:
        raise errors.timed_out() from None
    except BROKEN:
        raise errors.hung_up() from None


def begun(request: Request, container: Container, seconds: float) -> Response:
    """The container's response, whose body is yet to come. Raises InvocationError, TimeoutError, and BROKEN."""
    body = request.body.read()
    if not container.is_ready():
        raise errors.not_ready()
    response = container.post(body, request.for_container(), seconds)
    if response.status == 200:
        return response
    with closing(response):
        raise errors.model_error(response.status, response.read())
