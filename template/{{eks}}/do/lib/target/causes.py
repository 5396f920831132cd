"""Why a deployment in a cluster fails: the reason with its likely cause, and what to do."""

from __future__ import annotations

import re
from pathlib import Path

from lib.aws import deployment, failures
from lib.aws.tables import read_table
from lib.cli import ExitCode, VerbError, say
from lib.target import pods
from lib.target.deployed import Deployed
from lib.target.kubectl import Kubectl

# the target's own rows come first
TABLES = [Path(__file__).with_name(name) for name in ("own_causes.yml", "causes.yml")]


def explained(reason: str, lines: list[str]) -> str:
    """A reason with its likely cause and what to do: one of the cluster's, else what the server says in its log."""
    for row in (row for table in TABLES for row in read_table(table)):
        if re.search(row["pattern"], reason):
            return f"{reason.rstrip('.')}; likely {row['cause']}: {row['next']}"
    return failures.explained(reason, lines)


def failure(kubectl: Kubectl, found: Deployed, began: float) -> VerbError:
    """The error for a deployment that has failed; what the pods wrote is said before."""
    lines = pods.new_lines(kubectl, found, began)
    for line in lines[-deployment.LINES_SHOWN :]:
        say(f"  {line}")
    after = "; do/rollback goes back to what was served before" if found.previous else ""
    return VerbError(f"the deployment has failed: {explained(found.reason, lines)}{after}", ExitCode.AWS_ERROR)
