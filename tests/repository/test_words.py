"""What people read has no words of words.yml: documents, questions, the catalog, help, messages and comments."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
WORDS: dict[str, str] = yaml.safe_load((ROOT / "tests/repository/words.yml").read_text(encoding="utf-8"))
GAP = r"\s+(?:#\s+)?"  # a phrase may go on in the next line of a comment
PATTERNS = {wrong: re.compile(rf"(?<!\w)(?:{wrong.replace(' ', GAP)})\b", re.IGNORECASE) for wrong in WORDS}

FOLDERS = ("docs", "extensions", "migrations", "questions", "scripts", "tasks", "template")
SUFFIXES = {".in", ".jinja", ".json", ".md", ".py", ".toml", ".yml", ""}


def read_by_people() -> list[Path]:
    """The files of this repository that hold prose; locks and data don't."""
    inside = [file for folder in FOLDERS for file in (ROOT / folder).rglob("*") if file.suffix in SUFFIXES]
    files = [*ROOT.glob("*.md"), *ROOT.glob("*.yml"), ROOT / "Makefile", *inside]
    return sorted(file for file in files if file.is_file() and "__pycache__" not in file.parts)


def problems(text: str) -> list[tuple[int, str]]:
    """The line of each wrong word, and the word with the right one."""
    return sorted(
        (text.count("\n", 0, match.start()) + 1, f"{match.group()!r}: write {WORDS[wrong]!r}")
        for wrong, pattern in PATTERNS.items()
        for match in pattern.finditer(text)
    )


def test_no_file_has_a_word_of_the_list() -> None:
    found = [
        f"{file.relative_to(ROOT)}:{line}: {problem}"
        for file in read_by_people()
        for line, problem in problems(file.read_text(encoding="utf-8"))
    ]

    if found:
        pytest.fail("\n".join(found))


def test_readers_files_are_among_those_that_are_read() -> None:
    files = {str(file.relative_to(ROOT)) for file in read_by_people()}

    assert {"README.md", "CONTRIBUTING.md", "docs/sizing.md", "questions/model.yml", "copier.yml"} <= files
    assert {"extensions/catalog/frameworks.yml", "template/{{predictive}}/DECISIONS.md.jinja"} <= files
    assert {"template/{{project}}/do/deploy", "template/{{project}}/do/lib/verbs/deploy.py"} <= files


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("first\nThe catalogue is here.", [(2, "'catalogue': write 'catalog'")]),
        ("a: type do/deploy", [(1, "'type do/': write 'run'")]),
        ("# Typed\n# again, it resumes", [(1, "'Typed\\n# again': write 'run again'")]),
        ("recommend, amend, Acme.behaviour_of", []),
    ],
    ids=["word", "phrase", "across-lines", "part-of-a-word"],
)
def test_a_wrong_word_is_found_with_its_line_and_the_right_one(text: str, found: list[tuple[int, str]]) -> None:
    assert problems(text) == found
