"""The Deployment in the cluster: how far its controller and its pods are, and how it goes away.

https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#deployment-status and
https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from lib.aws import names, waiting
from lib.aws.client import AwsClient
from lib.aws.redaction import redacted
from lib.cli import ExitCode, VerbError
from lib.target import causes, manifest, pods, updates
from lib.target.deployed import Deployed, Manifest
from lib.target.kubectl import Kubectl

OTHERS = [kind for kind in manifest.API if kind != manifest.KIND]
# what a container waits for that doesn't come by itself; Kubernetes would try until the deadline
HOPELESS = {"ImagePullBackOff", "InvalidImageName", "CreateContainerConfigError"}
CRASHES = 3  # of the new version, after which it is given up
# what the controller writes on a Deployment and on the ReplicaSet of each of its versions, and on that one's pods
REVISION, HASH = "deployment.kubernetes.io/revision", "pod-template-hash"


@dataclass(frozen=True)
class Served(Deployed):
    """The Deployment as it is in the cluster, with the pods of its newest version."""

    pods: list[dict[str, Any]] = field(default_factory=list)

    @property
    def spec(self) -> Manifest:
        """Its specification, with the API server's defaults; without the number of copies where the load chooses it."""
        return {name: value for name, value in self.found["spec"].items() if name not in self.kept}

    @property
    def kept(self) -> Manifest:
        """The number of copies that the load chose: without it, the API server would go back to one."""
        return {"replicas": self.found["spec"]["replicas"]} if manifest.is_scaled() else {}

    @property
    def available(self) -> int:
        """How many copies answer, of whichever version."""
        return int(self.status.get("availableReplicas", 0))

    @property
    def is_in_use(self) -> bool:
        """Whether some copies answer all the same."""
        return self.available > 0

    @property
    def is_complete(self) -> bool:
        """Whether all copies are of this version, and answer: as `kubectl rollout status` has it."""
        wanted = self.found["spec"].get("replicas", 1)
        counts = [self.status.get(name, 0) for name in ("updatedReplicas", "replicas", "availableReplicas")]
        return bool(self.is_seen) and counts == [wanted] * 3

    @property
    def has_failed(self) -> bool:
        """Whether the copies of this version did not come in time, or can't."""
        return bool(self.is_seen) and not self.is_complete and (self._is_late or any(map(_is_hopeless, self.pods)))

    @property
    def reason(self) -> str:
        """What its pods wait for or why they ended, and what the controller says of it."""
        told = [text for pod in self.pods for text in _troubles(pod)] + [
            f"{row['reason']}: {row['message']}"
            for row in self.status.get("conditions", [])
            if (row["type"], row["status"]) in (("Progressing", "False"), ("ReplicaFailure", "True"))
        ]
        return redacted("; ".join(dict.fromkeys(told))) or "the cluster gives no reason"

    @property
    def _is_late(self) -> bool:
        return any(row.get("reason") == "ProgressDeadlineExceeded" for row in self.status.get("conditions", []))

    def __str__(self) -> str:
        wanted, status = self.found["spec"].get("replicas", 1), self.status
        counts = f"{self.available} of {wanted} copies ready"
        if self.is_complete:
            return counts
        state = "failed" if self.has_failed else "in progress"
        told = dict.fromkeys(text for pod in self.pods for text in _troubles(pod))
        return "; ".join([f"{state}, {counts}, {status.get('updatedReplicas', 0)} of the new version", *told])


def named(kubectl: Kubectl) -> Served | None:
    """The one with the project's name, whoever made it; None if there is none."""
    found = kubectl.find(manifest.KIND, names.project())
    if not found:
        return None
    served = Served(found)
    return served if served.is_complete else Served(found, _newest_pods(kubectl, served))


def others(kubectl: Kubectl) -> dict[str, Manifest]:
    """What goes with it, by kind."""
    return {one["kind"]: one for one in kubectl.find_all(OTHERS, names.project())}


def is_over(aws: AwsClient, found: Served) -> bool:
    """Whether the deployment has ended."""
    return found.is_complete


def wait(aws: AwsClient, kubectl: Kubectl, began: float) -> None:
    """Wait for the deployment. Raises VerbError with the reason why it fails."""

    def has_ended(found: Served | None) -> bool:
        return not found or found.is_complete or found.has_failed

    found = waiting.until(lambda: named(kubectl), has_ended, _told, updates.longest() + 300)
    if not found:
        raise VerbError(f"the {manifest.KIND} {names.project()} was deleted meanwhile", ExitCode.AWS_ERROR)
    if found.has_failed:
        raise causes.failure(kubectl, found, began)


def remove(kubectl: Kubectl) -> None:
    """Delete it, and wait until its pods are gone. Raises VerbError."""
    kubectl.delete(manifest.KIND, names.project())
    if not kubectl.dry_run:
        waiting.until(
            lambda: kubectl.listed("pods", pods.selector()),
            lambda left: not left,
            lambda left: f"{len(left)} pods are still there" if left else f"{names.project()} is gone",
            manifest.STOP_SECONDS + 300,
        )


def _told(found: Served | None) -> str:
    return f"{names.project()} is {found}" if found else f"{names.project()} is gone"


def _newest_pods(kubectl: Kubectl, found: Served) -> list[dict[str, Any]]:
    """The pods of the version that is being deployed."""
    present = kubectl.listed("replicasets,pods", pods.selector())
    revision = found.annotations.get(REVISION)
    sets = [one for one in present if one["kind"] == "ReplicaSet"]
    newest = {_hash(one) for one in sets if one["metadata"].get("annotations", {}).get(REVISION) == revision}
    return [one for one in present if one["kind"] == "Pod" and _hash(one) in newest]


def _hash(found: Mapping[str, Any]) -> str:
    return str(found["metadata"].get("labels", {}).get(HASH, ""))


def _is_hopeless(pod: Mapping[str, Any]) -> bool:
    for row in pod.get("status", {}).get("containerStatuses", []):
        waits = row.get("state", {}).get("waiting", {}).get("reason", "")
        if waits in HOPELESS or (waits == "CrashLoopBackOff" and row.get("restartCount", 0) >= CRASHES):
            return True
    return False


def _troubles(pod: Mapping[str, Any]) -> Iterator[str]:
    """What keeps a pod from running, each in Kubernetes' words."""
    status = pod.get("status", {})
    for row in status.get("conditions", []):
        if row["type"] == "PodScheduled" and row["status"] == "False":
            yield f"{row['reason']}: {row['message']}"
    for row in status.get("containerStatuses", []):
        waits = row.get("state", {}).get("waiting", {})
        if waits and waits.get("reason") not in ("ContainerCreating", "PodInitializing"):
            yield f"{waits['reason']}: {waits.get('message', '')}".rstrip(": ")
        ended = row.get("lastState", {}).get("terminated", {})
        if ended:
            yield f"{ended['reason']}: the container ended with {ended['exitCode']}"
