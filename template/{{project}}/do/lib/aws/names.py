"""The names of everything that this project makes in AWS, and the tags that mark it.

A name is PROJECT_NAME, or PROJECT_NAME with a hash of the content, so that every verb finds what the others made and
the same content is made once. PROJECT_NAME has at most 46 characters, and what follows it at most 17, because
SageMaker's names have at most 63.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from lib import config
from lib.cli import ExitCode, VerbError

HASH_LENGTH = 12
PROJECT_TAG = "mcc-template:project"  # on everything that the verbs make; its value is PROJECT_NAME
VARIANT = "main"  # the one production variant of an endpoint


def project() -> str:
    """PROJECT_NAME: the name of the endpoint, the image repository, the build project and the log groups' last part."""
    return config.load()["PROJECT_NAME"]


def by_content(content: Mapping[str, Any]) -> str:
    """PROJECT_NAME with the hash of a definition: of a model or an endpoint configuration."""
    text = json.dumps(content, sort_keys=True)
    return f"{project()}-{hashlib.sha256(text.encode()).hexdigest()[:HASH_LENGTH]}"


def is_by_content(name: str) -> bool:
    """Whether a name may have been given by `by_content` in this project."""
    return bool(re.fullmatch(rf"{re.escape(project())}-[0-9a-f]{{{HASH_LENGTH}}}", name))


def bucket(account: str, region: str) -> str:
    """The project's bucket: unique in the world, without showing the account's number."""
    digest = hashlib.sha256(f"{account} {region}".encode()).hexdigest()[:HASH_LENGTH]
    return f"{project()}-{digest}"


def role(purpose: str) -> str:
    """The role that the verbs make for `codebuild` or `sagemaker`."""
    return f"{project()}-{purpose}"


def alarm(what: str) -> str:
    """The CloudWatch alarm of the endpoint for `errors` or `latency`."""
    return f"{project()}-{what}"


def log_group(kind: str) -> str:
    """The log group of the `endpoint` or of the `build`."""
    return {"endpoint": f"/aws/sagemaker/Endpoints/{project()}", "build": f"/aws/codebuild/{project()}"}[kind]


def tags() -> dict[str, str]:
    """The project's tag, and those of TAGS in do/config."""
    own = dict(pair.split("=", 1) for pair in config.load()["TAGS"].split(",") if pair)
    return {**own, PROJECT_TAG: project()}


def tag_list(key: str = "Key", value: str = "Value") -> list[dict[str, str]]:
    """The tags in AWS's form; CodeBuild and others write `key` and `value` small."""
    return [{key: name, value: text} for name, text in tags().items()]


def is_ours(found: list[dict[str, str]]) -> bool:
    """Whether these tags say that this project made something."""
    return any(tag.get("Key", tag.get("key")) == PROJECT_TAG and _value(tag) == project() for tag in found)


def require_ours(what: str, found: list[dict[str, str]]) -> None:
    """Raise VerbError unless these tags say that this project made `what`."""
    if not is_ours(found):
        raise VerbError(
            f"the {what} was not made by this project (it lacks the tag {PROJECT_TAG}={project()}): "
            "remove or rename it, or choose another project_name",
            ExitCode.AWS_ERROR,
        )


def _value(tag: dict[str, str]) -> str | None:
    return tag.get("Value", tag.get("value"))
