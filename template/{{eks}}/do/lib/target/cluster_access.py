"""How kubectl reaches an EKS cluster: a kubeconfig of the project's own, for which the AWS CLI signs in.

https://docs.aws.amazon.com/eks/latest/userguide/create-kubeconfig.html
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lib import config
from lib.aws.client import AwsClient
from lib.cli import ExitCode, VerbError
from lib.target.kubectl import Kubectl

SIGN_IN = "client.authentication.k8s.io/v1beta1"


def connect(aws: AwsClient, name: str) -> Kubectl:
    """kubectl for a cluster. Raises VerbError where it, or the AWS CLI, which signs in for it, isn't installed."""
    for program, page in (
        ("kubectl", "https://kubernetes.io/docs/tasks/tools"),
        ("aws", "https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html"),
    ):
        if not shutil.which(program):
            raise VerbError(f"{program} is not installed: install it, see {page}", ExitCode.MISSING_PREREQUISITE)
    found = aws.find("eks", "DescribeCluster", name=name)
    described = found["cluster"] if found else {}
    if not described.get("endpoint"):
        raise VerbError(
            f"the EKS cluster {name} is {described.get('status', 'not there')}", ExitCode.MISSING_PREREQUISITE
        )
    file = _file(aws.region, name)
    _write(file, json.dumps(_kubeconfig(aws.region, described), indent=2))
    return Kubectl(file, config.load()["KUBERNETES_NAMESPACE"], aws.dry_run)


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
        new = file.with_suffix(f".{os.getpid()}")  # another kubectl may be reading the present one
        new.write_text(text, encoding="utf-8")
        new.chmod(0o600)  # kubectl warns of others who can read it
        new.replace(file)
    except OSError as error:
        raise VerbError(f"can't write {error.filename}: {error.strerror}", ExitCode.FAILED) from None
