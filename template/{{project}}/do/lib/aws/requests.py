"""What the settings say about the endpoint, as the parameters of SageMaker's API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lib import config, target
from lib.aws import names
from lib.aws.client import AwsClient
from lib.target import endpoint_config as target_config

Parameters = dict[str, Any]

ROUTING = {"least-outstanding-requests": "LEAST_OUTSTANDING_REQUESTS", "random": "RANDOM"}
AMI = "INFERENCE_AMI_VERSION"
ALARMS = Path(target.__file__).with_name("alarms.yml")

WATCH_SECONDS = 300  # how long the alarms watch the new instances before the old ones go, or the next batch begins
KEEP_SECONDS = 60  # how long the old instances stay after that
LONGEST_UPDATE = 28800  # the API's limits, in seconds
SHORTEST_UPDATE = 600


@dataclass(frozen=True)
class Definition:
    """Something that is named after its content, and the parameters that create it."""

    name: str
    parameters: Parameters


def model(role_arn: str, image_uri: str, data: Parameters) -> Definition:
    """The model: the image by its digest, with model `data` where it doesn't lie in the image."""
    configuration = config.load()
    container: Parameters = {"Image": image_uri, **data}
    if environment := config.container_variables() | _pairs(configuration["CONTAINER_ENVIRONMENT"]):
        container["Environment"] = environment
    content: Parameters = {"PrimaryContainer": container, "ExecutionRoleArn": role_arn}
    if configuration["VPC_SUBNETS"]:
        content["VpcConfig"] = {
            "Subnets": configuration["VPC_SUBNETS"].split(","),
            "SecurityGroupIds": configuration["VPC_SECURITY_GROUPS"].split(","),
        }
    if configuration["NETWORK_ISOLATION"] == "true":
        content["EnableNetworkIsolation"] = True
    return _named(content, "ModelName")


def endpoint_config(aws: AwsClient, model_name: str) -> Definition:
    """The endpoint configuration: on what the model runs, and how it is asked."""
    configuration = config.load()
    content: Parameters = {"ProductionVariants": [_variant(model_name, configuration)], **target_config.parts(aws)}
    if configuration["KMS_KEY"]:
        content["KmsKeyId"] = configuration["KMS_KEY"]
    return _named(content, "EndpointConfigName")


def deployment(instances: int, alarms: Sequence[Parameters]) -> Parameters:
    """How an update replaces these instances, watched by these alarms. Rolling can't replace a single instance.

    Without alarms nothing rolls the update back, so there is nothing to wait for either.
    """
    rolling = config.load()["DEPLOYMENT_STRATEGY"] == "rolling" and instances > 1
    watch_seconds = WATCH_SECONDS if alarms else 0
    policy = _rolling(watch_seconds) if rolling else _blue_green(instances, watch_seconds)
    if not alarms:
        return policy
    watching = [{"AlarmName": parameters["AlarmName"]} for parameters in alarms]
    return {**policy, "AutoRollbackConfiguration": {"Alarms": watching}}


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
    rows = yaml.safe_load(ALARMS.read_text(encoding="utf-8"))
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


def first_instances() -> int:
    """With how many instances a configuration starts: with one at least, also where they can all go later."""
    return max(1, int(config.load()["MIN_INSTANCES"]))


def is_scaled() -> bool:
    """Whether the number of instances follows the load."""
    configuration = config.load()
    return int(configuration["MAX_INSTANCES"]) > int(configuration["MIN_INSTANCES"])


def scalable_target() -> Parameters:
    """What autoscaling calls the endpoint's instances."""
    return {
        "ServiceNamespace": "sagemaker",
        "ResourceId": f"endpoint/{names.project()}/variant/{names.VARIANT}",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
    }


def capacity() -> Parameters:
    """Between which numbers of instances autoscaling chooses."""
    configuration = config.load()
    return {"MinCapacity": int(configuration["MIN_INSTANCES"]), "MaxCapacity": int(configuration["MAX_INSTANCES"])}


def _variant(model_name: str, configuration: Mapping[str, str]) -> Parameters:
    variant: Parameters = {
        "VariantName": names.VARIANT,
        "ModelName": model_name,
        "InstanceType": configuration["INSTANCE_TYPE"],
        "InitialInstanceCount": first_instances(),
        "InitialVariantWeight": 1.0,
        "ContainerStartupHealthCheckTimeoutInSeconds": int(configuration["STARTUP_TIMEOUT"]),
        "ModelDataDownloadTimeoutInSeconds": int(configuration["DOWNLOAD_TIMEOUT"]),
        "RoutingConfig": {"RoutingStrategy": ROUTING[configuration["ROUTING_STRATEGY"]]},
    }
    if int(configuration["VOLUME_SIZE_GB"]):
        variant["VolumeSizeInGB"] = int(configuration["VOLUME_SIZE_GB"])
    if AMI in configuration:  # only of projects whose image needs a GPU
        variant["InferenceAmiVersion"] = configuration[AMI]
    return variant


def _blue_green(instances: int, watch_seconds: int) -> Parameters:
    """All requests at once to the new instances if there is one, or nobody watches; else some to one of them first."""
    routing: Parameters = {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": watch_seconds}
    if instances > 1 and watch_seconds:
        routing |= {"Type": "CANARY", "CanarySize": {"Type": "INSTANCE_COUNT", "Value": 1}}
    policy = {
        "TrafficRoutingConfiguration": routing,
        "TerminationWaitInSeconds": KEEP_SECONDS,
        "MaximumExecutionTimeoutInSeconds": longest_update(),
    }
    return {"BlueGreenUpdatePolicy": policy}


def _rolling(watch_seconds: int) -> Parameters:
    policy = {
        "MaximumBatchSize": {"Type": "CAPACITY_PERCENT", "Value": 50},
        "WaitIntervalInSeconds": watch_seconds,
        "MaximumExecutionTimeoutInSeconds": longest_update(),
    }
    return {"RollingUpdatePolicy": policy}


def longest_update() -> int:
    """The seconds that an update may take: two batches that start and are watched, and half an hour besides."""
    configuration = config.load()
    batch = int(configuration["STARTUP_TIMEOUT"]) + int(configuration["DOWNLOAD_TIMEOUT"]) + WATCH_SECONDS
    return max(SHORTEST_UPDATE, min(2 * batch + KEEP_SECONDS + 1800, LONGEST_UPDATE))


def _named(content: Parameters, key: str) -> Definition:
    name = names.by_content(content)
    return Definition(name, {key: name, **content, "Tags": names.tag_list()})


def _pairs(text: str) -> dict[str, str]:
    return dict(pair.split("=", 1) for pair in text.split(",") if pair)
