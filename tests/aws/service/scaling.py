"""Autoscaling of what moto doesn't scale; the rest is left to moto, with None.

https://docs.aws.amazon.com/autoscaling/application/APIReference/API_RegisterScalableTarget.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.aws.service.protocols import Call, ServiceError

if TYPE_CHECKING:
    from tests.aws.service.account import Account

Row = dict[str, Any]


class Scaling:
    """The targets and policies of one dimension; the metrics are those that target tracking may follow there."""

    service = "application-autoscaling"
    dimension: str
    metrics: tuple[str, ...]

    def __init__(self, account: Account) -> None:
        self.account = account
        self.targets: dict[str, Row] = {}  # by ResourceId
        self.policies: dict[str, Row] = {}  # by name

    def require_scalable(self, call: Call) -> None:
        """Raise ServiceError for something that can't be scaled."""

    def RegisterScalableTarget(self, call: Call) -> Row | None:
        if not self._is_ours(call):
            return None
        self.require_scalable(call)
        self.targets[call.parameters["ResourceId"]] = call.parameters
        return {"ScalableTargetARN": f"arn:aws:application-autoscaling:{call.region}:123456789012:scalable-target/1"}

    def DescribeScalableTargets(self, call: Call) -> Row | None:
        found = [self.targets[name] for name in call.parameters.get("ResourceIds", []) if name in self.targets]
        return {"ScalableTargets": [row | {"RoleARN": "arn", "CreationTime": 0} for row in found]} if found else None

    def DeregisterScalableTarget(self, call: Call) -> Row | None:
        if not self._is_ours(call):
            return None
        self._require_registered(call)
        del self.targets[call.parameters["ResourceId"]]
        self.policies.clear()
        return {}

    def PutScalingPolicy(self, call: Call) -> Row | None:
        if not self._is_ours(call):
            return None
        self._require_registered(call)
        tracking = call.parameters.get("TargetTrackingScalingPolicyConfiguration")
        if tracking and tracking["PredefinedMetricSpecification"]["PredefinedMetricType"] not in self.metrics:
            raise ServiceError("ValidationException", f"The metrics of {self.dimension} are {self.metrics}.")
        name, resource = (call.parameters[key] for key in ("PolicyName", "ResourceId"))
        arn = f"arn:aws:autoscaling:{call.region}:123456789012:scalingPolicy:1:resource/sagemaker/{resource}"
        self.policies[name] = call.parameters | {"PolicyARN": f"{arn}:policyName/{name}"}
        return {"PolicyARN": self.policies[name]["PolicyARN"], "Alarms": []}

    def DescribeScalingPolicies(self, call: Call) -> Row | None:
        if not self._is_ours(call):
            return None
        return {"ScalingPolicies": [row | {"CreationTime": 0} for row in self.policies.values()]}

    def DeleteScalingPolicy(self, call: Call) -> Row | None:
        if not self._is_ours(call):
            return None
        del self.policies[call.parameters["PolicyName"]]
        return {}

    def _require_registered(self, call: Call) -> None:
        if call.parameters["ResourceId"] not in self.targets:
            raise ServiceError("ObjectNotFoundException", "No scalable target registered")

    def _is_ours(self, call: Call) -> bool:
        return call.parameters.get("ScalableDimension") == self.dimension
