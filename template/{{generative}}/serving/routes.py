"""Which of the engine's routes POST /invocations can reach: one that the caller names, else that of the task.

SageMaker sends every request to /invocations, and passes on the header X-Amzn-SageMaker-Custom-Attributes, in which
`route=/v1/responses` names a route, as in AWS's own containers. Only those below: others are for administrators, as is
the one that loads adapters. The route of the project's task is in task.json.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

TASK = Path(__file__).with_name("task.json")
ROUTES = (
    "/v1/chat/completions",
    "/v1/completions",
    "/v1/responses",
    "/v1/embeddings",
    "/v1/rerank",
    "/v1/score",
    "/v1/audio/transcriptions",
    "/v1/audio/translations",
    "/pooling",
    "/classify",
    "/tokenize",
    "/detokenize",
)
NAMED = re.compile(r"(?:^|[,; ])route=([^,; ]*)")
UNREACHABLE = "no such route: route= in CustomAttributes can be " + ", ".join(ROUTES)


def own() -> str:
    """The route of the project's task."""
    return str(json.loads(TASK.read_text(encoding="utf-8"))["route"])


def named(attributes: str) -> str | None:
    """The route that a caller names, None where none is. Raises LookupError for one that can't be reached."""
    found = NAMED.search(attributes)
    if not found:
        return None
    if found[1] not in ROUTES:
        raise LookupError(UNREACHABLE)
    return found[1]


def for_nginx() -> str:
    """The same as lines of nginx's map; an empty value stands for a route that can't be reached."""
    lines = [f'"~(^|[,; ])route={re.escape(route)}($|[,; ])" {route};' for route in ROUTES]
    return "\n        ".join([*lines, '"~(^|[,; ])route=" "";'])
