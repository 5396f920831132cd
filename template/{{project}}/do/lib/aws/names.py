"""The names of everything that this project makes in AWS, and the tags that mark it.

A name is PROJECT_NAME, or PROJECT_NAME with a hash of the content, so that every verb finds what the others made and
the same content is made once. PROJECT_NAME has at most 46 characters, and what follows it at most 17, because
SageMaker's names have at most 63; for roles it is 18, because IAM's have at most 64.

A name says nothing of who made a thing: the tags do, which hold the project's random id.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from lib import config
from lib.cli import ExitCode, VerbError

HASH_LENGTH = 12
# on everything that the verbs make: PROJECT_NAME, and the id that Copier drew when the project was made
PROJECT_TAG, ID_TAG = "mcc-template:project", "mcc-template:id"
# on what a stack of CloudFormation makes, with the stack's name
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-resource-tags.html
STACK_TAG = "aws:cloudformation:stack-name"
# on what another service makes for the project: the deployment target, which removes it
MANAGED_TAG = "mcc-template:managed-by"
COMPASS = re.compile("north|south|east|west|central")
VARIANT = "main"  # the one production variant of an endpoint
LONGEST = 63  # characters of a name in SageMaker


def project() -> str:
    """PROJECT_NAME: the endpoint, its inference component, image repository and build project have this name.

    So has the last part of the log groups.
    """
    return config.load()["PROJECT_NAME"]


def project_id() -> str:
    """What tells this project from another one of the same name."""
    return config.ANSWERS["PROJECT_ID"]


def by_content(content: Mapping[str, Any]) -> str:
    """PROJECT_NAME with the hash of a definition: of a model or an endpoint configuration of this project."""
    text = json.dumps([project_id(), content], sort_keys=True)
    return f"{project()}-{hashlib.sha256(text.encode()).hexdigest()[:HASH_LENGTH]}"


def adapter(name: str) -> str:
    """The inference component of an adapter, by the name that the owner gave it."""
    return f"{project()}-adapter-{name}"


def is_by_content(name: str) -> bool:
    """Whether a name may have been given by `by_content` in this project."""
    return bool(re.fullmatch(rf"{re.escape(project())}-[0-9a-f]{{{HASH_LENGTH}}}", name))


def bucket(account: str, region: str) -> str:
    """The project's bucket: unique in the world, without showing the account's number."""
    digest = hashlib.sha256(f"{account} {region}".encode()).hexdigest()[:HASH_LENGTH]
    return f"{project()}-{digest}"


def role(purpose: str) -> str:
    """The role that the verbs make for `codebuild` or `sagemaker`: one for each region, as roles are of the account."""
    return f"{project()}-{purpose}-{region_code(config.load()['AWS_REGION'])}"


def boundary() -> str:
    """The policy that bounds the roles of the region, where an administrator has made it."""
    return f"{project()}-boundary-{config.load()['AWS_REGION']}"


def region_code(region: str) -> str:
    """A region in at most 7 characters, such as euw1 for eu-west-1; no two of a partition have the same."""
    place, *parts, number = region.split("-")
    initials = ("".join(word[0] for word in COMPASS.findall(part)) or part[0] for part in parts)
    return f"{place}{''.join(initials)}{number}"


def alarm(config_name: str, what: str) -> str:
    """The CloudWatch alarm for `errors` or `latency` of the instances with this endpoint configuration."""
    return f"{config_name}-{what}"


def wake() -> str:
    """The policy that starts the first instance or copy if none runs, and the alarm that carries it out."""
    return f"{project()}-wake"


def scaled() -> dict[str, str]:
    """What autoscaling can scale, by the second part of its dimension: a deployment target has one of them."""
    return {
        "variant": f"endpoint/{project()}/variant/{VARIANT}",
        "inference-component": f"inference-component/{project()}",
    }


def watches_update(name: str) -> bool:
    """Whether a name may have been given by `alarm` in this project."""
    return is_by_content(name.rpartition("-")[0])


def is_alarm(name: str) -> bool:
    """Whether a name may be that of an alarm of this project."""
    return name == wake() or watches_update(name)


def is_transform_job(name: str) -> bool:
    """Whether a name may be that of a transform job of this project: named by its content, with its attempt."""
    base, _, attempt = name.rpartition("-")
    return is_by_content(base) and attempt.isdigit()


def log_group(kind: str) -> str:
    """The log group of the `endpoint`, its `component`, the `build`, or of each `transform` job of the account."""
    return {
        "endpoint": f"/aws/sagemaker/Endpoints/{project()}",
        "component": f"/aws/sagemaker/InferenceComponents/{project()}",
        "build": f"/aws/codebuild/{project()}",
        "transform": "/aws/sagemaker/TransformJobs",
    }[kind]


def tags() -> dict[str, str]:
    """The project's tags, and those of TAGS in do/config."""
    users = dict(pair.split("=", 1) for pair in config.load()["TAGS"].split(",") if pair)
    return {**users, **_own_tags()}


def tag_list(key: str = "Key", value: str = "Value") -> list[dict[str, str]]:
    """The tags in AWS's form; CodeBuild and others write `key` and `value` small."""
    return [{key: name, value: text} for name, text in tags().items()]


def by_key(found: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Tags in either of AWS's forms by their keys."""
    return {tag.get("Key", tag.get("key", "")): tag.get("Value", tag.get("value", "")) for tag in found}


def is_ours(found: Iterable[Mapping[str, str]]) -> bool:
    """Whether these tags say that this project made something."""
    return by_key(found).items() >= _own_tags().items()


def require_ours(what: str, found: Iterable[Mapping[str, str]]) -> None:
    """Raise VerbError unless these tags say that this project made `what`."""
    tags = by_key(found)
    if not tags.items() >= _own_tags().items():
        same_name = tags.get(PROJECT_TAG) == project()
        raise VerbError(
            f"the {what} {'belongs to another project of this name' if same_name else 'was not made by this project'}: "
            "choose another PROJECT_NAME, or run do/adopt to take it over",
            ExitCode.AWS_ERROR,
        )


def _own_tags() -> dict[str, str]:
    return {PROJECT_TAG: project(), ID_TAG: project_id()}
