"""Back to the specification that ran the model before."""

from __future__ import annotations

from lib.aws import names
from lib.aws.client import AwsClient
from lib.cli import ExitCode, VerbError, say
from lib.target import manifest, product, rollout


def restored(aws: AwsClient) -> str:
    """Go back to the last specification that was complete; says what is served. Raises VerbError."""
    kubectl = product.connected(aws)
    found = rollout.current(kubectl)
    if not found:
        raise VerbError(f"there is no {manifest.KIND} {names.project()}: run do/deploy", ExitCode.MISSING_PREREQUISITE)
    before = found.previous
    if not before:
        raise VerbError(
            f"{names.project()} has served nothing else before: run do/deploy; it is {found}", ExitCode.MISSING_FILE
        )
    image = manifest.image_of(before).rpartition("/")[2]
    say(f"to do: update the {manifest.KIND} {names.project()} to {image}")
    rollout.apply_alone(aws, kubectl, manifest.with_spec(before), found)
    return f"{names.project()} serves {image}"
