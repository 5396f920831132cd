"""The page docs/gallery in a real browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from tests.conftest import ROOT
from tests.repository.conftest import OpenPage


@pytest.fixture
def page(open_page: OpenPage) -> Page:
    """The gallery, as it opens."""
    return open_page("gallery")


def listed(page: Page) -> list[str]:
    """The files that the page lists."""
    return page.locator(".gallery-tree button").all_inner_texts()


def test_a_project_is_shown_with_its_files_as_the_template_has_them(page: Page) -> None:
    page.get_by_role("button", name="serving/app.py", exact=True).click()

    assert {"README.md", "do/deploy", "model/.gitignore", "serving/app.py"} <= {*listed(page)}
    of_the_template = (ROOT / "template/{{fastapi}}/serving/app.py").read_text()
    assert page.locator("#projects pre").inner_text().rstrip() == of_the_template.rstrip()


def test_a_second_project_shows_what_its_decision_changes(page: Page) -> None:
    page.get_by_label("compared with").select_option("Flask")

    assert {"- serving/async_batching.py", "+ serving/thread_worker.py", "~ serving/app.py"} <= {*listed(page)}
    page.get_by_role("button", name="~ README.md", exact=True).click()
    removed, added = (page.locator(f".gallery-{kind}").first.inner_text() for kind in ("removed", "added"))
    assert removed.startswith("- This project serves a scikit-learn model behind FastAPI")
    assert added.startswith("+ This project serves a scikit-learn model behind Flask")
