"""The policy documents in iam/, with this project's account and names in place of their ${PLACEHOLDERS}."""

from __future__ import annotations

import json
from string import Template
from typing import Any

from lib import settings
from lib.aws import names
from lib.aws.calls import Aws
from lib.cli import ROOT, ExitCode, VerbError

IAM = ROOT / "iam"


def document(aws: Aws, file_name: str) -> dict[str, Any]:
    """A document for this account and region. Raises VerbError where the file is gone or makes no sense."""
    file = IAM / file_name
    try:
        return dict(json.loads(Template(file.read_text(encoding="utf-8")).substitute(placeholders(aws))))
    except FileNotFoundError:
        raise VerbError(f"iam/{file_name} is missing: type git checkout iam", ExitCode.MISSING_FILE) from None
    except (KeyError, ValueError) as error:
        raise VerbError(
            f"iam/{file_name} can't be used: {error} (it takes {', '.join(placeholders(aws))})",
            ExitCode.BAD_CONFIGURATION,
        ) from None


def placeholders(aws: Aws) -> dict[str, str]:
    """What stands in the documents for what differs between accounts, regions and projects."""
    configuration = settings.load()
    return {
        "PARTITION": aws.identity.partition,
        "REGION": aws.region,
        "ACCOUNT": aws.identity.account,
        "PROJECT": names.project(),
        "BUCKET": names.bucket(aws.identity.account, aws.region),
        "KMS_KEY": _key_arn(aws, configuration["KMS_KEY"]),
        **_place("MODEL_DATA", configuration["MODEL_DATA_URL"]),
        **_place("DATA_CAPTURE", configuration["DATA_CAPTURE_URL"]),
    }


def _place(name: str, url: str) -> dict[str, str]:
    """The bucket and the prefix of a place in S3."""
    bucket, _, prefix = url.removeprefix("s3://").partition("/")
    return {f"{name}_BUCKET": bucket, f"{name}_PREFIX": prefix}


def _key_arn(aws: Aws, key: str) -> str:
    """The ARN of a KMS key that is given by its id, ARN or alias; empty where none is given."""
    if not key or ":key/" in key:
        return key
    return str(aws.read("kms", "DescribeKey", KeyId=key)["KeyMetadata"]["Arn"])
