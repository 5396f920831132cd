"""Stands in for SageMaker's inference components, of which moto knows nothing, and for what scales their copies.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateInferenceComponent.html and the pages beside it.
What is refused, and when, is as measured in hf-cloud-sagemaker-production-defaults of
https://github.com/huggingface/skills.
"""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Any

from extensions.context import load_catalog
from tests.aws.service.partitions import partition
from tests.aws.service.protocols import Call, ServiceError
from tests.aws.service.scaling import Scaling

if TYPE_CHECKING:
    from tests.aws.service.account import Account

Row = dict[str, Any]

INSTANCES = load_catalog()["instances"]
FREE_MEMORY = 0.9  # of an instance's, which is generous
STATES_IN_THE_WAY = {"Creating": "CREATE_IN_PROGRESS", "Updating": "UPDATE_IN_PROGRESS"}


class Components:
    """The inference components of an account. Each look at one finds it a step further, the last step stays."""

    service = "sagemaker"

    def __init__(self, account: Account) -> None:
        self.account = account
        self.components: dict[str, Row] = {}
        self.status, self.reason = "InService", ""  # in which those that are created end
        self.lines: list[str] = []  # that their container writes
        self.rolls_back = ""  # the reason for which updates do

    def end(self, status: str, reason: str = "", lines: list[str] | None = None) -> None:
        """Let components that are created from now on end so; Creating is for ever."""
        self.status, self.reason, self.lines = status, reason, lines or []

    def CreateInferenceComponent(self, call: Call) -> Row:
        name, given = call.parameters["InferenceComponentName"], call.parameters
        if name in self.components:
            raise ServiceError("ValidationException", f"Cannot create already existing inference component {name}.")
        self._require_placeable(call)
        arn = f"arn:{partition(call.region)}:sagemaker:{call.region}:123456789012:inference-component/{name}"
        copies = given["RuntimeConfig"]["CopyCount"]
        ending = _step(self.status, copies if self.status == "InService" else 0)
        self.components[name] = {
            "InferenceComponentArn": arn,
            "EndpointName": given["EndpointName"],
            "VariantName": given["VariantName"],
            "Specification": given["Specification"],
            "copies": copies,
            "CreationTime": time.time(),
            "steps": deque([*[_step("Creating", 0)] * 2, ending | _reason(self.reason)]),
        }
        self.account.endpoints.tags[arn] = {tag["Key"]: tag["Value"] for tag in given.get("Tags", [])}
        self._write(name, call.region)
        return {"InferenceComponentArn": arn}

    def DescribeInferenceComponent(self, call: Call) -> Row:
        name, row = call.parameters["InferenceComponentName"], self._component(call)
        step = row["steps"].popleft() if len(row["steps"]) > 1 else row["steps"][0]
        if "Specification" in step:
            row["Specification"] = step["Specification"]
        return {
            "InferenceComponentName": name,
            "EndpointArn": "arn:aws:sagemaker:us-east-1:123456789012:endpoint/my-model",
            "LastModifiedTime": row["CreationTime"],
            **{key: value for key, value in row.items() if key not in ("steps", "copies")},
            "InferenceComponentStatus": step["status"],
            "RuntimeConfig": {"DesiredCopyCount": row["copies"], "CurrentCopyCount": step["copies"]},
            **_reason(step.get("FailureReason", "")),
        }

    def UpdateInferenceComponent(self, call: Call) -> Row:
        row = self._component(call)
        self._require_in_service(row)
        self._require_placeable(call)
        batch = call.parameters["DeploymentConfig"]["RollingUpdatePolicy"]["MaximumBatchSize"]
        if batch["Value"] > max(1, row["copies"] // 2):
            raise ServiceError("ValidationException", "MaximumBatchSize must be between 5% to 50% of the copy count.")
        row["copies"] = call.parameters.get("RuntimeConfig", {}).get("CopyCount", row["copies"])
        served = row["Specification"] if self.rolls_back else call.parameters["Specification"]
        last = _step("InService", row["copies"]) | {"Specification": served} | _reason(self.rolls_back)
        row["steps"] = deque([*[_step("Updating", row["copies"])] * 2, last])
        self._write(call.parameters["InferenceComponentName"], call.region)
        return {"InferenceComponentArn": row["InferenceComponentArn"]}

    def UpdateInferenceComponentRuntimeConfig(self, call: Call) -> Row:
        row = self._component(call)
        self._require_in_service(row)
        row["copies"] = call.parameters["DesiredRuntimeConfig"]["CopyCount"]
        row["steps"] = deque([_step("Updating", 0), _step("InService", row["copies"])])
        return {"InferenceComponentArn": row["InferenceComponentArn"]}

    def DeleteInferenceComponent(self, call: Call) -> Row:
        row = self._component(call)
        steps = row["steps"]
        if state := STATES_IN_THE_WAY.get(steps[0]["status"]):
            if len(steps) > 1:
                steps.popleft()
            raise ServiceError("ValidationException", f"Cannot delete inference component in state {state}.")
        del self.components[call.parameters["InferenceComponentName"]]
        return {}

    def scale(self, name: str, copies: int) -> None:
        """Let it have so many copies, as autoscaling does."""
        row = self.components[name]
        row["copies"] = copies
        row["steps"] = deque([_step("InService", copies)])

    def refuse_for_lack_of_capacity(self, name: str) -> None:
        """A request that finds no copy: the alarm on it, if there is one, starts a copy.

        https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-auto-scaling-zero-instances.html
        """
        wanted = [{"Name": "InferenceComponentName", "Value": name}]
        for alarm in self.account.client("cloudwatch").describe_alarms()["MetricAlarms"]:
            if alarm["MetricName"] != "NoCapacityInvocationFailures" or alarm["Dimensions"] != wanted:
                continue
            policies = self.account.copies.policies.values()
            acting = [policy for policy in policies if policy["PolicyARN"] in alarm["AlarmActions"]]
            if acting and alarm["Threshold"] <= 1:
                steps = acting[0]["StepScalingPolicyConfiguration"]["StepAdjustments"]
                self.scale(name, steps[0]["ScalingAdjustment"])

    def _require_placeable(self, call: Call) -> None:
        """Raise ServiceError for a component without a model or an endpoint, or that no instance has room for."""
        given = call.parameters["Specification"]
        self.account.client("sagemaker", call.region).describe_model(ModelName=given["ModelName"])
        name = call.parameters.get("EndpointName", "") or self._component(call)["EndpointName"]
        region = self.account.endpoints.of(call.region)
        if name not in region.endpoints or region.endpoints[name].steps[0]["EndpointStatus"] != "InService":
            raise ServiceError("ValidationException", f"Endpoint {name} is not InService.")
        variant = region.configs[region.endpoints[name].config]["ProductionVariants"][0]
        if "ModelName" in variant:
            raise ServiceError("ValidationException", f"Endpoint {name} doesn't support inference components.")
        instance, needed = INSTANCES[variant["InstanceType"]], given["ComputeResourceRequirements"]
        if (
            needed["MinMemoryRequiredInMb"] > FREE_MEMORY * instance["memory_mib"]
            or needed.get("NumberOfCpuCoresRequired", 0) > instance["vcpu"]
        ):
            raise ServiceError("ValidationException", "There is not enough hardware resources on the instances.")

    def _require_in_service(self, row: Row) -> None:
        if row["steps"][0]["status"] != "InService":
            raise ServiceError("ValidationException", "Cannot update in-progress inference component.")

    def _component(self, call: Call) -> Row:
        name = call.parameters["InferenceComponentName"]
        if name not in self.components:
            raise ServiceError("ValidationException", f'Could not find inference component "{name}".')
        return self.components[name]

    def _write(self, name: str, region: str) -> None:
        if self.lines:
            stream = f"main/copy-{len(self.account.calls)}"
            self.account.write_log(f"/aws/sagemaker/InferenceComponents/{name}", stream, self.lines, region)


class Copies(Scaling):
    """Autoscaling of copies."""

    dimension = "sagemaker:inference-component:DesiredCopyCount"
    metrics = (
        "SageMakerInferenceComponentInvocationsPerCopy",
        "SageMakerInferenceComponentConcurrentRequestsPerCopyHighResolution",
    )

    def require_scalable(self, call: Call) -> None:
        """Raise ServiceError for a component that isn't there."""
        if call.parameters["ResourceId"].partition("/")[2] not in self.account.components.components:
            raise ServiceError("ValidationException", "Inference component not found.")


def require_none(account: Account, endpoint: str) -> None:
    """Raise ServiceError for an endpoint that has components."""
    if any(row["EndpointName"] == endpoint for row in account.components.components.values()):
        raise ServiceError("ValidationException", f"Cannot delete endpoint {endpoint}: it has inference components.")


def require_valid(config: Row) -> None:
    """Raise ServiceError for a configuration that SageMaker refuses."""
    if "ModelName" not in config["ProductionVariants"][0] and not config.get("ExecutionRoleArn"):
        raise ServiceError("ValidationException", "A variant without ModelName needs ExecutionRoleArn.")


def _step(status: str, copies: int) -> Row:
    return {"status": status, "copies": copies}


def _reason(reason: str) -> Row:
    return {"FailureReason": reason} if reason else {}
