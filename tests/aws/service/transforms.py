"""Stands in for SageMaker's transform jobs: moto's are Completed at once, never read anything, and can't be stopped.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateTransformJob.html
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tests import batch_driver
from tests.aws.service import authorization
from tests.aws.service.asynchronous import Container
from tests.aws.service.authorization import Caller, Demand
from tests.aws.service.partitions import partition
from tests.aws.service.protocols import Call, ServiceError
from tests.verbs.contract_server import Request

if TYPE_CHECKING:
    from tests.aws.service.account import Account

Row = dict[str, Any]

PROCESSED = {"text/csv", "application/json", "application/jsonlines"}
MOST_MB = 100  # of MaxPayloadInMB times MaxConcurrentTransforms


class TransformJobs:
    """The jobs of an account. Each look at one finds it a step further; with `endless`, it never ends."""

    service = "sagemaker"

    def __init__(self, account: Account) -> None:
        self.account = account
        self.container: Container | None = None
        self.requests: list[Request] = []
        self.jobs: dict[str, Row] = {}
        self.endless = False
        self.failure = ""  # the reason with which jobs fail, whatever their data

    def CreateTransformJob(self, call: Call) -> Row:
        job, name = call.parameters, call.parameters["TransformJobName"]
        if name in self.jobs:
            raise ServiceError("ResourceInUse", f"Job name must be unique within an AWS account and region: {name}")
        if found := next(_problems(job), ""):
            raise ServiceError("ValidationException", found)
        models = self.account.client("sagemaker", call.region)
        role = models.describe_model(ModelName=job["ModelName"])["ExecutionRoleArn"].rpartition("/")[2]
        arn = f"arn:{partition(call.region)}:sagemaker:{call.region}:123456789012:transform-job/{name}"
        began = {"TransformJobStatus": "InProgress", "TransformStartTime": time.time()}
        steps = [{"TransformJobStatus": "InProgress"}, began]
        ending = [] if self.endless else [began | self._ended(call, job, role)]
        row = {**job, "TransformJobArn": arn, "CreationTime": time.time(), "steps": deque([*steps, *ending])}
        self.jobs[name] = row
        self.account.endpoints.tags[arn] = {tag["Key"]: tag["Value"] for tag in job.get("Tags", [])}
        return {"TransformJobArn": arn}

    def DescribeTransformJob(self, call: Call) -> Row:
        job = self._job(call)
        steps = job["steps"]
        step = steps.popleft() if len(steps) > 1 else steps[0]
        return {key: value for key, value in job.items() if key not in ("steps", "Tags")} | step

    def ListTransformJobs(self, call: Call) -> Row:
        assert (call.parameters["SortBy"], call.parameters["SortOrder"]) == ("CreationTime", "Descending")
        kept = ("TransformJobName", "TransformJobArn", "CreationTime")
        found = [
            {key: job[key] for key in kept} | {"TransformJobStatus": job["steps"][0]["TransformJobStatus"]}
            for name, job in self.jobs.items()
            if call.parameters["NameContains"] in name
        ]
        return {"TransformJobSummaries": found[::-1]}

    def StopTransformJob(self, call: Call) -> Row:
        """A job that has ended can't be stopped."""
        job = self._job(call)
        if job["steps"][0]["TransformJobStatus"] != "InProgress":
            raise ServiceError("ValidationException", "The request was rejected because the job has ended.")
        job["steps"] = deque([{"TransformJobStatus": "Stopping"}, {"TransformJobStatus": "Stopped"}])
        return {}

    def _job(self, call: Call) -> Row:
        name = call.parameters["TransformJobName"]
        if name not in self.jobs:
            raise ServiceError("ValidationException", f"Could not find requested job with name: {name}")
        return self.jobs[name]

    def _ended(self, call: Call, job: Row, role: str) -> Row:
        """How the job ends: it reads each object as the role of the model, and one bad record fails it."""
        s3 = self.account.client("s3", call.region)
        caller = Caller(authorization.inline_policies(call, self.account, role))
        bucket, _, prefix = job["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"][5:].partition("/")
        target, _, folder = job["TransformOutput"]["S3OutputPath"][5:].partition("/")
        reason = self.failure
        for found in s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", []):
            key, name = found["Key"], found["Key"].rpartition("/")[2]
            place = f"{target}/{folder.rstrip('/')}/{name}.out"
            self._require(call, caller, {f"{bucket}/{key}": "s3:GetObject", place: "s3:PutObject"})
            body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
            try:
                result = batch_driver.transform(body, job, self._ask)
            except batch_driver.BadRecord as error:
                stream = f"{call.parameters['TransformJobName']}/i-1"
                self.account.write_log("/aws/sagemaker/TransformJobs", stream, [f"error: {error}"])
                reason = reason or "AlgorithmError: See job logs for more information"
            else:
                s3.put_object(Bucket=target, Key=place.partition("/")[2], Body=result)
        if reason:
            return {"TransformJobStatus": "Failed", "FailureReason": reason}
        return {"TransformJobStatus": "Completed"}

    def _ask(self, body: bytes, content_type: str, accept: str) -> tuple[int, bytes]:
        assert self.container, "this test has no container"
        self.requests.append(Request("POST", "/invocations", {"content-type": content_type, "accept": accept}, body))
        reply = self.container.answer(self.requests[-1])
        return reply.status, reply.body

    def _require(self, call: Call, caller: Caller, needed: dict[str, str]) -> None:
        """Fail the test where the role may not do what SageMaker does as it."""
        for place, action in needed.items():
            if not caller.allows(Demand(action, f"arn:{partition(call.region)}:s3:::{place}")):
                self.account.wrong.append(f"the role may not {action} on {place}")


def _problems(job: Row) -> Iterator[str]:
    """What SageMaker refuses: the reference above, and batch-transform-data-processing.html of the developer guide."""
    source, target = job["TransformInput"], job["TransformOutput"]
    split, processing = source.get("SplitType", "None"), job.get("DataProcessing", {})
    if "BatchStrategy" in job and split == "None":
        yield "BatchStrategy needs SplitType to be Line, RecordIO or TFRecord."
    if job.get("MaxPayloadInMB", 6) * job.get("MaxConcurrentTransforms", 1) > MOST_MB:
        yield f"MaxConcurrentTransforms * MaxPayloadInMB must not exceed {MOST_MB}."
    if processing and not {source["ContentType"], target["Accept"]} <= PROCESSED:
        yield "DataProcessing takes CSV, JSON and JSON Lines only."
    if processing.get("JoinSource") == "Input":
        if source["ContentType"] != target["Accept"]:
            yield "JoinSource needs the same ContentType and Accept."
        if target.get("AssembleWith", "None") != split:
            yield "JoinSource needs the same SplitType and AssembleWith."
