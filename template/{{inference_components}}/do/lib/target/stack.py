"""What a stack has: all that do/deploy makes for an endpoint and its inference component."""

from __future__ import annotations

from lib.aws import plan
from lib.stack import recording
from lib.stack.recording import Recorder
from lib.target import capacity, product, serving


def record(aws: Recorder, role_arn: str) -> None:
    """Keep what do/deploy sends to an empty account, and how it would update that. Raises VerbError."""
    wanted = product.described(aws, role_arn)
    plan.make(product.missing(aws, wanted, None, None))
    recording.record_update(aws, wanted.config)
    rolling = serving.rolling_update(capacity.first_copies())
    aws.change("sagemaker", "UpdateInferenceComponent", DeploymentConfig=rolling)
