"""What a transform job is asked to do, as the parameters of CreateTransformJob, and which of its rules are kept.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateTransformJob.html and
https://docs.aws.amazon.com/sagemaker/latest/dg/batch-transform-data-processing.html
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, NamedTuple

from lib import config
from lib.aws import names, transforms
from lib.aws.client import AwsClient
from lib.cli import ExitCode, VerbError
from lib.target import endpoint_config
from lib.verbs.invoke import CONTENT_TYPES

MOST_ATTEMPTS = 999  # of a job's name, which has at most 63 characters, see lib/aws/names.py
WITH_LINES = {"text/csv", "application/jsonlines"}  # a record is a line; other types are sent as whole files
PROCESSED = WITH_LINES | {"application/json"}  # what filters and joins take


class Data(NamedTuple):
    """What is transformed: a place in S3, and the file here that is to be uploaded to it, if it is one."""

    url: str
    file: Path | None
    content_type: str
    accept: str

    @property
    def by_lines(self) -> bool:
        """Whether SageMaker splits it into records."""
        return self.content_type in WITH_LINES and config.load()["SPLIT_TYPE"] == "Line"


def data(aws: AwsClient, given: str, content_type: str, accept: str) -> Data:
    """What a user asks to transform. Raises VerbError where AWS would refuse it, or the role couldn't read it."""
    place = given or config.load()["TRANSFORM_INPUT_URL"]
    if not place:
        raise VerbError(
            "there is nothing to transform: run do/transform FILE, or do/config set TRANSFORM_INPUT_URL s3://...",
            ExitCode.BAD_CONFIGURATION,
        )
    sent_as = content_type or CONTENT_TYPES.get(Path(place).suffix.lower(), "text/csv")
    if place.startswith("s3://"):
        found = Data(place, None, sent_as, accept or sent_as)
        _require_readable(aws, place)
    else:
        found = _of_file(aws, Path(place), sent_as, accept or sent_as)
    _require_processed(found)
    return found


def parameters(aws: AwsClient, model_name: str, data: Data) -> dict[str, Any]:
    """What CreateTransformJob gets, without the names that `started` adds."""
    configuration = config.load()
    split = "Line" if data.by_lines else "None"
    assemble = configuration["ASSEMBLE_WITH"] if data.by_lines else "None"
    source = {"S3DataType": "S3Prefix", "S3Uri": data.url}
    wanted: dict[str, Any] = {
        "ModelName": model_name,
        "TransformInput": {
            "DataSource": {"S3DataSource": source},
            "ContentType": data.content_type,
            "SplitType": split,
        },
        "TransformOutput": {"Accept": data.accept, "AssembleWith": assemble},
        "TransformResources": {
            "InstanceType": configuration["INSTANCE_TYPE"],
            "InstanceCount": int(configuration["TRANSFORM_INSTANCES"]),
        },
        "MaxConcurrentTransforms": int(configuration["MAX_CONCURRENT_TRANSFORMS"]),
        "MaxPayloadInMB": int(configuration["MAX_PAYLOAD_MB"]),
        "ModelClientConfig": {"InvocationsTimeoutInSeconds": int(configuration["INVOCATION_TIMEOUT"])},
    }
    if data.by_lines:
        wanted["BatchStrategy"] = configuration["BATCH_STRATEGY"]
    if configuration["KMS_KEY"]:
        wanted["TransformResources"]["VolumeKmsKeyId"] = configuration["KMS_KEY"]
    if processing := _processing():
        wanted["DataProcessing"] = processing
    return wanted


def name_of_next(aws: AwsClient, wanted: dict[str, Any], is_fixed: bool) -> tuple[str, transforms.Job | None]:
    """The name for a job with these parameters, and the job if there is one to go on with.

    Names can't be used again, so a job that ended is followed by another attempt. One that is Completed is used if its
    data is `is_fixed`: what lies elsewhere in S3 may have changed since. Raises VerbError.
    """
    base = names.by_content(wanted)
    for attempt in range(1, MOST_ATTEMPTS + 1):
        name = f"{base}-{attempt}"
        found = transforms.find(aws, name)
        if not found or found.is_moving or (is_fixed and found.status == "Completed"):
            return name, found
    raise VerbError(f"{base} was tried {MOST_ATTEMPTS} times: change the data or a setting", ExitCode.FAILED)


def create(aws: AwsClient, name: str, wanted: dict[str, Any]) -> None:
    """Start the job."""
    output = {**wanted["TransformOutput"], "S3OutputPath": output_url(aws, name)}
    aws.change(
        "sagemaker",
        "CreateTransformJob",
        TransformJobName=name,
        **{**wanted, "TransformOutput": output},
        Tags=names.tag_list(),
    )


def output_url(aws: AwsClient, name: str) -> str:
    """Where the results of a job are: an object for each of the input, whose name ends with .out."""
    return f"s3://{_bucket(aws)}/{endpoint_config.OUTPUTS}{name}/"


def result_key(name: str, file: Path) -> str:
    """The key of the result of a file from here in the project's bucket."""
    return f"{endpoint_config.OUTPUTS}{name}/{file.name}.out"


def _of_file(aws: AwsClient, file: Path, content_type: str, accept: str) -> Data:
    try:
        digest = _digest(file)
    except OSError as error:
        raise VerbError(f"can't read {file}: {error.strerror}", ExitCode.MISSING_FILE) from None
    key = f"{endpoint_config.INPUTS}{digest}/{file.name}"
    found = Data(f"s3://{_bucket(aws)}/{key}", file, content_type, accept)
    limit, size = int(config.load()["MAX_PAYLOAD_MB"]), file.stat().st_size
    if not found.by_lines and size > limit * 10**6:
        raise VerbError(
            f"{file} is sent in one request of {size / 10**6:.1f} MB, and MAX_PAYLOAD_MB is {limit}: run do/config set "
            "MAX_PAYLOAD_MB with more, 100 at most, or give CSV or JSON Lines, which are split",
            ExitCode.BAD_CONFIGURATION,
        )
    return found


def _digest(file: Path) -> str:
    """The start of the SHA-256 of a file's content, of which little is in memory at a time."""
    found = hashlib.sha256()
    with file.open("rb") as content:
        while piece := content.read(1024**2):
            found.update(piece)
    return found.hexdigest()[: names.HASH_LENGTH]


def _processing() -> dict[str, str]:
    configuration = config.load()
    keys = {"INPUT_FILTER": "InputFilter", "OUTPUT_FILTER": "OutputFilter"}
    found = {name: configuration[key] for key, name in keys.items() if configuration[key]}
    return found | ({"JoinSource": "Input"} if configuration["JOIN_SOURCE"] == "Input" else {})


def _require_processed(data: Data) -> None:
    """Raise VerbError for filters or a join that SageMaker doesn't make with such data."""
    processing = _processing()
    if processing and not {data.content_type, data.accept} <= PROCESSED:
        raise VerbError(
            f"SageMaker filters and joins CSV, JSON and JSON Lines only, not {data.content_type} with {data.accept}: "
            "run do/config set INPUT_FILTER '', OUTPUT_FILTER '' and JOIN_SOURCE None",
            ExitCode.BAD_CONFIGURATION,
        )
    if "JoinSource" in processing and data.content_type != data.accept:
        raise VerbError(
            f"JOIN_SOURCE=Input needs results of the input's type, {data.content_type}: leave out --accept, or run "
            "do/config set JOIN_SOURCE None",
            ExitCode.BAD_CONFIGURATION,
        )


def _require_readable(aws: AwsClient, url: str) -> None:
    """Raise VerbError for a place that the role of do/deploy may not read; ROLE_ARN's rights aren't known."""
    configuration = config.load()
    known = [configuration["TRANSFORM_INPUT_URL"], f"s3://{_bucket(aws)}/{endpoint_config.INPUTS}"]
    if not configuration["ROLE_ARN"] and not any(place and url.startswith(place) for place in known):
        raise VerbError(
            f"the role of the jobs may not read {url}: run do/config set TRANSFORM_INPUT_URL with it, then do/deploy",
            ExitCode.BAD_CONFIGURATION,
        )


def _bucket(aws: AwsClient) -> str:
    return names.bucket(aws.identity.account, aws.region)
