"""Why a deployment failed, in one line: SageMaker's reason, the likely cause, and what to run next."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from string import Template
from typing import Any

from lib.aws.redaction import redacted
from lib.aws.tables import read_table
from lib.local import server
from lib.target import capacity, presence

TABLE = Path(__file__).with_name("failures.yml")
# the last line of every server of this template: why it ended
LAST_LINE = re.compile(r"\S+ ended with -?\d+; stopping: (?P<why>.+)")
ERROR = "error: "
LONGEST_START = 3600  # seconds that SageMaker waits at most


def explained(reason: str, log_lines: Sequence[str]) -> str:
    """SageMaker's reason with its likely cause.

    A reason that names the cause wins; then what the server said when it ended, the log's first known line or error,
    and what the reason hints at.
    """
    table = read_table(TABLE)
    said = redacted(" ".join(reason.split())).rstrip(".") or "SageMaker gives no reason"
    lines = [server.message_of(line) for line in log_lines if line.strip()]
    own = _own_reason(lines)
    row = _row(table["sagemaker"], reason) or _row(table["container"], own or "\n".join(lines))
    if row:
        return f"{said}; likely {row['cause']}: {_next(row)}"
    if error := own or next((line.removeprefix(ERROR) for line in lines if line.startswith(ERROR)), ""):
        return f"{said}; the server says: {redacted(error)}: run do/test --image, which shows the same on your machine"
    if row := _row(table["symptom"], reason):
        return f"{said}; likely {row['cause']}: {_next(row)}"
    return f"{said}: run {presence.LOGS_COMMAND}"


def _own_reason(lines: Sequence[str]) -> str:
    """Why the server says that it ended; empty where it says nothing."""
    found = [match["why"] for line in lines if (match := LAST_LINE.search(line))]
    return found[-1] if found else ""


def _next(row: dict[str, Any]) -> str:
    """What to run next, which may depend on the deployment target."""
    return Template(row["next"]).substitute(
        MEMORY_ADVICE=capacity.MEMORY_ADVICE,
        QUOTA_ADVICE=capacity.quota_advice(),
        START_ADVICE=capacity.start_advice(LONGEST_START),
    )


def _row(rows: Sequence[dict[str, Any]], text: str) -> dict[str, Any] | None:
    return next((row for row in rows if re.search(row["pattern"], text)), None)
