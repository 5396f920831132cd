"""Why a deployment failed, in one line: SageMaker's reason, the likely cause, and what to run next."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from lib.aws.redaction import redacted
from lib.local import server

TABLE = Path(__file__).with_name("failures.yml")
# the last line of every server of this template: why it ended
LAST_LINE = re.compile(r"\S+ ended with -?\d+; stopping: (?P<why>.+)")
ERROR = "error: "


def explained(reason: str, log_lines: Sequence[str]) -> str:
    """SageMaker's reason with its likely cause.

    A reason that names the cause wins; then what the server said when it ended, the log's first known line or error,
    and what the reason hints at.
    """
    table = yaml.safe_load(TABLE.read_text(encoding="utf-8"))
    said = redacted(" ".join(reason.split())).rstrip(".") or "SageMaker gives no reason"
    lines = [server.message_of(line) for line in log_lines if line.strip()]
    own = _own_reason(lines)
    row = _row(table["sagemaker"], reason) or _row(table["container"], own or "\n".join(lines))
    if row:
        return f"{said}; likely {row['cause']}: {row['next']}"
    if error := own or next((line.removeprefix(ERROR) for line in lines if line.startswith(ERROR)), ""):
        return f"{said}; the server says: {redacted(error)}: run do/test --image, which shows the same on your machine"
    if row := _row(table["symptom"], reason):
        return f"{said}; likely {row['cause']}: {row['next']}"
    return f"{said}: run do/logs --endpoint"


def _own_reason(lines: Sequence[str]) -> str:
    """Why the server says that it ended; empty where it says nothing."""
    found = [match["why"] for line in lines if (match := LAST_LINE.search(line))]
    return found[-1] if found else ""


def _row(rows: Sequence[dict[str, Any]], text: str) -> dict[str, Any] | None:
    return next((row for row in rows if re.search(row["pattern"], text)), None)
