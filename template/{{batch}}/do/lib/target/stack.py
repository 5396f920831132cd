"""What a stack has: nothing, because CloudFormation has no transform jobs, and there is no endpoint."""

from __future__ import annotations

from lib.stack.recording import Recorder
from lib.target import presence


def record(aws: Recorder, role_arn: str) -> None:
    """Raise VerbError."""
    presence.require_endpoint()
