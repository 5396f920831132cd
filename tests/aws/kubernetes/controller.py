"""Plays the controller of Deployments, the scheduler and the kubelet, as far as they show in states.

Each look at the cluster brings a Deployment a step further. Its controller first sees a change at the second look
(status.observedGeneration). A new version is a ReplicaSet; its pods run beside those of the version before until they
are ready, and go if it comes back. Statuses and reasons are those of
https://kubernetes.io/docs/concepts/workloads/controllers/deployment/ and
https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/; the revision is an annotation, which
`kubectl rollout` reads.
"""

from __future__ import annotations

import hashlib
import json
from copy import deepcopy

from tests.aws.kubernetes.api import Api, Object

REVISION, HASH = "deployment.kubernetes.io/revision", "pod-template-hash"
MADE = "2026-11-28T00:00:00Z"
SERVES = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
LATE_AFTER = 12  # looks at which progressDeadlineSeconds are over


class Controller:
    """What moves Deployments; a test says how the pods of new versions end."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.trouble: Object = {}  # what the status of a new pod has, see below; empty if it serves
        self.log = ""  # what new pods write
        self._looks: dict[str, int] = {}
        api.look = self.look

    def look(self, found: Object) -> None:
        """Bring a Deployment a step further, and let pods go whose Deployment is gone."""
        if found["kind"] == "Pod" and not self._has_owner(found):
            self._leave(found)
        if found["kind"] != "Deployment":
            return
        key = f"{found['metadata']['uid']}-{found['metadata']['generation']}"
        self._looks[key] = looks = self._looks.get(key, 0) + 1
        if looks == 1:
            return
        if looks == 2:
            self._begin(found)
        self._report(found, is_late=looks > LATE_AFTER)

    def _begin(self, found: Object) -> None:
        """Make the ReplicaSet of the template, or take an earlier one of it, and its pods."""
        template, metadata = found["spec"]["template"], found["metadata"]
        name = hashlib.sha256(json.dumps(template, sort_keys=True).encode()).hexdigest()[:10]
        sets = self._of("replicasets", found)
        latest = max((int(one["metadata"]["annotations"][REVISION]) for one in sets), default=0)
        present = next((one for one in sets if one["metadata"]["labels"][HASH] == name), None)
        if not present or int(present["metadata"]["annotations"][REVISION]) < latest:
            latest += 1
            metadata.setdefault("annotations", {})[REVISION] = str(latest)
            self._put("replicasets", "ReplicaSet", f"{metadata['name']}-{name}", found, name)["metadata"][
                "annotations"
            ] = {REVISION: str(latest)}
        trouble = deepcopy(self.trouble) if not self._serving(found, name) else {}
        for pod in self._of("pods", found):
            if trouble and not _is_ready(pod):  # of a version that has failed before
                del self.api.objects["pods", metadata["namespace"], pod["metadata"]["name"]]
        for number in range(1 if trouble else found["spec"]["replicas"]):
            pod = self._put("pods", "Pod", f"{metadata['name']}-{name}-{number}", found, name)
            pod["spec"] = template["spec"]
            pod["status"] = {"phase": "Pending"} | trouble if trouble else deepcopy(SERVES)
            self.api.written[pod["metadata"]["name"]] = self.log

    def _serving(self, found: Object, name: str) -> bool:
        """Whether pods of this template serve already, so that none has to start."""
        return any(_is_ready(pod) and pod["metadata"]["labels"][HASH] == name for pod in self._of("pods", found))

    def _report(self, found: Object, is_late: bool) -> None:
        wanted, name = found["spec"]["replicas"], self._newest(found)
        pods = self._of("pods", found)
        new = [pod for pod in pods if pod["metadata"]["labels"][HASH] == name]
        ready = [pod for pod in new if _is_ready(pod)][:wanted]
        if len(ready) == wanted:
            for pod in pods:
                if pod not in ready:
                    del self.api.objects["pods", found["metadata"]["namespace"], pod["metadata"]["name"]]
            pods = ready
        progressing = {"type": "Progressing", "status": "True", "reason": "ReplicaSetUpdated", "message": ""}
        if len(ready) < wanted and is_late:
            message = f'ReplicaSet "{found["metadata"]["name"]}-{name}" has timed out progressing.'
            progressing |= {"status": "False", "reason": "ProgressDeadlineExceeded", "message": message}
        found["status"] = {
            "observedGeneration": found["metadata"]["generation"],
            "replicas": len(pods),
            "updatedReplicas": len(new),
            "availableReplicas": sum(_is_ready(pod) for pod in pods),
            "conditions": [progressing],
        }

    def _newest(self, found: Object) -> str:
        revision = found["metadata"]["annotations"][REVISION]
        return next(
            str(one["metadata"]["labels"][HASH])
            for one in self._of("replicasets", found)
            if one["metadata"]["annotations"][REVISION] == revision
        )

    def _of(self, plural: str, found: Object) -> list[Object]:
        place = (plural, found["metadata"]["namespace"])
        return [
            row
            for key, row in self.api.objects.items()
            if key[:2] == place and row["metadata"]["ownerReferences"][0]["uid"] == found["metadata"]["uid"]
        ]

    def _put(self, plural: str, kind: str, name: str, owner: Object, version: str) -> Object:
        namespace = owner["metadata"]["namespace"]
        made: Object = {
            "kind": kind,
            "apiVersion": "v1" if kind == "Pod" else "apps/v1",
            "metadata": {
                "name": name,
                "namespace": namespace,
                "uid": name,
                "creationTimestamp": MADE,
                "labels": {**owner["spec"]["template"]["metadata"]["labels"], HASH: version},
                "ownerReferences": [{"kind": "Deployment", "uid": owner["metadata"]["uid"]}],
            },
        }
        self.api.objects[plural, namespace, name] = made
        return made

    def _has_owner(self, pod: Object) -> bool:
        uid = pod["metadata"]["ownerReferences"][0]["uid"]
        return any(row["metadata"].get("uid") == uid for row in self.api.objects.values())

    def _leave(self, pod: Object) -> None:
        """Requests in flight are finished first: a pod goes at the second look."""
        if not pod["metadata"].get("deletionTimestamp"):
            pod["metadata"]["deletionTimestamp"] = MADE
            return
        namespace = pod["metadata"]["namespace"]
        for key in [key for key in self.api.objects if key[0] in ("pods", "replicasets") and key[1] == namespace]:
            if self.api.objects[key]["metadata"]["ownerReferences"] == pod["metadata"]["ownerReferences"]:
                del self.api.objects[key]


def _is_ready(pod: Object) -> bool:
    return {"type": "Ready", "status": "True"} in pod["status"].get("conditions", [])


def waiting(reason: str, message: str = "", restarts: int = 0) -> Object:
    """The status of a pod whose container waits for something."""
    row: Object = {
        "name": "model",
        "restartCount": restarts,
        "state": {"waiting": {"reason": reason, "message": message}},
    }
    if restarts:
        row["lastState"] = {"terminated": {"reason": "Error", "exitCode": 1}}
    return {"containerStatuses": [row]}


def unschedulable(message: str) -> Object:
    """The status of a pod that no node has room for."""
    return {"conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}]}


def not_ready() -> Object:
    """The status of a pod that doesn't answer /ping."""
    return {
        "phase": "Running",
        "containerStatuses": [
            {"name": "model", "restartCount": 0, "ready": False, "state": {"running": {"startedAt": MADE}}}
        ],
    }
