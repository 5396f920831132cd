"""What the settings say about the endpoint, as the parameters of SageMaker's API."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lib import config, target
from lib.aws import names
from lib.aws.client import AwsClient
from lib.aws.tables import read_table
from lib.target import capacity
from lib.target import endpoint_config as target_config

Parameters = dict[str, Any]

ALARMS = Path(target.__file__).with_name("alarms.yml")


@dataclass(frozen=True)
class Definition:
    """Something that is named after its content, and the parameters that create it."""

    name: str
    parameters: Parameters


def model(role_arn: str, image_uri: str, data: Parameters) -> Definition:
    """The model: the image by its digest, with model `data` where it doesn't lie in the image."""
    configuration = config.load()
    container: Parameters = {"Image": image_uri, **data}
    if environment := container_environment():
        container["Environment"] = environment
    content: Parameters = {"PrimaryContainer": container, "ExecutionRoleArn": role_arn}
    if configuration.get("VPC_SUBNETS"):
        content["VpcConfig"] = {
            "Subnets": configuration["VPC_SUBNETS"].split(","),
            "SecurityGroupIds": configuration["VPC_SECURITY_GROUPS"].split(","),
        }
    if configuration.get("NETWORK_ISOLATION") == "true":
        content["EnableNetworkIsolation"] = True
    return _named(content, "ModelName")


def container_environment() -> dict[str, str]:
    """The variables of the container: those of the project, and the owner's."""
    return config.container_variables() | _pairs(config.load()["CONTAINER_ENVIRONMENT"])


def endpoint_config(aws: AwsClient, model: Definition) -> Definition:
    """The endpoint configuration: on what the model runs, and how it is asked."""
    variant = {"VariantName": names.VARIANT, **capacity.variant(model.name)}
    content: Parameters = {"ProductionVariants": [variant], **target_config.parts(aws, model.parameters)}
    if key := config.load().get("KMS_KEY"):
        content["KmsKeyId"] = key
    return _named(content, "EndpointConfigName")


def alarms(config_name: str) -> list[Parameters]:
    """The alarms that roll back an update to this configuration, see alarms.yml.

    They see the instances of this configuration only: alarms of the whole endpoint would also see the old instances,
    and an endpoint that fails could not be updated any more.
    https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-configuration.html
    """
    dimensions = [
        {"Name": "EndpointName", "Value": names.project()},
        {"Name": "VariantName", "Value": names.VARIANT},
        {"Name": "EndpointConfigName", "Value": config_name},
    ]
    kind = config.load()["MODEL_KIND"]
    rows = read_table(ALARMS)
    return [
        {
            "AlarmName": names.alarm(config_name, what),
            "Namespace": "AWS/SageMaker",
            "Dimensions": dimensions,
            **row,
            "Threshold": float(row["Threshold"][kind] if isinstance(row["Threshold"], dict) else row["Threshold"]),
            "Tags": names.tag_list(),
        }
        for what, row in rows.items()
    ]


def is_scaled() -> bool:
    """Whether the load decides how much there is of the endpoint."""
    least, most = capacity.bounds()
    return most > least


def scalable_target() -> Parameters:
    """What autoscaling calls what it scales, and what it changes of it."""
    kind = capacity.DIMENSION.split(":")[1]
    return {
        "ServiceNamespace": "sagemaker",
        "ResourceId": names.scaled()[kind],
        "ScalableDimension": capacity.DIMENSION,
    }


def scaling_bounds() -> Parameters:
    """Between which numbers autoscaling chooses."""
    least, most = capacity.bounds()
    return {"MinCapacity": least, "MaxCapacity": most}


def _named(content: Parameters, key: str) -> Definition:
    name = names.by_content(content)
    return Definition(name, {key: name, **content, "Tags": names.tag_list()})


def _pairs(text: str) -> dict[str, str]:
    return dict(pair.split("=", 1) for pair in text.split(",") if pair)
