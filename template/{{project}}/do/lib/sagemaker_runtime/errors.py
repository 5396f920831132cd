"""Errors as the SageMaker runtime answers them."""

from __future__ import annotations

from lib.aws import names

ACCOUNT = "123456789012"  # which AWS's documentation uses as an example; nothing here belongs to an account
STATUS = {
    "ValidationError": 400,
    "UnknownOperationException": 404,
    "ModelError": 424,
    "ModelNotReadyException": 429,
    "InternalFailure": 500,
}


class InvocationError(Exception):
    """An error with its code in the API and the members of its document."""

    def __init__(self, code: str, message: str, **members: str | int) -> None:
        super().__init__(message)
        self.code = code
        self.members: dict[str, str | int] = {"Message": message, **members}

    @property
    def status(self) -> int:
        """The HTTP status of its code."""
        return STATUS[self.code]


def invalid(message: str) -> InvocationError:
    """The error for a request that makes no sense."""
    return InvocationError("ValidationError", message)


def not_ready() -> InvocationError:
    """The error for a server that is still starting."""
    return InvocationError("ModelNotReadyException", "The model is not ready yet: /ping does not answer 200.")


def model_error(status: int, body: bytes) -> InvocationError:
    """The error for a response of the container that isn't 200; its status is 0 if there was none.

    Messages in SageMaker's words: https://github.com/aws/sagemaker-python-sdk/issues/2955
    """
    said = body.decode(errors="replace")
    who = "client" if 400 <= status < 500 else "server"
    return InvocationError(
        "ModelError",
        f'Received {who} error ({status}) from primary with message "{said}". See the log of the server.',
        OriginalStatusCode=status,
        OriginalMessage=said,
        LogStreamArn=f"arn:aws:logs:local:{ACCOUNT}:log-group:/aws/sagemaker/Endpoints/{names.project()}",
    )


def timed_out() -> InvocationError:
    """The error for a container that takes too long, in SageMaker's words.

    https://github.com/RamVegiraju/SageMaker-Deployment/issues/3
    """
    said = "Your invocation timed out while waiting for a response from container primary."
    return model_error(0, said.encode())


def hung_up() -> InvocationError:
    """The error for a container that ends the connection before its response."""
    return model_error(0, b"The connection to container primary was closed before it sent a response.")
