"""What SageMaker and Application Auto Scaling say about serverless endpoints: moto takes anything, or nothing.

Rules: https://docs.aws.amazon.com/sagemaker/latest/dg/serverless-endpoints.html,
https://docs.aws.amazon.com/sagemaker/latest/dg/serverless-endpoints-update.html and
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ProductionVariantServerlessConfig.html
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.aws.service.protocols import Call, ServiceError
from tests.aws.service.scaling import Scaling

Row = dict[str, Any]

MEMORY_SIZES = (1024, 2048, 3072, 4096, 5120, 6144)
OF_INSTANCES = (
    *("InstanceType", "InitialInstanceCount", "VolumeSizeInGB", "InferenceAmiVersion", "RoutingConfig"),
    *("ContainerStartupHealthCheckTimeoutInSeconds", "ModelDataDownloadTimeoutInSeconds", "ManagedInstanceScaling"),
)
OF_INSTANCE_ENDPOINTS = ("DataCaptureConfig", "AsyncInferenceConfig", "KmsKeyId", "ShadowProductionVariants")
OF_INSTANCE_MODELS = ("VpcConfig", "EnableNetworkIsolation")
DIMENSION = "sagemaker:variant:DesiredProvisionedConcurrency"
METRIC = "SageMakerVariantProvisionedConcurrencyUtilization"


def of(config: Row) -> Row:
    """The serverless part of an endpoint configuration; empty for one with instances."""
    return dict(config["ProductionVariants"][0].get("ServerlessConfig") or {})


def require_valid(config: Row, model: Row) -> None:
    """Raise ServiceError for a serverless configuration that SageMaker refuses."""
    if of(config) and (found := next(_problems(config, model), "")):
        raise ServiceError("ValidationException", found)


def require_updatable(old: Row, new: Row, update: Row) -> None:
    """Raise ServiceError for an update that SageMaker doesn't make."""
    if of(new) and not of(old):
        raise ServiceError("ValidationException", "An instance-based endpoint can't be updated to a serverless one.")
    if of(new) and "DeploymentConfig" in update:
        raise ServiceError("ValidationException", "DeploymentConfig is not supported for serverless endpoints.")


def _problems(config: Row, model: Row) -> Iterator[str]:
    variant, serverless = config["ProductionVariants"][0], of(config)
    for name in OF_INSTANCES:
        if name in variant:
            yield f"{name} can't be specified for a variant with ServerlessConfig."
    for name in OF_INSTANCE_ENDPOINTS:
        if config.get(name):
            yield f"{name} is not supported for serverless endpoints."
    for name in OF_INSTANCE_MODELS:
        if model.get(name):
            yield f"{name} is not supported for serverless endpoints."
    if len(config["ProductionVariants"]) > 1:
        yield "A serverless endpoint has one variant."
    if serverless["MemorySizeInMB"] not in MEMORY_SIZES:
        yield f"MemorySizeInMB is none of {MEMORY_SIZES}."
    if serverless.get("ProvisionedConcurrency", 0) > serverless["MaxConcurrency"]:
        yield "ProvisionedConcurrency is more than MaxConcurrency."


class ProvisionedConcurrency(Scaling):
    """Autoscaling of provisioned concurrency.

    https://docs.aws.amazon.com/sagemaker/latest/dg/serverless-endpoints-autoscale.html
    """

    dimension = DIMENSION
    metrics = (METRIC,)

    def require_scalable(self, call: Call) -> None:
        """Raise ServiceError for a variant without provisioned concurrency."""
        name = call.parameters["ResourceId"].split("/")[1]
        region = self.account.endpoints.of(call.region)
        endpoint = region.endpoints.get(name)
        if not endpoint or not of(region.configs[endpoint.config]).get("ProvisionedConcurrency"):
            raise ServiceError("ValidationException", "The variant has no provisioned concurrency.")
