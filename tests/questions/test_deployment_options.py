"""The options of the deployment have SageMaker's own limits, and defaults that change nothing."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import botocore.session
import pytest

from extensions import names
from extensions.context import load_catalog
from tests.questions.conftest import Answers

OPTIONS = load_catalog()["deployment_options"]
SAGEMAKER = botocore.session.get_session().get_service_model("sagemaker")
HIGHEST_WITHOUT_LIMIT = 100  # SageMaker gives none; accounts have fewer instances by far


@pytest.mark.parametrize(
    ("name", "shape", "off"),
    [
        ("volume_size_gb", "ProductionVariantVolumeSizeInGB", [0]),
        ("startup_timeout", "ProductionVariantContainerStartupHealthCheckTimeoutInSeconds", []),
        ("download_timeout", "ProductionVariantModelDataDownloadTimeoutInSeconds", []),
        ("data_capture_percent", "SamplingPercentage", []),
        ("min_instances", "InitialTaskCount", []),
    ],
)
def test_a_number_has_sagemakers_range(
    ask: Callable[..., Answers], refusal: Callable[..., str], name: str, shape: str, off: list[int]
) -> None:
    limits = SAGEMAKER.shape_for(shape).metadata
    least, most = limits["min"], limits.get("max", HIGHEST_WITHOUT_LIMIT)
    others: dict[str, Any] = {"data_capture_url": "s3://my-bucket"} if name == "data_capture_percent" else {}

    assert ask(**{name: most}, **others)[name] == most
    assert ask(**{name: least})[name] == least
    assert refusal(**{name: most + 1}).startswith(f"{name}=")
    for number in {least - 1} - {*off}:
        assert refusal(**{name: number}).startswith(f"{name}=")


@pytest.mark.parametrize(
    ("pattern", "item", "shape"),
    [
        (names.VPC_SUBNETS, "subnet-{}", "Subnets"),
        (names.VPC_SECURITY_GROUPS, "sg-{}", "VpcSecurityGroupIds"),
        (names.CONTAINER_ENVIRONMENT, "A{}=b", "EnvironmentMap"),
    ],
)
def test_a_list_may_be_as_long_as_sagemakers(pattern: re.Pattern[str], item: str, shape: str) -> None:
    most = SAGEMAKER.shape_for(shape).metadata["max"]
    items = [item.format(number) for number in range(most + 1)]

    assert pattern.fullmatch(",".join(items[:most]))
    assert not pattern.fullmatch(",".join(items))


@pytest.mark.parametrize(
    ("pattern", "prefix", "shape"),
    [
        (names.VPC_SUBNETS, "subnet-", "SubnetId"),
        (names.VPC_SECURITY_GROUPS, "sg-", "SecurityGroupId"),
        (names.KMS_KEY, "", "KmsKeyId"),
        (names.RESOURCE_TAGS, "key=", "TagValue"),
        (names.CONTAINER_ENVIRONMENT, "KEY=", "EnvironmentValue"),
        (names.S3_URL, "s3://my-bucket/", "DestinationS3Uri"),
    ],
)
def test_a_text_may_be_as_long_as_sagemakers(pattern: re.Pattern[str], prefix: str, shape: str) -> None:
    most = SAGEMAKER.shape_for(shape).metadata["max"]
    rest = most if prefix.endswith("=") else most - len(prefix)

    assert pattern.fullmatch(prefix + "x" * rest)
    assert not pattern.fullmatch(prefix + "x" * (rest + 1))


@pytest.mark.parametrize("name", OPTIONS)
def test_the_catalogue_knows_the_default_of_the_question(ask: Callable[..., Answers], name: str) -> None:
    assert str(ask()[name]) == str(OPTIONS[name]["default"])


def test_there_are_at_most_as_many_instances_as_there_are_at_least(
    ask: Callable[..., Answers], refusal: Callable[..., str]
) -> None:
    assert ask(min_instances=3)["max_instances"] == 3
    assert refusal(min_instances=3, max_instances=2) == "max_instances=2: use 3 (min_instances) to 100 instances"


def test_rolling_needs_two_instances(ask: Callable[..., Answers], refusal: Callable[..., str]) -> None:
    assert ask(deployment_strategy="rolling", min_instances=2)["deployment_strategy"] == "rolling"
    assert refusal(deployment_strategy="rolling").endswith("add min_instances=2, or take blue-green")


@pytest.mark.parametrize(
    ("given", "needs"),
    [
        ({"vpc_security_groups": "sg-1"}, "vpc_subnets != ''"),
        ({"data_capture_url": "s3://my-bucket"}, "data_capture_percent > 0"),
    ],
)
def test_an_option_without_effect_is_refused(refusal: Callable[..., str], given: Answers, needs: str) -> None:
    assert refusal(**given).endswith(f"it needs {needs}")
