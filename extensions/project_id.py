"""The id of a new project, which marks what it makes on AWS."""

from __future__ import annotations

import functools
import secrets

from jinja2 import Environment
from jinja2.ext import Extension

# Without vowels, so that it spells nothing, and without digits, so that YAML can't take it for a number.
LETTERS = "bcdfghjkmnpqrstvwxz"
LENGTH = 12  # 51 bits


class ProjectId(Extension):
    """Adds the function `new_project_id`: random, and the same throughout one run of Copier."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        environment.globals["new_project_id"] = functools.cache(new_project_id)


def new_project_id() -> str:
    """Another one each time."""
    return "".join(secrets.choice(LETTERS) for _ in range(LENGTH))
