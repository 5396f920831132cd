"""The Deployment in the cluster: how far its controller and its pods are, and how it goes away.

https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#deployment-status and
https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from lib.aws import names, waiting
from lib.aws.client import AwsClient
from lib.aws.redaction import redacted
from lib.cli import ExitCode, VerbError
from lib.target import capacity, causes, manifest, updates
from lib.target.deployed import Deployed, Manifest
from lib.target.kubectl import Kubectl

OTHERS = [kind for kind in manifest.API if kind != manifest.KIND]
SCALERS = "horizontalpodautoscalers"
# what a container waits for that doesn't come by itself; Kubernetes would try until the deadline
HOPELESS = {"ImagePullBackOff", "InvalidImageName", "CreateContainerConfigError"}
CRASHES = 3  # of the new version, after which it is given up
# what the controller writes on a Deployment and on the ReplicaSet of each of its versions, and on that one's pods
REVISION, HASH = "deployment.kubernetes.io/revision", "pod-template-hash"


@dataclass(frozen=True)
class Served(Deployed):
    """The Deployment as it is in the cluster, with the pods of its newest version."""

    pods: list[dict[str, Any]] = field(default_factory=list)
    scalers: frozenset[str] = frozenset()  # the names of what chooses its number of copies: ours, or somebody else's

    @property
    def spec(self) -> Manifest:
        """Its specification, with the API server's defaults; without the number of copies where the load chooses it."""
        return _without_copies(self.found["spec"]) if self.scalers else super().spec

    def updated(self, spec: Manifest) -> Manifest:
        """A specification as do/deploy applies it over this one: without a number of copies if somebody else scales it.

        https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/ (migrating Deployments)
        """
        return _without_copies(spec) if self.scalers - {names.project()} else spec

    def restored(self, spec: Manifest) -> Manifest:
        """As do/rollback applies it, which leaves what scales the copies as it is now, whatever it was then."""
        return _without_copies(spec) if self.scalers else {"replicas": self.found["spec"]["replicas"], **spec}

    def selector(self, kubectl: Kubectl) -> str:
        """What chooses its pods."""
        return pod_selector()

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
    def serves_alone(self) -> bool:
        """Whether there are only copies of this version, and some answer; others may start, as the load wants more."""
        updated = self.status.get("updatedReplicas", 0)
        return bool(self.is_seen) and self.is_in_use and updated == self.status.get("replicas") and not self.has_failed

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
    """The one with the project's name, whoever made it, and what scales it; None if there is none."""
    found = _named(kubectl)
    return replace(found, scalers=_scalers(kubectl)) if found else None


def _named(kubectl: Kubectl) -> Served | None:
    """The same without what scales it."""
    found = kubectl.find(manifest.KIND, names.project())
    if not found:
        return None
    served = Served(found)
    return served if served.is_complete else Served(found, _newest_pods(kubectl, served))


def begun(spec: Manifest) -> Manifest:
    """A specification as it is created: if the load is to choose the number of copies, with the least."""
    return {"replicas": capacity.copies()[0], **spec}


def pod_selector() -> str:
    """What chooses the project's pods in the namespace."""
    return ",".join(f"{name}={value}" for name, value in manifest.labels().items())


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

    found = waiting.until(lambda: _named(kubectl), has_ended, _told, updates.longest() + 300)
    if not found:
        raise VerbError(f"the {manifest.KIND} {names.project()} was deleted meanwhile", ExitCode.AWS_ERROR)
    if found.has_failed:
        raise causes.failure(kubectl, found, began)


def remove(kubectl: Kubectl) -> None:
    """Delete it, and wait until its pods are gone. Raises VerbError."""
    kubectl.delete(manifest.KIND, names.project())
    if not kubectl.dry_run:
        waiting.until(
            lambda: kubectl.listed("pods", pod_selector()),
            lambda left: not left,
            lambda left: f"{len(left)} pods are still there" if left else f"{names.project()} is gone",
            manifest.STOP_SECONDS + 300,
        )


def _told(found: Served | None) -> str:
    return f"{names.project()} is {found}" if found else f"{names.project()} is gone"


def _scalers(kubectl: Kubectl) -> frozenset[str]:
    """The names of the autoscalers that choose its number of copies: KEDA makes one for each ScaledObject."""
    found = kubectl.listed(SCALERS)
    target = (manifest.KIND, names.project())
    return frozenset(
        one["metadata"]["name"]
        for one in found
        if (one["spec"]["scaleTargetRef"]["kind"], one["spec"]["scaleTargetRef"]["name"]) == target
    )


def _without_copies(spec: Manifest) -> Manifest:
    return {name: value for name, value in spec.items() if name != "replicas"}


def _newest_pods(kubectl: Kubectl, found: Served) -> list[dict[str, Any]]:
    """The pods of the version that is being deployed."""
    present = kubectl.listed("replicasets,pods", pod_selector())
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
