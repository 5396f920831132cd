"""No secret and no account number is left behind: not in files, not in what the verbs print, not in plans."""

from __future__ import annotations

import re
from pathlib import Path

from tests.aws.conftest import Project
from tests.aws.service.account import ID, SECRET_KEY

EXAMPLE_ACCOUNT = "123456789012"  # in the documentation of AWS
ACCESS_KEY = "AKIATESTING000000000"
SESSION_TOKEN = "FwoGZXIvYXdzEJr-session-token-of-the-tests"

# from nothing to a registered endpoint and back, as a user and as a pipeline would run it
SCENARIO = [
    ("submit", "--dry-run"),
    ("submit", "-v"),
    ("push", "-v"),
    ("upload", "-v"),
    ("register", "-v", "--approve"),
    ("deploy", "--dry-run"),
    ("deploy", "-v"),
    ("status",),
    ("status", "--json"),
    ("clean", "--all", "--dry-run"),
    ("clean", "--all", "--yes"),
]


def contents(project: Path) -> dict[str, str]:
    """All files of a project but those of its environment."""
    found = (path for path in project.rglob("*") if path.is_file() and ".venv" not in path.parts)
    return {str(path.relative_to(project)): path.read_text(errors="replace") for path in found}


def test_a_whole_life_leaves_no_secret_and_no_account_number_behind(project: Project) -> None:
    project.variables["AWS_SESSION_TOKEN"] = SESSION_TOKEN
    rendered = contents(project.path)  # has the account of AWS's own examples, which is moto's, too

    outputs = {" ".join(words): project.verb(*words) for words in SCENARIO}

    assert {words: done.stderr for words, done in outputs.items() if done.returncode} == {}
    places = {f"do/{words}": done.stdout + done.stderr for words, done in outputs.items()}
    places |= dict(contents(project.path).items() - rendered.items())
    for secret in (SECRET_KEY, ACCESS_KEY, SESSION_TOKEN, ID):
        assert [place for place, text in places.items() if secret in text] == [], secret


def test_a_rendered_project_has_no_account_but_that_of_the_examples(project: Project) -> None:
    numbers = {
        number for text in contents(project.path).values() for number in re.findall(r"(?<![\w.])\d{12}(?![\w.])", text)
    }

    assert numbers <= {EXAMPLE_ACCOUNT}
