"""Builds of the CodeBuild project: starting one, and following it to its end."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from lib.aws import names, source, waiting
from lib.aws.client import AwsClient
from lib.aws.redaction import redacted
from lib.cli import ExitCode, VerbError, say

TAG, REBUILD = "IMAGE_TAG", "REBUILD"  # variables of the build, see buildspec.yml
RUNNING = "IN_PROGRESS"
RECENT = 20  # builds; one that runs is among the last
PATIENCE = 3 * 3600.0  # seconds; the build project itself gives up before
SHOWN_AFTER_FAILURE = 20  # lines of the log


def running(aws: AwsClient, tag: str) -> str:
    """The id of the build of this tag that was started before and still runs; empty if there is none."""
    listed = aws.find("codebuild", "ListBuildsForProject", projectName=names.project(), sortOrder="DESCENDING")
    ids = listed["ids"][:RECENT] if listed else []
    found = aws.read("codebuild", "BatchGetBuilds", ids=ids)["builds"] if ids else []
    return next((build["id"] for build in found if build["buildStatus"] == RUNNING and _tag(build) == tag), "")


def start(aws: AwsClient, bucket: str, tag: str, version: str, rebuild: bool) -> str:
    """Start building the source of this tag, in this version of the bucket's; the build's id."""
    answer = aws.change(
        "codebuild",
        "StartBuild",
        projectName=names.project(),
        sourceLocationOverride=f"{bucket}/{source.key(tag)}",
        **({"sourceVersion": version} if version else {}),
        # a request whose answer is lost is sent again, and starts no second build
        idempotencyToken=hashlib.sha256(f"{names.project_id()} {tag} {version}".encode()).hexdigest()[:32],
        environmentVariablesOverride=[
            {"name": name, "value": value, "type": "PLAINTEXT"}
            for name, value in {TAG: tag, **({REBUILD: "true"} if rebuild else {})}.items()
        ],
    )
    return str(answer.get("build", {}).get("id", ""))


def follow(aws: AwsClient, identity: str) -> None:
    """Show the build's phases and its log until it ends. Raises VerbError where it fails."""
    log = Log(aws)
    build = waiting.until(
        lambda: _look(aws, identity, log),
        lambda build: build["buildStatus"] != RUNNING,
        lambda build: f"build: {build.get('currentPhase', 'SUBMITTED').lower().replace('_', ' ')}",
        PATIENCE,
    )
    if build["buildStatus"] != "SUCCEEDED":
        raise _failure(build, log)


@dataclass
class Log:
    """The log of a build, read on from where it was left."""

    aws: AwsClient
    token: str = ""
    last: deque[str] = field(default_factory=lambda: deque(maxlen=SHOWN_AFTER_FAILURE))

    def show(self, place: dict[str, Any]) -> None:
        """Print the lines that are new."""
        for line in self._new_lines(place):
            self.last.append(line)
            say(f"        {line}")

    def _new_lines(self, place: dict[str, Any]) -> Iterator[str]:
        if not place.get("streamName"):
            return
        while True:
            answer = self.aws.find(
                "logs",
                "GetLogEvents",
                logGroupName=place["groupName"],
                logStreamName=place["streamName"],
                startFromHead=True,
                **({"nextToken": self.token} if self.token else {}),
            )
            if not answer:
                return
            for event in answer["events"]:
                yield redacted(event["message"].rstrip())
            if answer["nextForwardToken"] == self.token or not answer["events"]:
                return
            self.token = answer["nextForwardToken"]


def _tag(build: dict[str, Any]) -> str:
    variables = {row["name"]: row["value"] for row in build["environment"]["environmentVariables"]}
    return str(variables.get(TAG, ""))


def _look(aws: AwsClient, identity: str, log: Log) -> dict[str, Any]:
    build = dict(aws.read("codebuild", "BatchGetBuilds", ids=[identity])["builds"][0])
    log.show(build.get("logs", {}))
    return build


def _failure(build: dict[str, Any], log: Log) -> VerbError:
    """What failed, and why: the phase and its message; the log's last lines were shown before."""
    failed = [phase for phase in build.get("phases", []) if phase.get("phaseStatus") not in ("SUCCEEDED", None)]
    phase = failed[0] if failed else {"phaseType": build.get("currentPhase", "the build")}
    messages = [context.get("message", "") for context in phase.get("contexts", [])]
    reason = redacted("; ".join(" ".join(text.split()) for text in messages if text)) or "no reason given"
    say(f"the last lines of the log:\n        {chr(10).join(log.last)}" if log.last else "the build wrote no log")
    return VerbError(
        f"the build {build['buildStatus'].lower().replace('_', ' ')} in {phase['phaseType']}: {reason} "
        "(do/logs --build shows all of its log)",
        ExitCode.FAILED,
    )
