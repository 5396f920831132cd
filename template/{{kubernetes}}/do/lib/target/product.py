"""What do/deploy brings about: a Deployment in an EKS cluster, and what goes with it."""

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
from lib.target import capacity, cluster_access, deployed, manifest, pods, rollout, serving
from lib.target.kubectl import Kubectl

# the setting that names the cluster, what it is in words, and what costs extra
CLUSTER = "EKS_CLUSTER"
CLUSTERS = "EKS cluster"
EXTRA_COSTS = ""
NEXT = "do/invoke --endpoint for a prediction, do/test --endpoint to check it, do/status to see it"


class DesiredState(NamedTuple):
    """What the settings and the project's files ask for; `model` has the manifests by kind."""

    image_uri: str
    model: Definition


def desired_state(aws: AwsClient) -> DesiredState:
    """What should be there. Raises VerbError where something that it needs is missing."""
    capacity.require_room()
    image_uri = preflight.image_uri(aws)
    manifests = {one["kind"]: one for one in manifest.of(image_uri)}
    return DesiredState(image_uri, Definition(names.project(), manifests))


def steps(aws: AwsClient, wanted: DesiredState) -> list[Step]:
    """What is missing, once what can be checked is checked. Raises VerbError."""
    kubectl = connected(aws)
    found = rollout.current(kubectl)
    manifests = [*wanted.model.parameters.values()]
    if not rollout.is_as(kubectl, found, manifests):
        memory.require()
        preflight.require_platform(aws, wanted.image_uri)
        preflight.note_vulnerabilities(aws, wanted.image_uri)
    return [*rollout.steps(aws, kubectl, manifests, found)]


def done(wanted: DesiredState) -> str:
    """What is there now, in words."""
    configuration = config.load()
    place = f"http://{names.project()}.{configuration['KUBERNETES_NAMESPACE']}:{pods.PORT} in {configuration[CLUSTER]}"
    return f"{names.project()} serves at {place}"


def document(aws: AwsClient, wanted: DesiredState) -> dict[str, Any]:
    """What is there now, for programs."""
    kubectl = _connected(aws)
    found = serving.named(kubectl) if kubectl else None
    return {"endpoint": names.project(), "status": str(found) if found else None}


def log_lines(aws: AwsClient, since: float, follow: bool) -> Iterator[str] | None:
    """What the containers have written since a time; with `follow`, what is to come as well. None if there are none."""
    kubectl = _connected(aws)
    found = serving.named(kubectl) if kubectl else None
    return pods.log_lines(kubectl, found, since, follow) if kubectl and found else None


def resources(aws: AwsClient) -> Iterator[Resource]:
    """What goes with the Deployment, and the Deployment, with which its pods go."""
    kubectl = _connected(aws)
    if not kubectl:
        return
    mark = deployed.refuse_adoption
    for kind, one in serving.others(kubectl).items():
        remove = partial(kubectl.delete, kind, names.project())
        yield Resource(kind, names.project(), remove, deployed.tags(one), mark, created=deployed.created(one))
    if found := serving.named(kubectl):
        remove = partial(rollout.remove, kubectl)
        yield Resource(manifest.KIND, names.project(), remove, found.tags, mark, str(found), found.created)


def connected(aws: AwsClient) -> Kubectl:
    """kubectl for EKS_CLUSTER. Raises VerbError where that is not there, or can't be reached."""
    name = config.load()[CLUSTER]
    if not name:
        raise VerbError(
            f"{CLUSTER} is empty: run do/config set {CLUSTER} with the name of a cluster in {aws.region}",
            ExitCode.BAD_CONFIGURATION,
        )
    return cluster_access.connect(aws, name)


def _connected(aws: AwsClient) -> Kubectl | None:
    """kubectl for EKS_CLUSTER; None where no cluster is set: nothing is there."""
    return connected(aws) if config.load()[CLUSTER] else None
