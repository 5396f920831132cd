"""Which values settings take. The template's questions and the verbs both ask this module, so they can't disagree.

It needs nothing but the standard library; extensions/settings.py loads it from here. The rows are those of
extensions/catalog/settings.yml, of which lib/settings.json has the ones of this project.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

Row = Mapping[str, Any]

# Texts that are secrets whatever they are called: tokens of Hugging Face, NVIDIA, AWS, GitHub, GitLab, OpenAI, Slack
# and Google, JSON Web Tokens, private keys. The prefixes are documented by their issuers for scanners like this one.
SECRETS = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY"
    r"|\b(hf_[A-Za-z0-9]{8,}|nvapi-[\w-]{8,}|(AKIA|ASIA)[A-Z0-9]{16}|gh[pousr]_[A-Za-z0-9]{20,}"
    r"|github_pat_\w{20,}|glpat-[\w-]{20,}|sk-[A-Za-z0-9_-]{20,}|xox[abeprs]-[\w-]{10,}|AIza[\w-]{35}"
    r"|eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]*)",
    re.ASCII,
)

# Names whose values are secrets whatever they look like: HF_TOKEN, db_password, AWS_SECRET_ACCESS_KEY. HF_TOKEN_SECRET
# names a secret, and is none.
SECRET_NAME = re.compile(
    r"(?:^|[_.:/-])(token|password|passwd|passphrase|(?<!token_)(?<!key_)secret|credentials?|(api|access|private|secret)[_-]?key)$",
    re.IGNORECASE,
)

# A pair in a list of them, such as those of CONTAINER_ENVIRONMENT: its name and its value.
PAIR = re.compile(r"(?:^|,)\s*([\w.:/@+-]+)=([^,]*)")


def as_text(value: Any) -> str:
    """A value as do/config.env has it, whichever way it is written in YAML."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def secret_in(text: str) -> str:
    """What in a text is a secret: the beginning of a token, or the name of a pair; empty where nothing is."""
    if found := SECRETS.search(text):
        return f"{found[0][:4]}..."
    return next((name for name, value in PAIR.findall(text) if value and SECRET_NAME.search(name)), "")


def secret_problem(text: str) -> str:
    """Why a text is refused that has a secret in it, and what to do instead; empty if there is none."""
    found = secret_in(text)
    return found and (
        f"{found} looks like a secret, which everyone who sees this project could use: store it with aws secretsmanager"
        " create-secret, and give the secret's name (HF_TOKEN_SECRET, NGC_KEY_SECRET), or read it in your own code"
    )


def problem(value: str, row: Row) -> str:
    """What is wrong with a value of a setting, in one line; empty where it is right."""
    if found := secret_problem(value):
        return found
    if value == "" and row.get("default") == "":
        return ""
    return "" if _fits(value, row) else f"{_wanted(row)}{did_you_mean(value, row.get('choices', ()))}"


def _fits(value: str, row: Row) -> bool:
    if "range" in row:
        first, last = row["range"]
        return bool(re.fullmatch(r"0|[1-9][0-9]{0,8}", value)) and first <= int(value) <= last
    if "choices" in row:
        return value in row["choices"]
    if "item" in row:
        items = value.split(",")
        return len(items) <= row["at_most"] and all(re.fullmatch(row["item"], item) for item in items)
    return bool(re.fullmatch(row["pattern"], value))


def _wanted(row: Row) -> str:
    """What a setting takes, as part of a sentence."""
    if "range" in row:
        first, last = row["range"]
        return f"give a whole number from {first} to {last} ({row['what']})"
    if "choices" in row:
        few = len(row["choices"]) <= 6
        return f"choose {' or '.join(row['choices'])}" if few else f"give {row['what']}, such as {_example(row)}"
    limit = f", {row['at_most']} at most" if "item" in row else ""
    empty = ", or leave it empty" if row.get("default") == "" else ""
    return f"give {row['what']}{limit}, such as {row['example']}{empty}"


def _example(row: Row) -> str:
    return row.get("default") or next(iter(row["choices"]))


def contradictions(
    values: Mapping[str, str], partitions: Mapping[str, str], local_disks: Collection[str]
) -> Iterator[str]:
    """A line for each pair of values that don't go together.

    `partitions` has the AWS partition of each region, `local_disks` the instance types with a disk of their own. Each
    value is right by itself. Those that a project doesn't have are missing.
    """
    if "MIN_INSTANCES" in values:
        yield from _of_instances(values, local_disks)
    if "MIN_COPIES" in values:
        yield from _of_copies(values)
    if "VPC_SUBNETS" in values:
        yield from _of_machines(values, local_disks)
    if "JOIN_SOURCE" in values:
        yield from _of_transform_jobs(values)
    if "PROVISIONED_CONCURRENCY" in values:
        yield from _of_concurrency(values)
    captured, place = int(values.get("DATA_CAPTURE_PERCENT", 0)), values.get("DATA_CAPTURE_URL", "")
    if captured and not place:
        yield "DATA_CAPTURE_PERCENT needs a place in S3: set DATA_CAPTURE_URL s3://... with it"
    if place and not captured:
        yield "DATA_CAPTURE_URL has no effect at 0 percent: set DATA_CAPTURE_PERCENT with it"
    role, region = values.get("ROLE_ARN", ""), values["AWS_REGION"]
    if role and role.split(":")[1] != partitions.get(region, role.split(":")[1]):
        yield (
            f"ROLE_ARN is in the partition {role.split(':')[1]}, but AWS_REGION={region} is in {partitions[region]}: "
            "give a role of that partition, or another region"
        )


def _of_instances(values: Mapping[str, str], local_disks: Collection[str]) -> Iterator[str]:
    """Those of settings that only deployment targets with instances have."""
    least, most = int(values["MIN_INSTANCES"]), int(values["MAX_INSTANCES"])
    if least == 0 and values["DEPLOY_TARGET"] == "realtime":
        yield "MIN_INSTANCES=0 leaves nobody to answer: set MIN_INSTANCES 1, or take deploy_target=async"
    elif most == 0:
        yield "MAX_INSTANCES=0 leaves nobody to answer: set MAX_INSTANCES 1, or more"
    if most < least:
        yield f"MAX_INSTANCES={most} is less than MIN_INSTANCES={least}: set MAX_INSTANCES {least}, or more"
    if (strategy := values.get("DEPLOYMENT_STRATEGY")) in ("linear", "rolling") and least < 2:
        yield f"DEPLOYMENT_STRATEGY={strategy} needs two instances: set MIN_INSTANCES 2, or take blue-green"
    # https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateEndpointConfig.html
    instance_type, size = values["INSTANCE_TYPE"], values["VOLUME_SIZE_GB"]
    if instance_type in local_disks and size != "0":
        yield f"{instance_type} has a disk of its own, and SageMaker adds none: set VOLUME_SIZE_GB 0 instead of {size}"


def _of_copies(values: Mapping[str, str]) -> Iterator[str]:
    """Those of settings that deployment targets with copies of the model have."""
    least, most = int(values["MIN_COPIES"]), int(values["MAX_COPIES"])
    if most == 0:
        yield "MAX_COPIES=0 leaves nobody to answer: set MAX_COPIES 1, or more"
    if most < least:
        yield f"MAX_COPIES={most} is less than MIN_COPIES={least}: set MAX_COPIES {least}, or more"
    if least and values.get("MIN_INSTANCES") == "0":
        yield f"MIN_INSTANCES=0 leaves no room for MIN_COPIES={least}: set MIN_COPIES 0, or MIN_INSTANCES 1"


def _of_machines(values: Mapping[str, str], local_disks: Collection[str]) -> Iterator[str]:
    """Those of settings that deployment targets with an instance type have."""
    if values["VPC_SUBNETS"] and not values["VPC_SECURITY_GROUPS"]:
        yield "VPC_SUBNETS needs a security group: set VPC_SECURITY_GROUPS sg-... with it"
    if values["VPC_SECURITY_GROUPS"] and not values["VPC_SUBNETS"]:
        yield "VPC_SECURITY_GROUPS has no effect without subnets: set VPC_SUBNETS subnet-... with it"
    if values["INSTANCE_TYPE"] in local_disks and values["KMS_KEY"]:
        yield f"{values['INSTANCE_TYPE']} encrypts its own disk, and SageMaker takes no KMS_KEY for it: set KMS_KEY ''"
    if values["NETWORK_ISOLATION"] == "true" and values["MODEL_SOURCE"] == "huggingface":
        yield "NETWORK_ISOLATION=true keeps the container from downloading the model from the Hub: take model_source=s3"


def _of_transform_jobs(values: Mapping[str, str]) -> Iterator[str]:
    """Those of settings that only batch transform has."""
    # https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateTransformJob.html
    payload, at_once = int(values["MAX_PAYLOAD_MB"]), int(values["MAX_CONCURRENT_TRANSFORMS"])
    if payload * at_once > 100:
        yield (
            f"MAX_PAYLOAD_MB={payload} times MAX_CONCURRENT_TRANSFORMS={at_once} is more than the 100 MB that "
            f"SageMaker takes: set MAX_CONCURRENT_TRANSFORMS {100 // payload}, or less"
        )
    if values["JOIN_SOURCE"] == "Input" and values["ASSEMBLE_WITH"] != values["SPLIT_TYPE"]:
        yield (
            f"JOIN_SOURCE=Input needs results that are put together as the input is split: set ASSEMBLE_WITH "
            f"{values['SPLIT_TYPE']}, or JOIN_SOURCE None"
        )
    if values["BATCH_STRATEGY"] == "SingleRecord" and values["SPLIT_TYPE"] == "None":
        yield "BATCH_STRATEGY=SingleRecord needs records: set SPLIT_TYPE Line, or BATCH_STRATEGY MultiRecord"


def _of_concurrency(values: Mapping[str, str]) -> Iterator[str]:
    """Those of settings that only serverless endpoints have."""
    # https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ProductionVariantServerlessConfig.html
    at_once, least, most = (
        int(values[name]) for name in ("MAX_CONCURRENCY", "PROVISIONED_CONCURRENCY", "MAX_PROVISIONED_CONCURRENCY")
    )
    if most < least:
        yield (
            f"MAX_PROVISIONED_CONCURRENCY={most} is less than PROVISIONED_CONCURRENCY={least}: "
            f"set MAX_PROVISIONED_CONCURRENCY {least}, or more"
        )
    if least == 0 and most:
        yield "MAX_PROVISIONED_CONCURRENCY has nothing to start from: set PROVISIONED_CONCURRENCY 1, or more"
    if most > at_once:
        yield (
            f"MAX_PROVISIONED_CONCURRENCY={most} is more than MAX_CONCURRENCY={at_once}: "
            f"set MAX_CONCURRENCY {most}, or more"
        )


def did_you_mean(value: str, names: Iterable[str]) -> str:
    """` - did you mean 'x'?` with the names that begin with the value or are most like it; empty where none is."""
    known = list(names)
    begun = [name for name in known if value and name.startswith(f"{value}_")]
    near = begun[:2] or difflib.get_close_matches(value, known, n=2, cutoff=0.7)
    return f" - did you mean {' or '.join(map(repr, near))}?" if near else ""
