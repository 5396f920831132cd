"""Jinja tests and filters for names: of AWS resources, models, images, files, and of choices that were mistyped."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable
from typing import Any

from jinja2 import Environment
from jinja2.ext import Extension

# SageMaker allows 63 characters. The verbs append a hyphen and at most 16 more, to tell versions apart.
LONGEST_PROJECT_NAME = 63 - len("-") - 16

# What ECR (lower case, no leading hyphen), CodeBuild and SageMaker (no underscore or dot) all accept; with a letter
# first it can also name a CloudFormation stack and a Kubernetes object.
PROJECT_NAME = re.compile(rf"(?=.{{2,{LONGEST_PROJECT_NAME}}}\Z)[a-z][a-z0-9]*(-[a-z0-9]+)*")

# The path between "role/" and the name is part of the ARN: roles made in the console have "service-role/" there.
ROLE_ARN = re.compile(r"arn:aws(-[a-z]+)*:iam::[0-9]{12}:role/([A-Za-z0-9_+=,.@-]+/)*[A-Za-z0-9_+=,.@-]{1,64}")

# registry[:port]/repository:tag, or @sha256 and a digest, or both. SageMaker takes 255 characters at most.
IMAGE_REFERENCE = re.compile(
    r"(?=.{1,255}\Z)"
    r"([a-z0-9.-]+(:[0-9]{1,5})?/)?[a-z0-9]+([._-]+[a-z0-9]+)*(/[a-z0-9]+([._-]+[a-z0-9]+)*)*"
    r"(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}(@sha256:[0-9a-f]{64})?|@sha256:[0-9a-f]{64})"
)

# The Hub's rule for the names of organisations and models.
MODEL_ID = re.compile(r"(?=.{3,96}\Z)(?!.*(--|\.\.))[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*(?<![.-])")

GIT_REVISION = re.compile(r"(?!.*\.\.)[A-Za-z0-9][A-Za-z0-9._/-]{0,199}")

# A token of Hugging Face or NVIDIA is never an answer; a secret that holds it is named, or given by its ARN.
TOKEN = re.compile(r"hf_[A-Za-z0-9]{8,}|nvapi-[A-Za-z0-9_-]{8,}")
SECRET_REFERENCE = re.compile(
    r"(arn:aws(-[a-z]+)*:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:)?[A-Za-z0-9/_+=.@-]{1,512}"
)

# What an option of an engine may be called, or take as a name.
OPTION_VALUE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

TOKEN_COUNT = re.compile(r"[1-9][0-9]{2,6}")

# Letters, digits, blanks and the signs of ordinary paths, on Windows too; nothing that means something to a shell.
FILE_PATH = re.compile(r"[A-Za-z0-9 ._/\\:~+@,=-]{1,255}")

# The options of the deployment, in SageMaker's limits (botocore's service model) and without blanks, quotes and other
# signs that mean something in do/config.env.
VPC_SUBNETS = re.compile(r"subnet-[0-9a-z]{1,25}(,subnet-[0-9a-z]{1,25}){0,15}")
VPC_SECURITY_GROUPS = re.compile(r"sg-[0-9a-z]{1,29}(,sg-[0-9a-z]{1,29}){0,4}")
KMS_KEY = re.compile(r"[a-zA-Z0-9:/_-]{1,2048}")
RESOURCE_TAG = r"(?!aws:|mcc-template:)[A-Za-z0-9_.:/+@-]{1,128}=[A-Za-z0-9_.:/+@-]{0,256}"
RESOURCE_TAGS = re.compile(rf"{RESOURCE_TAG}(,{RESOURCE_TAG}){{0,39}}")
S3_URL = re.compile(r"(?=.{1,512}\Z)s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9!_.*/=+@-]*)?")
# An artifact of a model: a .tar.gz, or a prefix that ends in a slash.
MODEL_DATA_URL = re.compile(
    r"(?=.{1,512}\Z)s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/([A-Za-z0-9!_.*=+@-]+/)*([A-Za-z0-9!_.*=+@-]+\.tar\.gz)?"
)
MODEL_PACKAGE_ARN = re.compile(
    r"arn:aws(-[a-z]+)*:sagemaker:[a-z0-9-]+:[0-9]{12}:model-package/[a-zA-Z0-9-]{1,63}(/[0-9]{1,9})?"
)
VARIABLE = r"[A-Za-z_][A-Za-z0-9_]{0,1023}=[A-Za-z0-9_.:/+%@=-]{0,1024}"
CONTAINER_ENVIRONMENT = re.compile(rf"{VARIABLE}(,{VARIABLE}){{0,99}}")

PATTERNS = {
    "project_name": PROJECT_NAME,
    "role_arn": ROLE_ARN,
    "image_reference": IMAGE_REFERENCE,
    "file_path": FILE_PATH,
    "model_id": MODEL_ID,
    "git_revision": GIT_REVISION,
    "token": TOKEN,
    "secret_reference": SECRET_REFERENCE,
    "option_value": OPTION_VALUE,
    "token_count": TOKEN_COUNT,
    "vpc_subnets": VPC_SUBNETS,
    "vpc_security_groups": VPC_SECURITY_GROUPS,
    "kms_key": KMS_KEY,
    "resource_tags": RESOURCE_TAGS,
    "s3_url": S3_URL,
    "model_data_url": MODEL_DATA_URL,
    "model_package_arn": MODEL_PACKAGE_ARN,
    "container_environment": CONTAINER_ENVIRONMENT,
}


class Names(Extension):
    """Adds a test for each pattern above, such as `project_name`, and the filters below."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        for name, pattern in PATTERNS.items():
            environment.tests[name] = lambda value, pattern=pattern: bool(pattern.fullmatch(value))
        environment.filters["did_you_mean"] = did_you_mean
        environment.filters["fitting"] = fitting
        environment.filters["labelled"] = labelled
        environment.filters["partition"] = partition


def did_you_mean(value: str, names: Iterable[str]) -> str:
    """` - did you mean 'x'?` with the names that begin with the value or are most like it; empty where none is."""
    known = list(names)
    begun = [name for name in known if name.startswith(f"{value}_")]
    near = begun[:2] or difflib.get_close_matches(value, known, n=2, cutoff=0.7)
    return f" - did you mean {' or '.join(map(repr, near))}?" if near else ""


def fitting(rows: dict[str, dict[str, Any]], **chosen: str) -> dict[str, dict[str, Any]]:
    """The rows that go with what was chosen: `kinds=generative` leaves out rows whose `kinds` don't list it."""
    return {
        name: row
        for name, row in rows.items()
        if all(choice in row.get(key, [choice]) for key, choice in chosen.items())
    }


def labelled(rows: dict[str, dict[str, Any]]) -> str:
    """The choices of a question from rows of the catalog: what the user reads, and the value it stands for."""
    return json.dumps({f"{row['title']} - {row['what']}": name for name, row in rows.items()})


def partition(arn: str) -> str:
    """The partition of an ARN, such as `aws-cn`."""
    return arn.split(":")[1]
