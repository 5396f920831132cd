"""The built site, and a browser that shows its pages."""

from __future__ import annotations

import functools
import shutil
import threading
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.conftest import ROOT
from tests.programs import tool

OpenPage = Callable[[str], Page]

# a start without requests to its makers' hosts
OPTIONS = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"]


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The documentation as readers see it, built without a warning."""
    folder = tmp_path_factory.mktemp("site")
    built = tool("mkdocs", "build", "--strict", "--site-dir", folder, folder=ROOT, NO_MKDOCS_2_WARNING="1")
    assert built.returncode == 0, built.stderr
    return folder


@pytest.fixture(scope="session")
def url(site: Path) -> Iterator[str]:
    """Where the site is served."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(SilentHandler, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


class SilentHandler(SimpleHTTPRequestHandler):
    """Serves files, and writes no log."""

    def log_message(self, *_: Any) -> None:
        """Write nothing."""


@pytest.fixture(scope="module")  # its event loop is in the way of other tests of this process
def browser() -> Iterator[Browser]:
    """A Chromium."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=OPTIONS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Browser, url: str) -> Iterator[OpenPage]:
    """A function that opens a page. The test fails where the page asks another host, or where its script fails."""
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    asked: list[str] = []
    failed: list[str] = []

    def open_page(name: str) -> Page:
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: failed.append(str(error)))
        page.goto(f"{url}/{name}/")
        return page

    yield open_page
    context.close()
    assert [target for target in asked if not target.startswith((url, "data:"))] == []
    assert failed == []
