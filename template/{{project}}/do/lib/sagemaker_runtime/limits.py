"""Which operations the deployment target takes, and their limits: the target's row in the template's table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

_ROW: dict[str, Any] = json.loads(Path(__file__).with_name("limits.json").read_text(encoding="utf-8"))

OPERATIONS: list[str] = _ROW.get("operations", [])  # none for a target without an endpoint
MAX_BODY_BYTES: int = _ROW.get("max_body_mib", 0) * 1024 * 1024
MAX_INLINE_BYTES: int = _ROW.get("max_inline_bytes", 0)  # of a body that InvokeEndpointAsync gets itself
SECONDS: int = _ROW.get("seconds", 0)
STREAM_SECONDS: int = _ROW.get("stream_seconds", 0)
