"""The policy documents of a project as they are applied: filled in here, without the project's own code."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import Any

from tests.aws.service.account import ID
from tests.aws.service.partitions import partition

Document = dict[str, Any]

ADMINISTRATOR: Document = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


def of_callers(project: Path, environment: Mapping[str, str], region: str, *names: str) -> list[Document]:
    """The policies of whoever types the verbs of a project with these settings: all of them, or those named."""
    known = values(project, environment, region)
    found = []
    for file in sorted((project / "iam").glob("caller*.json")):
        if not names or file.stem in names:
            text = file.read_text()
            if all(known[name] for name in re.findall(r"\$\{(\w+)\}", text)):
                found.append(dict(json.loads(Template(text).substitute(known))))
    return found


def values(project: Path, environment: Mapping[str, str], region: str) -> dict[str, str]:
    """What stands for the placeholders in a project's account of the tests."""
    lines = (project / "do" / "config.env").read_text().splitlines()
    settings = json.loads((project / "do" / "lib" / "answers.json").read_text())
    settings |= {key: "".join(shlex.split(value)) for key, _, value in (line.partition("=") for line in lines)}
    settings |= environment
    region = environment.get("AWS_REGION", region)
    name, where = settings["PROJECT_NAME"], partition(region)
    bucket, _, prefix = settings.get("MODEL_DATA_URL", "").removeprefix("s3://").partition("/")
    role = f"arn:{where}:iam::{ID}:role/{name}"
    return {
        "PARTITION": where,
        "REGION": region,
        "ACCOUNT": ID,
        "PROJECT": name,
        "BUCKET": f"{name}-{hashlib.sha256(f'{ID} {region}'.encode()).hexdigest()[:12]}",
        "SAGEMAKER_ROLE": settings.get("ROLE_ARN") or f"{role}-sagemaker-*",
        "CODEBUILD_ROLE": f"{role}-codebuild-*",
        "BOUNDARY": f"arn:{where}:iam::{ID}:policy/{name}-boundary-{region}",
        "KMS_KEY": settings.get("KMS_KEY", ""),
        "MODEL_DATA_BUCKET": bucket,
        "MODEL_DATA_PREFIX": prefix,
        "MODEL_PACKAGE_ARN": settings.get("MODEL_PACKAGE_ARN", ""),
    }
