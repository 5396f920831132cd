"""What a project has in a cluster, as kubectl shows it, and what its annotations remember.

They remember what is in it (`CONTENT`), and the last specification before this one whose deployment was complete
(`PREVIOUS`), which do/rollback goes back to.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lib import config
from lib.aws import names
from lib.cli import ExitCode, VerbError
from lib.target.kubectl import Kubectl

Manifest = dict[str, Any]

ID_LABEL, PROJECT_LABEL = "mcc-template/id", "mcc-template/project"
CONTENT, PREVIOUS = "mcc-template/content", "mcc-template/previous"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"  # what `kubectl apply` compares with


@dataclass(frozen=True)
class Deployed(ABC):
    """The object that runs the model, as it is in the cluster."""

    found: dict[str, Any]

    @property
    @abstractmethod
    def is_complete(self) -> bool:
        """Whether the deployment of this specification has ended well."""

    @property
    @abstractmethod
    def has_failed(self) -> bool:
        """Whether the deployment of this specification has ended otherwise."""

    @property
    @abstractmethod
    def reason(self) -> str:
        """Why it has failed, in the cluster's words."""

    @property
    def is_in_use(self) -> bool:
        """Whether it serves though its deployment has failed, without an earlier version."""
        return False

    @property
    def serves_alone(self) -> bool:
        """Whether this specification, and none before it, is what callers get."""
        return self.is_complete

    @property
    def spec(self) -> Manifest:
        """Its specification, with the API server's defaults."""
        return dict(self.found["spec"])

    @abstractmethod
    def selector(self, kubectl: Kubectl) -> str:
        """What chooses its pods, and no others; empty if there are none."""

    def updated(self, spec: Manifest) -> Manifest:
        """A specification as do/deploy applies it over this one."""
        return spec

    def restored(self, spec: Manifest) -> Manifest:
        """A specification as do/rollback applies it over this one."""
        return spec

    @property
    def created(self) -> datetime:
        """When it was made."""
        return created(self.found)

    @property
    def annotations(self) -> dict[str, str]:
        """What it remembers."""
        return dict(self.found["metadata"].get("annotations", {}))

    @property
    def previous(self) -> Manifest | None:
        """The specification that it had before."""
        text = self.annotations.get(PREVIOUS)
        return dict(json.loads(text)) if text else None

    @property
    def last_applied(self) -> Manifest:
        """What kubectl applied last."""
        return dict(json.loads(self.annotations.get(LAST_APPLIED, "{}")))

    @property
    def tags(self) -> list[dict[str, str]]:
        """Whose it is, in AWS's form."""
        return tags(self.found)

    @property
    def is_seen(self) -> bool | None:
        """Whether the status is that of this specification; None if the controller doesn't say."""
        observed = self.status.get("observedGeneration")
        return None if observed is None else observed >= self.found["metadata"]["generation"]

    @property
    def status(self) -> dict[str, Any]:
        """What the controller says of it."""
        return dict(self.found.get("status", {}))


def metadata() -> Manifest:
    """The metadata of everything that the project has in the cluster."""
    return {
        "name": names.project(),
        "namespace": config.load()["KUBERNETES_NAMESPACE"],
        "labels": {
            PROJECT_LABEL: names.project(),
            ID_LABEL: names.project_id(),
            "app.kubernetes.io/managed-by": "mcc-template",
        },
    }


def tags(found: Mapping[str, Any]) -> list[dict[str, str]]:
    """Whose an object is, in AWS's form."""
    labels = found["metadata"].get("labels", {})
    pairs = {names.PROJECT_TAG: PROJECT_LABEL, names.ID_TAG: ID_LABEL}
    return [{"Key": tag, "Value": labels[label]} for tag, label in pairs.items() if label in labels]


def created(found: Mapping[str, Any]) -> datetime:
    """When an object was made."""
    return datetime.fromisoformat(found["metadata"]["creationTimestamp"].replace("Z", "+00:00"))


def refuse_adoption() -> None:
    """Raise VerbError."""
    raise VerbError(
        f"what is called {names.project()} in the cluster can't be taken over: delete it with kubectl, or choose "
        "another PROJECT_NAME",
        ExitCode.FAILED,
    )


def holds(found: Any, wanted: Any) -> bool:
    """Whether all that is wanted is found: the API server adds defaults."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        return all(key in found and holds(found[key], value) for key, value in wanted.items())
    if isinstance(wanted, list) and isinstance(found, list):
        return len(found) == len(wanted) and all(map(holds, found, wanted))
    return bool(found == wanted)


def remembered(content: str, wanted: Manifest, present: Deployed | None) -> dict[str, str]:
    """The annotations of what gets a specification: it remembers the one that serves now, else what it remembered."""
    found = {CONTENT: content}
    before = present.previous if present else None
    if present and present.serves_alone and not holds(present.spec, wanted):
        before = present.spec
    return found | ({PREVIOUS: json.dumps(before, sort_keys=True)} if before and not holds(before, wanted) else {})
