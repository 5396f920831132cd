"""What SageMaker and Application Auto Scaling say about serverless endpoints: moto takes anything, or nothing.

Rules: https://docs.aws.amazon.com/sagemaker/latest/dg/serverless-endpoints.html,
https://docs.aws.amazon.com/sagemaker/latest/dg/serverless-endpoints-update.html and
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ProductionVariantServerlessConfig.html
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tests.aws.service.protocols import Call, ServiceError

if TYPE_CHECKING:
    from tests.aws.service.account import Account

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


class ProvisionedConcurrency:
    """Autoscaling of provisioned concurrency. What scales something else is left to moto, with None.

    https://docs.aws.amazon.com/sagemaker/latest/dg/serverless-endpoints-autoscale.html
    """

    service = "application-autoscaling"

    def __init__(self, account: Account) -> None:
        self.account = account
        self.targets: dict[str, Row] = {}  # by ResourceId
        self.policies: dict[str, Row] = {}  # by name

    def RegisterScalableTarget(self, call: Call) -> Row | None:
        if not _is_ours(call):
            return None
        name = call.parameters["ResourceId"].split("/")[1]
        region = self.account.endpoints.of(call.region)
        endpoint = region.endpoints.get(name)
        if not endpoint or not of(region.configs[endpoint.config]).get("ProvisionedConcurrency"):
            raise ServiceError("ValidationException", "The variant has no provisioned concurrency.")
        self.targets[call.parameters["ResourceId"]] = call.parameters
        return {"ScalableTargetARN": f"arn:aws:application-autoscaling:{call.region}:123456789012:scalable-target/1"}

    def DescribeScalableTargets(self, call: Call) -> Row | None:
        found = [self.targets[name] for name in call.parameters.get("ResourceIds", []) if name in self.targets]
        return {"ScalableTargets": [row | {"RoleARN": "arn", "CreationTime": 0} for row in found]} if found else None

    def DeregisterScalableTarget(self, call: Call) -> Row | None:
        if not _is_ours(call):
            return None
        self._require_registered(call)
        del self.targets[call.parameters["ResourceId"]]
        self.policies.clear()
        return {}

    def PutScalingPolicy(self, call: Call) -> Row | None:
        if not _is_ours(call):
            return None
        self._require_registered(call)
        tracking = call.parameters["TargetTrackingScalingPolicyConfiguration"]
        if tracking["PredefinedMetricSpecification"]["PredefinedMetricType"] != METRIC:
            raise ServiceError("ValidationException", f"The metric of {DIMENSION} is {METRIC}.")
        self.policies[call.parameters["PolicyName"]] = call.parameters
        return {"PolicyARN": "arn", "Alarms": []}

    def DescribeScalingPolicies(self, call: Call) -> Row | None:
        if not _is_ours(call):
            return None
        shown = {"PolicyARN": "arn", "CreationTime": 0}
        return {"ScalingPolicies": [row | shown for row in self.policies.values()]}

    def DeleteScalingPolicy(self, call: Call) -> Row | None:
        if not _is_ours(call):
            return None
        del self.policies[call.parameters["PolicyName"]]
        return {}

    def _require_registered(self, call: Call) -> None:
        if call.parameters["ResourceId"] not in self.targets:
            raise ServiceError("ObjectNotFoundException", "No scalable target registered")


def _is_ours(call: Call) -> bool:
    return call.parameters.get("ScalableDimension") == DIMENSION
