"""The pages of the verbs, and the policies of the caller, follow from the code.

Where they don't: python -m extensions.document_verbs.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from extensions import document_verbs
from extensions.document_verbs import PAGES, TABLE
from extensions.template_parts import ROOT


@pytest.fixture(scope="module")
def wanted() -> dict[Path, str]:
    """What the files should be."""
    return document_verbs.files()


def test_pages_and_policies_are_current(wanted: dict[Path, str]) -> None:
    assert [str(file) for file, text in wanted.items() if not file.exists() or file.read_text() != text] == []


def test_there_is_a_page_for_each_verb_and_no_other(wanted: dict[Path, str]) -> None:
    assert {*PAGES.glob("*.md")} == {file for file in wanted if file.parent == PAGES}


def test_the_site_lists_the_pages(wanted: dict[Path, str]) -> None:
    nav = yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]
    (verbs,) = [entry["Commands"] for entry in nav if "Commands" in entry]

    assert verbs == sorted(f"verbs/{file.name}" for file in wanted if file.parent == PAGES)


def test_only_verbs_are_in_the_table(wanted: dict[Path, str]) -> None:
    assert {*TABLE["verbs"]} <= {file.stem for file in wanted}
