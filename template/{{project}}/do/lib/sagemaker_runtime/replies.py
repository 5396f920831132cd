"""What the stand-in answers with."""

from __future__ import annotations

import json
from collections.abc import Generator
from dataclasses import dataclass, field
from email.message import Message

from lib.aws import names
from lib.sagemaker_runtime.errors import InvocationError
from lib.sagemaker_runtime.requests import AMZN

# of the container's headers, those that callers get
ANSWERED = [f"{AMZN}Custom-Attributes", f"{AMZN}New-Session-Id", f"{AMZN}Closed-Session-Id"]


@dataclass(frozen=True)
class Reply:
    """A response with a whole body, or one in pieces."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | Generator[bytes] = b""


def of_container(headers: Message, content_type: str) -> dict[str, str]:
    """The headers of a prediction; that of its type is named `content_type`."""
    named = {name: name for name in ANSWERED} | {content_type: "Content-Type"}
    found = {name: headers[source] for name, source in named.items() if source in headers}
    return found | {"x-Amzn-Invoked-Production-Variant": names.VARIANT}


def of_error(error: InvocationError) -> Reply:
    """An error as SDKs expect it."""
    headers = {"Content-Type": "application/json", "x-amzn-ErrorType": error.code}
    return Reply(error.status, headers, json.dumps(error.members).encode())
