"""Stands in for SageMaker's endpoints and their configurations: moto knows few instance types and no UpdateEndpoint."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.aws.service.protocols import Call, ServiceError

if TYPE_CHECKING:
    from tests.aws.service.account import Account

Row = dict[str, Any]


@dataclass
class Ending:
    """How an endpoint that is created or updated ends."""

    status: str = "InService"  # or Failed, or RolledBack: InService with the configuration from before
    reason: str = ""
    lines: list[str] = field(default_factory=list)  # that its container writes


@dataclass
class Endpoint:
    """An endpoint on its way; each look at it finds it a step further, the last step stays."""

    arn: str
    created: float
    config: str
    steps: deque[Row]

    def look(self) -> Row:
        step = self.steps.popleft() if len(self.steps) > 1 else self.steps[0]
        self.config = step["EndpointConfigName"]
        return step


class Endpoints:
    """The endpoints of an account, and what a test says about how they go."""

    service = "sagemaker"

    def __init__(self, account: Account) -> None:
        self._account = account
        self.configs: dict[str, Row] = {}
        self.endpoints: dict[str, Endpoint] = {}
        self.tags: dict[str, dict[str, str]] = {}  # by ARN
        self.ending = Ending()

    def end(self, status: str, reason: str = "", lines: list[str] | None = None) -> None:
        """Let endpoints that are created or updated from now on end so."""
        self.ending = Ending(status, reason, lines or [])

    def CreateEndpointConfig(self, call: Call) -> Row:
        name = call.parameters["EndpointConfigName"]
        if name in self.configs:
            raise ServiceError("ValidationException", f"Cannot create already existing endpoint configuration {name}")
        models = self._account.client("sagemaker", call.region)
        for variant in call.parameters["ProductionVariants"]:
            if "ModelName" in variant and not _exists(models, variant["ModelName"]):
                raise ServiceError("ValidationException", f'Could not find model "{variant["ModelName"]}".')
        arn = _arn(call, "endpoint-config", name)
        self.configs[name] = call.parameters | {"EndpointConfigArn": arn, "CreationTime": time.time()}
        self._tag(arn, call.parameters.get("Tags", []))
        return {"EndpointConfigArn": arn}

    def DescribeEndpointConfig(self, call: Call) -> Row:
        return self._config(call.parameters["EndpointConfigName"])

    def ListEndpointConfigs(self, call: Call) -> Row:
        found = [row for name, row in self.configs.items() if call.parameters.get("NameContains", "") in name]
        newest_first = sorted(found, key=lambda row: row["CreationTime"], reverse=True)
        return {"EndpointConfigs": newest_first}

    def DeleteEndpointConfig(self, call: Call) -> Row:
        name = call.parameters["EndpointConfigName"]
        self._config(name)
        del self.configs[name]
        return {}

    def CreateEndpoint(self, call: Call) -> Row:
        name, config = call.parameters["EndpointName"], call.parameters["EndpointConfigName"]
        self._config(config)
        if name.lower() in (existing.lower() for existing in self.endpoints):
            raise ServiceError("ValidationException", f"Cannot create already existing endpoint {name}.")
        arn = _arn(call, "endpoint", name)
        creating = self._step("Creating", config)
        self.endpoints[name] = Endpoint(
            arn, time.time(), config, deque([creating, creating, self._last(call, name, config, config)])
        )
        self._tag(arn, call.parameters.get("Tags", []))
        return {"EndpointArn": arn}

    def UpdateEndpoint(self, call: Call) -> Row:
        name, config = call.parameters["EndpointName"], call.parameters["EndpointConfigName"]
        self._config(config)
        endpoint = self._endpoint(name)
        status = endpoint.steps[0]["EndpointStatus"]
        if status != "InService":
            raise ServiceError("ValidationException", f"Cannot update endpoint {name} while it is {status}.")
        old = endpoint.config
        steps = [self._step("Updating", old), self._step("Updating", old)]
        if self.ending.status == "RolledBack":
            steps.append(self._step("RollingBack", old))
        endpoint.steps = deque([*steps, self._last(call, name, config, old)])
        return {"EndpointArn": endpoint.arn}

    def DescribeEndpoint(self, call: Call) -> Row:
        name = call.parameters["EndpointName"]
        endpoint = self._endpoint(name)
        row = {"EndpointName": name, "EndpointArn": endpoint.arn, "CreationTime": endpoint.created}
        return row | {"LastModifiedTime": endpoint.created} | endpoint.look()

    def ListEndpoints(self, call: Call) -> Row:
        rows = [
            {
                "EndpointName": name,
                "EndpointArn": endpoint.arn,
                "CreationTime": endpoint.created,
                "LastModifiedTime": endpoint.created,
                "EndpointStatus": endpoint.steps[0]["EndpointStatus"],
            }
            for name, endpoint in self.endpoints.items()
            if call.parameters.get("NameContains", "") in name
        ]
        return {"Endpoints": rows}

    def DeleteEndpoint(self, call: Call) -> Row:
        name = call.parameters["EndpointName"]
        self._endpoint(name)
        del self.endpoints[name]
        return {}

    def AddTags(self, call: Call) -> Row:
        self._tag(call.parameters["ResourceArn"], call.parameters["Tags"])
        return {"Tags": call.parameters["Tags"]}

    def ListTags(self, call: Call) -> Row:
        arn = call.parameters["ResourceArn"]
        if arn not in self.tags:
            return {"Tags": self._account.client("sagemaker", call.region).list_tags(ResourceArn=arn)["Tags"]}
        return {"Tags": [{"Key": key, "Value": value} for key, value in self.tags[arn].items()]}

    def _last(self, call: Call, name: str, config: str, old: str) -> Row:
        """How it ends; what its container wrote is in the log by then."""
        if self.ending.lines:
            stream = f"AllTraffic/i-{len(self._account.calls):017x}"
            self._account.write_log(f"/aws/sagemaker/Endpoints/{name}", stream, self.ending.lines, call.region)
        if self.ending.status == "RolledBack":
            return self._step("InService", old) | {"FailureReason": self.ending.reason}
        if self.ending.status == "InService":
            return self._step("InService", config)
        return self._step(self.ending.status, config) | {"FailureReason": self.ending.reason}

    def _step(self, status: str, config: str) -> Row:
        variants = [
            {
                "VariantName": variant["VariantName"],
                "CurrentWeight": 1.0,
                "DesiredWeight": 1.0,
                "CurrentInstanceCount": variant.get("InitialInstanceCount", 1),
                "DesiredInstanceCount": variant.get("InitialInstanceCount", 1),
            }
            for variant in self._config(config)["ProductionVariants"]
        ]
        return {"EndpointStatus": status, "EndpointConfigName": config, "ProductionVariants": variants}

    def _config(self, name: str) -> Row:
        if name not in self.configs:
            raise ServiceError("ValidationException", f'Could not find endpoint configuration "{name}".')
        return self.configs[name]

    def _endpoint(self, name: str) -> Endpoint:
        if name not in self.endpoints:
            raise ServiceError("ValidationException", f'Could not find endpoint "{name}".')
        return self.endpoints[name]

    def _tag(self, arn: str, tags: list[dict[str, str]]) -> None:
        self.tags.setdefault(arn, {}).update({tag["Key"]: tag["Value"] for tag in tags})


def _exists(models: Any, name: str) -> bool:
    try:
        models.describe_model(ModelName=name)
    except models.exceptions.ClientError:
        return False
    return True


def _arn(call: Call, kind: str, name: str) -> str:
    partition = "aws-cn" if call.region.startswith("cn-") else "aws-us-gov" if "-gov-" in call.region else "aws"
    return f"arn:{partition}:sagemaker:{call.region}:123456789012:{kind}/{name.lower()}"
