"""The account that a test works with: what was called, what is to go wrong, and what there is."""

from __future__ import annotations

import hashlib
import json
import time
import traceback
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from tests.aws.service import authorization, backend, checks, layers, protocols
from tests.aws.service.asynchronous import AsyncInvocations
from tests.aws.service.authorization import Caller
from tests.aws.service.buckets import Buckets
from tests.aws.service.builds import Builds
from tests.aws.service.components import Components, Copies
from tests.aws.service.endpoints import Endpoints
from tests.aws.service.layers import Layers
from tests.aws.service.permissions_boundaries import PermissionsBoundaries
from tests.aws.service.prices import Prices
from tests.aws.service.protocols import Answer, Call, Request, ServiceError
from tests.aws.service.quotas import Quotas
from tests.aws.service.registry import Registry
from tests.aws.service.scans import Scans
from tests.aws.service.serverless import ProvisionedConcurrency
from tests.aws.service.transforms import TransformJobs

ID = "123456789012"  # moto's
REGION = "us-east-1"
UNCHECKED = {"sagemaker-runtime:InvokeEndpoint"}  # its model still has the old limit of the body

# wrong in tests only: the verbs must never print or keep it
SECRET_KEY = "wJalrXUtnFEMI/K7MDENG/secret-key-of-the-tests"


@dataclass
class Refusal:
    """An operation that is answered with an error, the next `times` times."""

    times: int
    problem: ServiceError


@dataclass
class Account:
    """An AWS account, as long as a test runs."""

    url: str  # what the verbs take for AWS
    calls: list[Call] = field(default_factory=list)
    answered: list[tuple[Request, int]] = field(default_factory=list)  # with the statuses of the answers
    wrong: list[str] = field(default_factory=list)  # requests that AWS would not understand
    caller: Caller = field(default_factory=Caller)  # who runs the verbs

    def __post_init__(self) -> None:
        self._refusals: dict[str, Refusal] = {}
        self._watchers: dict[str, Callable[[Call], object]] = {}
        self.asynchronous = AsyncInvocations(self)
        self.permissions_boundaries = PermissionsBoundaries()
        self.lost: Counter[str] = Counter()  # answers to come that get lost
        self.buckets = Buckets()
        self.builds = Builds(self)
        self.components = Components(self)
        self.copies = Copies(self)
        self.endpoints = Endpoints(self)
        self.layers = Layers(self.url)
        self.prices = Prices()
        self.provisioned_concurrency = ProvisionedConcurrency(self)
        self.quotas = Quotas()
        self.registry = Registry()
        self.scans = Scans()
        self.transforms = TransformJobs(self)
        self._fakes: tuple[Any, ...] = (
            self.asynchronous,
            self.permissions_boundaries,
            self.buckets,
            self.builds,
            self.components,
            self.copies,
            self.endpoints,
            self.layers,
            self.prices,
            self.provisioned_concurrency,
            self.quotas,
            self.registry,
            self.scans,
            self.transforms,
        )

    def add(self, *fakes: Any) -> None:
        """Let these answer before the others, for a test that needs more of AWS."""
        self._fakes = (*fakes, *self._fakes)

    def refuse(
        self, operation: str, times: int = 1, code: str = "AccessDeniedException", message: str = "", status: int = 400
    ) -> None:
        """Answer an operation, such as `codebuild:CreateProject`, with an error; `times=-1` is always."""
        self._refusals[operation] = Refusal(times, ServiceError(code, message or f"{operation} is refused", status))

    def lose_answer(self, operation: str) -> None:
        """Carry the next call of an operation out, and break the connection instead of answering."""
        self.lost[operation] += 1

    def after(self, operation: str, action: Callable[[Call], object]) -> None:
        """Call a function each time that an operation has been carried out, before its caller has the answer."""
        self._watchers[operation] = action

    def called(self, *operations: str) -> list[dict[str, Any]]:
        """The parameters of each call of these operations, in order."""
        return [call.parameters for call in self.calls if call.name in operations]

    def changes(self) -> list[str]:
        """The operations that were called and change something, in order."""
        reading = ("BatchGet", "Describe", "Get", "Head", "List", "Assume", "Simulate", "Filter")
        return [call.name for call in self.calls if not call.operation.startswith(reading)]

    def client(self, service: str, region: str = REGION) -> Any:
        """A client of the account that no test sees: to arrange and to look."""
        return backend.client(service, region)

    def write_log(self, group: str, stream: str, lines: list[str], region: str = REGION) -> None:
        """Add lines to a log stream."""
        logs = self.client("logs", region)
        for create, names in (
            (logs.create_log_group, {"logGroupName": group}),
            (logs.create_log_stream, {"logGroupName": group, "logStreamName": stream}),
        ):
            with suppress(logs.exceptions.ResourceAlreadyExistsException):
                create(**names)
        now = int(time.time() * 1000)
        events = [{"timestamp": now + number, "message": line} for number, line in enumerate(lines)]
        logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)

    def put_image(
        self,
        repository: str,
        tag: str,
        region: str = REGION,
        architecture: str = "amd64",
        salt: str = "",
        size: int = 1,
    ) -> str:
        """Push an image; its digest."""
        config = {
            "mediaType": "application/vnd.docker.container.image.v1+json",
            "size": size,  # which moto takes for the image's
            "digest": self.layers.put_configuration(architecture),
        }
        manifest = {
            "schemaVersion": 2,
            "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
            "config": config,
            "layers": [
                {"digest": f"sha256:{hashlib.sha256(f'{tag} {architecture}{salt}'.encode()).hexdigest()}", "size": 1}
            ],
        }
        ecr = self.client("ecr", region)
        pushed = ecr.put_image(
            repositoryName=repository,
            imageManifest=json.dumps(manifest),
            imageManifestMediaType=manifest["mediaType"],
            imageTag=tag,
        )
        return str(pushed["image"]["imageId"]["imageDigest"])

    def respond(self, request: Request) -> Answer:
        """The answer to a request of a verb."""
        answer = self._respond(request)
        self.answered.append((request, answer.status))
        return answer

    def _respond(self, request: Request) -> Answer:
        if request.path.startswith(layers.PATH):
            return self.layers.download(request)
        try:
            call = protocols.read(request)
        except Exception:
            self.wrong.append(traceback.format_exc())
            return Answer(400, {}, b"")
        self.calls.append(call)
        try:
            answer = self._carry_out(call, request)
        except ServiceError as problem:
            return protocols.error(call, problem)
        except Exception:
            self.wrong.append(traceback.format_exc())
            return protocols.error(call, ServiceError("InternalError", "the stand-in of AWS failed"))
        if call.name in self._watchers:
            self._watchers[call.name](call)
        if self.lost[call.name]:
            self.lost[call.name] -= 1
            return protocols.NO_ANSWER
        return answer

    def _carry_out(self, call: Call, request: Request) -> Answer:
        self._check(call)
        self.caller.require(authorization.demands(call, self))
        refusal = self._refusals.get(call.name)
        if refusal and refusal.times:
            refusal.times -= 1
            raise refusal.problem
        for fake in self._fakes:
            operation = getattr(fake, call.operation, None) if call.service == fake.service else None
            if operation and (found := operation(call)) is not None:
                return protocols.answer(call, found)
        return self._ask_moto(call, request)

    def _check(self, call: Call) -> None:
        """Raise ServiceError for parameters that AWS would not take, and fail the test."""
        shape = call.model.input_shape
        if call.name in UNCHECKED or not shape:
            return
        if found := [*checks.complaints(call.parameters, shape, call.name)]:
            self.wrong += found
            raise ServiceError("ValidationException", "; ".join(found))

    def _ask_moto(self, call: Call, request: Request) -> Answer:
        if call.protocol == "smithy-rpc-v2-cbor":
            answer = protocols.from_json(call, backend.ask(protocols.as_json(call, request)))
        else:
            answer = backend.ask(request)
        if answer.status >= 500:
            self.wrong.append(f"moto can't do {call.name}: {answer.body[:300]!r}")
        return answer
