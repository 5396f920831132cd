"""What a stack has: all that do/deploy makes for an endpoint."""

from __future__ import annotations

from lib.aws import deployment, plan
from lib.stack import recording
from lib.stack.recording import Recorder


def record(aws: Recorder, role_arn: str) -> None:
    """Keep what do/deploy sends to an empty account, and how it would update that. Raises VerbError."""
    wanted = deployment.described(aws, role_arn)
    plan.make(deployment.steps(aws, wanted, None))
    recording.record_update(aws, wanted.config)
