"""Whether there is an endpoint to ask: batch transform has none."""

from __future__ import annotations

from lib.cli import ExitCode, VerbError

LOGS_COMMAND = "do/transform --logs"  # what shows the log of the containers in AWS


def require_endpoint() -> None:
    """Raise VerbError."""
    raise VerbError(
        "this project has no endpoint, because its deploy_target is batch: run do/transform FILE, or do/transform "
        "--logs for the log",
        ExitCode.BAD_CONFIGURATION,
    )


def addressed() -> dict[str, str]:
    """What a request has beside the name of an endpoint: nothing."""
    return {}
