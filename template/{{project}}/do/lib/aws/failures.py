"""Why a deployment failed, in one line: SageMaker's reason, the likely cause, and what to type next."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import yaml

from lib.aws.redaction import redacted

TABLE = Path(__file__).with_name("failures.yml")


def explained(reason: str, log_lines: Sequence[str]) -> str:
    """The reason with its likely cause from failures.yml: what the log says goes before what SageMaker says."""
    said = redacted(" ".join(reason.split())).rstrip(".") or "SageMaker gives no reason"
    cause = _cause("\n".join(log_lines)) or _cause(reason)
    return f"{said}; likely {cause}" if cause else f"{said}: type do/logs --endpoint"


def _cause(text: str) -> str | None:
    for row in yaml.safe_load(TABLE.read_text(encoding="utf-8")):
        if re.search(row["pattern"], text):
            return f"{row['cause']}: {row['next']}"
    return None
