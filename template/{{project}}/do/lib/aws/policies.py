"""The policy documents in iam/, with this project's account and names in place of their ${PLACEHOLDERS}."""

from __future__ import annotations

import json
import re
from string import Template
from typing import Any

from lib import config
from lib.aws import names
from lib.aws.client import AwsClient
from lib.cli import ROOT, ExitCode, VerbError
from lib.image import images

IAM = ROOT / "iam"
SECRETS = ("HF_TOKEN_SECRET", "NGC_KEY_SECRET")  # settings of some projects
COMPLETE_SECRET_ARN = re.compile(r"arn:.*-[A-Za-z0-9]{6}")
ECR_IMAGE = re.compile(r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.[a-z0-9.-]+/(?P<repository>[^:@]+)")


def document(aws: AwsClient, file_name: str) -> dict[str, Any]:
    """A document for this account and region. Raises VerbError where the file is gone or makes no sense."""
    file = IAM / file_name
    try:
        return dict(json.loads(Template(file.read_text(encoding="utf-8")).substitute(values(aws))))
    except FileNotFoundError:
        raise VerbError(f"iam/{file_name} is missing: type git checkout iam", ExitCode.MISSING_FILE) from None
    except (KeyError, ValueError) as error:
        raise VerbError(
            f"iam/{file_name} can't be used: {error} (it takes {', '.join(values(aws))})",
            ExitCode.BAD_CONFIGURATION,
        ) from None


def values(aws: AwsClient) -> dict[str, str]:
    """What stands in the documents for what differs between accounts, regions and projects."""
    configuration = config.load()
    return {
        "PARTITION": aws.identity.partition,
        "REGION": aws.region,
        "ACCOUNT": aws.identity.account,
        "PROJECT": names.project(),
        "BUCKET": names.bucket(aws.identity.account, aws.region),
        "KMS_KEY": _key_arn(aws, configuration["KMS_KEY"]),
        "VPC_SUBNETS": configuration["VPC_SUBNETS"],
        **{name: _secret_arn(aws, configuration[name]) if name in configuration else "" for name in SECRETS},
        **_base_image(aws),
        **_place("MODEL_DATA", configuration["MODEL_DATA_URL"]),
        **_place("DATA_CAPTURE", configuration["DATA_CAPTURE_URL"]),
    }


def _place(name: str, url: str) -> dict[str, str]:
    """The bucket and the prefix of a place in S3."""
    bucket, _, prefix = url.removeprefix("s3://").partition("/")
    return {f"{name}_BUCKET": bucket, f"{name}_PREFIX": prefix}


def _key_arn(aws: AwsClient, key: str) -> str:
    """The ARN of a KMS key that is given by its id, ARN or alias; empty where none is given."""
    if not key or ":key/" in key:
        return key
    return str(aws.read("kms", "DescribeKey", KeyId=key)["KeyMetadata"]["Arn"])


def _secret_arn(aws: AwsClient, secret: str) -> str:
    """The ARN of a secret, also where it lacks the six letters that Secrets Manager adds, or is only the name."""
    if not secret or COMPLETE_SECRET_ARN.fullmatch(secret):
        return secret
    place = f"arn:{aws.identity.partition}:secretsmanager:{aws.region}:{aws.identity.account}:secret:"
    return f"{'' if secret.startswith('arn:') else place}{secret}-??????"


def _base_image(aws: AwsClient) -> dict[str, str]:
    """The repository in ECR that the base image comes from; empty for an image from elsewhere."""
    found = ECR_IMAGE.match(images.base())
    place = "arn:{}:ecr:{region}:{account}:repository/{repository}"
    return {"BASE_IMAGE_REPOSITORY": place.format(aws.identity.partition, **found.groupdict()) if found else ""}
