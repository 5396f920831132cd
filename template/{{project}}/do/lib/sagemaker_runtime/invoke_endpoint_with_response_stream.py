"""InvokeEndpointWithResponseStream: the response as events, piece by piece.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpointWithResponseStream.html
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing

from lib.sagemaker_runtime import errors, event_stream, limits, replies
from lib.sagemaker_runtime.container import BROKEN, Container, Response
from lib.sagemaker_runtime.invoke_endpoint import begun
from lib.sagemaker_runtime.replies import Reply
from lib.sagemaker_runtime.requests import AMZN, Request


def answer(request: Request, container: Container) -> Reply:
    """The container's response as an event stream. Raises InvocationError."""
    if request.parameters.get("SessionId") == "NEW_SESSION":
        raise errors.invalid("InvokeEndpointWithResponseStream can't create a session: use InvokeEndpoint.")
    try:
        response = begun(request, container, limits.STREAM_SECONDS)
    except TimeoutError:
        raise errors.timed_out() from None
    except BROKEN:
        raise errors.hung_up() from None
    headers = replies.of_container(response.headers, f"{AMZN}Content-Type")
    return Reply(200, headers | {"Content-Type": event_stream.CONTENT_TYPE}, _events(response))


def _events(response: Response) -> Generator[bytes]:
    with closing(response):
        try:
            yield from map(event_stream.payload_part, response.pieces())
        except TimeoutError:
            said = f"The model did not finish its response within {limits.STREAM_SECONDS} seconds."
            yield event_stream.model_stream_error("ModelInvocationTimeExceeded", said)
        except BROKEN:
            yield event_stream.model_stream_error("StreamBroken", "The model closed the connection.")
