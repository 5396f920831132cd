"""The digest of a project's answers, by which do/update recognizes answers that were edited by hand."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from jinja2 import Environment
from jinja2.ext import Extension


class AnswersDigest(Extension):
    """Adds the filter `answers_digest`."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        environment.filters["answers_digest"] = answers_digest


def answers_digest(answers: Mapping[str, Any]) -> str:
    """SHA-256 of the answers, as do/lib/update/drift.py computes it; Copier's own entries (`_commit`) don't count."""
    own = {name: answer for name, answer in answers.items() if not name.startswith("_")}
    return hashlib.sha256(json.dumps(own, sort_keys=True).encode()).hexdigest()
