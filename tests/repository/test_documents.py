"""What this repository's own documents say is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from plumbum import local

from extensions import document_frameworks
from tests.programs import tool

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])

every_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))


@every_document
def test_links_lead_to_files_that_are_there(document: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text())

    assert [link for link in links if not (document.parent / link).exists()] == []


@every_document
def test_make_commands_exist(document: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    assert {*re.findall(r"(?:^|`)make ([a-z]+)", document.read_text(), re.MULTILINE)} <= targets


def test_make_help_lists_every_command() -> None:
    makefile = (ROOT / "Makefile").read_text()
    commands = re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)[0].split()
    listed = local["make"].with_cwd(ROOT)("--no-print-directory", "help").splitlines()

    assert [line.split()[0] for line in listed] == commands


def test_the_readme_lists_every_framework_with_its_formats() -> None:
    assert document_frameworks.row() in (ROOT / "README.md").read_text().splitlines(), "make generate"


def test_the_documented_line_names_the_package_that_the_template_needs() -> None:
    extensions = re.findall(r"^  - (copier_\w+)\.", (ROOT / "copier.yml").read_text(), re.MULTILINE)

    assert extensions == ["copier_template_extensions"]
    begin, end = "uvx --with copier-template-extensions copier copy --trust ", "gh:org/mcc-template ./"
    for name in ("README.md", "docs/getting-started.md"):
        assert f"{begin}{end}myproj" in (ROOT / name).read_text()
    assert f"`{begin}--defaults --data-file answers.yml {end}${{" in (ROOT / "docs/builder/builder.js").read_text()


def test_every_page_of_the_site_is_built_without_a_warning(site: Path) -> None:
    pages = [page.relative_to(ROOT / "docs").with_suffix("") for page in (ROOT / "docs").rglob("*.md")]

    built = [page.parent if page.name == "index" else page for page in pages]
    assert [str(page) for page in built if not (site / page / "index.html").exists()] == []


def test_every_bug_of_the_predecessor_has_a_test_that_is_there() -> None:
    table = (ROOT / "docs/predecessor-bugs.md").read_text()
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", table)
    rows = re.findall(r"^\| (F\.[12]-\d+) \|", table, re.MULTILINE)

    assert rows == [f"F.1-{number}" for number in range(1, 20)] + [f"F.2-{number}" for number in range(1, 13)]
    assert [f"{file}::{test}" for file, test in named if f"def {test}(" not in _text(ROOT / file)] == []


def test_the_issue_forms_are_what_github_takes() -> None:
    forms = [ROOT / f".github/ISSUE_TEMPLATE/{name}.yml" for name in ("bug", "feature")]

    done = tool("check-jsonschema", "--builtin-schema", "vendor.github-issue-forms", *forms)

    assert done.returncode == 0, done.stdout


def _text(file: Path) -> str:
    return file.read_text() if file.exists() else ""
