"""Jinja tests and filters for names: of AWS resources, models, images, files, and of choices that were mistyped."""

from __future__ import annotations

import json
import re
from typing import Any

from jinja2 import Environment
from jinja2.ext import Extension

PROJECT_ID = re.compile(r"[a-z]{8,32}")

# registry[:port]/repository:tag, or @sha256 and a digest, or both. SageMaker takes 255 characters at most.
IMAGE_REFERENCE = re.compile(
    r"(?=.{1,255}\Z)"
    r"([a-z0-9.-]+(:[0-9]{1,5})?/)?[a-z0-9]+([._-]+[a-z0-9]+)*(/[a-z0-9]+([._-]+[a-z0-9]+)*)*"
    r"(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}(@sha256:[0-9a-f]{64})?|@sha256:[0-9a-f]{64})"
)

# The Hub's rule for the names of organizations and models.
MODEL_ID = re.compile(r"(?=.{3,96}\Z)(?!.*(--|\.\.))[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*(?<![.-])")

GIT_REVISION = re.compile(r"(?!.*\.\.)[A-Za-z0-9][A-Za-z0-9._/-]{0,199}")

# What an option of an engine may be called, or take as a name.
OPTION_VALUE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

# a template beside engine.yml in the project, or a file in the container
CHAT_TEMPLATE = re.compile(r"/?([A-Za-z0-9][A-Za-z0-9._-]*/)*[A-Za-z0-9][A-Za-z0-9._-]*\.jinja")

TOKEN_COUNT = re.compile(r"[1-9][0-9]{2,6}")

# Letters, digits, blanks and the signs of ordinary paths, on Windows too; nothing that means something to a shell.
FILE_PATH = re.compile(r"[A-Za-z0-9 ._/\\:~+@,=-]{1,255}")

PACKAGE_VERSION = re.compile(r"[0-9]{1,4}(\.[0-9]{1,4}){1,3}((a|b|rc|\.post)[0-9]{1,3})?")

# Those that the packages of the server support.
PYTHON_MINOR = re.compile(r"3\.1[0-4]")

PATTERNS = {
    "project_id": PROJECT_ID,
    "image_reference": IMAGE_REFERENCE,
    "file_path": FILE_PATH,
    "model_id": MODEL_ID,
    "git_revision": GIT_REVISION,
    "template_file": CHAT_TEMPLATE,
    "option_value": OPTION_VALUE,
    "token_count": TOKEN_COUNT,
    "package_version": PACKAGE_VERSION,
    "python_minor": PYTHON_MINOR,
}


class Patterns(Extension):
    """Adds a test for each pattern above, such as `model_id`, and the filters below."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        for name, pattern in PATTERNS.items():
            environment.tests[name] = lambda value, pattern=pattern: bool(pattern.fullmatch(value))
        environment.filters["applicable"] = applicable
        environment.filters["with_settings_for"] = with_settings_for
        environment.filters["as_choices"] = as_choices


def applicable(rows: dict[str, dict[str, Any]], **chosen: str) -> dict[str, dict[str, Any]]:
    """The rows that go with what was chosen: `kinds=generative` leaves out rows whose `kinds` don't list it."""
    return {
        name: row
        for name, row in rows.items()
        if all(choice in row.get(key, [choice]) for key, choice in chosen.items())
    }


def with_settings_for(rows: dict[str, dict[str, Any]], engine: str) -> dict[str, dict[str, Any]]:
    """The rows with settings for an engine; all of them for a server that is none."""
    return {name: row for name, row in rows.items() if engine in row["settings"]} or rows


def as_choices(rows: dict[str, dict[str, Any]]) -> str:
    """The choices of a question from rows of the catalog: what the user reads, and the value it stands for."""
    return json.dumps({f"{row['title']} - {row['what']}": name for name, row in rows.items()})
