"""Names that the verbs derive: long enough to tell things apart, short enough for AWS, and nobody else's."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import botocore.session
import pytest

from extensions.context import load_catalog
from tests.aws.conftest import tags_of

LONGEST = "m" * 46

# prints what each name is
PROGRAM = """
import json
from lib.aws import names
bucket = names.bucket("123456789012", "eu-west-1")
print(json.dumps({
    "content": [names.by_content({"a": 1, "b": 2}), names.by_content({"b": 2, "a": 1}), names.by_content({"a": 2})],
    "roles": [names.role("sagemaker"), names.role("codebuild")],
    "alarms": [names.alarm(names.by_content({}), what) for what in ("errors", "latency")],
    "buckets": [bucket, names.bucket("123456789012", "us-east-1"), names.bucket("999999999999", "eu-west-1")],
    "ours": {name: names.is_by_content(name) for name in NAMES},
    "owned": [names.is_ours(tags) for tags in TAGS],
    "codes": [names.region_code(region) for region in REGIONS],
}))
"""
NAMES = [
    "my-model-0123456789ab",
    "my-model-2-0123456789ab",
    "my-model-0123456789a",
    "my-model-old",
    "your-0123456789ab",
]
TAGS = [
    tags_of("my-model"),
    [{"key": tag["Key"], "value": tag["Value"]} for tag in tags_of("my-model")],
    tags_of("my-model-2"),
    tags_of("my-model", "another"),
    tags_of("my-model")[:1],
    [{"Key": "project", "Value": "my-model"}],
    [],
]


REGIONS = list(load_catalog()["regions"])
LONGEST_REGION = "eusc-de-east-1"  # its code is the longest


@pytest.fixture(scope="module")
def named(render: Callable[..., Path]) -> Callable[[str], dict[str, Any]]:
    """A function that gives the names of a project."""

    def named(project: str) -> dict[str, Any]:
        program = f"NAMES, TAGS, REGIONS = {NAMES!r}, {TAGS!r}, {REGIONS!r}\n{PROGRAM}"
        environment = {"PROJECT_NAME": project, "AWS_REGION": LONGEST_REGION, "PYTHONDONTWRITEBYTECODE": "1"}
        environment["PYTHONPATH"] = str(render() / "do")
        done = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
        )
        return dict(json.loads(done.stdout))

    return named


def test_a_name_stands_for_its_content_however_that_is_written(named: Callable[[str], dict[str, Any]]) -> None:
    first, same, other = named("my-model")["content"]

    assert re.fullmatch("my-model-[0-9a-f]{12}", first)
    assert first == same
    assert first != other


@pytest.mark.parametrize(
    ("kind", "service", "shape", "longest"),
    [
        ("content", "sagemaker", "ModelName", 63),
        ("content", "sagemaker", "EndpointConfigName", 63),
        ("roles", "iam", "roleNameType", 64),
        ("alarms", "cloudwatch", "AlarmName", 255),
        ("buckets", "s3", "BucketName", 63),
    ],
)
def test_the_longest_project_has_names_that_aws_takes(
    named: Callable[[str], dict[str, Any]], kind: str, service: str, shape: str, longest: int
) -> None:
    limits = botocore.session.get_session().get_service_model(service).shape_for(shape).metadata

    for name in named(LONGEST)[kind]:
        assert len(name) <= limits.get("max", longest) <= longest
        assert re.fullmatch("[a-z0-9-]+", name)


def test_a_bucket_is_another_in_each_account_and_region_and_shows_neither(
    named: Callable[[str], dict[str, Any]],
) -> None:
    buckets = named("my-model")["buckets"]

    assert len({*buckets}) == 3
    assert not re.search(r"\d{12}|west|east", " ".join(buckets))


def test_no_two_regions_of_a_partition_have_one_code(named: Callable[[str], dict[str, Any]]) -> None:
    codes = named("my-model")["codes"]
    partitions = [row["partition"] for row in load_catalog()["regions"].values()]

    assert len({*zip(partitions, codes, strict=True)}) == len(REGIONS)
    assert dict(zip(REGIONS, codes, strict=True)).items() >= {"us-east-1": "use1", "ap-southeast-2": "apse2"}.items()
    assert max(map(len, codes)) == len(codes[REGIONS.index(LONGEST_REGION)])


def test_a_project_with_a_longer_name_is_another(named: Callable[[str], dict[str, Any]]) -> None:
    assert named("my-model")["ours"] == dict.fromkeys(NAMES, False) | {"my-model-0123456789ab": True}


def test_only_the_projects_own_tag_makes_something_its_own(named: Callable[[str], dict[str, Any]]) -> None:
    assert named("my-model")["owned"] == [True, True, *[False] * 5]
