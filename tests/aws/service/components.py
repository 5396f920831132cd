"""Stands in for SageMaker's inference components, of which moto knows nothing, and for what scales their copies.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateInferenceComponent.html and the pages beside it.
What is refused, and when, is as measured in hf-cloud-sagemaker-production-defaults of
https://github.com/huggingface/skills.
"""

from __future__ import annotations

import io
import tarfile
import time
from collections import deque
from typing import TYPE_CHECKING, Any

from extensions.context import load_catalog
from tests.aws.service.authorization import Caller, Demand, inline_policies
from tests.aws.service.partitions import partition
from tests.aws.service.protocols import Call, ServiceError
from tests.aws.service.scaling import Scaling

if TYPE_CHECKING:
    from tests.aws.service.account import Account

Row = dict[str, Any]
GONE = "gone"  # the last state of what is being deleted

INSTANCES = load_catalog()["instances"]
FREE_MEMORY = 0.9  # of an instance's, which is generous
ON_A_PAGE = 1  # of a list: SageMaker may send fewer than MaxResults
# what an adapter has none of: "Omit this parameter if your request is meant to create an adapter inference component",
# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_InferenceComponentSpecification.html, and the example of
# https://docs.aws.amazon.com/sagemaker/latest/dg/realtime-endpoints-adapt.html
NOT_OF_ADAPTERS = ("ComputeResourceRequirements", "ModelName", "StartupParameters")
# https://github.com/huggingface/hub-docs, multi-lora-adapters-vllm: "an extra folder level hides the weights"
OF_ADAPTERS = {"adapter_config.json", "adapter_model.safetensors"}
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
        arn = f"arn:{partition(call.region)}:sagemaker:{call.region}:123456789012:inference-component/{name}"
        if "BaseInferenceComponentName" in given["Specification"]:
            self._create_adapter(call, arn)
            return {"InferenceComponentArn": arn}
        self._require_placeable(call)
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

    def _create_adapter(self, call: Call, arn: str) -> None:
        """https://docs.aws.amazon.com/sagemaker/latest/dg/realtime-endpoints-adapt.html"""
        given = call.parameters
        specification = given["Specification"]
        if found := [*(name for name in NOT_OF_ADAPTERS if name in specification), *({"RuntimeConfig"} & {*given})]:
            raise ServiceError("ValidationException", f"An adapter inference component takes no {', '.join(found)}.")
        base = self.components.get(specification["BaseInferenceComponentName"])
        if not base or base["steps"][0]["status"] != "InService" or base["EndpointName"] != given["EndpointName"]:
            raise ServiceError("ValidationException", "The base inference component is not InService.")
        url = specification["Container"]["ArtifactUrl"]
        if not url.endswith(".tar.gz"):  # InferenceComponentContainerSpecification
            raise ServiceError("ValidationException", f"{url} must have the suffix .tar.gz.")
        reason = self.reason or self._problem_of_archive(call, url)
        last = _step("Failed" if reason else "InService", 0) | _reason(reason)
        self.components[given["InferenceComponentName"]] = {
            "InferenceComponentArn": arn,
            "EndpointName": given["EndpointName"],
            "VariantName": base["VariantName"],
            "Specification": specification,
            "copies": None,
            "CreationTime": time.time(),
            "steps": deque([_step("Creating", 0), last]),
        }
        self.account.endpoints.tags[arn] = {tag["Key"]: tag["Value"] for tag in given.get("Tags", [])}

    def _problem_of_archive(self, call: Call, url: str) -> str:
        """Why an adapter can't be loaded from it: the role of the endpoint reads it, where the verbs made that."""
        bucket, _, key = url.removeprefix("s3://").partition("/")
        config = self.account.endpoints.of(call.region).endpoints[call.parameters["EndpointName"]].config
        role = self.account.endpoints.of(call.region).configs[config]["ExecutionRoleArn"].rpartition("/")[2]
        if policies := inline_policies(call, self.account, role):
            read = Demand("s3:GetObject", f"arn:{partition(call.region)}:s3:::{bucket}/{key}")
            if not Caller(policies).allows(read):
                return f"Could not access model data at {url}."
        body = self.account.client("s3", call.region).get_object(Bucket=bucket, Key=key)["Body"].read()
        with tarfile.open(fileobj=io.BytesIO(body), mode="r:gz") as archive:
            found = {member.name.removeprefix("./"): member for member in archive}
        if not {*found} >= OF_ADAPTERS or any(member.issym() or member.islnk() for member in found.values()):
            return f"Failed to extract model data archive {url}."
        return ""

    def ListInferenceComponents(self, call: Call) -> Row:
        """A page at a time."""
        given, first = call.parameters, int(call.parameters.get("NextToken", 0))
        place = f"arn:{partition(call.region)}:sagemaker:{call.region}:123456789012"
        found = [
            {
                "InferenceComponentName": name,
                "EndpointArn": f"{place}:endpoint/{row['EndpointName']}",
                "InferenceComponentStatus": row["steps"][0]["status"],
                "LastModifiedTime": row["CreationTime"],
                **{key: row[key] for key in ("InferenceComponentArn", "EndpointName", "VariantName", "CreationTime")},
            }
            for name, row in self.components.items()
            if given.get("NameContains", "") in name
            and given.get("EndpointNameEquals", "") in ("", row["EndpointName"])
        ]
        more = {"NextToken": str(first + ON_A_PAGE)} if len(found) > first + ON_A_PAGE else {}
        return {"InferenceComponents": found[first : first + ON_A_PAGE], **more}

    def adapters_of(self, name: str) -> list[str]:
        """The components of the adapters on one."""
        rows = self.components.items()
        return [adapter for adapter, row in rows if row["Specification"].get("BaseInferenceComponentName") == name]

    def copies_for(self, name: str) -> int:
        """How many copies answer a request to a component: those of its base, if it is an adapter."""
        row = self.components[name]
        base = row["Specification"].get("BaseInferenceComponentName")
        return int(self.components[base]["copies"] if base else row["copies"])

    def DescribeInferenceComponent(self, call: Call) -> Row:
        name, row = call.parameters["InferenceComponentName"], self._component(call)
        if row["steps"][0]["status"] == GONE:
            del self.components[name]
            self._component(call)  # which is refused
        step = row["steps"].popleft() if len(row["steps"]) > 1 else row["steps"][0]
        if "Specification" in step:
            row["Specification"] = step["Specification"]
        return {
            "InferenceComponentName": name,
            "EndpointArn": "arn:aws:sagemaker:us-east-1:123456789012:endpoint/my-model",
            "LastModifiedTime": row["CreationTime"],
            **{key: value for key, value in row.items() if key not in ("steps", "copies")},
            "InferenceComponentStatus": step["status"],
            **_runtime(row, step),
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
        name = call.parameters["InferenceComponentName"]
        # "SageMaker refuses to delete a base component that still has adapters attached": multi-lora-adapters-vllm of
        # https://github.com/huggingface/hub-docs, which has not the text
        if self.adapters_of(name):
            raise ServiceError("ValidationException", f"Cannot delete inference component {name}: it has adapters.")
        if "BaseInferenceComponentName" in row["Specification"]:  # deletion takes a while, "completes asynchronously":
            row["steps"] = deque([_step("Deleting", 0), _step(GONE, 0)])  # AWS's blog, 2025 in review, part 1
        else:
            del self.components[name]
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


def _runtime(row: Row, step: Row) -> Row:
    """Adapters have no copies of their own."""
    if row["copies"] is None:
        return {}
    return {"RuntimeConfig": {"DesiredCopyCount": row["copies"], "CurrentCopyCount": step["copies"]}}


def _reason(reason: str) -> Row:
    return {"FailureReason": reason} if reason else {}
