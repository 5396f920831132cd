"""Plays the HyperPod inference operator, and SageMaker and EKS as far as they know of the cluster.

Each look at the cluster's objects finds an InferenceEndpointConfig a step further. The operator first sees a change at
the second look, so the state is that of the version before until then (status.observedGeneration). When the pods run,
it registers the endpoint, and SageMaker makes it. A deletion takes the registration, and with it the endpoint, last.

What moto lacks: its DescribeCluster of SageMaker leaves Orchestrator out, and its instance groups need ThreadsPerCore.
"""

from __future__ import annotations

import base64
import time
from collections import deque
from typing import TYPE_CHECKING, Any

from tests.aws.kubernetes.api import CONFIGS, GROUP, REGISTRATIONS, Api, Object
from tests.aws.service.protocols import Call, ServiceError

if TYPE_CHECKING:
    from tests.aws.service.account import Account


CLUSTER = "ml-eks"  # the name of the cluster in EKS


class Operator:
    """What moves the objects; a test says how deployments end."""

    service = "sagemaker"

    def __init__(self, api: Api, account: Account) -> None:
        self.api, self.account = api, account
        self.cluster: Object | None = {
            "ClusterName": "ml-cluster",
            "ClusterArn": "arn:aws:sagemaker:us-east-1:123456789012:cluster/abcdef012345",
            "ClusterStatus": "InService",
            "InstanceGroups": [{"InstanceGroupName": "cpu", "InstanceType": "ml.m5.large", "CurrentCount": 2}],
            "Orchestrator": {"Eks": {"ClusterArn": f"arn:aws:eks:us-east-1:123456789012:cluster/{CLUSTER}"}},
        }
        self.state, self.conditions = "DeploymentComplete", [_condition("Available", "True", "Ready", "it serves")]
        self.endpoint_status, self.endpoint_reason = "InService", ""
        self.says_what_it_saw = True
        self.endpoint: Object | None = None
        self._steps: dict[str, deque[Object]] = {}
        self._seen: dict[str, int] = {}
        api.look = self.look

    def end(self, state: str, *conditions: Object) -> None:
        """Let deployments end so from now on; DeploymentInProgress is for ever."""
        self.state, self.conditions = state, [*conditions]

    def look(self, found: Object) -> None:
        """Bring an object a step further."""
        if found["kind"] == "SageMakerEndpointRegistration":
            self._deregister(found)
            return
        key = found["metadata"]["uid"]
        if found["metadata"].get("deletionTimestamp"):
            self._delete(found)
            return
        generation = found["metadata"]["generation"]
        if self._seen.get(key, 0) < generation:
            self._seen[key] = generation
            self._steps[key] = deque([dict(found.get("status", {})), self._status(generation, "DeploymentInProgress")])
            self._steps[key].append(self._status(generation, self.state))
        steps = self._steps[key]
        found["status"] = steps.popleft() if len(steps) > 1 else steps[0]
        if found["status"].get("state") == "DeploymentComplete" and found["status"] is steps[0]:
            self._register(found)

    def _status(self, generation: int, state: str) -> Object:
        done = state == "DeploymentComplete"
        pods = {"replicas": 1, "availableReplicas": int(done)}
        status: Object = {
            "state": state,
            "conditions": self.conditions if state == self.state else [],
            "deploymentStatus": {"name": "my-model", "lastUpdated": "2026-11-28T00:00:00Z", "status": pods},
        }
        return status | ({"observedGeneration": generation} if self.says_what_it_saw else {})

    def _register(self, found: Object) -> None:
        name = found["spec"]["endpointName"]
        namespace = found["metadata"]["namespace"]
        key = (REGISTRATIONS, namespace, f"{name}-registration")
        if not name or key in self.api.objects:
            return
        self.api.objects[key] = {
            "kind": "SageMakerEndpointRegistration",
            "apiVersion": f"{GROUP}/v1",
            "metadata": {"name": key[2], "namespace": namespace, "uid": key[2], "generation": 1},
            "spec": {"name": name},
            "status": {"state": "CreationCompleted"},
        }
        arn = f"arn:aws:sagemaker:us-east-1:123456789012:endpoint/{name}"
        self.endpoint = {
            "EndpointName": name,
            "EndpointArn": arn,
            "EndpointConfigName": f"{name}-by-the-operator",
            "CreationTime": time.time(),
            "LastModifiedTime": time.time(),
            "steps": deque([{"EndpointStatus": "Creating"}, self._end_of_the_endpoint()]),
        }
        self.account.endpoints.tags[arn] = {tag["name"]: tag["value"] for tag in found["spec"].get("tags", [])}

    def _end_of_the_endpoint(self) -> Object:
        reason = {"FailureReason": self.endpoint_reason} if self.endpoint_reason else {}
        return {"EndpointStatus": self.endpoint_status, **reason}

    def _delete(self, found: Object) -> None:
        if found["status"].get("state") != "DeletionInProgress":
            found["status"] = {**found.get("status", {}), "state": "DeletionInProgress"}
            return
        metadata = found["metadata"]
        del self.api.objects[CONFIGS, metadata["namespace"], metadata["name"]]
        for key, row in self.api.objects.items():
            if key[0] == REGISTRATIONS:
                row["metadata"]["deletionTimestamp"] = "now"

    def _deregister(self, found: Object) -> None:
        if not found["metadata"].get("deletionTimestamp"):
            return
        if found["status"]["state"] != "DeletionInProgress":
            found["status"]["state"] = "DeletionInProgress"
            return
        metadata = found["metadata"]
        del self.api.objects[REGISTRATIONS, metadata["namespace"], metadata["name"]]
        self.endpoint = None

    # SageMaker

    def DescribeCluster(self, call: Call) -> Object:
        if not self.cluster or call.parameters["ClusterName"] != self.cluster["ClusterName"]:
            raise ServiceError("ResourceNotFound", f"Cluster with name {call.parameters['ClusterName']} not found.")
        return self.cluster

    def DescribeEndpoint(self, call: Call) -> Object | None:
        if not self.endpoint or call.parameters["EndpointName"] != self.endpoint["EndpointName"]:
            return None  # the account's own are elsewhere
        steps = self.endpoint["steps"]
        step = steps.popleft() if len(steps) > 1 else steps[0]
        return {key: value for key, value in self.endpoint.items() if key != "steps"} | step


class Eks:
    """What EKS says of the cluster."""

    service = "eks"

    def __init__(self, api: Api) -> None:
        self.api = api

    def DescribeCluster(self, call: Call) -> Object:
        if call.parameters["name"] != CLUSTER:
            raise ServiceError("ResourceNotFoundException", "No cluster found", 404)
        data = base64.b64encode(self.api.certificate).decode()
        return {
            "cluster": {
                "name": CLUSTER,
                "status": "ACTIVE",
                "endpoint": self.api.url,
                "certificateAuthority": {"data": data},
            }
        }


def _condition(kind: str, status: str, reason: str, message: str) -> Object:
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message,
        "lastTransitionTime": "2026-11-28T00:00:00Z",
    }


def failed(reason: str, message: str) -> Any:
    """The condition of a deployment that has failed."""
    return _condition("DeploymentFailed", "True", reason, message)
