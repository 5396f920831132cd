"""What do/deploy brings about: an InferenceEndpointConfig in a HyperPod cluster, whose operator makes all else."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

from lib import config
from lib.aws import names, preflight
from lib.aws.client import AwsClient
from lib.aws.plan import Step
from lib.aws.requests import Definition
from lib.aws.resource import Resource
from lib.cli import ExitCode, VerbError
from lib.model import memory
from lib.target import capacity, checking, cluster, cluster_access, deployed, manifest, pods, rollout, serving
from lib.target.kubectl import Kubectl

# the setting that names the cluster, what it is in words, and what costs extra
CLUSTER = "HYPERPOD_CLUSTER"
CLUSTERS = "HyperPod cluster"
EXTRA_COSTS = "; the operator adds a load balancer"
NEXT = "do/invoke --endpoint for a prediction, do/test --endpoint to check it, do/status to see it"


class DesiredState(NamedTuple):
    """What the settings and the project's files ask for; `model` has the manifest."""

    image_uri: str
    model: Definition


def desired_state(aws: AwsClient) -> DesiredState:
    """What should be there. Raises VerbError where something that it needs is missing."""
    capacity.require_room()
    image_uri = preflight.image_uri(aws)
    wanted = manifest.of(aws, image_uri)
    checking.require(wanted)
    return DesiredState(image_uri, Definition(names.project(), wanted))


def steps(aws: AwsClient, wanted: DesiredState) -> list[Step]:
    """What is missing, once what can be checked is checked. Raises VerbError."""
    chosen = cluster.find(aws)
    cluster.require_instances(chosen, capacity.instance_types())
    kubectl = cluster_access.connect(aws, chosen.eks_name)
    serving.require_operator(kubectl)
    found = rollout.current(kubectl)
    if not found:
        _require_no_endpoint(aws)
    manifests = [wanted.model.parameters]
    if not rollout.is_as(kubectl, found, manifests):
        memory.require()
        preflight.require_platform(aws, wanted.image_uri)
        preflight.note_vulnerabilities(aws, wanted.image_uri)
    return [*rollout.steps(aws, kubectl, manifests, found)]


def done(wanted: DesiredState) -> str:
    """What is there now, in words."""
    return f"{names.project()} is InService on the cluster {config.load()[CLUSTER]}"


def document(aws: AwsClient, wanted: DesiredState) -> dict[str, Any]:
    """What is there now, for programs."""
    kubectl = _connected(aws)
    found = serving.named(kubectl) if kubectl else None
    return {"endpoint": names.project(), "status": found.state if found else None}


def log_lines(aws: AwsClient, since: float, follow: bool) -> Iterator[str] | None:
    """What the containers have written since a time; with `follow`, what is to come as well. None if there are none."""
    kubectl = _connected(aws)
    found = serving.named(kubectl) if kubectl else None
    return pods.log_lines(kubectl, found, since, follow) if kubectl and found else None


def resources(aws: AwsClient) -> Iterator[Resource]:
    """The InferenceEndpointConfig, with which its pods, its load balancer and its endpoint go."""
    kubectl = _connected(aws)
    found = serving.named(kubectl) if kubectl else None
    if kubectl and found:
        remove, mark = partial(rollout.remove, kubectl), deployed.refuse_adoption
        yield Resource(manifest.KIND, names.project(), remove, found.tags, mark, str(found), found.created)


def connected(aws: AwsClient) -> Kubectl:
    """kubectl for HYPERPOD_CLUSTER. Raises VerbError where that is not there, can't be reached or has no operator."""
    kubectl = _cluster(aws)
    serving.require_operator(kubectl)
    return kubectl


def _cluster(aws: AwsClient) -> Kubectl:
    return cluster_access.connect(aws, cluster.find(aws).eks_name)


def _connected(aws: AwsClient) -> Kubectl | None:
    """kubectl for HYPERPOD_CLUSTER; None where no cluster is set, or its operator isn't installed: nothing is there."""
    if not config.load()[CLUSTER]:
        return None
    kubectl = _cluster(aws)
    return kubectl if kubectl.offers(manifest.GROUP_VERSION, serving.RESOURCE.partition(".")[0]) else None


def _require_no_endpoint(aws: AwsClient) -> None:
    """Raise VerbError for an endpoint of the project's name that the operator would collide with."""
    if aws.find("sagemaker", "DescribeEndpoint", EndpointName=names.project()):
        raise VerbError(
            f"there is an endpoint {names.project()} already, which no {manifest.KIND} in the namespace "
            f"{config.load()['KUBERNETES_NAMESPACE']} made: run do/clean --aws, or choose another PROJECT_NAME",
            ExitCode.AWS_ERROR,
        )
