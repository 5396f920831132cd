"""Stands in for SageMaker's endpoints and their configurations: moto knows few instance types and no UpdateEndpoint.

Alarms end updates as AWS documents it:
https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-configuration.html
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.aws.service import components, guardrails, serverless
from tests.aws.service.partitions import partition
from tests.aws.service.protocols import Call, ServiceError

if TYPE_CHECKING:
    from tests.aws.service.account import Account

Row = dict[str, Any]
Metrics = Mapping[str, float]  # what CloudWatch measures of a fleet, by the name of the metric


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
    """The endpoints of an account, region by region, and what a test says about how they go."""

    service = "sagemaker"

    def __init__(self, account: Account) -> None:
        self.account = account
        self._regions: dict[str, Region] = {}
        self.tags: dict[str, dict[str, str]] = {}  # by ARN
        self.ending = Ending()
        self.measured: Callable[[Row], Metrics] = lambda config: {}  # of the fleet with this configuration

    def end(self, status: str, reason: str = "", lines: list[str] | None = None) -> None:
        """Let endpoints that are created or updated from now on end so."""
        self.ending = Ending(status, reason, lines or [])

    def of(self, region: str) -> Region:
        """What is in a region."""
        return self._regions.setdefault(region, Region(self))

    @property
    def endpoints(self) -> dict[str, Endpoint]:
        """The endpoints in the region of most tests."""
        return self.of("us-east-1").endpoints

    @property
    def configs(self) -> dict[str, Row]:
        """Their configurations."""
        return self.of("us-east-1").configs

    def __getattr__(self, operation: str) -> Callable[[Call], Row]:
        if operation.startswith("_") or not hasattr(Region, operation):
            raise AttributeError(operation)
        return lambda call: getattr(self.of(call.region), operation)(call)


class Region:
    """The endpoints of a region. Its methods with capitals are operations of SageMaker."""

    def __init__(self, shared: Endpoints) -> None:
        self._shared = shared
        self._account = shared.account
        self.configs: dict[str, Row] = {}
        self.endpoints: dict[str, Endpoint] = {}

    def CreateEndpointConfig(self, call: Call) -> Row:
        name = call.parameters["EndpointConfigName"]
        if name in self.configs:
            raise ServiceError("ValidationException", f"Cannot create already existing endpoint configuration {name}")
        models = self._account.client("sagemaker", call.region)
        components.require_valid(call.parameters)
        for variant in call.parameters["ProductionVariants"]:
            if "ModelName" in variant:
                serverless.require_valid(call.parameters, _model(models, variant["ModelName"]))
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
            arn,
            time.time(),
            config,
            deque([creating, creating, self._last(call, name, config, config, self._shared.ending)]),
        )
        self._tag(arn, call.parameters.get("Tags", []))
        return {"EndpointArn": arn}

    def UpdateEndpoint(self, call: Call) -> Row:
        name, config = call.parameters["EndpointName"], call.parameters["EndpointConfigName"]
        self._config(config)
        endpoint = self._endpoint(name)
        status = endpoint.steps[0]["EndpointStatus"]
        if status != "InService":
            raise ServiceError("ValidationException", f'Cannot update in-progress endpoint "{endpoint.arn}".')
        old = endpoint.config
        serverless.require_updatable(self._config(old), self._config(config), call.parameters)
        guardrails.require_valid(
            self._config(config)["ProductionVariants"][0], call.parameters.get("DeploymentConfig") or {}
        )
        ending = self._ended_by_an_alarm(call, name, config, old) or self._shared.ending
        steps = [self._step("Updating", old), self._step("Updating", old)]
        if ending.status == "RolledBack":
            steps.append(self._step("RollingBack", old))
        endpoint.steps = deque([*steps, self._last(call, name, config, old, ending)])
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
        components.require_none(self._account, name)
        del self.endpoints[name]
        return {}

    def AddTags(self, call: Call) -> Row:
        self._tag(call.parameters["ResourceArn"], call.parameters["Tags"])
        return {"Tags": call.parameters["Tags"]}

    def ListTags(self, call: Call) -> Row:
        arn = call.parameters["ResourceArn"]
        if arn not in self._shared.tags:
            return {"Tags": self._account.client("sagemaker", call.region).list_tags(ResourceArn=arn)["Tags"]}
        return {"Tags": [{"Key": key, "Value": value} for key, value in self._shared.tags[arn].items()]}

    def _ended_by_an_alarm(self, call: Call, endpoint: str, new: str, old: str) -> Ending | None:
        """How an update ends that an alarm rolls back; None where none does. Raises ServiceError for an unknown alarm.

        An alarm of the endpoint sees the old fleet beside the new one: "if your old fleet trips the alarm during a
        deployment, SageMaker AI terminates your deployment". One with the dimension EndpointConfigName sees only the
        fleet of that configuration.
        """
        rollback = call.parameters.get("DeploymentConfig", {}).get("AutoRollbackConfiguration", {})
        cloudwatch = self._account.client("cloudwatch", call.region)
        for name in [alarm["AlarmName"] for alarm in rollback.get("Alarms", [])]:
            found = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
            if not found:
                raise ServiceError("ValidationException", f"Could not find alarm {name}.")
            if found[0]["StateValue"] == "ALARM" or any(self._trips(found[0], endpoint, fleet) for fleet in (old, new)):
                return Ending("RolledBack", f"Alarm {name} is in ALARM state")
        return None

    def _trips(self, alarm: Row, endpoint: str, fleet: str) -> bool:
        """Whether what is measured of a fleet is over the threshold of an alarm that sees it."""
        config = self._config(fleet)
        variant = config["ProductionVariants"][0]["VariantName"]
        seen = {"EndpointName": endpoint, "VariantName": variant, "EndpointConfigName": fleet}
        measured = self._shared.measured(config).get(alarm["MetricName"], 0)
        return measured > alarm["Threshold"] and all(
            seen.get(dimension["Name"]) == dimension["Value"] for dimension in alarm["Dimensions"]
        )

    def _last(self, call: Call, name: str, config: str, old: str, ending: Ending) -> Row:
        """How it ends; what its container wrote is in the log by then."""
        if ending.lines:
            stream = f"AllTraffic/i-{len(self._account.calls):017x}"
            self._account.write_log(f"/aws/sagemaker/Endpoints/{name}", stream, ending.lines, call.region)
        if ending.status == "RolledBack":
            return self._step("InService", old) | {"FailureReason": ending.reason}
        if ending.status == "InService":
            return self._step("InService", config)
        return self._step(ending.status, config) | {"FailureReason": ending.reason}

    def _step(self, status: str, config: str) -> Row:
        variants = [
            {"VariantName": variant["VariantName"], "CurrentWeight": 1.0, "DesiredWeight": 1.0, **_capacity(variant)}
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
        self._shared.tags.setdefault(arn, {}).update({tag["Key"]: tag["Value"] for tag in tags})


def _capacity(variant: Row) -> Row:
    """How much of a variant there is, and should be."""
    if found := variant.get("ServerlessConfig"):
        return {"CurrentServerlessConfig": found, "DesiredServerlessConfig": found}
    count = variant.get("InitialInstanceCount", 1)
    return {"CurrentInstanceCount": count, "DesiredInstanceCount": count}


def _model(models: Any, name: str) -> Row:
    try:
        return dict(models.describe_model(ModelName=name))
    except models.exceptions.ClientError:
        raise ServiceError("ValidationException", f'Could not find model "{name}".') from None


def _arn(call: Call, kind: str, name: str) -> str:
    return f"arn:{partition(call.region)}:sagemaker:{call.region}:123456789012:{kind}/{name.lower()}"
