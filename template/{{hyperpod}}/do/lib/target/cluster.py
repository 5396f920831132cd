"""The HyperPod cluster, as SageMaker tells of it.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeCluster.html
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lib import config
from lib.aws.client import AwsClient
from lib.cli import ExitCode, VerbError, say

REGIONS: Sequence[str] = json.loads(Path(__file__).with_name("regions.json").read_text(encoding="utf-8"))
UNUSABLE = {"Creating", "Deleting", "Failed"}  # of ClusterStatus


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


def _instances(groups: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, int]]:
    """The instance types of all groups, each with how many there are; a group can have several."""
    for group in groups:
        details = group.get("InstanceTypeDetails", [])
        for detail in details:
            yield detail["InstanceType"], detail.get("CurrentCount", 0)
        if group.get("InstanceType") and not details:
            yield group["InstanceType"], group.get("CurrentCount", 0)
