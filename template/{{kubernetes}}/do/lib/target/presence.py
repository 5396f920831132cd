"""Whether there is something to ask: the pods of the Deployment."""

from __future__ import annotations

LOGS_COMMAND = "do/logs --endpoint"  # what shows the log of the containers in AWS


def require_endpoint() -> None:
    """Do nothing; the modules of other deployment targets raise VerbError here."""


def addressed() -> dict[str, str]:
    """What a request to SageMaker has beside the name of an endpoint: nothing."""
    return {}
