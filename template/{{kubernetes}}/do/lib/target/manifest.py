"""What the cluster is asked for: a Deployment and what goes with it, from the settings. All have PROJECT_NAME as name.

https://kubernetes.io/docs/reference/kubernetes-api/; Kubernetes 1.30 has every field.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lib import config
from lib.aws import names
from lib.aws.tables import read_table
from lib.cli import ExitCode, VerbError
from lib.machine import PLATFORMS
from lib.target import capacity, deployed, pods, updates
from lib.target.deployed import Manifest

KIND = "Deployment"
API = {
    KIND: "apps/v1",
    "Service": "v1",
    "PodDisruptionBudget": "policy/v1",
    "NetworkPolicy": "networking.k8s.io/v1",
    "HorizontalPodAutoscaler": "autoscaling/v2",
}
STOP_SECONDS = 30  # that requests in flight have, as on SageMaker
# until the nodes know that a pod gets no more requests; it goes on answering
# https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination-flow
DRAIN_SECONDS = 5
SECURITY = Path(__file__).with_name("security.yml")
SCALING = Path(__file__).with_name("scaling.yml")
SHARED_MEMORY = "shared-memory"  # that the GPUs of a pod talk through; a container has 64 MB otherwise
TEMPORARY = "temporary"


def of(image_uri: str) -> list[Manifest]:
    """All manifests, that of the Deployment first. Raises VerbError for copies that nothing could scale."""
    return [
        with_spec(_deployment(image_uri)),
        _named("Service", _service()),
        _named("PodDisruptionBudget", _budget()),
        _named("NetworkPolicy", _network()),
        *(_named("HorizontalPodAutoscaler", spec) for spec in _scaling()),
    ]


def with_spec(spec: Manifest) -> Manifest:
    """A manifest of the Deployment with this specification."""
    return _named(KIND, spec)


def image_of(spec: Manifest) -> str:
    """The image that a specification names."""
    return str(spec["template"]["spec"]["containers"][0]["image"])


def is_scaled() -> bool:
    """Whether the load decides how many copies there are."""
    least, most = capacity.copies()
    return most > least


def _named(kind: str, spec: Manifest) -> Manifest:
    return {"apiVersion": API[kind], "kind": kind, "metadata": deployed.metadata(), "spec": spec}


def labels() -> dict[str, str]:
    """What chooses the pods: the Deployment's selector can't be changed any more, so this never may be."""
    return {"app": names.project(), deployed.ID_LABEL: names.project_id()}


def _deployment(image_uri: str) -> Manifest:
    return {
        **({} if is_scaled() else {"replicas": capacity.copies()[0]}),
        "revisionHistoryLimit": 3,
        "progressDeadlineSeconds": updates.longest(),
        # the present version serves until the new one does
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
        "selector": {"matchLabels": labels()},
        "template": {"metadata": {"labels": labels()}, "spec": _pod(image_uri)},
    }


def _pod(image_uri: str) -> Manifest:
    security = read_table(SECURITY)[config.load()["MODEL_KIND"]]
    volumes = [*_volumes()]
    container = {
        "name": "model",
        "image": image_uri,
        "ports": [{"name": "http", "containerPort": pods.PORT, "protocol": "TCP"}],
        **_environment(),
        "resources": _canonical(capacity.resources()),
        **pods.probes(),
        "lifecycle": {"preStop": {"sleep": {"seconds": DRAIN_SECONDS}}},
        "securityContext": security["container"],
        "volumeMounts": [{"name": name, "mountPath": path} for name, path, _ in volumes],
    }
    return {
        "automountServiceAccountToken": False,
        "securityContext": security["pod"],
        "terminationGracePeriodSeconds": STOP_SECONDS + DRAIN_SECONDS,
        "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": _nodes()}},
        "containers": [container],
        "volumes": [{"name": name, "emptyDir": source} for name, _, source in volumes],
    }


def _nodes() -> Manifest:
    """On which nodes: those with the image's processor; with GPUs, those of the types that the model is sized for."""
    first, *others = capacity.instance_types()
    architecture = PLATFORMS[config.INSTANCES[first]["architecture"]].rpartition("/")[2]
    wanted = {"kubernetes.io/arch": [architecture]}
    if others or _gpus():
        wanted["node.kubernetes.io/instance-type"] = [name.removeprefix("ml.") for name in (first, *others)]
    return {
        "nodeSelectorTerms": [
            {"matchExpressions": [{"key": key, "operator": "In", "values": values} for key, values in wanted.items()]}
        ]
    }


def _gpus() -> int:
    """How many GPUs a copy has."""
    return int(config.load().get(capacity.ACCELERATORS, 0))


def _volumes() -> Iterator[tuple[str, str, Manifest]]:
    """The name of each volume, where it is mounted, and what it is."""
    yield TEMPORARY, "/tmp", {}
    if _gpus() > 1:
        yield SHARED_MEMORY, "/dev/shm", {"medium": "Memory"}


def _environment() -> Manifest:
    """The variables of the container; the API server keeps no empty list."""
    variables = [*pods.environment(), *_token()]
    return {"env": variables} if variables else {}


def _canonical(resources: dict[str, dict[str, Any]]) -> Manifest:
    """Quantities as the API server keeps them, so that they can be compared: 500m for 0.5, and 1Gi for 1024Mi.

    https://pkg.go.dev/k8s.io/apimachinery/pkg/api/resource#Quantity
    """
    return {
        purpose: {name: _quantity(str(value)) for name, value in amounts.items()}
        for purpose, amounts in resources.items()
    }


def _quantity(text: str) -> str:
    if "." in text:
        return f"{float(text) * 1000:.0f}m"
    size = int(text.removesuffix("Mi"))
    return f"{size // 1024}Gi" if text.endswith("Mi") and size % 1024 == 0 else text


def _token() -> Iterator[dict[str, Any]]:
    """The token of the Hugging Face Hub, by reference."""
    name, _, key = config.load().get("HF_TOKEN_KUBERNETES_SECRET", "").partition("/")
    if name:
        yield {"name": "HF_TOKEN", "valueFrom": {"secretKeyRef": {"name": name, "key": key}}}


def _service() -> Manifest:
    # that of the container, as network policies of Amazon's VPC CNI need it
    # https://docs.aws.amazon.com/eks/latest/userguide/cni-network-policy.html
    port = {"name": "http", "port": pods.PORT, "targetPort": "http", "protocol": "TCP"}
    return {"type": "ClusterIP", "selector": labels(), "ports": [port]}


def _budget() -> Manifest:
    """One copy at a time may be moved to another node, also the only one: else no node could be emptied."""
    return {
        "maxUnavailable": 1,
        "unhealthyPodEvictionPolicy": "AlwaysAllow",
        "selector": {"matchLabels": labels()},
    }


def _network() -> Manifest:
    """Who reaches the pods: those of the namespace, and of CALLER_NAMESPACES. Probes and kubectl always do."""
    others = [name for name in config.load()["CALLER_NAMESPACES"].split(",") if name]
    label = "kubernetes.io/metadata.name"
    callers: list[Manifest] = [{"podSelector": {}}]
    if others:
        callers.append(
            {"namespaceSelector": {"matchExpressions": [{"key": label, "operator": "In", "values": others}]}}
        )
    ingress = {"from": callers, "ports": [{"port": "http", "protocol": "TCP"}]}
    return {"podSelector": {"matchLabels": labels()}, "policyTypes": ["Ingress"], "ingress": [ingress]}


def _scaling() -> Iterator[Manifest]:
    """What chooses the number of copies, if that isn't fixed. Raises VerbError where no metric tells their load."""
    if not is_scaled():
        return
    least, most = capacity.copies()
    metrics = read_table(SCALING)[config.load()["MODEL_KIND"]]
    if not metrics:
        raise VerbError(
            "a cluster measures only CPU and memory, which say nothing of the load of a GPU: run do/config set "
            f"MAX_COPIES {least}, as MIN_COPIES, or scale the Deployment with KEDA on a metric of the engine",
            ExitCode.BAD_CONFIGURATION,
        )
    yield {
        "scaleTargetRef": {"apiVersion": API[KIND], "kind": KIND, "name": names.project()},
        "minReplicas": least,
        "maxReplicas": most,
        "metrics": metrics,
    }
