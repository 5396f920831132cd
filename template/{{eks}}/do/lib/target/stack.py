"""What a stack has: nothing, because CloudFormation has no kind of resource for what runs in a cluster."""

from __future__ import annotations

from lib.cli import ExitCode, VerbError
from lib.stack.recording import Recorder


def record(aws: Recorder, role_arn: str) -> None:
    """Raise VerbError."""
    raise VerbError(
        "CloudFormation can't make what an EKS cluster runs: keep what do/deploy --dry-run prints instead",
        ExitCode.BAD_CONFIGURATION,
    )
