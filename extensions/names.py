"""Jinja tests and filters for names: of AWS resources, roles, images, files, and of choices that were mistyped."""

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

# Letters, digits, blanks and the signs of ordinary paths, on Windows too; nothing that means something to a shell.
FILE_PATH = re.compile(r"[A-Za-z0-9 ._/\\:~+@,=-]{1,255}")

PATTERNS = {
    "project_name": PROJECT_NAME,
    "role_arn": ROLE_ARN,
    "image_reference": IMAGE_REFERENCE,
    "file_path": FILE_PATH,
}


class Names(Extension):
    """Adds the tests `project_name`, `role_arn`, `image_reference` and `file_path`, and the filters below."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        for name, pattern in PATTERNS.items():
            environment.tests[name] = lambda value, pattern=pattern: bool(pattern.fullmatch(value))
        environment.filters["did_you_mean"] = did_you_mean
        environment.filters["labelled"] = labelled
        environment.filters["partition"] = partition


def did_you_mean(value: str, names: Iterable[str]) -> str:
    """` - did you mean 'x'?` with the names most like the value, two at most; empty where none is like it."""
    near = difflib.get_close_matches(value, list(names), n=2, cutoff=0.7)
    return f" - did you mean {' or '.join(map(repr, near))}?" if near else ""


def labelled(rows: dict[str, dict[str, Any]]) -> str:
    """The choices of a question from rows of the catalogue: what the user reads, and the value it stands for."""
    return json.dumps({f"{row['title']} - {row['what']}": name for name, row in rows.items()})


def partition(arn: str) -> str:
    """The partition of an ARN, such as `aws-cn`."""
    return arn.split(":")[1]
