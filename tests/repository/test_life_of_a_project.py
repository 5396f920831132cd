"""docs/life-of-a-project.md shows what its commands print. One test, and slow: it types the whole life of a project."""

from __future__ import annotations

from scripts import document_life
from tests.exhaustive import exhaustive


@exhaustive
def test_page_shows_what_its_commands_print() -> None:
    page = document_life.PAGE.read_text()

    assert document_life.rewritten(page) == page, "run python -m scripts.document_life and read the difference"
