"""The policy documents in iam/, with this project's account and names in place of their ${PLACEHOLDERS}."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from string import Template
from typing import Any

from lib import config, target
from lib.aws import model_data, names, requests
from lib.aws.client import AwsClient
from lib.aws.tables import read_table
from lib.cli import ROOT, ExitCode, VerbError
from lib.image import images

IAM = ROOT / "iam"
TABLE = Path(__file__).with_name("roles.yml")
TARGETS_TABLE = Path(target.__file__).with_name("roles.yml")
COMPLETE_SECRET_ARN = re.compile(r"arn:.*-[A-Za-z0-9]{6}")
ECR_IMAGE = re.compile(r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.[a-z0-9.-]+/(?P<repository>[^:@]+)")


class Values(Mapping[str, str]):
    """What stands in the documents for what differs between accounts, regions and projects.

    Each is looked up when it is asked for, because some cost a request to AWS.
    """

    def __init__(self, aws: AwsClient) -> None:
        self._aws = aws
        self._known: dict[str, str] = {}

    def __getitem__(self, name: str) -> str:
        if name not in self._known:
            self._known[name] = VALUES[name](self._aws)
        return self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(VALUES)

    def __len__(self) -> int:
        return len(VALUES)


def document(aws: AwsClient, file_name: str) -> dict[str, Any]:
    """A document for this account and region. Raises VerbError where the file is gone or makes no sense."""
    return _filled_in(file_name, Values(aws))


def of(aws: AwsClient, purpose: str) -> dict[str, dict[str, Any]]:
    """The policies by name that a row of roles.yml has with these settings. Raises VerbError."""
    values = Values(aws)
    return {
        Path(file).stem: _filled_in(file, values)
        for file, needed in table()[purpose]["policies"].items()
        if not needed or values[needed]
    }


def trust(aws: AwsClient, purpose: str) -> dict[str, Any]:
    """Who may assume the role of this row of roles.yml. Raises VerbError."""
    return document(aws, table()[purpose]["trust"])


def roles_of_the_project() -> list[str]:
    """The rows of roles.yml that are roles of this project."""
    return [purpose for purpose, row in table().items() if "trust" in row and (IAM / row["trust"]).exists()]


def boundary(aws: AwsClient) -> dict[str, Any]:
    """The most that the project's roles can ever do with these settings: what their documents say. Raises VerbError."""
    statements = [
        {**statement, "Sid": f"{purpose.capitalize()}{statement['Sid']}"}
        for purpose in roles_of_the_project()
        for found in of(aws, purpose).values()
        for statement in found["Statement"]
    ]
    return {"Version": "2012-10-17", "Statement": statements}


def iam_arn(aws: AwsClient, name: str) -> str:
    """The ARN of something in IAM, such as `role/my-role`."""
    return f"arn:{aws.identity.partition}:iam::{aws.identity.account}:{name}"


def table() -> dict[str, Any]:
    """roles.yml, with the policies that the target's own roles.yml adds to its rows."""
    rows, added = (read_table(path) for path in (TABLE, TARGETS_TABLE))
    return {
        purpose: {**row, "policies": {**row["policies"], **added.get(purpose, {})}} for purpose, row in rows.items()
    }


def _filled_in(file_name: str, values: Values) -> dict[str, Any]:
    file = IAM / file_name
    try:
        return dict(json.loads(Template(file.read_text(encoding="utf-8")).substitute(values)))
    except FileNotFoundError:
        raise VerbError(f"iam/{file_name} is missing: run git checkout iam", ExitCode.MISSING_FILE) from None
    except (KeyError, ValueError) as error:
        raise VerbError(
            f"iam/{file_name} can't be used: {error} (it takes {', '.join(values)})",
            ExitCode.BAD_CONFIGURATION,
        ) from None


def _setting(name: str) -> str:
    """A setting; empty in projects that don't have it."""
    return config.load().get(name, "")


def _place(url: str) -> tuple[str, str]:
    """The bucket and the prefix of a place in S3."""
    bucket, _, prefix = url.removeprefix("s3://").partition("/")
    return bucket, prefix


def _key_arn(aws: AwsClient) -> str:
    """The ARN of KMS_KEY, which is given by its id, ARN or alias; empty where none is given."""
    key = _setting("KMS_KEY")
    if not key or ":key/" in key:
        return key
    return str(aws.read("kms", "DescribeKey", KeyId=key)["KeyMetadata"]["Arn"])


def _secret_arn(name: str) -> Callable[[AwsClient], str]:
    """The ARN of a secret, also where it lacks the six letters that Secrets Manager adds, or is only the name."""

    def find(aws: AwsClient) -> str:
        secret = _setting(name)
        if not secret or COMPLETE_SECRET_ARN.fullmatch(secret):
            return secret
        place = f"arn:{aws.identity.partition}:secretsmanager:{aws.region}:{aws.identity.account}:secret:"
        return f"{'' if secret.startswith('arn:') else place}{secret}-??????"

    return find


def _base_image(aws: AwsClient) -> str:
    """The repository in ECR that the base image comes from; empty for an image from elsewhere."""
    found = ECR_IMAGE.match(images.base())
    place = "arn:{}:ecr:{region}:{account}:repository/{repository}"
    return place.format(aws.identity.partition, **found.groupdict()) if found else ""


def _endpoint_role(aws: AwsClient) -> str:
    return _setting("ROLE_ARN") or iam_arn(aws, f"role/{names.role('sagemaker')}")


VALUES: dict[str, Callable[[AwsClient], str]] = {
    "PARTITION": lambda aws: aws.identity.partition,
    "REGION": lambda aws: aws.region,
    "ACCOUNT": lambda aws: aws.identity.account,
    "PROJECT": lambda _: names.project(),
    "BUCKET": lambda aws: names.bucket(aws.identity.account, aws.region),
    "SAGEMAKER_ROLE": _endpoint_role,
    "CODEBUILD_ROLE": lambda aws: iam_arn(aws, f"role/{names.role('codebuild')}"),
    "BOUNDARY": lambda aws: iam_arn(aws, f"policy/{names.boundary()}"),
    "KMS_KEY": _key_arn,
    "VPC_SUBNETS": lambda _: _setting("VPC_SUBNETS"),
    "HF_TOKEN_SECRET": _secret_arn("HF_TOKEN_SECRET"),
    "NGC_KEY_SECRET": _secret_arn("NGC_KEY_SECRET"),
    "BASE_IMAGE_REPOSITORY": _base_image,
    "MODEL_PACKAGE_ARN": lambda _: _setting("MODEL_PACKAGE_ARN"),
    "MODEL_DATA_BUCKET": lambda aws: _place(model_data.url(aws))[0],
    "MODEL_DATA_PREFIX": lambda aws: _place(model_data.url(aws))[1],
    "DATA_CAPTURE_BUCKET": lambda _: _place(_setting("DATA_CAPTURE_URL"))[0],
    "DATA_CAPTURE_PREFIX": lambda _: _place(_setting("DATA_CAPTURE_URL"))[1],
    "TRANSFORM_INPUT_BUCKET": lambda _: _place(_setting("TRANSFORM_INPUT_URL"))[0],
    "TRANSFORM_INPUT_PREFIX": lambda _: _place(_setting("TRANSFORM_INPUT_URL"))[1],
    "SUCCESS_TOPIC": lambda _: _setting("SUCCESS_TOPIC"),
    "ERROR_TOPIC": lambda _: _setting("ERROR_TOPIC"),
    # for roles.yml: not empty where it is so
    "ADAPTERS": lambda _: "yes" if (IAM / "caller-adapters.json").exists() else "",
    "AUTOSCALING": lambda _: "yes" if requests.is_scaled() else "",
    "CODEBUILD": lambda _: "yes" if _setting("BUILD_WITH") == "codebuild" else "",
}
