"""Brings what runs the model in a cluster to what the settings say; lib/target/serving.py has the object that does.

What is wanted is a list of manifests: the first is of the object that runs the model, the others go with it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from functools import partial

from lib.aws import names
from lib.aws.client import AwsClient
from lib.aws.plan import Step
from lib.cli import ExitCode, VerbError
from lib.target import deployed, manifest, serving
from lib.target.deployed import CONTENT, Manifest
from lib.target.kubectl import Kubectl
from lib.target.serving import Served


def current(kubectl: Kubectl) -> Served | None:
    """The project's own; None if there is none. Raises VerbError for one that the project did not make."""
    found = serving.named(kubectl)
    if found:
        names.require_ours(f"{manifest.KIND} {names.project()}", found.tags)
    return found


def is_as(kubectl: Kubectl, found: Served | None, wanted: Sequence[Manifest]) -> bool:
    """Whether the cluster has all that is wanted, and nothing else of the project."""
    if not found or found.annotations.get(CONTENT) != _content(wanted):
        return False
    first, *others = wanted
    present = serving.others(kubectl)
    return (
        deployed.holds(found.spec, found.updated(first["spec"]))
        and {*present} == {one["kind"] for one in others}
        and all(deployed.holds(present[one["kind"]]["spec"], one["spec"]) for one in others)
    )


def steps(aws: AwsClient, kubectl: Kubectl, wanted: Sequence[Manifest], found: Served | None) -> Iterator[Step]:
    """What brings it to that. Raises VerbError for one that has failed, while an earlier version serves."""
    what = f"the {manifest.KIND} {names.project()}"
    if not found:
        yield Step(f"create {what}", partial(apply, aws, kubectl, wanted, found))
    elif not is_as(kubectl, found, wanted):
        yield Step(f"update {what}", partial(apply, aws, kubectl, wanted, found))
    elif found.has_failed:
        if found.previous or found.is_in_use:
            back = "run do/rollback, or change" if found.previous else "change"
            raise VerbError(f"{what} has failed: {found.reason}: {back} a setting, then do/deploy", ExitCode.AWS_ERROR)
        yield Step(f"delete {what}, which has failed", partial(remove, kubectl))
        yield Step(f"create {what}", partial(apply, aws, kubectl, wanted, None))
    elif not serving.is_over(aws, found):
        yield Step(f"wait for {what}", partial(_wait, aws, kubectl, 0))


def apply(aws: AwsClient, kubectl: Kubectl, wanted: Sequence[Manifest], found: Served | None) -> None:
    """Create or change it with what goes with it, and wait. Raises VerbError where it fails."""
    present = serving.others(kubectl)
    for kind, one in present.items():
        names.require_ours(f"{kind} {names.project()}", deployed.tags(one))
    first, *others = wanted
    began = time.time()
    for kind in {*present} - {one["kind"] for one in others}:  # first: it may change what comes then
        kubectl.delete(kind, names.project())
    spec = found.updated(first["spec"]) if found else serving.begun(first["spec"])
    _release_copies(kubectl, found, spec)
    kubectl.apply(_first(first, spec, found, wanted), *others)
    _wait(aws, kubectl, began)


def apply_alone(aws: AwsClient, kubectl: Kubectl, wanted: Manifest, found: Served) -> None:
    """Change only what runs the model, and wait. Raises VerbError where it fails."""
    began = time.time()
    spec = found.restored(wanted["spec"])
    _release_copies(kubectl, found, spec)
    kubectl.apply(_first(wanted, spec, found, [wanted]))
    _wait(aws, kubectl, began)


def remove(kubectl: Kubectl) -> None:
    """Delete what runs the model, and wait until it is gone. Raises VerbError."""
    if kubectl.dry_run or current(kubectl):
        serving.remove(kubectl)


def _first(wanted: Manifest, spec: Manifest, found: Served | None, everything: Sequence[Manifest]) -> Manifest:
    """The manifest of what runs the model, as it is applied: with this specification, and with what it remembers."""
    remembered = deployed.remembered(_content(everything), spec, found)
    return {**wanted, "metadata": {**wanted["metadata"], "annotations": remembered}, "spec": spec}


def _release_copies(kubectl: Kubectl, found: Served | None, spec: Manifest) -> None:
    """Let kubectl forget that it chose the number of copies if it doesn't any more: else it would go back to one.

    https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/ (migrating Deployments)
    """
    before = found.last_applied if found else {}
    if "replicas" in before.get("spec", {}) and "replicas" not in spec:
        del before["spec"]["replicas"]
        kubectl.remember_applied(before)


def _content(wanted: Sequence[Manifest]) -> str:
    return names.by_content({one["kind"]: one["spec"] for one in wanted}).rpartition("-")[2]


def _wait(aws: AwsClient, kubectl: Kubectl, began: float) -> None:
    """Wait for the deployment that began then, or earlier if that is 0. Raises VerbError where it fails."""
    if not kubectl.dry_run:
        serving.wait(aws, kubectl, began)
