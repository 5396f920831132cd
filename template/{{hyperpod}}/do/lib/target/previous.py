"""Back to the specification that the InferenceEndpointConfig had before."""

from __future__ import annotations

from lib.aws import names
from lib.aws.client import AwsClient
from lib.cli import ExitCode, VerbError, say
from lib.target import manifest, product, serving


def restored(aws: AwsClient) -> str:
    """Go back to the last specification that was complete; says what is served. Raises VerbError."""
    kubectl = product.connected(aws)
    serving.require_operator(kubectl)
    found = serving.current(kubectl)
    if not found:
        raise VerbError(f"there is no {manifest.KIND} {names.project()}: run do/deploy", ExitCode.MISSING_PREREQUISITE)
    before = found.previous
    if not before:
        raise VerbError(
            f"{names.project()} has served nothing else before: run do/deploy; it is {found}", ExitCode.MISSING_FILE
        )
    image = before["worker"]["image"].rpartition("/")[2]
    say(f"to do: update the {manifest.KIND} {names.project()} to {image}")
    serving.apply(aws, kubectl, manifest.with_spec(before), found)
    return f"{names.project()} serves {image}"
