"""The Hugging Face Hub, or a mirror of it, for do/stage: https://huggingface.co/docs/hub/api

The token is sent to the Hub alone: big files are elsewhere, at addresses that are signed for a while.
"""

from __future__ import annotations

import hashlib
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote, urljoin

import httpx

from lib.cli import ExitCode, VerbError, say

PUBLIC = "https://huggingface.co"
TRIES = 6
LONGEST_WAIT = 300  # seconds; the Hub counts requests for 5 minutes: https://huggingface.co/docs/hub/rate-limits
TIMEOUT = httpx.Timeout(60)
PARTIAL = 206
REDIRECTS = (301, 302, 303, 307, 308)
TRY_AGAIN = (408, 429, 500, 502, 503, 504)
TOKEN_HINT = "accept the model's license on its page, and set the variable HF_TOKEN to your token"


class Expired(Exception):
    """A signed address is no longer valid."""


@dataclass(frozen=True)
class HubFile:
    """A file of a model, with the digest that the Hub has of it."""

    path: str
    size: int
    digest: str  # the sha256 of a big file, else git's name of the content
    is_big: bool

    def hasher(self) -> Any:
        """What computes the digest of the content."""
        return hashlib.sha256() if self.is_big else hashlib.sha1(f"blob {self.size}\0".encode(), usedforsecurity=False)


class Hub:
    """One model at one revision. Every method may be called from several threads, and raises VerbError."""

    def __init__(self, model: str, revision: str) -> None:
        self.url = (os.environ.get("HF_ENDPOINT") or PUBLIC).rstrip("/")
        self.model = model
        self.http = httpx.Client(timeout=TIMEOUT)
        self.token = {"Authorization": f"Bearer {token}"} if (token := _token()) else {}
        self.addresses: dict[str, str] = {}  # of the content of files
        found = self._ask("GET", f"{self.url}/api/models/{model}/revision/{quote(revision or 'main', safe='')}")
        self.commit = str(found.json()["sha"])

    def files(self) -> list[HubFile]:
        """All files of the model."""
        url = f"{self.url}/api/models/{self.model}/tree/{self.commit}?recursive=true"
        found: list[HubFile] = []
        while url:
            page = self._ask("GET", url)
            found += [_file(row) for row in page.json() if row["type"] == "file"]
            url = page.links.get("next", {}).get("url", "")
        return found

    def read(self, file: HubFile, start: int, end: int) -> bytes:
        """The bytes of a file from `start` up to, and without, `end`."""
        if not end > start:
            return b""
        wanted = {"Range": f"bytes={start}-{end - 1}"}
        for _ in range(TRIES):
            url = self.addresses.get(file.path) or self._located(file.path)
            try:
                answer = self._ask("GET", url, wanted)
            except Expired:
                self.addresses.pop(file.path, None)
                continue
            # a mirror may not know ranges
            return answer.content if answer.status_code == PARTIAL else answer.content[start:end]
        raise VerbError(f"{httpx.URL(url).host} refused {file.path}: run do/stage again later", ExitCode.FAILED)

    def _located(self, path: str) -> str:
        """Where the content of a file is."""
        url = f"{self.url}/{self.model}/resolve/{self.commit}/{quote(path)}"
        while url.startswith(f"{self.url}/") and (next_url := self._ask("HEAD", url).headers.get("location")):
            url = urljoin(url, next_url)  # on the Hub itself where the model has another name now
        self.addresses[path] = url
        return url

    def _ask(self, method: str, url: str, headers: dict[str, str] | None = None) -> httpx.Response:
        """The answer to a request. One that fails for a while is sent again."""
        at_hub = url.startswith(f"{self.url}/")
        sent = {**(headers or {}), **(self.token if at_hub else {})}
        problem = ""
        for attempt in range(TRIES):
            if attempt:
                say(f"{problem}: trying again")
            try:
                # httpx takes the token away where a redirect leads to another host
                answer = self.http.request(method, url, headers=sent, follow_redirects=method == "GET")
            except httpx.TransportError as error:
                problem = f"no answer from {httpx.URL(url).host} ({type(error).__name__})"
                time.sleep(attempt)
                continue
            if answer.status_code not in TRY_AGAIN:
                return self._checked(answer, at_hub)
            problem = f"{httpx.URL(url).host} answered {answer.status_code}"
            time.sleep(min(float(answer.headers.get("retry-after", 2**attempt)), LONGEST_WAIT))
        raise VerbError(f"{problem}, {TRIES} times: run do/stage again later", ExitCode.FAILED)

    def _checked(self, answer: httpx.Response, at_hub: bool) -> httpx.Response:
        """A good answer, or where to find it. Raises VerbError for a refusal, Expired for one of a signed address."""
        if answer.is_success or (answer.status_code in REDIRECTS and "location" in answer.headers):
            return answer
        if not at_hub:
            raise Expired
        code = answer.headers.get("x-error-code", "")
        if code == "GatedRepo" or answer.status_code == 403:
            raise VerbError(f"{self.model} is gated: {TOKEN_HINT}", ExitCode.BAD_CONFIGURATION)
        if code == "RevisionNotFound":
            raise VerbError(
                f"{self.model} has no such revision: give a branch, a tag or a commit", ExitCode.MISSING_FILE
            )
        if answer.status_code in (401, 404):
            raise VerbError(
                f"{self.url} has no model {self.model} that you may read: check MODEL_ID of do/config, or {TOKEN_HINT}",
                ExitCode.MISSING_FILE,
            )
        raise VerbError(f"{self.url} answered {answer.status_code} for {answer.url.path}", ExitCode.FAILED)


def _file(row: dict[str, Any]) -> HubFile:
    big = cast(dict[str, Any] | None, row.get("lfs"))
    return HubFile(row["path"], row["size"], (big or row)["oid"].removeprefix("sha256:"), bool(big))


def _token() -> str:
    """The token in the environment, or the one that `hf auth login` has stored."""
    home = Path(os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface")
    stored = Path(os.environ.get("HF_TOKEN_PATH") or home / "token")
    return os.environ.get("HF_TOKEN") or (stored.read_text().strip() if stored.is_file() else "")
