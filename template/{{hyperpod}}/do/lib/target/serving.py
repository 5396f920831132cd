"""The InferenceEndpointConfig in the cluster: how far the operator is, and how it goes away.

Conditions and states: https://github.com/aws/sagemaker-hyperpod-cli (helm_chart, inference-operator, config/crd).
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from lib.aws import names, waiting
from lib.aws.client import AwsClient
from lib.aws.redaction import redacted
from lib.cli import ExitCode, VerbError
from lib.target import causes, manifest, updates
from lib.target.deployed import Deployed, Manifest
from lib.target.kubectl import Kubectl

RESOURCE = "inferenceendpointconfigs.inference.sagemaker.aws.amazon.com"
REGISTRATIONS = "sagemakerendpointregistrations.inference.sagemaker.aws.amazon.com"
HASH = "pod-template-hash"  # a label that each version of a Deployment gives its pods
COMPLETE, FAILED = "DeploymentComplete", "DeploymentFailed"
GRACE = 120  # seconds that the operator gets to see a change, if it doesn't say which one it has seen
ENDPOINT_SECONDS = 900  # that SageMaker gets for the endpoint


@dataclass(frozen=True)
class Served(Deployed):
    """The InferenceEndpointConfig as it is in the cluster."""

    @property
    def state(self) -> str:
        """How far the operator is; empty before it has begun."""
        return str(self.status.get("state", ""))

    @property
    def spec(self) -> Manifest:
        """Its specification, with the API server's defaults; without the number of copies where KEDA chooses it."""
        chosen = {"replicas"} if "autoScalingSpec" in self.found["spec"] else set()
        return {name: value for name, value in self.found["spec"].items() if name not in chosen}

    @property
    def is_complete(self) -> bool:
        """Whether the deployment of this specification has ended well."""
        return self.state == COMPLETE and self.is_seen is not False

    @property
    def has_failed(self) -> bool:
        """Whether the deployment of this specification has ended otherwise."""
        return self.state == FAILED and self.is_seen is not False

    @property
    def reason(self) -> str:
        """Which condition failed, and why, in the operator's words."""
        bad = [row for row in self.status.get("conditions", []) if _is_bad(row)]
        told = [f"{row['type']}: {row['reason']}: {row['message']}" for row in bad]
        details = self.status.get("deploymentStatus", {})
        told += [f"{details.get('reason', '')}: {details['message']}"] if details.get("message") else []
        return redacted("; ".join(dict.fromkeys(told))) or "the operator gives no reason"

    def selector(self, kubectl: Kubectl) -> str:
        """What chooses its pods: of those with the operator's label, the ones of Deployments that run our image.

        Pods of other applications can have the label, too. https://github.com/aws/sagemaker-hyperpod-cli (list_pods)
        """
        labelled = f"app={names.project()}"
        repository = manifest.image_of(self.found["spec"]).partition("@")[0]
        ours = [pod for pod in kubectl.listed("pods", labelled) if repository in _repositories(pod)]
        hashes = sorted({pod["metadata"]["labels"][HASH] for pod in ours if HASH in pod["metadata"]["labels"]})
        return f"{labelled},{HASH} in ({','.join(hashes)})" if hashes else ""

    def __str__(self) -> str:
        pods = self.status.get("deploymentStatus", {}).get("status", {})
        ready = f", {pods.get('availableReplicas', 0)} of {pods['replicas']} copies ready" if "replicas" in pods else ""
        registered = self.status.get("endpoints", {}).get("sagemaker", {}).get("state", "")
        return f"{self.state or 'new'}{ready}{f', endpoint {registered}' if registered else ''}"


def require_operator(kubectl: Kubectl) -> None:
    """Raise VerbError unless the operator's kind of objects is known in the cluster."""
    if not kubectl.offers(manifest.GROUP_VERSION, RESOURCE.partition(".")[0]):
        raise VerbError(
            "the HyperPod inference operator is not installed in the cluster: ask its administrator for the EKS add-on "
            "amazon-sagemaker-hyperpod-inference",
            ExitCode.MISSING_PREREQUISITE,
        )


def named(kubectl: Kubectl) -> Served | None:
    """The one with the project's name, whoever made it; None if there is none."""
    found = kubectl.find(RESOURCE, names.project())
    return Served(found) if found else None


def begun(spec: Manifest) -> Manifest:
    """A specification as it is created."""
    return spec


def others(kubectl: Kubectl) -> dict[str, Any]:
    """What goes with it: nothing that the project would have to make."""
    return {}


def is_over(aws: AwsClient, found: Served) -> bool:
    """Whether the deployment has ended, and so has its endpoint's."""
    return found.is_complete and _endpoint_serves(aws)


def wait(aws: AwsClient, kubectl: Kubectl, began: float) -> None:
    """Wait for the deployment, then for its endpoint. Raises VerbError with the reason why one of them fails.

    A state counts if the operator has seen the change, or the state has moved, or was there GRACE after `began`.
    """
    moved = False

    def has_ended(found: Served | None) -> bool:
        nonlocal moved
        moved = moved or not found or found.state not in (COMPLETE, FAILED)
        if not found or not (found.is_complete or found.has_failed):
            return not found
        return bool(found.is_seen) or moved or time.time() - began > GRACE

    found = waiting.until(lambda: named(kubectl), has_ended, _told, updates.longest() + 300)
    if not found:
        raise VerbError(f"the {manifest.KIND} {names.project()} was deleted meanwhile", ExitCode.AWS_ERROR)
    if found.has_failed:
        raise causes.failure(kubectl, found, began)
    _wait_for_endpoint(aws)


def remove(kubectl: Kubectl) -> None:
    """Delete it, and wait until the operator has removed the endpoint: else that would stay. Raises VerbError."""
    kubectl.delete(RESOURCE, names.project())
    if not kubectl.dry_run:
        waiting.until(partial(_left, kubectl), lambda left: not left, _told_left, updates.longest())


def _wait_for_endpoint(aws: AwsClient) -> None:
    found = waiting.until(
        lambda: aws.find("sagemaker", "DescribeEndpoint", EndpointName=names.project()),
        lambda seen: bool(seen and seen["EndpointStatus"] in ("InService", "Failed")),
        lambda seen: f"the endpoint {names.project()} is {seen['EndpointStatus'] if seen else 'still to come'}",
        ENDPOINT_SECONDS,
    )
    if found and found["EndpointStatus"] == "Failed":
        reason = causes.explained(found.get("FailureReason", "SageMaker gives no reason"), [])
        raise VerbError(f"the pods run, but the endpoint is Failed: {reason}", ExitCode.AWS_ERROR)


def _endpoint_serves(aws: AwsClient) -> bool:
    found = aws.find("sagemaker", "DescribeEndpoint", EndpointName=names.project())
    return bool(found and found["EndpointStatus"] == "InService")


def _repositories(pod: Mapping[str, Any]) -> set[str]:
    """Where the images of a pod are from."""
    return {container["image"].partition("@")[0] for container in pod["spec"]["containers"]}


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


def _told(found: Served | None) -> str:
    return f"{names.project()} is {found}" if found else f"{names.project()} is gone"
