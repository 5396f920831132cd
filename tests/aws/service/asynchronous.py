"""Stands in for SageMaker's asynchronous invocations: moto answers them from a list, and runs no container.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpointAsync.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol
from uuid import uuid4

from tests.aws.service.authorization import Caller, Demand, inline_policies
from tests.aws.service.partitions import partition
from tests.aws.service.protocols import Call, ServiceError
from tests.verbs.contract_server import Reply, Request

if TYPE_CHECKING:
    from tests.aws.service.account import Account


class Container(Protocol):
    """What the endpoint's instances run."""

    def answer(self, request: Request) -> Reply:
        """The answer to a request as SageMaker passes it on."""


class AsyncInvocations:
    """Each request is answered before its caller hears where the answer will be; one without a container waits."""

    service = "sagemaker-runtime"

    def __init__(self, account: Account) -> None:
        self.account = account
        self.container: Container | None = None
        self.requests: list[Request] = []

    def InvokeEndpointAsync(self, call: Call) -> dict[str, Any]:
        config = self._config(call)
        identity, output = str(uuid4()), config["AsyncInferenceConfig"]["OutputConfig"]
        answer = f"{output['S3OutputPath'].rstrip('/')}/{identity}.out"
        failure = f"{output['S3FailurePath'].rstrip('/')}/{identity}-error.out"
        if self.container:
            self._carry_out(call, config, answer, failure, self.container)
        return {"InferenceId": identity, "OutputLocation": answer, "FailureLocation": failure}

    def InvokeEndpoint(self, call: Call) -> dict[str, Any]:
        """An asynchronous endpoint takes no other requests."""
        self._config(call)
        raise ServiceError("ValidationError", "This endpoint only accepts asynchronous invocations.")

    def _config(self, call: Call) -> dict[str, Any]:
        region, name = self.account.endpoints.of(call.region), call.parameters["EndpointName"]
        if name not in region.endpoints:
            raise ServiceError("ValidationError", f"Endpoint {name} of account 123456789012 not found.")
        config = region.configs[region.endpoints[name].config]
        if "AsyncInferenceConfig" not in config:
            raise ServiceError("ValidationError", f"Endpoint {name} is not configured for asynchronous inference.")
        return config

    def _carry_out(self, call: Call, config: dict[str, Any], answer: str, failure: str, container: Container) -> None:
        """Read the request and write the answer, as the role of the model."""
        s3, place = self.account.client("s3", call.region), call.parameters["InputLocation"]
        self._require(call, config, {place: "s3:GetObject", answer: "s3:PutObject", failure: "s3:PutObject"})
        bucket, _, key = place.removeprefix("s3://").partition("/")
        body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        headers = {
            name: call.parameters[parameter]
            for name, parameter in (
                ("content-type", "ContentType"),
                ("accept", "Accept"),
                ("x-amzn-sagemaker-custom-attributes", "CustomAttributes"),
            )
            if call.parameters.get(parameter)
        }
        self.requests.append(Request("POST", "/invocations", headers, body))
        reply = container.answer(self.requests[-1])
        url, content, content_type = answer, reply.body, reply.headers.get("Content-Type", "")
        if reply.status != 200:
            who = "client" if reply.status < 500 else "server"
            # as its log says: https://github.com/awsdocs/amazon-sagemaker-developer-guide/issues/203
            text = f'Received {who} error ({reply.status}) from main with message "{reply.body.decode()}". See the log.'
            url, content, content_type = failure, text.encode(), "text/plain"
        bucket, _, key = url.removeprefix("s3://").partition("/")
        s3.put_object(Bucket=bucket, Key=key, Body=content, ContentType=content_type)

    def _require(self, call: Call, config: dict[str, Any], needed: dict[str, str]) -> None:
        """Fail the test where the role of the endpoint may not do what SageMaker does as it."""
        sagemaker = self.account.client("sagemaker", call.region)
        model = sagemaker.describe_model(ModelName=config["ProductionVariants"][0]["ModelName"])
        role = model["ExecutionRoleArn"].rpartition("/")[2]
        caller = Caller(inline_policies(call, self.account, role))
        for url, action in needed.items():
            demand = Demand(action, f"arn:{partition(call.region)}:s3:::{url.removeprefix('s3://')}")
            if not caller.allows(demand):
                self.account.wrong.append(f"the role may not {action} on {url}")
