"""Stands in for CodeBuild's builds: moto's succeed at once, and it can't change a project."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError
from moto.backends import get_backend

from tests.aws.service.partitions import partition
from tests.aws.service.protocols import Call, ServiceError

if TYPE_CHECKING:
    from tests.aws.service.account import Account

PHASES = ["SUBMITTED", "QUEUED", "PROVISIONING", "DOWNLOAD_SOURCE", "INSTALL", "PRE_BUILD", "BUILD", "POST_BUILD"]


@dataclass
class Ending:
    """How builds end: in which phase and why, where they fail, with the status of the phase and of the build."""

    phase: str = ""
    message: str = ""
    status: str = "FAILED"


@dataclass
class Build:
    """A build on its way; each look at it finds it a phase further."""

    project: str
    number: int
    environment: dict[str, Any]
    region: str
    ending: Ending
    phases: list[str] = field(default_factory=list)
    status: str = "IN_PROGRESS"

    @property
    def identity(self) -> str:
        return f"{self.project}:{self.number:08d}-0000-0000-0000-000000000000"

    @property
    def variables(self) -> dict[str, str]:
        return {variable["name"]: variable["value"] for variable in self.environment["environmentVariables"]}

    @property
    def architecture(self) -> str:
        return "arm64" if self.environment["type"] == "ARM_CONTAINER" else "amd64"


class Builds:
    """The builds of an account, and what a test says about how they go."""

    service = "codebuild"

    def __init__(self, account: Account) -> None:
        self._account = account
        self._builds: dict[str, Build] = {}
        self._tokens: dict[str, tuple[dict[str, Any], str]] = {}
        self.ending = Ending()
        self.salt = ""  # what makes the next image another one
        self.output: dict[str, list[str]] = {"BUILD": ["#1 building", "#2 pushing"]}  # lines by phase

    @property
    def count(self) -> int:
        """How many builds were started."""
        return len(self._builds)

    def fail(self, phase: str, message: str, lines: list[str], status: str = "FAILED") -> None:
        """Let the builds that are started from now on fail in this phase, having written these lines."""
        self.ending = Ending(phase, message, status)
        self.output = {phase: lines}

    def StartBuild(self, call: Call) -> dict[str, Any]:
        """Start a build; the same token within five minutes is the same build.

        https://docs.aws.amazon.com/codebuild/latest/APIReference/API_StartBuild.html
        """
        name = call.parameters["projectName"]
        token = call.parameters.get("idempotencyToken")
        if token in self._tokens:
            before, identity = self._tokens[token]
            if before != call.parameters:
                raise ServiceError("InvalidInputException", "The idempotency token was used with other parameters")
            return {"build": self._described(self._builds[identity])}
        project = self._projects(call).get(name)
        if not project:
            raise ServiceError("ResourceNotFoundException", f"Project cannot be found: {name}")
        overrides = call.parameters.get("environmentVariablesOverride", [])
        environment = project["environment"]
        variables = [*environment.get("environmentVariables", []), *overrides]
        environment = environment | {"environmentVariables": variables}
        build = Build(name, len(self._builds) + 1, environment, call.region, self.ending)
        self._builds[build.identity] = build
        if token:
            self._tokens[token] = call.parameters, build.identity
        return {"build": self._described(build)}

    def BatchGetBuilds(self, call: Call) -> dict[str, Any]:
        found = [self._builds[identity] for identity in call.parameters["ids"] if identity in self._builds]
        for build in found:
            self._go_on(build)
        return {"builds": [self._described(build) for build in found]}

    def ListBuildsForProject(self, call: Call) -> dict[str, Any]:
        project = call.parameters["projectName"]
        if project not in self._projects(call):
            raise ServiceError("ResourceNotFoundException", f"The provided project arn does not exist: {project}")
        return {"ids": [build.identity for build in reversed(self._builds.values()) if build.project == project]}

    def StopBuild(self, call: Call) -> dict[str, Any]:
        build = self._builds[call.parameters["id"]]
        build.status = "STOPPED"
        return {"build": self._described(build)}

    def UpdateProject(self, call: Call) -> dict[str, Any]:
        project = self._projects(call).get(call.parameters["name"])
        if not project:
            raise ServiceError("ResourceNotFoundException", f"Project cannot be found: {call.parameters['name']}")
        project.update(call.parameters)
        return {"project": project}

    def BatchGetProjects(self, call: Call) -> dict[str, Any]:
        projects = self._projects(call)
        names = call.parameters["names"]
        return {
            "projects": [projects[name] for name in names if name in projects],
            "projectsNotFound": [name for name in names if name not in projects],
        }

    def _projects(self, call: Call) -> dict[str, dict[str, Any]]:
        """moto's own table, by name."""
        backend: Any = get_backend("codebuild")["123456789012"][call.region]
        return {name: project.project_metadata for name, project in backend.codebuild_projects.items()}

    def _go_on(self, build: Build) -> None:
        if build.status != "IN_PROGRESS":
            return
        if len(build.phases) == len(PHASES):
            build.status = "SUCCEEDED" if self._push(build) else "FAILED"
            return
        phase = PHASES[len(build.phases)]
        build.phases.append(phase)
        if lines := self.output.get(phase):
            group, stream = f"/aws/codebuild/{build.project}", build.identity.partition(":")[2]
            self._account.write_log(group, stream, lines, build.region)
        if phase == build.ending.phase:
            build.status = build.ending.status

    def _push(self, build: Build) -> bool:
        """What buildspec.yml does at the end. A tag that cannot be overwritten is pushed once, whoever is first."""
        if uri := build.variables.get("REPOSITORY_URI"):
            repository, tag = uri.partition("/")[2], build.variables["IMAGE_TAG"]
            try:
                self._account.put_image(repository, tag, build.region, build.architecture, self.salt)
            except ClientError as error:
                if error.response["Error"]["Code"] not in (
                    "ImageTagAlreadyExistsException",
                    "ImageAlreadyExistsException",
                ):
                    raise
                return False
        return True

    def _described(self, build: Build) -> dict[str, Any]:
        arn = f"arn:{partition(build.region)}:codebuild:{build.region}:123456789012:build/{build.identity}"
        now = time.time()
        described: dict[str, Any] = {
            "id": build.identity,
            "arn": arn,
            "projectName": build.project,
            "buildNumber": build.number,
            "environment": build.environment,
            "startTime": now,
            "currentPhase": build.phases[-1] if build.status == "IN_PROGRESS" and build.phases else "COMPLETED",
            "buildStatus": build.status,
            "phases": [self._phase(build, phase, now) for phase in build.phases],
            "buildComplete": build.status != "IN_PROGRESS",
        }
        if "PROVISIONING" in build.phases:
            described["logs"] = {
                "groupName": f"/aws/codebuild/{build.project}",
                "streamName": build.identity.partition(":")[2],
                "deepLink": f"https://console.aws.amazon.com/cloudwatch/home?region={build.region}",
            }
        return described

    def _phase(self, build: Build, phase: str, now: float) -> dict[str, Any]:
        failed = phase == build.ending.phase
        running = build.status == "IN_PROGRESS" and phase == build.phases[-1]
        described: dict[str, Any] = {"phaseType": phase, "startTime": now}
        if running:
            return described
        described |= {"phaseStatus": "FAILED" if failed else "SUCCEEDED", "durationInSeconds": 1}
        if failed:
            described["contexts"] = [{"statusCode": "COMMAND_EXECUTION_ERROR", "message": build.ending.message}]
        return described
