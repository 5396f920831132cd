"""The HyperPod cluster: what SageMaker and EKS say of it, and how kubectl reaches it.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeCluster.html and
https://docs.aws.amazon.com/eks/latest/userguide/create-kubeconfig.html
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lib import config
from lib.aws.client import AwsClient
from lib.cli import ExitCode, VerbError, say
from lib.target.kubectl import Kubectl

REGIONS: Sequence[str] = json.loads(Path(__file__).with_name("regions.json").read_text(encoding="utf-8"))
UNUSABLE = {"Creating", "Deleting", "Failed"}  # of ClusterStatus
SIGN_IN = "client.authentication.k8s.io/v1beta1"


@dataclass(frozen=True)
class Cluster:
    """Its name in EKS, and the instance types that it has with how many instances there are now."""

    eks_name: str
    instances: dict[str, int]


def find(aws: AwsClient) -> Cluster:
    """HYPERPOD_CLUSTER. Raises VerbError for one that can't run the model."""
    name = config.load()["HYPERPOD_CLUSTER"]
    if not name:
        raise VerbError(
            f"HYPERPOD_CLUSTER is empty: run do/config set HYPERPOD_CLUSTER with the name of a cluster in {aws.region}",
            ExitCode.BAD_CONFIGURATION,
        )
    if aws.region not in REGIONS:
        raise VerbError(
            f"HyperPod's inference operator isn't offered in {aws.region}: it is in {', '.join(REGIONS)}",
            ExitCode.BAD_CONFIGURATION,
        )
    found = aws.find("sagemaker", "DescribeCluster", ClusterName=name)
    if not found:
        raise VerbError(
            f"there is no HyperPod cluster {name} in {aws.region}: run do/config set HYPERPOD_CLUSTER",
            ExitCode.BAD_CONFIGURATION,
        )
    if found["ClusterStatus"] in UNUSABLE:
        raise VerbError(f"the HyperPod cluster {name} is {found['ClusterStatus']}", ExitCode.MISSING_PREREQUISITE)
    arn = found.get("Orchestrator", {}).get("Eks", {}).get("ClusterArn", "")
    if not arn:
        raise VerbError(
            f"the HyperPod cluster {name} is not orchestrated by EKS, which the inference operator needs: run "
            "do/config set HYPERPOD_CLUSTER with another",
            ExitCode.BAD_CONFIGURATION,
        )
    counts: dict[str, int] = {}
    for instance_type, count in _instances(found.get("InstanceGroups", [])):
        counts[instance_type] = counts.get(instance_type, 0) + count
    return Cluster(arn.rpartition("/")[2], counts)


def require_instances(cluster: Cluster, wanted: Sequence[str]) -> None:
    """Raise VerbError unless an instance group has one of these types; say so if it has no instance now."""
    present = [name for name in wanted if name in cluster.instances]
    if not present:
        raise VerbError(
            f"no instance group of the HyperPod cluster has {' or '.join(wanted)} (it has "
            f"{', '.join(sorted(cluster.instances)) or 'none'}): run do/update --keep-version --data "
            "instance_type=..., or add an instance group",
            ExitCode.BAD_CONFIGURATION,
        )
    if not any(cluster.instances[name] for name in present):
        say(f"note: the cluster has no instance of {' or '.join(present)} at the moment, so pods wait for one")


def connect(aws: AwsClient, cluster: Cluster) -> Kubectl:
    """kubectl for the cluster. Raises VerbError where it, or the AWS CLI, which signs in for it, isn't installed."""
    for program, page in (
        ("kubectl", "https://kubernetes.io/docs/tasks/tools"),
        ("aws", "https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html"),
    ):
        if not shutil.which(program):
            raise VerbError(f"{program} is not installed: install it, see {page}", ExitCode.MISSING_PREREQUISITE)
    found = aws.find("eks", "DescribeCluster", name=cluster.eks_name)
    described = found["cluster"] if found else {}
    if not described.get("endpoint"):
        raise VerbError(
            f"the EKS cluster {cluster.eks_name} is {described.get('status', 'not there')}",
            ExitCode.MISSING_PREREQUISITE,
        )
    file = _file(aws.region, cluster.eks_name)
    _write(file, json.dumps(_kubeconfig(aws.region, described), indent=2))
    return Kubectl(file, config.load()["KUBERNETES_NAMESPACE"], aws.dry_run)


def _instances(groups: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, int]]:
    """The instance types of all groups, each with how many there are; a group can have several."""
    for group in groups:
        details = group.get("InstanceTypeDetails", [])
        for detail in details:
            yield detail["InstanceType"], detail.get("CurrentCount", 0)
        if group.get("InstanceType") and not details:
            yield group["InstanceType"], group.get("CurrentCount", 0)


def _kubeconfig(region: str, described: Mapping[str, Any]) -> dict[str, Any]:
    """What `aws eks update-kubeconfig` writes; it holds no secret, as the AWS CLI is asked for a token each time."""
    name = described["name"]
    sign_in = {
        "apiVersion": SIGN_IN,
        "command": "aws",
        "args": ["--region", region, "eks", "get-token", "--cluster-name", name, "--output", "json"],
        "interactiveMode": "IfAvailable",
    }
    server = {
        "server": described["endpoint"],
        "certificate-authority-data": described["certificateAuthority"]["data"],
    }
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": server}],
        "users": [{"name": name, "user": {"exec": sign_in}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name,
    }


def _file(region: str, name: str) -> Path:
    """A file of its own: the user's ~/.kube/config stays as it is."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return folder / "mcc-template" / "kubeconfig" / f"{region}-{name}.json"


def _write(file: Path, text: str) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        file.chmod(0o600)  # kubectl warns of others who can read it
    except OSError as error:
        raise VerbError(f"can't write {error.filename}: {error.strerror}", ExitCode.FAILED) from None
