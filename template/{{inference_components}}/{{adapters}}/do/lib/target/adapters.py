"""The LoRA adapters of the model as inference components that the model's own component loads.

https://docs.aws.amazon.com/sagemaker/latest/dg/realtime-endpoints-adapt.html: they name that component and an archive
in S3, and have neither compute resources nor copies. An adapter with other weights is deleted and created: AWS
documents no update of one.
"""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

from lib import config
from lib.aws import archive, bucket, components, names, plan, waiting
from lib.aws.client import AwsClient
from lib.aws.components import Component
from lib.aws.plan import Step
from lib.aws.redaction import redacted
from lib.cli import ExitCode, VerbError
from lib.target import serving

FOLDER = f"{archive.PREFIX}adapters/"
PATTERN = re.compile(r"[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?")
PATIENCE = 1800  # seconds; it takes about one minute


def component(name: str) -> str:
    """The name of an adapter's component. Raises VerbError for a name that SageMaker doesn't take."""
    longest = names.LONGEST - len(names.adapter(""))
    if not PATTERN.fullmatch(name) or len(name) > longest:
        raise VerbError(
            f"{name!r} can't be an adapter's name: choose at most {longest} letters, digits and hyphens, and no hyphen "
            "at an end",
            ExitCode.BAD_CONFIGURATION,
        )
    return names.adapter(name)


def require_base(aws: AwsClient) -> None:
    """Raise VerbError unless the model's component can take adapters."""
    found = serving.current(aws)
    if not found or found.status != "InService":
        state = components.told(found) if found else f"there is no inference component {names.project()}"
        raise VerbError(f"{state}: run do/deploy", ExitCode.MISSING_PREREQUISITE)


def uploaded(aws: AwsClient, name: str, file: Path) -> str:
    """Where an archive lies in the project's bucket, to which it is sent unless it is there. Raises VerbError."""
    return archive.upload(aws, file, plan.reconciled(lambda: bucket.ensure(aws)), _folder(name))


def require_readable(aws: AwsClient, artifact: str) -> None:
    """Raise VerbError for an archive that isn't in the bucket, or that the role of do/deploy can't read."""
    configuration, own = config.load(), names.bucket(aws.identity.account, aws.region)
    place, _, key = artifact.removeprefix("s3://").partition("/")
    if place == own and key.startswith(archive.PREFIX):
        if not aws.dry_run and not aws.find("s3", "HeadObject", Bucket=own, Key=key):
            raise VerbError(f"there is nothing at {artifact}", ExitCode.MISSING_FILE)
        return
    given = configuration.get("MODEL_DATA_URL", "")
    if not configuration["ROLE_ARN"] and not (given and artifact.startswith(given)):
        raise VerbError(
            f"the role of do/deploy can't read {artifact}: copy it to s3://{own}/{FOLDER}, or set ROLE_ARN to a role "
            "that can",
            ExitCode.BAD_CONFIGURATION,
        )


def bring(aws: AwsClient, name: str, artifact: str) -> bool:
    """Have the component of an adapter with these weights; whether something was missing. Raises VerbError."""
    taken: list[Step] = []
    plan.reconciled(lambda: _bring(aws, name, artifact, taken))
    return bool(taken)


def owned(aws: AwsClient) -> list[Component]:
    """The adapters that this project made."""
    if not components.find(aws):
        return []
    return [one for one in components.adapters(aws) if names.is_ours(components.tags(aws, one))]


def remove(aws: AwsClient, name: str) -> bool:
    """Delete the component of an adapter; whether there was one. Raises VerbError for somebody else's."""
    found = _current(aws, name)
    if found:
        plan.carry_out([_removal(aws, found, "")])
    return bool(found)


def remove_archives(aws: AwsClient, name: str, kept: str = "") -> bool:
    """Delete what was uploaded for an adapter, but for the archive `kept`; whether there was anything."""
    own, owner = names.bucket(aws.identity.account, aws.region), aws.identity.account
    place = {"Bucket": own, "ExpectedBucketOwner": owner}
    listed = aws.find("s3", "ListObjectsV2", **place, Prefix=_folder(name)) or {}  # none without a bucket
    keys = [row["Key"] for row in listed.get("Contents", ()) if f"s3://{own}/{row['Key']}" != kept]
    for key in keys:
        aws.change("s3", "DeleteObject", **place, Key=key)
    return bool(keys)


def _bring(aws: AwsClient, name: str, artifact: str, taken: list[Step]) -> None:
    found, steps = _current(aws, name), []
    if found and found.artifact == artifact and found.status == "InService":
        return
    if found:
        why = "which has failed" if found.status == "Failed" else f"which has {found.artifact}"
        steps.append(_removal(aws, found, f", {why}"))
    steps.append(Step(f"create the inference component {name} with {artifact}", partial(_create, aws, name, artifact)))
    taken += steps
    plan.carry_out(steps)


def _removal(aws: AwsClient, found: Component, why: str) -> Step:
    return Step(f"delete the inference component {found.name}{why}", partial(components.remove, aws, found.name))


def _create(aws: AwsClient, name: str, artifact: str) -> None:
    """Create the component and wait for it. Raises VerbError where it fails."""
    aws.change(
        "sagemaker",
        "CreateInferenceComponent",
        InferenceComponentName=name,
        EndpointName=names.project(),
        Specification={"BaseInferenceComponentName": names.project(), "Container": {"ArtifactUrl": artifact}},
        Tags=names.tag_list(),
    )
    if aws.dry_run:
        return
    found = _settled(aws, name)
    if not found or found.status != "InService":
        reason = redacted(found.reason) if found else ""
        raise VerbError(
            f"{components.told(found, name)}{f' ({reason})' if reason else ''}: run do/logs --endpoint, which shows "
            "what the engine says",
            ExitCode.AWS_ERROR,
        )


def _current(aws: AwsClient, name: str) -> Component | None:
    """The component of an adapter, once nothing moves. Raises VerbError for one that the project did not make."""
    found = components.find(aws, name)
    if not found:
        return None
    names.require_ours(f"inference component {name}", components.tags(aws, found))
    return found if aws.dry_run or found.status not in serving.MOVING else _settled(aws, name)


def _settled(aws: AwsClient, name: str) -> Component | None:
    return waiting.until(
        lambda: components.find(aws, name),
        lambda seen: not seen or seen.status not in serving.MOVING,
        lambda seen: components.told(seen, name),
        PATIENCE,
    )


def _folder(name: str) -> str:
    return f"{FOLDER}{name}/"
