"""The errors that clients see: one JSON shape, a stable code, and nothing of the server's inside."""

from __future__ import annotations

import orjson


class ServingError(Exception):
    """An answer other than 200. The message is shown to the client."""

    status = 500
    code = "internal_error"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message
        self.headers: dict[str, str] = {}

    def body(self, request_id: str) -> bytes:
        """The JSON document that the client gets."""
        return orjson.dumps({"error": {"code": self.code, "message": self.message, "request_id": request_id}})


class BadRequest(ServingError):
    """The rows can't be used; raise it from `decode` or `predict` to refuse a request with your own words."""

    status = 400
    code = "bad_request"


class MalformedBody(BadRequest):
    """The body is not what its content type says."""

    code = "malformed_body"


class EmptyBody(BadRequest):
    """There is no body, or no row in it."""

    code = "empty_body"


class WrongColumns(BadRequest):
    """A row has other columns than the model was trained with."""

    code = "wrong_columns"


class NotANumber(BadRequest):
    """A value is text, null, NaN or infinite."""

    code = "not_a_number"


class UnknownOutput(BadRequest):
    """The request's custom attributes ask for an output that the model doesn't have."""

    code = "unknown_output"


class NotFound(ServingError):
    """No such path."""

    status = 404
    code = "not_found"

    @classmethod
    def for_path(cls, path: str) -> NotFound:
        """The error for a path that nothing answers."""
        return cls(f"there is nothing at {path[:200]}")


class MethodNotAllowed(ServingError):
    """The path exists, with another method."""

    status = 405
    code = "method_not_allowed"

    @classmethod
    def for_path(cls, path: str, allow: str) -> MethodNotAllowed:
        """The error for a path that only answers the method `allow`."""
        error = cls(f"{path} only answers {allow}")
        error.headers = {"Allow": allow}
        return error


class NotAcceptable(ServingError):
    """No content type of the Accept header can be written."""

    status = 406
    code = "not_acceptable"


class UnsupportedContentType(ServingError):
    """The Content-Type header is missing or unknown."""

    status = 415
    code = "unsupported_content_type"


class UnsupportedContentEncoding(ServingError):
    """The body is compressed in a way that can't be read."""

    status = 415
    code = "unsupported_content_encoding"


class BodyTooLarge(ServingError):
    """The body is larger than SERVING_MAX_BODY_MB once it is decompressed."""

    status = 413
    code = "body_too_large"


class TooManyRequests(ServingError):
    """More requests wait than SERVING_MAX_WAITING allows."""

    status = 429
    code = "too_many_requests"


class CallerGone(ServingError):
    """The caller closed the connection before its turn came; nobody sees this, it is counted (nginx's own status)."""

    status = 499
    code = "caller_gone"


class PredictionFailed(ServingError):
    """The model raised an exception; the reason is in the log under the request's id."""

    code = "prediction_failed"


class OwnError(ServingError):
    """The owner's code answers with a status of its own choice, from 400 to 599."""

    code = "own_error"

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class ModelNotReady(ServingError):
    """The model is not loaded (yet)."""

    status = 503
    code = "model_not_ready"
