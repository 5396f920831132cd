"""Brings the InferenceEndpointConfig in the cluster to what the settings say.

Its annotations remember what is in it (`CONTENT`), and the last specification before this one whose deployment was
complete (`PREVIOUS`), which do/rollback goes back to.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from lib.aws import deployment, failures, names, waiting
from lib.aws.client import AwsClient
from lib.aws.plan import Step
from lib.aws.redaction import redacted
from lib.aws.tables import read_table
from lib.cli import ExitCode, VerbError, say
from lib.target import manifest, updates
from lib.target.kubectl import Kubectl, KubectlError
from lib.target.manifest import Manifest

RESOURCE = "inferenceendpointconfigs.inference.sagemaker.aws.amazon.com"
REGISTRATIONS = "sagemakerendpointregistrations.inference.sagemaker.aws.amazon.com"
CONTENT, PREVIOUS = "mcc-template/content", "mcc-template/previous"
COMPLETE, FAILED = "DeploymentComplete", "DeploymentFailed"
GRACE = 120  # seconds that the operator gets to see a change, if it doesn't say which one it has seen
ENDPOINT_SECONDS = 900  # that SageMaker gets for the endpoint
CAUSES = Path(__file__).with_name("causes.yml")


@dataclass(frozen=True)
class Deployed:
    """The InferenceEndpointConfig as it is in the cluster."""

    found: dict[str, Any]

    @property
    def state(self) -> str:
        """How far the operator is; empty before it has begun."""
        return str(self._status.get("state", ""))

    @property
    def spec(self) -> Manifest:
        """Its specification, with the API server's defaults; without the number of copies where KEDA chooses it."""
        chosen = {"replicas"} if "autoScalingSpec" in self.found["spec"] else set()
        return {name: value for name, value in self.found["spec"].items() if name not in chosen}

    @property
    def created(self) -> datetime:
        """When it was made."""
        return datetime.fromisoformat(self.found["metadata"]["creationTimestamp"].replace("Z", "+00:00"))

    @property
    def annotations(self) -> dict[str, str]:
        """What it remembers."""
        return dict(self.found["metadata"].get("annotations", {}))

    @property
    def previous(self) -> Manifest | None:
        """The specification that it had before."""
        text = self.annotations.get(PREVIOUS)
        return dict(json.loads(text)) if text else None

    @property
    def tags(self) -> list[dict[str, str]]:
        """Whose it is, in AWS's form."""
        labels = self.found["metadata"].get("labels", {})
        pairs = {names.PROJECT_TAG: manifest.PROJECT_LABEL, names.ID_TAG: manifest.ID_LABEL}
        return [{"Key": tag, "Value": labels[label]} for tag, label in pairs.items() if label in labels]

    @property
    def is_seen(self) -> bool | None:
        """Whether the state is that of this specification; None if the operator doesn't say."""
        observed = self._status.get("observedGeneration")
        return None if observed is None else observed >= self.found["metadata"]["generation"]

    @property
    def is_over(self) -> bool:
        """Whether the deployment of this specification has ended, well or not."""
        return self.state in (COMPLETE, FAILED) and self.is_seen is not False

    @property
    def reason(self) -> str:
        """Which condition failed, and why, in the operator's words."""
        bad = [row for row in self._status.get("conditions", []) if _is_bad(row)]
        told = [f"{row['type']}: {row['reason']}: {row['message']}" for row in bad]
        details = self._status.get("deploymentStatus", {})
        told += [f"{details.get('reason', '')}: {details['message']}"] if details.get("message") else []
        return redacted("; ".join(dict.fromkeys(told))) or "the operator gives no reason"

    @property
    def _status(self) -> dict[str, Any]:
        return dict(self.found.get("status", {}))

    def __str__(self) -> str:
        pods = self._status.get("deploymentStatus", {}).get("status", {})
        ready = f", {pods.get('availableReplicas', 0)} of {pods['replicas']} copies ready" if "replicas" in pods else ""
        registered = self._status.get("endpoints", {}).get("sagemaker", {}).get("state", "")
        return f"{self.state or 'new'}{ready}{f', endpoint {registered}' if registered else ''}"


def require_operator(kubectl: Kubectl) -> None:
    """Raise VerbError unless the operator's kind of objects is known in the cluster."""
    if not kubectl.offers(manifest.GROUP_VERSION, RESOURCE.partition(".")[0]):
        raise VerbError(
            "the HyperPod inference operator is not installed in the cluster: ask its administrator for the EKS add-on "
            "amazon-sagemaker-hyperpod-inference",
            ExitCode.MISSING_PREREQUISITE,
        )


def named(kubectl: Kubectl) -> Deployed | None:
    """The one with the project's name, whoever made it; None if there is none."""
    found = kubectl.find(RESOURCE, names.project())
    return Deployed(found) if found else None


def current(kubectl: Kubectl) -> Deployed | None:
    """The project's own; None if there is none. Raises VerbError for one that the project did not make."""
    found = named(kubectl)
    if found:
        names.require_ours(f"{manifest.KIND} {names.project()}", found.tags)
    return found


def is_as(found: Deployed | None, wanted: Manifest) -> bool:
    """Whether it has this specification."""
    return bool(
        found and found.annotations.get(CONTENT) == _content(wanted["spec"]) and _holds(found.spec, wanted["spec"])
    )


def steps(aws: AwsClient, kubectl: Kubectl, wanted: Manifest, found: Deployed | None) -> Iterator[Step]:
    """What brings it to a manifest. Raises VerbError for one that has failed, while an earlier version serves."""
    what = f"the {manifest.KIND} {names.project()}"
    if not found:
        yield Step(f"create {what}", partial(apply, aws, kubectl, wanted, found))
    elif not is_as(found, wanted):
        yield Step(f"update {what}", partial(apply, aws, kubectl, wanted, found))
    elif found.state == FAILED and found.is_seen is not False:
        if found.previous:
            raise VerbError(
                f"{what} has failed: {found.reason}: run do/rollback, or change a setting, then do/deploy",
                ExitCode.AWS_ERROR,
            )
        yield Step(f"delete {what}, which has failed", partial(remove, kubectl))
        yield Step(f"create {what}", partial(apply, aws, kubectl, wanted, None))
    elif not found.is_over or not _endpoint_serves(aws):
        yield Step(f"wait for {what}", partial(_wait, aws, kubectl, time.time(), GRACE))


def apply(aws: AwsClient, kubectl: Kubectl, wanted: Manifest, found: Deployed | None) -> None:
    """Create or change it, and wait. Raises VerbError where it fails."""
    began = time.time()
    kubectl.apply(_remembering(wanted, found))
    if not kubectl.dry_run:
        _wait(aws, kubectl, began, 0)


def remove(kubectl: Kubectl) -> None:
    """Delete it, and wait until the operator has removed the endpoint: else that would stay. Raises VerbError."""
    if not kubectl.dry_run and not current(kubectl):
        return
    kubectl.delete(RESOURCE, names.project())
    if not kubectl.dry_run:
        waiting.until(partial(_left, kubectl), lambda left: not left, _told_left, updates.longest())


def log_lines(kubectl: Kubectl, since: float, follow: bool) -> Iterator[str]:
    """What the containers of its pods have written since a time."""
    return kubectl.log_lines(f"app={names.project()}", max(1, int(time.time() - since)), follow)


def _remembering(wanted: Manifest, found: Deployed | None) -> Manifest:
    """The manifest with its annotations: what is complete now is remembered, else what was so before."""
    annotations = {CONTENT: _content(wanted["spec"])}
    if found:
        before = found.spec if found.state == COMPLETE and found.is_seen is not False else found.previous
        if before and not _holds(before, wanted["spec"]):
            annotations[PREVIOUS] = json.dumps(before, sort_keys=True)
    return {**wanted, "metadata": {**wanted["metadata"], "annotations": annotations}}


def _content(spec: Manifest) -> str:
    return names.by_content(spec).rpartition("-")[2]


def _holds(found: Any, wanted: Any) -> bool:
    """Whether all that is wanted is found: the API server adds defaults."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        return all(key in found and _holds(found[key], value) for key, value in wanted.items())
    if isinstance(wanted, list) and isinstance(found, list):
        return len(found) == len(wanted) and all(map(_holds, found, wanted))
    return bool(found == wanted)


def _wait(aws: AwsClient, kubectl: Kubectl, began: float, waited: float) -> None:
    """Wait for the deployment, then for its endpoint. Raises VerbError with the reason why one of them fails."""
    if kubectl.dry_run:
        return
    moved = False

    def is_over(found: Deployed | None) -> bool:
        nonlocal moved
        moved = moved or not found or found.state not in (COMPLETE, FAILED)
        if not found or not found.is_over:
            return not found
        return bool(found.is_seen) or moved or time.time() - began + waited > GRACE

    found = waiting.until(lambda: named(kubectl), is_over, _told, updates.longest() + 300)
    if not found:
        raise VerbError(f"the {manifest.KIND} {names.project()} was deleted meanwhile", ExitCode.AWS_ERROR)
    if found.state == FAILED:
        lines = _new_lines(kubectl, began)
        for line in lines[-deployment.LINES_SHOWN :]:
            say(f"  {line}")
        after = "; do/rollback goes back to what was served before" if found.previous else ""
        raise VerbError(f"the deployment has failed: {_explained(found.reason, lines)}{after}", ExitCode.AWS_ERROR)
    _wait_for_endpoint(aws)


def _wait_for_endpoint(aws: AwsClient) -> None:
    found = waiting.until(
        lambda: aws.find("sagemaker", "DescribeEndpoint", EndpointName=names.project()),
        lambda seen: bool(seen and seen["EndpointStatus"] in ("InService", "Failed")),
        lambda seen: f"the endpoint {names.project()} is {seen['EndpointStatus'] if seen else 'still to come'}",
        ENDPOINT_SECONDS,
    )
    if found and found["EndpointStatus"] == "Failed":
        reason = _explained(found.get("FailureReason", "SageMaker gives no reason"), [])
        raise VerbError(f"the pods run, but the endpoint is Failed: {reason}", ExitCode.AWS_ERROR)


def _endpoint_serves(aws: AwsClient) -> bool:
    found = aws.find("sagemaker", "DescribeEndpoint", EndpointName=names.project())
    return bool(found and found["EndpointStatus"] == "InService")


def _new_lines(kubectl: Kubectl, began: float) -> list[str]:
    """What the pods wrote meanwhile; nothing where that can't be seen."""
    try:
        return [*log_lines(kubectl, began - deployment.CLOCK_SKEW, follow=False)]
    except KubectlError as error:
        say(f"note: the log of the pods can't be seen: {error}")
        return []


def _explained(reason: str, lines: list[str]) -> str:
    """A reason with its likely cause and what to do: one of Kubernetes or the operator, else what the server says."""
    for row in read_table(CAUSES):
        if re.search(row["pattern"], reason):
            return f"{reason.rstrip('.')}; likely {row['cause']}: {row['next']}"
    return failures.explained(reason, lines)


def _is_bad(condition: Mapping[str, str]) -> bool:
    """Whether a condition is one that failed: the operator's types aren't documented, so both ways are looked for."""
    negative = re.search("(?i)fail|degraded|error|stalled", condition["type"])
    return condition["status"] == ("True" if negative else "False")


def _left(kubectl: Kubectl) -> list[str]:
    """What is still there of it."""
    found = [manifest.KIND] if named(kubectl) else []
    for row in kubectl.listed(REGISTRATIONS):
        if names.project() in (row["metadata"]["name"], row.get("spec", {}).get("name")):
            found.append(f"{row['kind']} {row.get('status', {}).get('state', '')}".strip())
    return found


def _told_left(left: list[str]) -> str:
    return f"waiting for the operator: {', '.join(left)}" if left else f"{names.project()} is gone"


def _told(found: Deployed | None) -> str:
    return f"{names.project()} is {found}" if found else f"{names.project()} is gone"
